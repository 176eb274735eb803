"""Payloads of what is remembered."""

from typing import ClassVar, Literal

from pydantic import Field

from db.payloads.panels import Panel

MemorySection = Literal["facts", "sums", "asks", "pins"]
MemoryItemKind = Literal["fact", "sum", "ask", "pin", "page", "msg"]


class MemoryPanel(Panel):
    """What is remembered of a story or chat, a section of it from the entry ``start`` on.

    ``page`` is where a story stands: what holds there is shown. ``done`` is the wording of what was just done.
    """

    kind: ClassVar[str] = "memory"

    memory: int
    page: int | None = None
    section: MemorySection = "facts"
    start: int = 0
    done: str = ""


class MemoryItemPanel(Panel):
    """One entry with its source, or a source itself. ``changes``: this person may change it."""

    kind: ClassVar[str] = "memory_item"

    memory: int
    page: int | None = None
    item: MemoryItemKind
    id: int
    changes: bool = False


class MemoryFound(Panel):
    """What was found for a search: ids of facts, of questions and of passages of the archive, each the best first."""

    kind: ClassVar[str] = "memory_found"

    memory: int
    page: int | None = None
    facts: list[int] = Field(default_factory=list[int])
    asks: list[int] = Field(default_factory=list[int])
    passages: list[int] = Field(default_factory=list[int])


class ForgetAsked(Panel):
    """The question whether to forget everything about the word of a request."""

    kind: ClassVar[str] = "forget_asked"

    memory: int
    page: int | None = None
    request: int
