"""The messages between `SdxlEngine` and the picture process; `workers.engines.processes.messages` has the rest.

``Draw`` is answered by any number of ``DrawingProgress`` and one ``Drawn``, with the PNG as its data, or ``Failed``.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter

from workers.engines.image.base import MAX_PIXELS, Phase
from workers.engines.image.torch_process import ENVIRONMENT, LOADING_S, VARIABLES
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

MAX_CHARACTERS = 20_000
"""Characters of a prompt."""


class LoadSdxl(LoadModel):
    """Which SDXL model (a folder or a file), and how it runs."""

    config: str = ""
    """Folder with the configuration and the tokenizers of a model that is a single file."""
    device: str = "auto"
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto"
    batch: int = 0
    """Maximum pictures drawn at a time; 0: as many as the memory holds, up to 16."""
    threads: int = 0
    """CPU threads; 0 leaves it to torch."""
    compile: bool = False
    warm_up: tuple[tuple[int, int], ...] = ()
    """Sizes (width, height) that are drawn once before the model counts as loaded."""
    loras: str = ""
    classifier: str = ""
    checksums: str = ""
    """File of SHA-256 sums; only models listed there are loaded. "": only a sum beside the file is checked."""
    max_pixels: int = MAX_PIXELS

    def files(self) -> Sequence[Path]:
        """Return the model's files."""
        path = Path(self.path)
        return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


class Part(WireMessage):
    """A stretch of literal text and its weight."""

    text: str
    weight: float = 1.0


class Lora(WireMessage):
    """A LoRA by its name in the operator's folder."""

    name: str
    weight: float = 1.0


class Draw(WireMessage):
    """Draw a picture. The data is the picture (PNG) to start from, if ``redraw``.

    ``alone``: draw nothing else meanwhile, because the process died during an earlier attempt.
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


class LoadedSdxl(Loaded):
    """The model is ready. At most ``batch`` pictures of its usual size are drawn at a time."""

    device: str
    dtype: str
    batch: int
    seconds: float


class DrawingProgress(Answer):
    """Progress of a picture; see `workers.engines.image.base.ImageProgress`."""

    LAST: ClassVar[bool] = False
    kind: Literal["progress"] = "progress"
    phase: Phase
    step: int = 0
    steps: int = 0
    ahead: int = 0


class Drawn(Answer):
    """A picture is finished; its PNG is the data. ``unsafe`` is None without a classifier."""

    kind: Literal["drawn"] = "drawn"
    width: int
    height: int
    prompt_tokens: int
    unsafe: float | None = None
    young: float = 0.0

    def answers(self, data: bytes) -> Iterable[tuple[int, Any, bool]]:
        """Return this answer with its PNG."""
        return ((self.id, (self, data), True),)


Request = LoadSdxl | Draw | Cancel | Unload
Event = LoadedSdxl | LoadFailed | Beat | DrawingProgress | Drawn | Failed
PROGRAM = Program(
    module="workers.engines.image.sdxl.server.main",
    wire=Wire(
        TypeAdapter[Request](Annotated[Request, Field(discriminator="kind")]),
        TypeAdapter[Event](Annotated[Event, Field(discriminator="kind")]),
    ),
    inherit=VARIABLES,
    environment=ENVIRONMENT,
    loading_s=LOADING_S,
)
"""The picture process."""
