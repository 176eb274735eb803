"""Payloads of lorebooks. ``adults``: what is for adults may be shown there."""

from typing import ClassVar

from db.payloads.base import Payload


class LorebookKept(Payload):
    """A lorebook was read."""

    kind: ClassVar[str] = "lorebook_kept"

    account: int
    user: int
    book: int


class LorebookList(Payload):
    """The lorebooks that a person sees."""

    kind: ClassVar[str] = "lorebooks"

    account: int
    user: int
    adults: bool = False


class LorebookShown(Payload):
    """A lorebook with its entries, and as a file."""

    kind: ClassVar[str] = "lorebook"

    account: int
    user: int
    adults: bool = False
    book: int
