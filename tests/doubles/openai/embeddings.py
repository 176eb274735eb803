"""A local server that speaks OpenAI's ``/v1/embeddings``, and is as strict about requests as the real one.

A vector is made of the words of its text. Faults are put into a queue; each request takes one of them, if there is any.
"""

import asyncio
import base64
import hashlib
import math
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from aiohttp import web

KEY = "sk-local-embeddings-0123456789"
MODEL = "local-embedder"
MOST_TEXTS = 2048
WORDS = 40
"""Words that a text may have."""
TOO_LARGE = (
    "input ({asked} tokens) is too large to process. increase the physical batch size (current batch size: {limit})"
)
REFUSALS = {
    "openai": (400, "This model's maximum context length is {limit} tokens, however you requested {asked} tokens"),
    "tei": (413, "`inputs` must have less than {limit} tokens. Given: {asked}"),
    "llama-server": (500, TOO_LARGE),
    "vague": (400, "the prompt is too long for the context length"),
}
"""How servers say that a text is too long: status and message."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request: an error ``status``, or an answer of another ``kind`` than asked for."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    kind: Literal["status", "drop", "silence", "fewer", "longer", "zero", "html", "form"] = "status"


@dataclass
class EmbeddingServer:
    """The server. ``url`` is the base URL to give to the engine."""

    dimensions: int = 24
    refusal: str = "openai"
    knows_base64: bool = True
    faults: deque[Fault] = field(default_factory=deque[Fault])
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    pause_s: float = 0.0
    now: int = 0
    most_at_once: int = 0
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/embeddings", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        address = cast("tuple[str, int]", self._runner.addresses[0])
        self.url = f"http://127.0.0.1:{address[1]}/v1"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def vector(self, text: str) -> list[float]:
        """The vector of a text, not of unit length."""
        numbers = [0.01] * self.dimensions
        for word in text.lower().split():
            numbers[hashlib.sha256(word.encode()).digest()[0] % self.dimensions] += 1.5
        return numbers

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        try:
            await asyncio.sleep(self.pause_s)
            return await self._embed(http)
        finally:
            self.now -= 1

    async def _embed(self, http: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = await http.json()
        self.requests.append(body)
        if http.headers.get("Authorization") != f"Bearer {KEY}":
            given = http.headers.get("Authorization", "").removeprefix("Bearer ")
            return _error(401, f"Incorrect API key provided: {given}.")
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and fault.kind == "status":
            return _error(fault.status, "scripted fault", fault.headers)
        if fault is not None and fault.kind == "drop" and http.transport is not None:
            http.transport.abort()
        if fault is not None and fault.kind == "silence":
            await asyncio.sleep(3600)
        if fault is not None and fault.kind == "html":
            return web.Response(text="<html>Welcome</html>", content_type="text/html")
        return self._refusal(body) or self._answer(body, fault.kind if fault else "")

    def _refusal(self, body: dict[str, Any]) -> web.Response | None:
        if unknown := sorted(body.keys() - {"model", "input", "encoding_format"}):
            return _error(400, f"Unrecognized request argument supplied: {unknown[0]}")
        if "encoding_format" in body and not self.knows_base64:
            return _error(400, "Unrecognized request argument supplied: encoding_format")
        if body["model"] != MODEL:
            return _error(404, f"The model '{body['model']}' does not exist")
        texts: list[str] = body["input"]
        if not 1 <= len(texts) <= MOST_TEXTS or not all(texts):
            return _error(400, "'$.input' is invalid.")
        asked = max(len(text.split()) for text in texts)
        if asked > WORDS:
            status, message = REFUSALS[self.refusal]
            return _error(status, message.format(limit=WORDS, asked=asked))
        return None

    def _answer(self, body: dict[str, Any], fault: str) -> web.Response:
        data: list[dict[str, Any]] = []
        for index, text in enumerate(body["input"]):
            numbers = self.vector(text)
            if fault == "longer":
                numbers.append(1.0)
            if fault == "zero":
                numbers = [0.0] * self.dimensions
            packed = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
            shown = packed if body.get("encoding_format") == "base64" else numbers
            data.append({"object": "embedding", "index": index, "embedding": {} if fault == "form" else shown})
        if fault == "fewer":
            data.pop()
        # The order is not promised.
        return web.json_response({"object": "list", "data": data[::-1], "model": MODEL, "usage": {}})


def cosine(one: list[float], other: list[float]) -> float:
    """The cosine of the angle between two vectors."""
    product = math.fsum(a * b for a, b in zip(one, other, strict=True))
    return product / (math.hypot(*one) * math.hypot(*other))


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    detail = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return web.json_response({"error": detail}, status=status, headers=headers)
