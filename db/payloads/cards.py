"""Payloads of character cards."""

from typing import ClassVar

from db.payloads.base import Payload


class PersonaImported(Payload):
    """A card became a persona. ``conflicts`` are the fields in which an older card in the file said something else.

    ``newer``: the card follows a standard that is not known here yet. ``entries`` are those of its lorebook.
    """

    kind: ClassVar[str] = "persona_imported"

    account: int
    user: int
    persona: int
    entries: int = 0
    conflicts: tuple[str, ...] = ()
    newer: bool = False


class CardWritten(Payload):
    """A persona as a card: the file ``upload``, which goes once it is sent."""

    kind: ClassVar[str] = "card_written"

    account: int
    user: int
    upload: int
