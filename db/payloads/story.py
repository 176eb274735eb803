"""Payloads of stories."""

from typing import Any, ClassVar

from pydantic import Field

from db.payloads.base import Payload


class PageReady(Payload):
    """A page with its choices."""

    kind: ClassVar[str] = "page"

    page: int


class PageLeft(Payload):
    """A page whose message loses its buttons; ``choice`` is the taken one, if any.

    ``platform``: the story went on there, which is not where the message is.
    """

    kind: ClassVar[str] = "mark"

    page: int
    choice: int | None = None
    platform: str = ""


class PageElsewhere(Payload):
    """A page that was opened again on another platform: a message of it that stands still has its buttons."""

    kind: ClassVar[str] = "page_elsewhere"

    page: int
    platform: str


class PageFailed(Payload):
    """A page could not be written; the reason is a wording. ``values["story"]`` names the story, if it is known."""

    kind: ClassVar[str] = "page_failed"

    key: str
    values: dict[str, Any] = Field(default_factory=dict[str, Any])


class StoryList(Payload):
    """A person's stories."""

    kind: ClassVar[str] = "stories"

    account: int
    user: int


class DeleteStory(Payload):
    """The question whether to delete a story."""

    kind: ClassVar[str] = "delete"

    story: int
