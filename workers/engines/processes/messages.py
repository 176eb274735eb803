"""The messages between any model process and its clients, and their framing.

Frames on a unix stream socket: two lengths of four bytes (big-endian), then one JSON message, then as many bytes of
binary data, usually none. A load opens every connection and is answered by a `Loaded` or by `LoadFailed`. Other
requests carry a number that the client chooses; every answer repeats it. `Cancel` is answered by the ``Failed``
(``cancelled``) of what it stops. `Beat` is sent periodically while the process has work; `Unload` is answered only
by the end of the connection.
"""

import asyncio
import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter

from workers.engines.errors import (
    ContextFull,
    EngineError,
    EngineOverloaded,
    EngineUnavailable,
    GenerationCancelled,
    RequestRefused,
)

MAX_FRAME = 64 * 2**20
"""Bytes of a message or of its data. A lossless picture of 2048² pixels has at most 13 MB; prompts are far smaller."""
RETRY_AFTER_S = 10.0
"""Seconds after which to ask again when the memory did not suffice."""
_LENGTHS = struct.Struct(">II")
RequestT = TypeVar("RequestT", bound="WireMessage")
EventT = TypeVar("EventT", bound="WireMessage")


class WireMessage(BaseModel):
    """Base of all messages. A ``SIDE`` message is handled beside the model, so it proves no progress of the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    SIDE: ClassVar[bool] = False

    def answers(self, data: bytes) -> Iterable[tuple[int, Any, bool]]:  # noqa: ARG002 - for those that have some
        """Return the answers in this event: the request's number, the answer, and whether it is the last one."""
        return ()


class Answer(WireMessage):
    """An answer to the request ``id``. If it is not ``LAST``, others follow."""

    LAST: ClassVar[bool] = True
    id: int

    def answers(self, data: bytes) -> Iterable[tuple[int, Any, bool]]:  # noqa: ARG002 - for those that have some
        """Return this answer."""
        return ((self.id, self, self.LAST),)


class LoadModel(WireMessage):
    """Which model, and how it runs. Base of the requests that open a connection; the same for a whole process."""

    kind: Literal["load"] = "load"
    path: str

    def files(self) -> Sequence[Path]:
        """Return the model's files. Raises `OSError`."""
        return (Path(self.path),)

    def extra_bytes(self) -> int:
        """Return the memory that the process needs besides the size of the files."""
        return 0

    def after_death(self) -> Self | None:
        """Return the load to try after this one killed a process; None if no other may help."""
        return None


class Loaded(WireMessage):
    """The model ``model`` is ready in process ``pid``. Base of the programs' reports about their models."""

    kind: Literal["loaded"] = "loaded"
    model: str
    pid: int


class LoadFailed(WireMessage):
    """The model cannot be loaded; the process ends after this."""

    kind: Literal["load_failed"] = "load_failed"
    message: str


class Beat(WireMessage):
    """A sign of life: the process makes progress and has nothing else to report."""

    kind: Literal["beat"] = "beat"


class Cancel(WireMessage):
    """Stop a request within one step."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Unload(WireMessage):
    """Unload the model if it is idle: the process ends, unless a request of any connection waits or runs."""

    kind: Literal["unload"] = "unload"


class Failed(Answer):
    """A request ended without a whole answer. The token counts belong to ``context_full``."""

    kind: Literal["failed"] = "failed"
    reason: Literal["cancelled", "context_full", "refused", "overloaded", "internal"]
    message: str = ""
    prompt_tokens: int = 0
    max_tokens: int = 0
    context_tokens: int = 0

    def error(self) -> EngineError:
        """Return the error for the caller."""
        match self.reason:
            case "context_full":
                return ContextFull(self.prompt_tokens, self.max_tokens, self.context_tokens)
            case "refused":
                return RequestRefused(self.message)
            case "overloaded":
                return EngineOverloaded(self.message, RETRY_AFTER_S)
            case "cancelled":
                return GenerationCancelled("cancelled")
            case "internal":
                return EngineUnavailable(f"the model failed: {self.message}")


class Wire(Generic[RequestT, EventT]):
    """The messages of one program, as both of its sides read them."""

    def __init__(self, requests: TypeAdapter[RequestT], events: TypeAdapter[EventT]) -> None:
        """``requests`` and ``events`` are unions of messages, told apart by their ``kind``."""
        self._requests = requests
        self._events = events

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the messages: processes of different versions must not talk to each other."""
        schemas = [self._requests.json_schema(), self._events.json_schema()]
        return hashlib.sha256(json.dumps(schemas, sort_keys=True).encode()).hexdigest()[:16]

    async def read_request(self, reader: asyncio.StreamReader) -> tuple[RequestT, bytes] | None:
        """Return the next request and its data, None at the end. Raises `ValueError` for a broken frame."""
        parts = await _read(reader)
        return None if parts is None else (self._requests.validate_json(parts[0]), parts[1])

    async def read_event(self, reader: asyncio.StreamReader) -> tuple[EventT, bytes] | None:
        """Return the next event and its data, None at the end. Raises `ValueError` for a broken frame."""
        parts = await _read(reader)
        return None if parts is None else (self._events.validate_json(parts[0]), parts[1])


def frame(message: WireMessage, data: bytes = b"") -> bytes:
    """Return ``message`` and the data that belongs to it as one frame."""
    body = message.model_dump_json().encode()
    return _LENGTHS.pack(len(body), len(data)) + body + data


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes] | None:
    try:
        sizes: tuple[int, int] = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        if max(sizes) > MAX_FRAME:
            raise ValueError(f"frame of {max(sizes)} bytes")
        return await reader.readexactly(sizes[0]), await reader.readexactly(sizes[1])
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
