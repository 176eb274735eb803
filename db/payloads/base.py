"""The base of payloads."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """The content of an outbox row. ``kind`` names its type; its fields are ids and names, kept as JSON.

    Fields of a newer release are ignored, so that old and new processes may run side by side.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: ClassVar[str]
