"""What a payload is."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """What an outbox row says. ``kind`` names it; its fields are ids and names, kept as JSON.

    Fields of a newer release are ignored, so that old and new processes may run side by side.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: ClassVar[str]
