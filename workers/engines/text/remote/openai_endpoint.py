"""A server that speaks OpenAI's chat completions: llama-server, vLLM, Ollama, OpenRouter, OpenAI itself."""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import openai
from openai import AsyncStream
from openai._httpx2 import request_exceptions
from openai._streaming import ServerSentEvent
from openai.types.chat import ChatCompletionChunk

from workers.engines.errors import EngineUnavailable, RequestRefused
from workers.engines.openai.address import ServerAddress, parse_address
from workers.engines.openai.client import BodyRefused, open_client
from workers.engines.openai.errors import SettingNames, Trouble, hidden, judge, message_of
from workers.engines.text.base import ModelMessage, Sampling, TextRequest, without_opening
from workers.engines.text.remote.dialect import Dialect
from workers.engines.text.remote.endpoint import Delta, estimate_prompt
from workers.engines.text.remote.prices import Tokens
from workers.engines.text.remote.tokenizing import ServerCounter

MAX_WHOLE_BYTES = 4 * 2**20
"""Maximum size of an answer that does not come as a stream, thoughts included."""
CHECK_S = 5.0
"""Seconds within which a healthy server lists its models."""
_LENGTH = frozenset({"length", "max_tokens", "model_length", "MAX_TOKENS"})
"""What servers call the end at the maximum length: OpenAI, Anthropic, Mistral, Google."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a server may take, in seconds.

    ``connect_s`` to accept a connection, ``first_s`` until the first token, ``between_s`` between two pieces,
    ``total_s`` for a whole answer; a request's own deadline can only shorten it. A server that has been silent for
    ``slow_s`` when that deadline passes counts as failing.
    """

    connect_s: float = 10.0
    first_s: float = 120.0
    between_s: float = 60.0
    total_s: float = 900.0
    slow_s: float = 5.0


class _Events(AsyncStream[ChatCompletionChunk]):
    """A stream that knows whether the server has said that it is ``done``."""

    done = False

    async def _iter_events(self) -> AsyncIterator[ServerSentEvent]:
        async for event in super()._iter_events():
            self.done = self.done or event.data.startswith("[DONE]")
            yield event

    async def whole(self) -> bytes:
        """Return a body that is no stream of events. Raises as iterating does, and ValueError if it is too long."""
        body = bytearray()
        try:
            async for piece in self.response.aiter_bytes():
                body += piece
                if len(body) > MAX_WHOLE_BYTES:
                    raise ValueError("an answer that is too long")
        except request_exceptions() as error:
            raise openai.APIConnectionError(request=self.response.request) from error
        return bytes(body)


