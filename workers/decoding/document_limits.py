"""What is accepted of a document, and why one is refused."""

from dataclasses import dataclass
from typing import Any, Final, Literal

DOCUMENT_CPU_S: Final = 60
"""Maximum CPU time for one document in seconds: about a thousand ordinary pages on a core of 2020."""
DOCUMENT_WALL_S: Final = 180.0
"""Maximum time for one document in seconds, on a machine that is busy with other things."""
DOCUMENT_MEMORY_BYTES: Final = 2**29
"""Address space of the process that reads it."""

DocumentProblem = Literal[
    "empty", "not_text", "too_long", "too_many_pages", "no_text", "encrypted", "broken_pdf", "too_costly",
    "not_lore", "too_many_entries", "entry_too_long", "not_feed",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """What is accepted: maximum ``bytes`` of the file, ``pages``, and ``characters`` of all its text."""

    bytes: int = 10_000_000
    pages: int = 2_000
    characters: int = 2_000_000


class DocumentRefused(ValueError):
    """A document is not accepted. ``values`` belong into a message about the ``reason``; ``detail`` is for the log."""

    def __init__(self, reason: DocumentProblem, detail: str, **values: Any) -> None:
        super().__init__(f"document refused ({reason}): {detail}")
        self.reason: DocumentProblem = reason
        self.detail = detail
        self.values: dict[str, Any] = values
