"""The ``remote`` engine: any server that speaks OpenAI's chat completions (llama-server, vLLM, Ollama, OpenAI…)."""

import asyncio
import hashlib
import json
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import openai
import tenacity
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk

from workers.engines.errors import EngineOverloaded, EngineUnavailable, RequestRefused
from workers.engines.text.base import Completion, FinishReason, Sampling, TextRequest, Usage
from workers.engines.text.control import Control, Running
from workers.engines.text.remote_errors import context_full, is_transient, refused_parameter, retry_after, translate
from workers.engines.text.unicode import well_formed

ATTEMPTS = 4
"""Tries of a request that meets 429, 5xx or a lost connection before any text came."""
MAX_WAIT_S = 20.0
"""Longest wait between two tries; a server that asks for more makes the request fail with `EngineOverloaded`."""
CONNECT_S = 10.0
"""Seconds to establish a connection."""
_RENAMED = {"max_tokens": "max_completion_tokens"}
_OPTIONAL = frozenset({
    "temperature", "top_p", "seed", "stop", "stream_options", "top_k", "min_p", "repeat_penalty",
})  # fmt: skip
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Habits:
    """What this server turned out not to accept."""

    dropped: set[str] = field(default_factory=set[str])
    renamed: bool = False
    refused_schemas: dict[str, None] = field(default_factory=dict[str, None])


@dataclass(frozen=True, slots=True)
class _Ended:
    finish: FinishReason
    model: str
    usage: Usage | None