class OpenAIEndpoint:
    """One OpenAI-compatible server, via the ``openai`` client. Retries are left to the engine."""

    def __init__(
        self,
        base_url: str | ServerAddress,
        *,
        api_key: str = "",
        timeouts: Timeouts | None = None,
        names: SettingNames | None = None,
    ) -> None:
        """``base_url`` is the root of the API, such as ``http://localhost:8080/v1``."""
        timeouts = timeouts or Timeouts()
        address = parse_address(base_url) if isinstance(base_url, str) else base_url
        self._url = address.url
        self._secrets = (api_key, *address.secrets)
        self._names = names or SettingNames()
        self._dialects: dict[str, Dialect] = {}
        silence = max(timeouts.first_s, timeouts.between_s)
        self._client = open_client(address, api_key, timeout_s=silence, connect_s=timeouts.connect_s)
        self._counter = ServerCounter(self._client)

    @property
    def url(self) -> str:
        """The base URL without user name and password."""
        return self._url

    async def deltas(self, request: TextRequest, model: str) -> AsyncGenerator[Delta]:
        """Send one request and yield the answer as it arrives. See `workers.engines.text.remote.endpoint.Endpoint`."""
        dialect = self._dialect(model)
        try:
            chunks = await self._open(request, dialect)
        except openai.APIError as error:
            raise self._judged(error, request) from None
        try:
            if "json" in chunks.response.headers.get("content-type", ""):
                # Some gateways ignore ``stream`` and send the whole answer, or an error with status 200.
                body = await chunks.whole()
                for delta in read_chunk(read_whole(body, partial(self._hidden, request))):
                    yield delta
                return
            ended = False
            async for chunk in chunks:
                for delta in read_chunk(chunk):
                    ended = ended or delta.finish is not None
                    yield delta
            if chunks.done and not ended:
                # The server says that it is done, but not why: the engine judges by the text.
                yield Delta(finish="unknown")
        except (openai.APIError, ValueError) as error:
            _log.warning("request %s: the stream of %s broke: %s", request.id, self._url, type(error).__name__)
            # Some servers render the template only after their status line; the next attempt heeds what it says.
            dialect.learn_roles(str(error), request)
            if isinstance(error, openai.APIStatusError):
                raise self._judged(error, request) from None
            reason = error.__cause__ if isinstance(error.__cause__, BodyRefused) else type(error).__name__
            raise Trouble("down", EngineUnavailable(f"its stream broke: {reason}")) from None
        finally:
            await chunks.close()

    def unsent(self, sampling: Sampling, model: str) -> frozenset[str]:
        """Return which values were not sent. See `workers.engines.text.remote.endpoint.Endpoint`."""
        return self._dialect(model).unsent(sampling)

    async def window(self, model: str) -> int | None:
        """Return the context window of a model. See `workers.engines.text.remote.endpoint.Endpoint`."""
        return await self._counter.window(model)

    async def count(self, texts: Sequence[str], model: str) -> list[int]:
        """Return the number of tokens of each text. See `workers.engines.text.remote.endpoint.Endpoint`."""
        return await self._counter.texts(texts, model)

    async def count_prompt(self, messages: Sequence[ModelMessage], model: str, schema: Mapping[str, Any] | None) -> int:
        """Return the number of tokens of a prompt. See `workers.engines.text.remote.endpoint.Endpoint`."""
        plain = tuple(replace(message, pictures=()) for message in messages)
        sent = self._dialect(model).prompt(TextRequest("", plain), await self._counter.server(model))
        return await self._counter.prompt(sent, model, schema)

    def _dialect(self, model: str) -> Dialect:
        return self._dialects.setdefault(model, Dialect(model))

    async def check(self) -> str:
        """Return "" if the server answers ``GET /models`` with anything but a server error, else the problem."""
        try:
            await self._client.with_options(timeout=CHECK_S).models.with_raw_response.list()
        except openai.APIStatusError as error:
            return f"status {error.status_code}" if error.status_code >= 500 else ""
        except openai.APIError as error:
            return str(error.__cause__) if isinstance(error.__cause__, BodyRefused) else type(error).__name__
        return ""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _open(self, request: TextRequest, dialect: Dialect) -> "_Events":
        """Send the request, learning what the server does not accept."""
        server = await self._counter.server(dialect.model) if _depends_on_kind(request) else None
        for _ in range(dialect.lessons):
            body = dialect.body(request, server)
            try:
                return await self._client.post(
                    "/chat/completions",
                    body=body,
                    cast_to=ChatCompletionChunk,
                    stream=True,
                    stream_cls=_Events,
                )
            except openai.APIStatusError as error:
                if dialect.learn_roles(message_of(error), request):
                    continue
                judged = self._judged(error, request)
                if (
                    not isinstance(judged, RequestRefused)
                    or error.status_code not in {400, 422}
                    or not dialect.learn(error, request, body)
                ):
                    raise judged from None
        raise RequestRefused("the server refuses one parameter after another")

    def _hidden(self, request: TextRequest, said: str) -> str:
        return hidden(said, self._secrets, [message.content for message in request.messages])

    def _judged(self, error: openai.APIError, request: TextRequest) -> Exception:
        return judge(
            error,
            prompt_tokens=estimate_prompt(request),
            max_tokens=request.sampling.max_tokens,
            secrets=self._secrets,
            private=[message.content for message in request.messages],
            names=self._names,
        )


