"""A local server that speaks OpenAI's chat completions and is as strict about requests as the real one.

It streams a text word by word. Faults are put into a queue; each request takes one of them, if there is any.
"""

import asyncio
import base64
import itertools
import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from aiohttp import web
from pydantic import ValidationError

from tests.doubles.openai.bodies import Body, words_of
from tests.doubles.openai.tokenizers import TokenizerRoutes

KEY = "sk-local-0123456789abcdef"
MODEL = "local-model"
CONTEXT = 5000
"""Words that prompt and answer may have together."""

Format = Literal["json_schema", "json_object"]


BEYOND = {
    "vllm": {"continue_final_message", "add_generation_prompt", "top_k", "min_p", "repetition_penalty"},
    "llama-server": {
        "top_k", "min_p", "repeat_penalty", "dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n",
        "xtc_probability", "xtc_threshold", "dynatemp_range",
    },
    "": set[str](),
}  # fmt: skip
"""Parameters that kinds of servers take beyond OpenAI's."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    ``status``: an error instead of an answer. ``hang``: nothing at all, not even a status line. After ``words`` words:
    ``drop`` cuts the connection, ``cut`` ends the stream cleanly but without an end of the answer, ``silence`` writes
    no more, ``garbage`` writes half a chunk, ``odd`` chunks of another shape, ``error_event`` an error. ``no_usage``
    and ``no_finish`` leave these out, ``filter`` ends with the content filter, ``refusal`` is the model's own.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    error: dict[str, Any] = field(default_factory=dict[str, Any])
    kind: Literal[
        "status", "hang", "drop", "cut", "silence", "garbage", "odd", "error_event",
        "no_usage", "no_finish", "filter", "refusal",
    ] = "status"  # fmt: skip
    words: int = 2


@dataclass
class OpenAIServer:
    """The server. ``url`` is the base URL to give to the engine. ``reasoning`` is thought aloud before ``text``."""

    text: str = "The keeper opens the door and finds the sea behind it."
    json_text: str = '{"page": "The door opens.", "choices": ["Go in.", "Turn back."]}'
    reasoning: str = ""
    thinks_for: int = 0
    """Tokens of thoughts before the text, out of the request's maximum."""
    tail: tuple[str, ...] = ()
    """Further pieces after the text, each sent as it stands."""
    pause_s: float = 0.0
    models: tuple[str, ...] = (MODEL,)
    refused_formats: tuple[Format, ...] = ()
    refused_schema_names: tuple[str, ...] = ()
    """Properties at the top of a schema for which it is refused, while other schemas are taken."""
    wants_max_completion_tokens: bool = False
    role_rules: Literal["", "alternating"] = ""
    """``alternating``: as a template without a system role, whose turns alternate, the user's first."""
    role_refusal: tuple[int, str] = (400, "Conversation roles must alternate user/assistant/user/assistant/...")
    """Status and message for a request that breaks ``role_rules``."""
    parts: bool = False
    """Contents are lists of parts, with the reasoning among them, as of Mistral's reasoning models."""
    basic: str = ""
    """``user:password`` of a proxy before the server, which wants basic authentication instead of the key."""
    query: dict[str, str] = field(default_factory=dict[str, str])
    """The query that every request must have."""
    tokenizers: TokenizerRoutes = field(default_factory=TokenizerRoutes)
    """Whether it counts tokens for its clients, and as which kind of server."""
    prompt_tokens: int = 1000
    cached_tokens: int = 0
    completion_tokens: int = 500
    faults: deque[Fault] = field(default_factory=deque[Fault])
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """The bodies of all requests for completions."""
    looks: int = 0
    """Requests for the list of models."""
    disconnects: int = 0
    url: str = ""
    port: int = 0
    _runner: web.AppRunner | None = None
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def start(self) -> None:
        """Listen; after a `stop` again on the same port."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._list)
        self.tokenizers.add_to(app)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = cast("tuple[str, int]", self._runner.addresses[0])[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _list(self, http: web.Request) -> web.Response:
        self.looks += 1
        if (refusal := self._unauthorized(http)) is not None:
            return refusal
        models = [self.tokenizers.entry(name) for name in self.models]
        return web.json_response({"object": "list", "data": models})

    async def _complete(self, http: web.Request) -> web.StreamResponse:
        raw = await http.json()
        self.requests.append(raw)
        if (refusal := self._unauthorized(http)) is not None:
            return refusal
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and fault.kind == "status":
            detail = {"message": "scripted fault", "type": "server_error", "param": None, "code": None} | fault.error
            return web.json_response({"error": detail}, status=fault.status, headers=fault.headers)
        if fault is not None and fault.kind == "hang":
            await self._wait(3600)
        raw = {name: value for name, value in raw.items() if name not in BEYOND[self.tokenizers.kind]}
        refusal = self._refusal(raw)
        if refusal is not None:
            return refusal
        return await self._stream(http, Body.model_validate(raw), fault)

    def _unauthorized(self, http: web.Request) -> web.Response | None:
        if dict(http.query) != self.query:
            return error_reply(401, f"bad: {http.path_qs}")
        given = http.headers.get("Authorization", "")
        if self.basic:
            wanted = f"Basic {base64.b64encode(self.basic.encode()).decode()}"
            return None if given == wanted else error_reply(401, f"bad: {given}")
        given = given.removeprefix("Bearer ")
        if given == KEY:
            return None
        message = f"Incorrect API key provided: {given}. You can find your API key at http://localhost/keys."
        return error_reply(401, message, code="invalid_api_key")

    def _refusal(self, raw: dict[str, Any]) -> web.Response | None:
        try:
            body = Body.model_validate(raw)
        except ValidationError as error:
            fault = error.errors()[0]
            name = str(fault["loc"][0])
            if fault["type"] == "extra_forbidden":
                return error_reply(400, f"Unrecognized request argument supplied: {name}")
            return error_reply(400, f"Invalid value for '{name}': {fault['msg']}", param=name)
        if body.model not in self.models:
            message = f"The model `{body.model}` does not exist or you do not have access to it."
            return error_reply(404, message, code="model_not_found")
        if self.wants_max_completion_tokens and body.max_tokens is not None:
            message = (
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead."
            )
            return error_reply(400, message, code="unsupported_parameter", param="max_tokens")
        return self._role_refusal(body) or self._format_refusal(body) or self._context_refusal(body)

    def _role_refusal(self, body: Body) -> web.Response | None:
        expected = ["assistant" if at % 2 else "user" for at in range(len(body.messages))]
        if not self.role_rules or [message.role for message in body.messages] == expected:
            return None
        status, message = self.role_refusal
        return error_reply(status, message)

    def _format_refusal(self, body: Body) -> web.Response | None:
        wanted = body.response_format
        if wanted is None or wanted.type == "text":
            return None
        if wanted.type in self.refused_formats:
            message = f"Invalid parameter: 'response_format' of type '{wanted.type}' is not supported with this model."
            return error_reply(400, message, param="response_format")
        if wanted.type == "json_schema":
            properties = wanted.json_schema.schema_.get("properties", {})
            if any(name in properties for name in self.refused_schema_names):
                message = "Invalid schema for response_format 'answer': In context=(), 'default' is not permitted."
                return error_reply(400, message, param="response_format")
        elif not any("json" in words_of(message).lower() for message in body.messages):
            message = (
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
            )
            return error_reply(400, message, param="messages")
        return None

    def _context_refusal(self, body: Body) -> web.Response | None:
        words = sum(len(words_of(message).split()) for message in body.messages)
        wanted = body.max_tokens or body.max_completion_tokens or 16
        if words + wanted <= CONTEXT:
            return None
        message = (
            f"This model's maximum context length is {CONTEXT} tokens. However, you requested {words + wanted} "
            f"tokens ({words} in the messages, {wanted} in the completion). Please reduce the length of the messages "
            "or completion."
        )
        return error_reply(400, message, code="context_length_exceeded", param="messages")

    async def _stream(self, http: web.Request, body: Body, fault: Fault | None) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(http)
        writer = _Writer(
            response,
            f"chatcmpl-{next(self._numbers)}",
            body.model,
            body.stream_options is not None and body.stream_options.include_usage,
        )
        constrained = body.response_format is not None and body.response_format.type != "text"
        text = self.json_text if constrained else self.text
        for stop in body.stop or []:
            text = text.split(stop, maxsplit=1)[0]
        words = [word if i == 0 else f" {word}" for i, word in enumerate(text.split(" "))]
        words += self.tail
        limit = body.max_tokens or body.max_completion_tokens or len(words)
        kind = fault.kind if fault else ""
        if self.thinks_for:
            limit = max(0, limit - self.thinks_for)
        try:
            await writer.delta({"role": "assistant", "content": "", "refusal": None})
            for word in self.reasoning.split():
                await writer.delta(_thought(f"{word} ", parts=self.parts))
            for i, word in enumerate(words[:limit]):
                if fault is not None and i == fault.words and await self._fail(http, writer, kind, fault.error):
                    return response
                await writer.delta({"content": [{"type": "text", "text": word}] if self.parts else word})
                await self._wait(self.pause_s)
            if kind != "no_finish":
                finish = "content_filter" if kind == "filter" else "length" if limit < len(words) else "stop"
                await writer.delta({}, finish)
            if kind != "no_usage" and writer.usage:
                await writer.counts(self.prompt_tokens, self.cached_tokens, self.completion_tokens)
            await response.write(b"data: [DONE]\n\n")
        except ConnectionError:
            self.disconnects += 1
            raise
        return response

    async def _fail(self, http: web.Request, writer: "_Writer", kind: str, detail: dict[str, Any]) -> bool:
        """Fail as scripted; True if that is the end of the stream."""
        match kind:
            case "drop" if http.transport is not None:
                http.transport.abort()
            case "cut":
                pass
            case "silence":
                await self._wait(3600)
            case "garbage":
                await writer.response.write(b'data: {"id": "chatcmpl-1", "choices": [{"del\n\n')
            case "odd":
                for odd in (b"17", b'"word"', b"[]", b'{"choices": null, "usage": {}}', b'{"choices": [{}]}'):
                    await writer.response.write(b"data: " + odd + b"\n\n")
            case "error_event":
                error = {"message": "out of memory", "type": "server_error", "param": None, "code": "500"} | detail
                await writer.response.write(f"data: {json.dumps({'error': error})}\n\n".encode())
            case "refusal":
                await writer.delta({"refusal": "I cannot write this."})
            case _:
                return False
        return True

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.disconnects += 1
            raise


@dataclass
class _Writer:
    """Writes chunks as OpenAI does: every key in every chunk, ``usage`` null until the last if it was asked for."""

    response: web.StreamResponse
    name: str
    model: str
    usage: bool

    async def delta(self, delta: dict[str, Any], finish: str | None = None) -> None:
        await self._chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}], None)

    async def counts(self, prompt: int, cached: int, completion: int) -> None:
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }
        await self._chunk([], usage)

    async def _chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> None:
        whole: dict[str, Any] = {
            "id": self.name,
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": "fp_local",
            "choices": choices,
        }
        if self.usage:
            whole["usage"] = usage
        await self.response.write(f"data: {json.dumps(whole)}\n\n".encode())


def error_reply(status: int, message: str, *, code: str | None = None, param: str | None = None) -> web.Response:
    """An error in OpenAI's form."""
    detail = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return web.json_response({"error": detail}, status=status)


def _thought(text: str, *, parts: bool) -> dict[str, Any]:
    if parts:
        return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}
    return {"reasoning_content": text}
