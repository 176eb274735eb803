"""What an OpenAI-compatible server says when it refuses, and what that means for us."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import openai

from workers.engines.errors import ContextFull, EngineError, EngineOverloaded, EngineUnavailable, RequestRefused

DEFAULT_RETRY_AFTER_S = 2.0
_CONTEXT = re.compile(r"context.{0,20}(length|size|window)|exceeds?_context|too many tokens", re.IGNORECASE)
_LIMIT = re.compile(r"(?:context (?:length|size|window)[^\d]{0,40}|n_ctx[^\d]{0,10})\(?(\d{3,8})", re.IGNORECASE)
_ASKED = re.compile(
    r"(\d{1,8})(?: tokens)?\)? (?:tokens )?(?:in the (?:messages|prompt)|input tokens)|\((\d{1,8}) tokens\)"
)
_UNSUPPORTED = re.compile(r"un(?:recognized|supported|known)|not (?:supported|allowed|permitted)|extra", re.IGNORECASE)
_NAMED = re.compile(r"[:'\" ]([a-z]+_[a-z_]+|temperature|stop|seed)\b")


def retry_after(error: openai.APIError) -> float | None:
    """Return the seconds that the server asks to wait (``Retry-After``: seconds or a date), None if it does not."""
    response = getattr(error, "response", None)
    headers = cast("Mapping[str, str]", getattr(response, "headers", {}))
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


def is_transient(error: openai.APIError) -> bool:
    """Tell whether the same request may succeed a little later: 408, 409, 429, 5xx, no connection."""
    if isinstance(error, openai.APITimeoutError):
        return False  # it has waited long enough already
    if isinstance(error, openai.APIConnectionError):
        return True
    if not isinstance(error, openai.APIStatusError) or _no_money(error):
        return False
    return error.status_code in {408, 409, 429} or error.status_code >= 500


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


def context_full(error: openai.APIStatusError, prompt_tokens: int, max_tokens: int) -> ContextFull | None:
    """Return the error if the prompt did not fit. ``prompt_tokens`` is our estimate, used if the server tells none."""
    detail = _detail(error)
    message = str(detail.get("message", ""))
    named = f"{message} {detail.get('code')} {detail.get('type')}"
    if error.status_code not in {400, 413, 422} or not _CONTEXT.search(named):
        return None
    limit, asked = _LIMIT.search(message), _ASKED.search(message)
    context = detail.get("n_ctx") or (int(limit.group(1)) if limit else 0)
    prompt = detail.get("n_prompt_tokens") or (int(asked.group(1) or asked.group(2)) if asked else prompt_tokens)
    return ContextFull(int(prompt), max_tokens, int(context))


def translate(error: openai.APIError, secret: str) -> EngineError:
    """Return our error for the server's last word. ``secret`` never appears in it."""
    text = str(error) if not isinstance(error, openai.APIStatusError) else _status_text(error)
    if secret:
        text = text.replace(secret, "…")
    text = re.sub(r"\b(sk|key)-[\w*-]{4,}", "…", text)[:300]
    if isinstance(error, openai.APITimeoutError):
        return EngineUnavailable("the server did not answer in time")
    if isinstance(error, openai.APIStatusError):
        if error.status_code == 429 and not _no_money(error):
            return EngineOverloaded(text, retry_after(error) or DEFAULT_RETRY_AFTER_S)
        if error.status_code in {400, 401, 403, 413, 422}:
            return RequestRefused(text)
    return EngineUnavailable(text)


def _no_money(error: openai.APIStatusError) -> bool:
    return "insufficient_quota" in (_detail(error).get("code"), _detail(error).get("type"))


def _status_text(error: openai.APIStatusError) -> str:
    return f"status {error.status_code}: {_detail(error).get('message') or error.message}"


def _detail(error: openai.APIStatusError) -> Mapping[str, Any]:
    body: object = error.body
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return {"message": body}
    if not isinstance(body, dict):
        return {}
    outer = cast("dict[str, Any]", body)
    inner = outer.get("error", outer)
    return cast("dict[str, Any]", inner) if isinstance(inner, dict) else {"message": str(inner)}
