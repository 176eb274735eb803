"""The local protocol between `LlamaEngine` and its model process.

Frames on a unix stream socket: four bytes of length (big-endian), then one JSON message. Requests carry a number that
the parent gives; every answer names it. ``Generate`` is answered by any number of ``Piece`` and ``Beat`` and one
``Done`` or ``Failed``; ``Count`` by one ``Counted``; ``Cancel`` by the ``Failed`` (``cancelled``) of what it stops.
"""

import asyncio
import struct
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

MAX_FRAME = 32 * 2**20
"""Bytes. Far above any prompt that fits a context; a longer frame means a broken peer."""
_LENGTH = struct.Struct(">I")


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Load(_Message):
    """Load the model. The first message of a connection."""

    kind: Literal["load"] = "load"
    path: str
    context: int
    gpu_layers: int
    threads: int


class Turn(_Message):
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    content: str


class Draw(_Message):
    """How tokens are drawn, all values decided. ``temperature`` 0 is greedy; ``top_k`` 0 and penalty 1 are off."""

    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    repeat_penalty: float
    seed: int
    stop: tuple[str, ...] = ()


class Generate(_Message):
    """Write the next assistant turn. Text of one ``tenant`` is never reused for another."""

    kind: Literal["generate"] = "generate"
    id: int
    messages: tuple[Turn, ...]
    draw: Draw
    json_schema: dict[str, Any] | None = None
    tenant: str = ""


class Cancel(_Message):
    """Stop a generation within one token."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Count(_Message):
    """Count the tokens of a text."""

    kind: Literal["count"] = "count"
    id: int
    text: str


class Loaded(_Message):
    """The model is ready; its name and the context window in tokens."""

    kind: Literal["loaded"] = "loaded"
    model: str
    context: int


class LoadFailed(_Message):
    """The model cannot be loaded; the process ends after this."""

    kind: Literal["load_failed"] = "load_failed"
    message: str


class Beat(_Message):
    """The model works (loading, or reading a long prompt) and has nothing else to tell yet."""

    kind: Literal["beat"] = "beat"


class Piece(_Message):
    """A piece of text, whole code points."""

    kind: Literal["piece"] = "piece"
    id: int
    text: str


class Done(_Message):
    """A generation ended."""

    kind: Literal["done"] = "done"
    id: int
    finish_reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int


class Failed(_Message):
    """A generation ended without a whole answer. The numbers belong to ``context_full``."""

    kind: Literal["failed"] = "failed"
    id: int
    reason: Literal["cancelled", "context_full", "refused", "internal"]
    message: str = ""
    prompt_tokens: int = 0
    max_tokens: int = 0
    context_tokens: int = 0


class Counted(_Message):
    """The number of tokens asked for."""

    kind: Literal["counted"] = "counted"
    id: int
    tokens: int


Request = Load | Generate | Cancel | Count
Event = Loaded | LoadFailed | Beat | Piece | Done | Failed | Counted
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def frame(message: Request | Event) -> bytes:
    """Return ``message`` as one frame."""
    body = message.model_dump_json().encode()
    return _LENGTH.pack(len(body)) + body


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request, None at the end of the stream. Raises `ValueError` for a broken frame."""
    body = await _read(reader)
    return None if body is None else _REQUEST.validate_json(body)


async def read_event(reader: asyncio.StreamReader) -> Event | None:
    """Return the next event, None at the end of the stream. Raises `ValueError` for a broken frame."""
    body = await _read(reader)
    return None if body is None else _EVENT.validate_json(body)


async def _read(reader: asyncio.StreamReader) -> bytes | None:
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_FRAME:
            raise ValueError(f"frame of {length} bytes")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
