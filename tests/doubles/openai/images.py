"""A local server that speaks OpenAI's ``/v1/images``, and is as strict about requests as the real one.

A picture has one colour, made of its prompt. Faults are put into a queue; each request takes one, if there is any.
"""

import asyncio
import base64
import hashlib
import io
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from aiohttp import web
from PIL import Image, PngImagePlugin

KEY = "sk-local-images-0123456789"
FIXED = "gpt-image-1.5"
FREE = "gpt-image-2"
OLD = "dall-e-3"
OWN = "local-diffusion"
_GPT = {"model", "prompt", "n", "size", "output_format", "quality", "safety_identifier", "moderation", "background"}
_TAKES = {
    FIXED: _GPT,
    FREE: _GPT,
    OLD: {"model", "prompt", "n", "size", "response_format", "quality", "style", "user"},
    OWN: {"model", "prompt", "n", "size", "response_format", "negative_prompt", "seed"},
}
_SIZES = {FIXED: {"1024x1024", "1536x1024", "1024x1536"}, OLD: {"1024x1024", "1792x1024", "1024x1792"}}


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request: an error ``status``, or an answer of another ``kind`` than asked for."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    error: dict[str, Any] = field(default_factory=dict[str, Any])
    kind: Literal["status", "drop", "silence", "url", "nothing", "html", "noise", "bomb", "webp", "endless"] = "status"


@dataclass
class ImageServer:
    """The server. ``url`` is the base URL to give to the engine. It does not take the parameters ``refused``."""

    refused: set[str] = field(default_factory=set[str])
    faults: deque[Fault] = field(default_factory=deque[Fault])
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody has left before the answer."""
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/images/generations", self._generate)
        app.router.add_post("/v1/images/edits", self._edit)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        address = cast("tuple[str, int]", self._runner.addresses[0])
        self.url = f"http://127.0.0.1:{address[1]}/v1"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _generate(self, http: web.Request) -> web.StreamResponse:
        return await self._serve(http, await http.json())

    async def _edit(self, http: web.Request) -> web.StreamResponse:
        form = await http.post()
        body: dict[str, Any] = {name: value for name, value in form.items() if name != "image"}
        source = form["image"]
        assert isinstance(source, web.FileField)
        data = source.file.read()
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            picture.load()
        response = await self._serve(http, body | {"n": int(body["n"])})
        self.requests[-1]["image"] = data
        return response

    async def _serve(self, http: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        self.requests.append(body)
        self.asked.set()
        if http.headers.get("Authorization") != f"Bearer {KEY}":
            given = http.headers.get("Authorization", "").removeprefix("Bearer ")
            return _error(401, f"Incorrect API key provided: {given}.")
        fault = self.faults.popleft() if self.faults else Fault(kind="status")
        if fault.status:
            return _error(fault.status, "scripted fault", fault.headers, fault.error)
        if fault.kind == "drop" and http.transport is not None:
            http.transport.abort()
        if fault.kind == "silence":
            try:
                await asyncio.sleep(3600)
            finally:
                self.gone.set()
        if fault.kind == "html":
            return web.Response(text="<html>Welcome</html>", content_type="text/html")
        if fault.kind == "endless":
            return await _endless(http)
        return self._refusal(body) or _answer(body, fault.kind)

    def _refusal(self, body: dict[str, Any]) -> web.Response | None:
        model = str(body.get("model"))
        if model not in _TAKES:
            return _error(404, f"The model '{model}' does not exist", detail={"code": "model_not_found"})
        if unknown := sorted(body.keys() - _TAKES[model] | body.keys() & self.refused):
            return _error(400, f"Unknown parameter: '{unknown[0]}'.", detail={"param": unknown[0]})
        size = str(body["size"])
        if model in _SIZES and size not in _SIZES[model]:
            return _error(400, f"Invalid value: '{size}'.", detail={"param": "size"})
        width, height = map(int, size.split("x"))
        if model == FREE and (
            width % 16 or height % 16 or max(width, height) > 3 * min(width, height) or not width * height >= 655_360
        ):
            return _error(400, f"Invalid size '{size}'.", detail={"param": "size"})
        if "forbidden" in body["prompt"]:
            message = "Your request was rejected by the safety system."
            return _error(400, message, detail={"code": "moderation_blocked", "type": "image_generation_user_error"})
        return None


def _answer(body: dict[str, Any], kind: str) -> web.Response:
    width, height = map(int, body["size"].split("x"))
    if kind == "bomb":
        width, height = 6000, 6000
    picture = Image.new("1", (width, height)) if kind == "bomb" else _drawn(body["prompt"], width, height)
    out = io.BytesIO()
    notes = PngImagePlugin.PngInfo()
    notes.add_text("prompt", body["prompt"])
    options = {} if kind == "webp" else {"pnginfo": notes}
    picture.save(out, "WEBP" if kind == "webp" else "PNG", **options)
    data = out.getvalue() if kind != "noise" else b"no picture at all"
    item = {"b64_json": base64.b64encode(data).decode()}
    if kind == "url":
        item = {"url": "http://169.254.169.254/latest/meta-data"}
    return web.json_response({"created": 1, "data": [] if kind == "nothing" else [item]})


def _drawn(prompt: str, width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), colour(prompt))


def colour(prompt: str) -> tuple[int, int, int]:
    """The colour of the picture for a prompt."""
    red, green, blue = hashlib.sha256(prompt.encode()).digest()[:3]
    return red, green, blue


async def _endless(http: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(http)
    while True:
        await response.write(b" " * 2**20)


def _error(
    status: int, message: str, headers: dict[str, str] | None = None, detail: dict[str, Any] | None = None
) -> web.Response:
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": None} | (detail or {})
    return web.json_response({"error": body}, status=status, headers=headers)