class RemoteEngine:
    """Writes with the model of an OpenAI-compatible server. Requests run at the same time; the server queues them.

    429, 5xx and lost connections are retried with growing pauses (or the server's ``Retry-After``) as long as no text
    came; a stream that breaks later raises `EngineOverloaded`. A server that refuses the JSON schema is asked again
    without it; one that refuses an optional parameter is asked without that.
    """

    name = "remote"

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str = "",
        timeout_s: float = 120.0,
        price_in: float = 0.0,
        price_out: float = 0.0,
        pause_s: float = 0.5,
    ) -> None:
        """``timeout_s`` bounds the server's silence, prices are US dollars per million tokens.

        ``pause_s`` is the first pause between two tries; each next one is twice as long.
        """
        self._model = model
        self._secret = api_key
        self._prices = (price_in, price_out)
        self._pause_s = pause_s
        self._client = AsyncOpenAI(
            base_url=base_url,
            # The client insists on a key; servers without one ignore it.
            api_key=api_key or "none",
            max_retries=0,
            timeout=openai.Timeout(timeout_s, connect=CONNECT_S),
        )
        self._running = Running()
        self._habits = _Habits()

    async def stream(self, request: TextRequest) -> AsyncGenerator[str | Completion]:
        """Yield pieces of text, then the `Completion`. See `workers.engines.text.base.TextEngine`."""
        with self._running.enter(request) as control:
            chunks = await control.wait(self._open(request))
            text: list[str] = []
            try:
                ended = None
                async for piece in self._pieces(chunks, control, request):
                    if isinstance(piece, _Ended):
                        ended = piece
                    else:
                        text.append(piece)
                        yield piece
            finally:
                await chunks.close()
            if ended is None:
                raise EngineOverloaded("the server's stream ended in the middle of an answer")
            whole = "".join(text)
            usage = self._priced(ended.usage or self._estimated(request, whole))
            yield Completion(whole, ended.finish, usage, self.name, ended.model)

    async def count_tokens(self, text: str) -> int:
        """Return an estimate: the server's tokenizer is not known here.

        One token for four ASCII characters and 0.8 tokens for any other: a little more than the byte-pair vocabularies
        of current models need for English (4.2 characters a token), Cyrillic and Chinese text.
        """
        return _estimate(text)

    async def cancel(self, request_id: str) -> bool:
        """Stop a generation by closing its connection. False if it is not known here."""
        return self._running.cancel(request_id)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _pieces(
        self, chunks: AsyncStream[ChatCompletionChunk], control: Control, request: TextRequest
    ) -> AsyncIterator[str | _Ended]:
        finish: FinishReason | None = None
        model, usage = self._model, None
        try:
            while (chunk := await control.wait(_next(chunks))) is not None:
                model = chunk.model or model
                if chunk.usage is not None:
                    usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
                for choice in chunk.choices:
                    if choice.delta and choice.delta.content:
                        yield choice.delta.content
                    if choice.finish_reason == "content_filter":
                        raise RequestRefused("the server's content filter stopped the answer")
                    if choice.finish_reason is not None:
                        finish = "length" if choice.finish_reason == "length" else "stop"
        except (openai.APIError, ValueError) as error:
            _log.warning("request %s: the stream broke: %s", request.id, type(error).__name__)
            raise EngineOverloaded(f"the server's stream broke: {type(error).__name__}") from error
        if finish is not None:
            yield _Ended(finish, model, usage)

    async def _open(self, request: TextRequest) -> AsyncStream[ChatCompletionChunk]:
        """Return the stream once the server has accepted the request."""
        try:
            async for attempt in tenacity.AsyncRetrying(
                retry=tenacity.retry_if_exception(_worth_retrying),
                wait=self._wait,
                stop=tenacity.stop_after_attempt(ATTEMPTS),
                sleep=asyncio.sleep,
                reraise=True,
            ):
                with attempt:
                    return await self._ask(request)
        except openai.APIError as error:
            raise translate(error, self._secret) from None
        raise EngineUnavailable("the server was not asked")

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        pause = self._pause_s * 2 ** (state.attempt_number - 1)
        asked = retry_after(error) if isinstance(error, openai.APIError) else None
        pause = min(MAX_WAIT_S, max(pause, asked or 0.0))
        _log.warning("server failed (%s), asking again in %.1f s", type(error).__name__, pause)
        return pause

    async def _ask(self, request: TextRequest) -> AsyncStream[ChatCompletionChunk]:
        """Send the request, learning on the way what the server does not accept."""
        for _ in range(2 + len(_OPTIONAL) + len(_RENAMED)):
            body = self._body(request)
            try:
                stream = await self._client.post(
                    "/chat/completions",
                    body=body,
                    cast_to=ChatCompletionChunk,
                    stream=True,
                    stream_cls=AsyncStream[ChatCompletionChunk],
                )
            except openai.APIStatusError as error:
                full = context_full(error, self._prompt_estimate(request), request.sampling.max_tokens)
                if full is not None:
                    raise full from None
                if error.status_code not in {400, 422} or not self._learn(error, body):
                    raise
            else:
                return stream
        raise RequestRefused("the server refuses one parameter after another")

    def _learn(self, error: openai.APIStatusError, body: Mapping[str, Any]) -> bool:
        """Remember what was refused; False if there is nothing left to leave out."""
        name = refused_parameter(error)
        if name in _RENAMED and name in body:
            self._habits.renamed = True
        elif name in _OPTIONAL and name in body:
            self._habits.dropped.add(name)
        elif "response_format" in body:
            name = "response_format"
            if len(self._habits.refused_schemas) >= 64:
                del self._habits.refused_schemas[next(iter(self._habits.refused_schemas))]
            self._habits.refused_schemas[_digest(body["response_format"]["json_schema"]["schema"])] = None
        else:
            return False
        _log.warning("the server refuses %s; going on without it", name)
        return True

    def _body(self, request: TextRequest) -> dict[str, Any]:
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [
                {"role": message.role, "content": well_formed(message.content)} for message in request.messages
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            **_sampling(sampling),
        }
        for name in self._habits.dropped:
            body.pop(name, None)
        if self._habits.renamed:
            body["max_completion_tokens"] = body.pop("max_tokens")
        if request.schema is not None and _digest(request.schema) not in self._habits.refused_schemas:
            schema = {"name": "answer", "schema": request.schema, "strict": _is_strict(request.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def _prompt_estimate(self, request: TextRequest) -> int:
        # Four tokens a message stand for the template around it.
        return sum(_estimate(message.content) + 4 for message in request.messages)

    def _estimated(self, request: TextRequest, text: str) -> Usage:
        return Usage(self._prompt_estimate(request), _estimate(text))

    def _priced(self, usage: Usage) -> Usage:
        cost = (usage.prompt_tokens * self._prices[0] + usage.completion_tokens * self._prices[1]) / 1e6
        return Usage(usage.prompt_tokens, usage.completion_tokens, cost)


async def _next(chunks: AsyncStream[ChatCompletionChunk]) -> ChatCompletionChunk | None:
    return await anext(chunks, None)


def _worth_retrying(error: BaseException) -> bool:
    return isinstance(error, openai.APIError) and is_transient(error) and (retry_after(error) or 0) <= MAX_WAIT_S


def _sampling(sampling: Sampling) -> dict[str, Any]:
    values: dict[str, Any] = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": [well_formed(text) for text in sampling.stop if text] or None,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repeat_penalty,
    }
    return {name: value for name, value in values.items() if value is not None}


def _estimate(text: str) -> int:
    ascii_only = sum(character < "\x80" for character in text)
    return math.ceil(ascii_only / 4 + (len(text) - ascii_only) * 0.8)


def _digest(schema: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()


def _is_strict(node: object) -> bool:
    """Tell whether every object lists all its properties as required and allows no others: OpenAI's strict mode."""
    if isinstance(node, list):
        return all(_is_strict(item) for item in cast("list[object]", node))
    if not isinstance(node, Mapping):
        return True
    schema = cast("Mapping[str, object]", node)
    if schema.get("type") == "object":
        properties = cast("Mapping[str, object]", schema.get("properties") or {})
        required = cast("list[str]", schema.get("required") or [])
        if schema.get("additionalProperties") is not False or set(properties) != set(required):
            return False
    return all(_is_strict(value) for value in schema.values())
