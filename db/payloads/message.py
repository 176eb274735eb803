"""Payloads of what can be done with a message."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from db.payloads.base import Payload


class OfferedEntry(BaseModel):
    """An entry: its ``name``, and the ``verb`` and arguments of its button."""

    model_config = ConfigDict(frozen=True)

    name: str
    verb: str
    args: list[int | str] = []


class MessagePanel(Payload):
    """What can be done with a message, for the person who asked."""

    kind: ClassVar[str] = "message_panel"

    entries: list[OfferedEntry]