def _depends_on_kind(request: TextRequest) -> bool:
    """Return whether a request is put otherwise to some kinds of servers."""
    drawing = request.sampling
    special = any(value is not None for value in (drawing.dry, drawing.xtc, drawing.dynamic))
    return special or bool(without_opening(request.messages)[1])


def read_whole(body: bytes, hide: Callable[[str], str] = hidden) -> ChatCompletionChunk:
    """Return a whole answer (``chat.completion``) as a single chunk. Raises ValueError, and `Trouble` for an error.

    ``hide`` removes from the server's message what must not be shown.
    """
    data: object = json.loads(body)
    answer = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    if error := answer.get("error"):
        message = cast("dict[str, Any]", error).get("message") if isinstance(error, dict) else error
        raise Trouble("down", EngineUnavailable(f"an error with status 200: {hide(str(message))[:200]}"), answered=True)
    found = answer.get("choices")
    choices = cast("list[object]", found) if isinstance(found, list) else []
    if not choices:
        raise ValueError("JSON that is no answer")
    each = [cast("dict[str, Any]", choice) for choice in choices if isinstance(choice, dict)]
    deltas = [{**choice, "delta": choice.get("message") or choice.get("delta")} for choice in each]
    return ChatCompletionChunk.construct(model=answer.get("model"), choices=deltas, usage=answer.get("usage"))


def read_chunk(chunk: Any) -> list[Delta]:
    """Return the contents of a stream's chunk.

    The client builds chunks without checking them, so any part may be missing or of another type. Raises ValueError if
    it is unreadable, and `RequestRefused` if the answer was filtered or the model declined.
    """
    if not hasattr(chunk, "choices"):
        raise ValueError("a chunk that is none")
    model = chunk.model if isinstance(getattr(chunk, "model", None), str) else ""
    found: list[Delta] = []
    choices = cast("list[Any]", chunk.choices) if isinstance(chunk.choices, list) else []
    for choice in choices:
        delta = getattr(choice, "delta", None)
        if delta is not None:
            if _text(delta, "refusal"):
                raise RequestRefused("the model declined to answer")
            # llama-server, vLLM and DeepSeek say reasoning_content, OpenRouter and Ollama say reasoning.
            reasoning = _text(delta, "reasoning_content") or _text(delta, "reasoning")
            text, thoughts = _content(getattr(delta, "content", ""))
            found.append(Delta(text, reasoning or thoughts, model=model))
        finish = getattr(choice, "finish_reason", None)
        if finish == "content_filter":
            raise RequestRefused("the server's content filter stopped the answer")
        if finish == "error":
            raise Trouble("down", EngineUnavailable("the server broke off with an error"), answered=True)
        if finish:  # Ollama and others write "" for not yet
            found.append(Delta(finish="length" if finish in _LENGTH else "stop", model=model))
    usage = getattr(chunk, "usage", None)
    if usage is not None:
        found.append(Delta(model=model, tokens=read_usage(usage)))
    return found


def read_usage(usage: Any) -> Tokens:
    """Return the counts of a ``usage`` object; missing ones are 0."""
    details = getattr(usage, "prompt_tokens_details", None)
    return Tokens(_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"), _count(details, "cached_tokens"))


def _count(source: object, name: str) -> int:
    value = getattr(source, name, 0)
    return value if isinstance(value, int) else 0


def _text(source: object, name: str) -> str:
    value = getattr(source, name, "")
    return value if isinstance(value, str) else ""


def _content(value: object) -> tuple[str, str]:
    """Return text and reasoning of a ``content``: a string, or a list of parts (Mistral's reasoning models)."""
    if not isinstance(value, list):
        return (value if isinstance(value, str) else ""), ""
    text: list[str] = []
    thoughts: list[str] = []
    for part in cast("list[object]", value):
        if isinstance(part, str):
            text.append(part)
        elif isinstance(part, Mapping):
            fields = cast("Mapping[str, object]", part)
            text.append(_content(fields.get("text"))[0])
            thoughts.append(_content(fields.get("thinking"))[0])
    return "".join(text), "".join(thoughts)
