"""Payloads of lorebooks. ``adults``: what is for adults may be shown there."""

from typing import ClassVar

from db.payloads.base import Payload
from db.payloads.panels import Panel


class LorebookKept(Payload):
    """A lorebook was read."""

    kind: ClassVar[str] = "lorebook_kept"

    account: int
    user: int
    book: int


class LorebookList(Panel):
    """The lorebooks that a person sees, the newest first, from ``start`` on."""

    kind: ClassVar[str] = "lorebooks"

    adults: bool = False
    start: int = 0


class LorebookShown(Payload):
    """A lorebook with its entries, and as a file."""

    kind: ClassVar[str] = "lorebook"

    account: int
    user: int
    adults: bool = False
    book: int
