"""The local protocol between `LlamaEngine` and the model process.

Frames on a unix stream socket: four bytes of length (big-endian), then one JSON message. ``Load`` opens every
connection and is answered by ``Loaded`` or ``LoadFailed``. Requests carry a number that the client gives, every answer
names it. ``Generate`` is answered by any number of ``Pieces`` and one ``Done`` or ``Failed``; ``Cancel`` by the
``Failed`` (``cancelled``) of what it stops; ``Count`` by ``Counted``; ``Embed`` by ``Embedded`` or ``Failed``; ``Ask``
by ``Report``. ``Beat`` comes now and then while the process has work; ``Retire`` has no answer but the end.
"""

import asyncio
import base64
import hashlib
import json
import struct
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

MAX_FRAME = 32 * 2**20
"""Bytes. Far above any prompt that fits a context; a longer frame means a broken peer."""
_LENGTH = struct.Struct(">I")


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


KvType = Literal["f16", "q8_0", "q4_0"]
"""How the cells hold keys and values: exact, or in a half or a quarter of the memory."""


class Load(_Message):
    """Which model, and how it runs. The first message of a connection; equal for all connections of a process."""

    kind: Literal["load"] = "load"
    path: str
    context: int
    """Tokens that one conversation may have at most."""
    cells: int = 0
    """Tokens that all conversations together may have in the KV cache; 0: as many as ``context``."""
    parallel: int = 8
    """Answers that are written at a time."""
    step_tokens: int = 128
    """Tokens of one step at most while somebody's answer is being written: what bounds the gap between its tokens."""
    gpu_layers: int | None = 0
    """Layers on the GPU; -1: all, None: as many as fit."""
    threads: int = 1
    kv_type: KvType = "f16"
    flash: bool | None = None
    """Flash attention; None: where the backend has it."""
    spill_bytes: int = 0
    """Memory beside the cells for conversations that had to leave them."""
    repack: bool = True
    """Arrange weights for special instructions of the CPU (AMX and others), where the library was built for them."""
    embedding: bool = False
    """The model embeds texts (``Embed``) instead of writing."""


class Turn(_Message):
    """One chat message. Its first ``shared`` characters are the product's own words."""

    role: Literal["system", "user", "assistant"]
    content: str
    shared: int = 0


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
    """Write the next assistant turn. What was computed from a ``tenant``'s text is never read for another one.

    ``priority`` 0 has a person waiting; larger numbers are background work.
    """

    kind: Literal["generate"] = "generate"
    id: int
    messages: tuple[Turn, ...]
    draw: Draw
    json_schema: str | None = None
    """Written out, so that a schema of any depth is judged as a schema and not as a broken message."""
    tenant: str = ""
    priority: int = 0
    begun: str = ""
    """How the answer begins: it was written before, by a process that died. Only what follows is sent."""


class Cancel(_Message):
    """Stop a generation within one token."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Count(_Message):
    """Count the tokens of a text."""

    kind: Literal["count"] = "count"
    id: int
    text: str


class Embed(_Message):
    """Turn texts into vectors. Answered by one ``Embedded``, or by ``Failed`` if a text is too long."""

    kind: Literal["embed"] = "embed"
    id: int
    texts: tuple[str, ...]


class Ask(_Message):
    """Ask how the engine does."""

    kind: Literal["ask"] = "ask"
    id: int


class Retire(_Message):
    """Unload the model if nobody needs it: the process ends, unless a request of any connection waits or runs."""

    kind: Literal["retire"] = "retire"


class Loaded(_Message):
    """The model is ready; its name, the tokens one conversation may have, and the process that holds it."""

    kind: Literal["loaded"] = "loaded"
    model: str
    context: int
    pid: int


class LoadFailed(_Message):
    """The model cannot be loaded; the process ends after this."""

    kind: Literal["load_failed"] = "load_failed"
    message: str


class Beat(_Message):
    """The model works (loading, or reading a long prompt) and has nothing else to tell yet."""

    kind: Literal["beat"] = "beat"


class Pieces(_Message):
    """What one step wrote: request and text, whole code points."""

    kind: Literal["pieces"] = "pieces"
    texts: tuple[tuple[int, str], ...]


class Done(_Message):
    """A generation ended. ``completion_tokens`` counts hidden reasoning too; ``cached_tokens`` of the prompt were not
    computed again.
    """

    kind: Literal["done"] = "done"
    id: int
    finish_reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


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


class Embedded(_Message):
    """One vector for each text. ``vectors`` is base64 of their numbers in order, little-endian float32."""

    kind: Literal["embedded"] = "embedded"
    id: int
    dimensions: int
    vectors: str

    @classmethod
    def of(cls, id: int, dimensions: int, numbers: bytes) -> Self:  # noqa: A002 - the field's name
        """Return the message for the bytes of little-endian float32 numbers."""
        return cls(id=id, dimensions=dimensions, vectors=base64.b64encode(numbers).decode("ascii"))

    def rows(self) -> list[list[float]]:
        """Return the vectors. Raises `ValueError` if they are not whole."""
        data = base64.b64decode(self.vectors, validate=True)
        size = 4 * self.dimensions
        if size <= 0 or len(data) % size:
            raise ValueError(f"{len(data)} bytes are no vectors of {self.dimensions} numbers")
        return [list(row) for row in struct.iter_unpack(f"<{self.dimensions}f", data)]


class Statistics(_Message):
    """Sums since the start, and how it is now (``running`` and what follows)."""

    steps: int = 0
    requests: int = 0
    cancelled: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    """Tokens of all prompts; ``cached_tokens`` of them were found in the cache."""
    cached_tokens: int = 0
    completion_tokens: int = 0
    decoded_tokens: int = 0
    """Tokens that went through the model."""
    decode_s: float = 0.0
    """Seconds in the model, ``sample_s`` in drawing tokens, ``other_s`` in everything else while there was work."""
    sample_s: float = 0.0
    other_s: float = 0.0
    preemptions: int = 0
    evictions: int = 0
    spills: int = 0
    restores: int = 0
    running: int = 0
    waiting: int = 0
    idle: int = 0
    """Conversations that wait in the cells for their next turn."""
    cells: int = 0
    used_cells: int = 0
    reserved_cells: int = 0
    spilled_bytes: int = 0


class Report(_Message):
    """How the engine does."""

    kind: Literal["report"] = "report"
    id: int
    statistics: Statistics


Request = Load | Generate | Cancel | Count | Embed | Ask | Retire
Event = Loaded | LoadFailed | Beat | Pieces | Done | Failed | Counted | Embedded | Report
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Return what changes with the messages: processes of two versions of this module must not speak to each other."""
    schemas = [_REQUEST.json_schema(), _EVENT.json_schema()]
    return hashlib.sha256(json.dumps(schemas, sort_keys=True).encode()).hexdigest()[:16]


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
