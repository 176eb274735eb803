"""The messages between `PictureClassifier` and its process; `workers.engines.processes.messages` has the rest.

``ClassifyPicture``, with a PNG as its data, is answered by ``ClassifiedPicture`` or ``Failed``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

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


class LoadPictureClassifier(LoadModel):
    """Which classifier (a folder), and where it runs."""

    device: str = "auto"

    def files(self) -> Sequence[Path]:
        """Return the model's files."""
        return sorted(file for file in Path(self.path).rglob("*") if file.is_file())


class ClassifyPicture(WireMessage):
    """Judge the picture (PNG) that is the data."""

    kind: Literal["classify"] = "classify"
    id: int


class ClassifiedPicture(Answer):
    """The probabilities (0 to 1) of sexual content, and of somebody young."""

    kind: Literal["classified"] = "classified"
    unsafe: float
    young: float


Request = LoadPictureClassifier | ClassifyPicture | Cancel | Unload
Event = Loaded | LoadFailed | Beat | ClassifiedPicture | Failed
PROGRAM = Program(
    module="workers.engines.image.classifier.server.main",
    wire=Wire(
        TypeAdapter[Request](Annotated[Request, Field(discriminator="kind")]),
        TypeAdapter[Event](Annotated[Event, Field(discriminator="kind")]),
    ),
    inherit=VARIABLES,
    environment=ENVIRONMENT,
    loading_s=LOADING_S,
)
"""The process of the classifier."""
