"""A local server that speaks OpenAI's chat completions and is as strict about requests as the real one.

It streams a text word by word. Faults are put into a queue; each request takes one of them, if there is any.
"""

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

KEY = "sk-local-0123456789abcdef"
MODEL = "local-model"
CONTEXT = 5000
"""Words that prompt and answer may have together."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _ChatMessage(_Strict):
    role: Literal["system", "user", "assistant"]
    content: str


class _StreamOptions(_Strict):
    include_usage: bool = False


class _JsonSchema(_Strict):
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class _ResponseFormat(_Strict):
    type: Literal["json_schema"]
    json_schema: _JsonSchema


class _Body(_Strict):
    model: str
    messages: list[_ChatMessage] = Field(min_length=1)
    stream: Literal[True]
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    seed: int | None = None
    stop: list[str] | None = Field(default=None, max_length=4)
    response_format: _ResponseFormat | None = None


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request: an error ``status``, or a stream broken or silent after ``words`` words."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    error: dict[str, Any] = field(default_factory=dict[str, Any])
    kind: Literal["status", "drop", "silence", "error_event", "no_usage", "no_finish", "filter"] = "status"
    words: int = 2


@dataclass
class OpenAIServer:
    """The server. ``url`` is the base URL to give to the engine."""

    text: str = "The keeper opens the door and finds the sea behind it."
    json_text: str = '{"page": "The door opens.", "choices": ["Go in.", "Turn back."]}'
    pause_s: float = 0.0
    refuses_schemas: bool = False
    wants_max_completion_tokens: bool = False
    faults: deque[Fault] = field(default_factory=deque[Fault])
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    disconnects: int = 0
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        address = cast("tuple[str, int]", self._runner.addresses[0])
        self.url = f"http://127.0.0.1:{address[1]}/v1"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _complete(self, http: web.Request) -> web.StreamResponse:
        raw = await http.json()
        self.requests.append(raw)
        if http.headers.get("Authorization") != f"Bearer {KEY}":
            given = http.headers.get("Authorization", "").removeprefix("Bearer ")
            return _error(401, f"Incorrect API key provided: {given}.", code="invalid_api_key")
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and fault.kind == "status":
            detail = {"message": "scripted fault", "type": "server_error"} | fault.error
            return web.json_response({"error": detail}, status=fault.status, headers=fault.headers)
        refusal = self._refusal(raw)
        if refusal is not None:
            return refusal
        return await self._stream(http, _Body.model_validate(raw), fault)

    def _refusal(self, raw: dict[str, Any]) -> web.Response | None:
        try:
            body = _Body.model_validate(raw)
        except ValidationError as error:
            fault = error.errors()[0]
            name = str(fault["loc"][0])
            if fault["type"] == "extra_forbidden":
                return _error(400, f"Unrecognized request argument supplied: {name}")
            return _error(400, f"Invalid value for '{name}': {fault['msg']}", param=name)
        if body.model != MODEL:
            return _error(404, f"The model '{body.model}' does not exist", code="model_not_found")
        if self.wants_max_completion_tokens and body.max_tokens is not None:
            message = "Unsupported parameter: 'max_tokens' is not supported with this model."
            return _error(400, message, code="unsupported_parameter", param="max_tokens")
        if self.refuses_schemas and body.response_format is not None:
            return _error(400, "response_format of type 'json_schema' is not supported", param="response_format")
        words = sum(len(message.content.split()) for message in body.messages)
        wanted = body.max_tokens or body.max_completion_tokens or 16
        if words + wanted > CONTEXT:
            message = (
                f"This model's maximum context length is {CONTEXT} tokens. However, you requested {words + wanted} "
                f"tokens ({words} in the messages, {wanted} in the completion)."
            )
            return _error(400, message, code="context_length_exceeded", param="messages")
        return None

    async def _stream(self, http: web.Request, body: _Body, fault: Fault | None) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(http)
        text = self.json_text if body.response_format else self.text
        for stop in body.stop or []:
            text = text.split(stop, maxsplit=1)[0]
        words = [word if i == 0 else f" {word}" for i, word in enumerate(text.split(" "))]
        limit = body.max_tokens or body.max_completion_tokens or len(words)
        kind = fault.kind if fault else ""
        try:
            await self._send(response, {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
            for i, word in enumerate(words[:limit]):
                if fault is not None and i == fault.words:
                    if kind == "drop" and http.transport is not None:
                        http.transport.abort()
                        return response
                    if kind == "silence":
                        await asyncio.sleep(3600)
                    if kind == "error_event":
                        await response.write(b'data: {"error": {"message": "out of memory", "code": 500}}\n\n')
                        return response
                await self._send(response, {"choices": [{"index": 0, "delta": {"content": word}}]})
                await asyncio.sleep(self.pause_s)
            if kind != "no_finish":
                finish = "content_filter" if kind == "filter" else "length" if limit < len(words) else "stop"
                await self._send(response, {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
            if kind != "no_usage" and body.stream_options is not None and body.stream_options.include_usage:
                usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
                await self._send(response, {"choices": [], "usage": usage})
            await response.write(b"data: [DONE]\n\n")
        except (asyncio.CancelledError, ConnectionError):
            self.disconnects += 1
            raise
        return response

    async def _send(self, response: web.StreamResponse, chunk: dict[str, Any]) -> None:
        whole = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL} | chunk
        await response.write(f"data: {json.dumps(whole)}\n\n".encode())


def _error(status: int, message: str, *, code: str | None = None, param: str | None = None) -> web.Response:
    detail = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return web.json_response({"error": detail}, status=status)
