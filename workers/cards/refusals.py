"""Why a card is not taken: as a whole, and by field."""

from typing import Any, Final, Literal

MAX_CARD_BYTES: Final = 20_000_000
"""Bytes of a file that comes by chat."""
MAX_FILE_BYTES: Final = 64_000_000
"""Bytes of a file at all: the process that reads it holds it several times."""
MAX_JSON_DEPTH: Final = 64
"""Levels of a card's JSON."""

CardProblem = Literal[
    "empty",  # no bytes
    "too_large",  # the file, or what is packed in it
    "no_card",  # neither a card nor a picture or an archive with one
    "lorebook",  # a lorebook alone
    "encrypted",
    "broken",  # it begins like a card, and cannot be read
    "too_deep",
    "missing",  # the field is needed
    "wrong",  # the field holds something else
    "too_long",  # characters of the field
    "too_many",  # entries of the field
    "too_costly",
]


class CardRefused(ValueError):
    """A card is not taken.

    ``field`` is where in the card (``data.alternate_greetings``), "" for the file as a whole; ``values`` belong into a
    message about the ``reason`` (``limit``, ``count``, ``name``). The message quotes nothing of the card.
    """

    def __init__(self, reason: CardProblem, field: str = "", **values: Any) -> None:
        super().__init__(f"card refused ({reason}) {field}".rstrip())
        self.reason: CardProblem = reason
        self.field = field
        self.values: dict[str, Any] = values
