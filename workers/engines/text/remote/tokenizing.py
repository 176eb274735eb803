"""What a server says about its models: their windows, and how many tokens a text or a prompt has.

llama-server (``/props``, ``/chat/completions/input_tokens``, ``/apply-template``, ``/tokenize``) and vLLM
(``/tokenize``, ``max_model_len``) count exactly. Of others only the window is known, where their list of models has it.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import openai
from openai import AsyncOpenAI

from workers.engines.text.counting import KnownCounts
from workers.engines.text.remote.dialect import ServerKind, response_format
from workers.engines.text.remote.endpoint import CannotCount
from workers.engines.text.turns import without_control_tokens
from workers.engines.text.unicode import well_formed

COUNT_S: Final = 2.0
"""Seconds that all counting for one call may take."""
KNOWN_S: Final = 600.0
"""Seconds until a server is asked about its models again: it may have been replaced."""
UNKNOWN_S: Final = 30.0
"""The same after it did not answer."""
AT_ONCE: Final = 8
"""Texts that are sent to a server at a time: both kinds take one per request."""
MAX_MODELS: Final = 32
"""Models that are remembered for each server."""
_WINDOWS: Final = ("max_model_len", "context_length", "context_window", "max_context_length", "max_input_tokens")
"""How vLLM and SGLang, OpenRouter and Together, Groq, Mistral, and Anthropic call the window in the list of models."""
_NO_SUCH: Final = frozenset({404, 405, 415, 501})
_log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class _Model:
    """What is known of one model until ``until`` (loop time)."""

    until: float
    window: int | None = None
    server: ServerKind | None = None
    kind: ServerKind | None = None
    """As whose it is asked to count; None after it has failed to."""
    whole: bool = True
    """Whether llama-server counts a whole prompt by itself; older ones render and tokenise it in two steps."""


class ServerCounter:
    """Asks one server. What it says is remembered, counts of texts included."""

    def __init__(self, client: AsyncOpenAI) -> None:
        """``client`` speaks to the server."""
        self._client = client
        self._root = str(client.base_url).rstrip("/").removesuffix("/v1")
        self._models: OrderedDict[str, _Model] = OrderedDict()
        self._counts: OrderedDict[str, KnownCounts] = OrderedDict()

    async def window(self, model: str) -> int | None:
        """Return the context window of a model in tokens, None if the server does not say."""
        return (await self._known(model)).window

    async def texts(self, texts: Sequence[str], model: str) -> list[int]:
        """Return the number of tokens of each text. Raises `CannotCount`."""
        known = await self._counting(model)
        counts = self._counts.setdefault(model, KnownCounts())
        self._counts.move_to_end(model)
        while len(self._counts) > MAX_MODELS:
            self._counts.popitem(last=False)

        async def one(text: str) -> int:
            text = without_control_tokens(well_formed(text))
            body: dict[str, Any] = {"content": text, "add_special": False, "parse_special": False}
            if known.kind == "vllm":
                body = {"model": model, "prompt": text, "add_special_tokens": False}
            return _number(await self._ask(f"{self._root}/tokenize", body))

        async def group(new: list[str]) -> list[int]:
            tasks = [asyncio.create_task(one(text)) for text in new]
            try:
                return list(await asyncio.gather(*tasks))
            finally:
                for task in tasks:
                    task.cancel()

        async def all_texts() -> list[int]:
            counted: list[int] = []
            async with asyncio.timeout(COUNT_S):
                for at in range(0, len(texts), AT_ONCE):
                    counted += await counts.many(texts[at : at + AT_ONCE], group)
            return counted

        return await self._watched(model, all_texts())

    async def server(self, model: str) -> ServerKind | None:
        """Return what kind of server it is, None if that is unknown."""
        return (await self._known(model)).server

    async def prompt(self, prompt: Mapping[str, Any], model: str, schema: Mapping[str, Any] | None) -> int:
        """Return the number of tokens of a prompt (`Dialect.prompt`), template included. Raises `CannotCount`."""
        known = await self._counting(model)
        return await self._watched(model, self._prompt(known, prompt, model, schema))

    async def _prompt(
        self, known: _Model, prompt: Mapping[str, Any], model: str, schema: Mapping[str, Any] | None
    ) -> int:
        body: dict[str, Any] = {"model": model, **prompt}
        async with asyncio.timeout(COUNT_S):
            if known.kind == "vllm":
                body.setdefault("add_generation_prompt", True)
                return _number(await self._ask(f"{self._root}/tokenize", body))
            if known.whole:
                wanted = response_format(schema, "schema") if schema is not None else {}
                try:
                    return _number(await self._ask("/chat/completions/input_tokens", body | wanted))
                except openai.APIStatusError as error:
                    if error.status_code not in _NO_SUCH:
                        raise
                known.whole = False
            rendered = (await self._ask(f"{self._root}/apply-template", body)).get("prompt")
            if not isinstance(rendered, str):
                raise ValueError("a prompt that is none")  # noqa: TRY004 - of the server, not of a caller
            # As the server does itself: the template's control tokens count, and a beginning is added.
            body = {"content": rendered, "add_special": True, "parse_special": True}
            return _number(await self._ask(f"{self._root}/tokenize", body))

    async def _watched(self, model: str, counting: Awaitable[T]) -> T:
        """Wait for a count; what fails is not tried again for a while. Raises `CannotCount`."""
        try:
            return await counting
        except (openai.APIError, ValueError, TimeoutError) as error:
            lacks = isinstance(error, openai.APIStatusError) and error.status_code in _NO_SUCH
            if (known := self._models.get(model)) is not None:
                known.kind = None
                known.until = asyncio.get_running_loop().time() + (KNOWN_S if lacks else UNKNOWN_S)
            _log.info("%s does not count tokens (%s); their bytes bound them", self._root, type(error).__name__)
            raise CannotCount(type(error).__name__) from None

    async def _counting(self, model: str) -> _Model:
        known = await self._known(model)
        if known.kind is None:
            raise CannotCount("the server does not count")
        return known

    async def _known(self, model: str) -> _Model:
        """Return what is known of a model; asks if that was long ago."""
        now = asyncio.get_running_loop().time()
        known = self._models.get(model)
        if known is None or known.until <= now:
            found = await self._look(model)
            # A window once known is better than none while the server is away.
            if known is not None and found.window is None:
                found.window = known.window
            known = self._models[model] = found
        self._models.move_to_end(model)
        while len(self._models) > MAX_MODELS:
            self._models.popitem(last=False)
        return known

    async def _look(self, model: str) -> _Model:
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(COUNT_S):
                entry = _entry(await self._client.get("/models", cast_to=cast("Any", object)), model)
                owner = entry.get("owned_by")
                if owner == "llamacpp":
                    window = await self._slot_window(model) or _window(entry)
                    return _Model(now + KNOWN_S, window, "llama-server", "llama-server")
                kind: ServerKind | None = "vllm" if owner in {"vllm", "sglang"} else None
                return _Model(now + KNOWN_S, _window(entry), kind, kind)
        except (openai.APIError, ValueError, TimeoutError):
            return _Model(now + UNKNOWN_S)

    async def _slot_window(self, model: str) -> int | None:
        """Return the window of one of llama-server's slots, which share the server's whole context."""
        try:
            props = await self._client.get(
                f"{self._root}/props", cast_to=cast("Any", object), options={"params": {"model": model}}
            )
        except openai.APIStatusError:
            return None
        settings = props.get("default_generation_settings") if isinstance(props, dict) else None
        return _positive(cast("dict[str, Any]", settings).get("n_ctx")) if isinstance(settings, dict) else None

    async def _ask(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: object = await self._client.post(url, body=body, cast_to=cast("Any", object))
        if not isinstance(answer, dict):
            raise ValueError("JSON that is no answer")  # noqa: TRY004 - of the server, not of a caller
        return cast("dict[str, Any]", answer)


def _entry(answer: object, model: str) -> dict[str, Any]:
    """Return the entry of ``model`` in a list of models; if the list has only one, that one (llama-server: a path)."""
    data = cast("dict[str, Any]", answer).get("data") if isinstance(answer, dict) else None
    listed = cast("list[object]", data) if isinstance(data, list) else []
    entries = [cast("dict[str, Any]", entry) for entry in listed if isinstance(entry, dict)]
    named = next((entry for entry in entries if entry.get("id") == model), None)
    return named or (entries[0] if len(entries) == 1 else {})


def _window(entry: Mapping[str, Any]) -> int | None:
    meta = entry.get("meta")
    found = _positive(cast("dict[str, Any]", meta).get("n_ctx")) if isinstance(meta, dict) else None
    return found or next((size for name in _WINDOWS if (size := _positive(entry.get(name)))), None)


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _number(answer: Mapping[str, Any]) -> int:
    """Return the count in an answer: ``input_tokens``, ``count``, or the number of ``tokens``. Raises ValueError."""
    for name in ("input_tokens", "count"):
        value = answer.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    tokens = answer.get("tokens")
    if isinstance(tokens, list):
        return len(cast("list[object]", tokens))
    raise ValueError("an answer without a count")
