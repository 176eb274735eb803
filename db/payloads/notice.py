"""Payloads that belong to no topic: a wording, a placeholder, the end of a message."""

from typing import Any, ClassVar

from pydantic import Field

from db.payloads.base import Payload


class Notice(Payload):
    """A wording by its key. ``story``: with a button to that story's current page."""

    kind: ClassVar[str] = "notice"

    key: str
    values: dict[str, Any] = Field(default_factory=dict[str, Any])
    private: bool = False
    story: int | None = None


class Placeholder(Payload):
    """A message that shows a job's progress and becomes its answer. ``wording``: its initial text."""

    kind: ClassVar[str] = "placeholder"

    job: int
    wording: str = "job.working"


class Erase(Payload):
    """Remove the pressed message."""

    kind: ClassVar[str] = "erase"
