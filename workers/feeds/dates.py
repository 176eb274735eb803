"""The dates of feeds: as in mail (RSS) or ISO 8601 (Atom), and what is written in their place."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_ISO: Final = re.compile(r"\d{4}-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?\s*(Z|[+-]\d\d:?\d\d)?)?)?")
_FRACTION: Final = re.compile(r"(\.\d{1,6})\d*")
_LENGTH: Final = 60


def moment(text: str) -> datetime | None:
    """Return the time that a feed says, in UTC (which is also meant where no zone is said); None if it is none."""
    text = " ".join(text.split())[:_LENGTH]
    try:
        found = _iso(text) if _ISO.fullmatch(text) else parsedate_to_datetime(text)
        found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return found.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _iso(text: str) -> datetime:
    text = _FRACTION.sub(r"\1", text.replace(" +", "+").replace(" Z", "Z"))
    return datetime.fromisoformat(f"{text}-01" if len(text) == len("2026-11") else text)
