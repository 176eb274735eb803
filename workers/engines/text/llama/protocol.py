"""The messages between the llama engines and the model process; `workers.engines.processes.messages` has the rest.

``Generate`` is answered by any number of ``Pieces`` and one ``Done``, ``Count`` by ``Counted``, ``Embed`` by
``Embedded``, ``GetStatistics`` by ``StatisticsReport``; each of them by ``Failed`` instead.
"""

import base64
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, TypeAdapter

from workers.engines.processes.messages import (
    Answer,
    Beat,
    Cancel,
    Failed,
    Loaded,
    LoadFailed,
    LoadModel,
    Unload,
    Wire,
    WireMessage,
)
from workers.engines.processes.program import Program
from workers.engines.text.base import ModelMessage, Role
from workers.engines.text.gguf_file import parts_of
from workers.engines.text.llama.pieces import Cut

KvType = Literal["f16", "q8_0", "q4_0"]
"""How the cells hold keys and values: exact, or in a half or a quarter of the memory."""


class LoadGguf(LoadModel):
    """Which GGUF file (of a split one, the first part), and how it runs."""

    context: int
    """Maximum tokens of one conversation."""
    cells: int = 0
    """Tokens that the KV cache holds for all conversations together; 0: as many as ``context``."""
    max_num_seqs: int = 8
    """Maximum number of answers being written at a time."""
    max_num_batched_tokens: int = 128
    """Maximum tokens of a step while an answer is being written; bounds the gap between that answer's tokens."""
    gpu_layers: int | None = 0
    """Layers on the GPU; -1: all, None: as many as fit."""
    threads: int = 1
    kv_type: KvType = "f16"
    flash: bool | None = None
    """Flash attention; None: where the backend has it."""
    swap_bytes: int = 0
    """Main memory for conversations evicted from the cells."""
    repack: bool = True
    """Arrange weights for special instructions of the CPU (AMX and others), where the library was built for them."""
    embedding: bool = False
    """The model embeds texts (``Embed``) instead of writing."""

    def files(self) -> Sequence[Path]:
        """Return the parts of the model."""
        return parts_of(Path(self.path))

    def extra_bytes(self) -> int:
        """Return the memory for conversations beside the cells."""
        return self.swap_bytes

    def after_death(self) -> Self | None:
        """Return the same without special instructions: a build by GCC 12 was seen to crash in its AMX code."""
        return self.model_copy(update={"repack": False}) if self.repack else None


class SamplingParams(WireMessage):
    """How to sample. ``temperature`` 0 is greedy; ``top_k`` 0, penalty 1 and 0 of the last three are off."""

    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    repeat_penalty: float
    seed: int
    stop: tuple[str, ...] = ()
    dry: float = 0.0
    xtc: float = 0.0
    dynamic: float = 0.0


class Generate(WireMessage):
    """Write the next assistant turn. What was computed from a ``tenant``'s text is never read for another one.

    ``priority`` 0 is interactive; larger numbers are background work.
    """

    kind: Literal["generate"] = "generate"
    id: int
    messages: tuple[ModelMessage, ...]
    sampling: SamplingParams
    json_schema: str | None = None
    """As text, so that a schema nested too deeply is a refused schema and not a broken message."""
    pattern: str = ""
    """A regular expression for plain text."""
    tenant: str = ""
    priority: int = 0
    begun: str = ""
    """The beginning of the answer: given, or written by a process that died. Only the rest is sent."""


class Count(WireMessage):
    """Count the tokens of each text and, if there are ``roles``, those around messages of these roles in a prompt.

    ``constrained``: the answer would be held to a JSON schema, which leaves no room for thoughts.
    """

    SIDE: ClassVar[bool] = True
    kind: Literal["count"] = "count"
    id: int
    texts: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    constrained: bool = False


class Embed(WireMessage):
    """Turn texts into vectors. Answered by one ``Embedded``, or by ``Failed`` if a text is too long."""

    kind: Literal["embed"] = "embed"
    id: int
    texts: tuple[str, ...]


