"""The messages between a classifier's process and its clients."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

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

LOADING_S = 120.0
"""Importing torch and transformers takes this long at most."""


class LoadClassifier(LoadModel):
    """Load the classifier in the folder ``path``."""

    def files(self) -> Sequence[Path]:
        """Return the files of the folder."""
        return sorted(each for each in Path(self.path).iterdir() if each.is_file())


class Classify(WireMessage):
    """Score ``text``."""

    kind: Literal["classify"] = "classify"
    id: int
    text: str


class LoadedClassifier(Loaded):
    """The classifier is ready; these are its ``labels``."""

    labels: tuple[str, ...]


class TextScores(Answer):
    """The scores of a text by label."""

    kind: Literal["scores"] = "scores"
    scores: dict[str, float]


Request = Annotated[LoadClassifier | Classify | Cancel | Unload, Field(discriminator="kind")]
Event = Annotated[LoadedClassifier | LoadFailed | Beat | TextScores | Failed, Field(discriminator="kind")]
WIRE: Wire[Any, Any] = Wire(TypeAdapter(Request), TypeAdapter(Event))
PROGRAM = Program("workers.engines.classifier.server", WIRE, loading_s=LOADING_S)
