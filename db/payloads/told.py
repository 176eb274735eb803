"""Payloads of what a writer was told."""

from typing import ClassVar

from pydantic import Field

from db.payloads.panels import Panel


class MorePanel(Panel):
    """What else can be done with a page of a story."""

    kind: ClassVar[str] = "more"

    page: int


class ToldPanel(Panel):
    """What the writer of a page or of a persona's reply was told; ``memory`` is that of its story or chat.

    ``place`` is where a story stands, ``session`` its context session. ``adults``: what is for adults may be named.
    """

    kind: ClassVar[str] = "told"

    adults: bool = False

    memory: int
    page: int | None = None
    reply: int | None = None
    place: int | None = None
    session: int | None = None


class SessionPanel(Panel):
    """A context session: what it has told, and what was told last."""

    kind: ClassVar[str] = "context_session"

    adults: bool = False

    session: int


class SessionList(Panel):
    """Context sessions, by their ids."""

    kind: ClassVar[str] = "context_sessions"

    sessions: list[int] = Field(default_factory=list[int])