class GetStatistics(WireMessage):
    """Ask for the totals and the present load."""

    kind: Literal["get_statistics"] = "get_statistics"
    id: int


class LoadedGguf(Loaded):
    """The model is ready; one conversation may have ``context`` tokens.

    A text has the tokens of its pieces, cut at ``cut``.
    """

    context: int
    cut: Cut | None = None


class Pieces(WireMessage):
    """What one step wrote: request and text, whole code points."""

    kind: Literal["pieces"] = "pieces"
    texts: tuple[tuple[int, str], ...]

    def answers(self, data: bytes) -> Iterable[tuple[int, Any, bool]]:  # noqa: ARG002 - there is none
        """Return the texts."""
        return ((number, text, False) for number, text in self.texts)


class Done(Answer):
    """A generation ended. ``completion_tokens`` counts hidden reasoning too; ``cached_tokens`` of the prompt were not
    computed again.
    """

    kind: Literal["done"] = "done"
    finish_reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


class Counted(Answer):
    """The tokens of each text; then, if roles were named, those around their messages.

    ``lasting``: the same roles will have as many the next time.
    """

    SIDE: ClassVar[bool] = True
    kind: Literal["counted"] = "counted"
    tokens: tuple[int, ...]
    lasting: bool = True


class Embedded(Answer):
    """One vector for each text. ``vectors`` is base64 of their numbers in order, little-endian float32."""

    kind: Literal["embedded"] = "embedded"
    dimensions: int
    vectors: str

    @classmethod
    def of(cls, id: int, dimensions: int, numbers: bytes) -> Self:  # noqa: A002 - the field's name
        """Return the message for the bytes of little-endian float32 numbers."""
        return cls(id=id, dimensions=dimensions, vectors=base64.b64encode(numbers).decode("ascii"))

    def rows(self) -> list[list[float]]:
        """Return the vectors. Raises `ValueError` if they are incomplete."""
        data = base64.b64decode(self.vectors, validate=True)
        size = 4 * self.dimensions
        if size <= 0 or len(data) % size:
            raise ValueError(f"{len(data)} bytes are no vectors of {self.dimensions} numbers")
        return [list(row) for row in struct.iter_unpack(f"<{self.dimensions}f", data)]


class Statistics(WireMessage):
    """Totals since the start; from ``running`` on, the present load."""

    steps: int = 0
    requests: int = 0
    cancelled: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    """Tokens of all prompts; ``cached_tokens`` of them were found in the cache."""
    cached_tokens: int = 0
    completion_tokens: int = 0
    decoded_tokens: int = 0
    """Tokens decoded by the model."""
    decode_s: float = 0.0
    """Seconds in the model, ``sample_s`` in sampling, ``other_s`` in everything else while there was work."""
    sample_s: float = 0.0
    other_s: float = 0.0
    preemptions: int = 0
    evictions: int = 0
    swap_outs: int = 0
    swap_ins: int = 0
    running: int = 0
    waiting: int = 0
    idle: int = 0
    """Conversations kept in the cells for their next turn."""
    cells: int = 0
    used_cells: int = 0
    reserved_cells: int = 0
    swapped_bytes: int = 0


class StatisticsReport(Answer):
    """The totals and the present load."""

    kind: Literal["statistics_report"] = "statistics_report"
    statistics: Statistics


ClientMessage = LoadGguf | Generate | Cancel | Count | Embed | GetStatistics | Unload
ServerMessage = LoadedGguf | LoadFailed | Beat | Pieces | Done | Failed | Counted | Embedded | StatisticsReport
PROGRAM = Program(
    module="workers.engines.text.llama.server.main",
    wire=Wire(
        TypeAdapter[ClientMessage](Annotated[ClientMessage, Field(discriminator="kind")]),
        TypeAdapter[ServerMessage](Annotated[ServerMessage, Field(discriminator="kind")]),
    ),
    inherit=("VK_", "GGML_", "LLAMA_"),
    # Neither gdb nor a backtrace when ggml aborts: both may hang.
    environment={"GGML_NO_BACKTRACE": "1"},
)
"""The model process."""
