"""Classifies what servers say when they fail or refuse.

`judge` returns an `EngineError`, final for this request, or a `Trouble`, which may not occur elsewhere or later.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, cast

import openai
from pydantic_core import from_json

from workers.engines.errors import ContextFull, EngineError, EngineOverloaded, EngineUnavailable, RequestRefused
from workers.engines.openai.address import without_credentials
from workers.engines.openai.client import BodyRefused

DEFAULT_RETRY_AFTER_S = 2.0
"""Pause after an overloaded server that gives no ``Retry-After``."""
_TRANSIENT = frozenset({408, 409, 425, 429})
_CONTEXT = re.compile(
    r"context.{0,20}(length|size|window)|exceeds?_context|too many tokens|prompt is too long|input token count"
    r"|input tokens exceed|max_tokens must be at least 1, got -",
    re.IGNORECASE,
)
_LIMITS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"maximum context length (?:is|of) (\d+)",
        r"context (?:length|size|window)[^\d]{0,40}\(?(\d{3,8})",
        r"(\d+) maximum context length",
        r"configured limit of (\d+)",
        r"> (\d+) maximum",
        r"tokens allowed \((\d+)\)",
        r"n_ctx\D{0,10}(\d+)",
    )
)
_ASKED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"resulted in (\d+)",
        r"\((\d+) (?:tokens )?in the (?:messages|prompt|input)",
        r"\((\d+) of text input",
        r"(\d+) tokens in the (?:messages|prompt)",
        r"(\d+) input tokens",
        r"(?:passed|has|contains) (\d+) tokens",
        r"request \((\d+) tokens\)",
        r"too long: (\d+) tokens",
        r"token count \((\d+)\)",
    )
)
_UNSUPPORTED = re.compile(r"un(?:recognized|supported|known)|not (?:supported|allowed|permitted)|extra", re.IGNORECASE)
_NAMED = re.compile(r"[:'\" ]([a-z]+_[a-z_]+|temperature|stop|seed)\b")
_KEY_LIKE = re.compile(r"\b(?:sk|key)-[\w*-]{4,}|(?<=Bearer )\S{4,}")
_LONGEST = 300
_READ = 4000
"""How much of a message is looked at, in characters; some servers repeat the request many times."""
_ECHO = re.compile(
    r"""\b(?:input(?:_value)?|messages?|content|prompt|text|body)\\?['"]?\s*[:=]\s*\\?(?:['"\[{(]).*""", re.DOTALL
)
"""Where an error begins to repeat the request: JSON, a Python dictionary, or pydantic's ``input_value=``."""
_ECHOED_WORDS = 3
"""So many words in a row that also stand in the request are a quotation."""
_WORD = re.compile(r"\w+")
_ESCAPE = re.compile(r"\\+[nrt]")


@dataclass(frozen=True, slots=True)
class SettingNames:
    """The settings that an error message asks the operator to check."""

    key: str = "STORYFORK_REMOTE_API_KEY"
    model: str = "STORYFORK_REMOTE_MODEL"
    url: str = "STORYFORK_REMOTE_BASE_URL"


class Trouble(Exception):
    """A failure of one server that another server, or the same one a little later, may not have.

    ``full`` servers ask to wait, ``down`` ones fail, ``refused`` means that asking this server again is useless.
    ``error`` is what the caller gets if nothing helps. ``severe`` trouble is not retried on the same server;
    ``answered`` means that the server did answer, so the request itself may be at fault.
    """

    loggable = True

    def __init__(
        self,
        kind: Literal["full", "down", "refused"],
        error: EngineError,
        *,
        retry_after: float | None = None,
        severe: bool = False,
        answered: bool = False,
    ) -> None:
        """``retry_after`` is in seconds; None if the server gave none."""
        super().__init__(str(error))
        self.kind = kind
        self.error = error
        self.retry_after = retry_after
        self.severe = severe
        self.answered = answered


def judge(
    error: Exception,
    *,
    prompt_tokens: int,
    max_tokens: int,
    secrets: Collection[str] = (),
    private: Collection[str] = (),
    names: SettingNames | None = None,
) -> EngineError | Trouble:
    """Return what a server's or the client library's error means.

    ``prompt_tokens`` is our estimate, used where the server gives no count. Neither ``secrets`` nor what is quoted from
    the ``private`` texts of the request appear in the result.
    """
    names = names or SettingNames()
    if isinstance(error, openai.APITimeoutError):
        return Trouble("down", EngineUnavailable("the server did not answer in time"), severe=True)
    if isinstance(error.__cause__, BodyRefused):
        return Trouble("down", EngineUnavailable(str(error.__cause__)), severe=True, answered=True)
    if not isinstance(error, openai.APIStatusError):
        return Trouble("down", EngineUnavailable(hidden(f"{type(error).__name__}: {error}", secrets, private)))
    full = context_full(error, prompt_tokens, max_tokens)
    if full is not None:
        return full
    said = f"status {error.status_code}: {_detail(error).get('message') or error.message}"
    text = hidden(said, secrets, private)
    wait = retry_after(error)
    if _no_money(error):
        return Trouble("refused", EngineUnavailable(f"{text} (the account of {names.key} has no credit left)"))
    match error.status_code:
        case 429:
            overloaded = EngineOverloaded(text, DEFAULT_RETRY_AFTER_S if wait is None else wait)
            return Trouble("full", overloaded, retry_after=wait)
        case 401:
            return Trouble("refused", RequestRefused(f"{text}; check {names.key}"))
        case 403:
            return Trouble("refused", RequestRefused(f"{text}; check {names.key} and what it may use ({names.model})"))
        case 404:
            return Trouble("refused", RequestRefused(f"{text}; check {names.model} and {names.url}"))
        case status if status in _TRANSIENT or status >= 500:
            return Trouble("down", EngineUnavailable(text), retry_after=wait, answered=True)
        case _:
            return RequestRefused(text)


