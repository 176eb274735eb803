"""The local protocol between `SdxlEngine` and the picture process.

Frames on a unix stream socket: two lengths of four bytes (big-endian), then one JSON message, then the bytes of a
picture if the message has one. ``Load`` opens the connection and is answered by ``Loaded`` or ``LoadFailed``. ``Draw``
carries a number that the client gives; every answer names it: any number of ``Progress`` and one ``Drawn`` (with the
PNG behind it) or ``Failed``. ``Cancel`` is answered by the ``Failed`` (``cancelled``) of what it stops. ``Beat`` comes
now and then while the process gets on with something and has nothing else to tell.
"""

import asyncio
import struct
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from workers.engines.image.base import Phase

MAX_FRAME = 64 * 2**20
"""Bytes of a message or of a picture. A lossless picture of 2048² pixels has at most 13 MB."""
MAX_CHARACTERS = 20_000
"""Characters of a prompt."""
_LENGTHS = struct.Struct(">II")


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Load(_Message):
    """Which model, and how it runs. The first message of a connection."""

    kind: Literal["load"] = "load"
    path: str
    config: str = ""
    """Folder with the configuration and the tokenizers of a model that is a single file."""
    device: str = "auto"
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto"
    batch: int = 0
    """Pictures drawn at a time; 0: as many as the memory holds, 16 at most."""
    threads: int = 0
    """CPU threads; 0 leaves it to torch."""
    compile: bool = False
    warm_up: tuple[tuple[int, int], ...] = ()
    """Sizes (width, height) that are drawn once before the model counts as loaded."""
    loras: str = ""
    classifier: str = ""
    checksums: str = ""
    """File of SHA-256 sums; only models listed there are loaded. "": only a sum beside the file is checked."""
    max_pixels: int = 2048 * 2048


class Part(_Message):
    """A stretch of literal text and its weight."""

    text: str
    weight: float = 1.0


class Lora(_Message):
    """A LoRA by its name in the operator's folder."""

    name: str
    weight: float = 1.0


class Draw(_Message):
    """Draw a picture. The frame's picture is the one to start from, if ``redraw``.

    ``alone``: nothing else is drawn meanwhile, because the process died while it was drawn before.
    """

    kind: Literal["draw"] = "draw"
    id: int
    prompt: tuple[Part, ...]
    negative: tuple[Part, ...] = ()
    seed: int
    width: int
    height: int
    steps: int
    guidance: float
    guidance_end: float = 1.0
    scheduler: str = ""
    loras: tuple[Lora, ...] = ()
    redraw: bool = False
    strength: float = 1.0
    tenant: str = ""
    priority: int = 0
    alone: bool = False


class Cancel(_Message):
    """Stop a picture within one step."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Loaded(_Message):
    """The model is ready. ``batch`` pictures of its usual size are drawn at a time at most."""

    kind: Literal["loaded"] = "loaded"
    model: str
    device: str
    dtype: str
    batch: int
    seconds: float


class LoadFailed(_Message):
    """The model cannot be loaded; the process ends after this."""

    kind: Literal["load_failed"] = "load_failed"
    message: str


class Beat(_Message):
    """The process gets on: a part of a step, of loading or of warming up is done."""

    kind: Literal["beat"] = "beat"


class Progress(_Message):
    """How far a picture is; see `workers.engines.image.base.ImageProgress`."""

    kind: Literal["progress"] = "progress"
    id: int
    phase: Phase
    step: int = 0
    steps: int = 0
    ahead: int = 0


class Drawn(_Message):
    """A picture is finished; its PNG follows. ``unsafe`` is None without a classifier."""

    kind: Literal["drawn"] = "drawn"
    id: int
    width: int
    height: int
    prompt_tokens: int
    unsafe: float | None = None


class Failed(_Message):
    """A picture will not be finished."""

    kind: Literal["failed"] = "failed"
    id: int
    reason: Literal["cancelled", "refused", "overloaded", "internal"]
    message: str = ""


Request = Load | Draw | Cancel
Event = Loaded | LoadFailed | Beat | Progress | Drawn | Failed
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def frame(message: Request | Event, picture: bytes = b"") -> bytes:
    """Return ``message`` and the picture that belongs to it as one frame."""
    body = message.model_dump_json().encode()
    return _LENGTHS.pack(len(body), len(picture)) + body + picture


async def read_request(reader: asyncio.StreamReader) -> tuple[Request, bytes] | None:
    """Return the next request with its picture, None at the end. Raises `ValueError` for a broken frame."""
    parts = await _read(reader)
    return None if parts is None else (_REQUEST.validate_json(parts[0]), parts[1])


async def read_event(reader: asyncio.StreamReader) -> tuple[Event, bytes] | None:
    """Return the next event with its picture, None at the end. Raises `ValueError` for a broken frame."""
    parts = await _read(reader)
    return None if parts is None else (_EVENT.validate_json(parts[0]), parts[1])


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes] | None:
    try:
        sizes: tuple[int, int] = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        if max(sizes) > MAX_FRAME:
            raise ValueError(f"frame of {max(sizes)} bytes")
        return await reader.readexactly(sizes[0]), await reader.readexactly(sizes[1])
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