def hidden(text: str, secrets: Collection[str] = (), private: Collection[str] = ()) -> str:
    """Return the beginning of a server's message without ``secrets``, keys and quotations of ``private`` texts."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "…")
    return _KEY_LIKE.sub("…", _unquoted(without_credentials(text[:_READ]), private))[:_LONGEST]


def _unquoted(text: str, private: Iterable[str]) -> str:
    """Return ``text`` without what it repeats of the request."""
    text = _ESCAPE.sub(" ", _ECHO.sub("…", text))
    found = list(_WORD.finditer(text))
    runs = {tuple(run) for each in private for run in _runs(_WORD.findall(each.casefold()))}
    quoted = [False] * len(found)
    for at, run in enumerate(_runs([word[0].casefold() for word in found])):
        if tuple(run) in runs:
            quoted[at : at + _ECHOED_WORDS] = [True] * _ECHOED_WORDS
    kept, end = list[str](), 0
    for word, is_quoted in zip(found, quoted, strict=True):
        kept += [text[end : word.start()], "…" if is_quoted else word[0]]
        end = word.end()
    return re.sub(r"…(?:\W*…)+", "…", "".join([*kept, text[end:]]))


def _runs(words: list[str]) -> Iterable[list[str]]:
    return (words[at : at + _ECHOED_WORDS] for at in range(len(words) - _ECHOED_WORDS + 1))


def retry_after(error: openai.APIStatusError) -> float | None:
    """Return the seconds that the server asks to wait (``Retry-After``: seconds or a date), None if it does not."""
    headers = cast("Mapping[str, str]", error.response.headers)
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            return max(0.0, float(value) / unit)
        except ValueError:
            continue
    try:
        when = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def refused_parameter(error: openai.APIStatusError) -> str:
    """Return the name of the request parameter that the server does not accept, "" if it is something else."""
    detail = _detail(error)
    message = str(detail.get("message", ""))
    if not _UNSUPPORTED.search(f"{detail.get('code')} {message}"):
        return ""
    if isinstance(param := detail.get("param"), str) and param:
        return param.split(".")[0]
    found = _NAMED.search(message)
    return found.group(1) if found else ""


def message_of(error: openai.APIStatusError) -> str:
    """Return the server's own message."""
    return str(_detail(error).get("message") or error.message)


def context_full(error: openai.APIStatusError, prompt_tokens: int, max_tokens: int) -> ContextFull | None:
    """Return the error if the prompt did not fit. ``prompt_tokens`` is our estimate, used if the server gives none.

    Recognises the messages of OpenAI, vLLM, llama-server, OpenRouter, Anthropic, Gemini and Mistral.
    """
    detail = _detail(error)
    message = str(detail.get("message", ""))
    named = f"{message} {detail.get('code')} {detail.get('type')}"
    if error.status_code not in {400, 413, 422} or not _CONTEXT.search(named):
        return None
    context = _number(detail.get("n_ctx")) or _first(_LIMITS, message)
    prompt = _number(detail.get("n_prompt_tokens")) or _first(_ASKED, message)
    return ContextFull(prompt or prompt_tokens, max_tokens, context or 0)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _first(patterns: tuple[re.Pattern[str], ...], text: str) -> int | None:
    return next((int(found.group(1)) for pattern in patterns if (found := pattern.search(text))), None)


def _no_money(error: openai.APIStatusError) -> bool:
    detail = _detail(error)
    return error.status_code == 402 or "insufficient_quota" in (detail.get("code"), detail.get("type"))


def _detail(error: openai.APIStatusError) -> Mapping[str, Any]:
    body: object = error.body
    if isinstance(body, list) and body:
        body = cast("list[object]", body)[0]  # Google's form
    if isinstance(body, str):
        try:
            # Of a long error only the beginning was read.
            body = (
                from_json(body, allow_partial="trailing-strings") if body.startswith(("{", "[")) else json.loads(body)
            )
        except ValueError:
            return {"message": body}
    if not isinstance(body, dict):
        return {"message": error.message}
    outer = cast("dict[str, Any]", body)
    inner = outer.get("error", outer)
    return cast("dict[str, Any]", inner) if isinstance(inner, dict) else {"message": str(inner)}
