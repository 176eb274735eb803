"""Pauses of a chat: how long nobody has said anything, in the words that stand before what breaks the silence."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

_NUMBERS: Final = (
    "no", "a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_UNITS: Final = (
    ("year", timedelta(days=365), timedelta(days=330)),
    ("month", timedelta(days=30.4), timedelta(days=55)),
    ("week", timedelta(days=7), timedelta(days=13.5)),
    ("day", timedelta(days=1), timedelta(hours=20)),
    ("hour", timedelta(hours=1), timedelta(minutes=50)),
)
"""Units, how long they are, and from which pause on they are named."""


def words(pause: timedelta) -> str:
    """Return a pause in words: ``three days later``; "" for less than an hour."""
    for unit, length, least in _UNITS:
        if pause >= least:
            number = max(1, round(pause / length))
            named = _NUMBERS[number] if number < len(_NUMBERS) else str(number)
            article = "an" if number == 1 and unit == "hour" else named
            return f"{article} {unit}{'' if number == 1 else 's'} later"
    return ""


def pauses(times: Iterable[datetime], least_hours: float) -> list[str]:
    """Return for each moment how long the one before it is ago, in words; "" for less than ``least_hours``.

    0 hours: nothing is a pause.
    """
    found, before = list[str](), None
    for now in times:
        long = before is not None and least_hours > 0 and now - before >= timedelta(hours=least_hours)
        found.append(words(now - before) if long and before is not None else "")
        before = now
    return found


def after_pause(later: str, text: str) -> str:
    """Return a text with the pause before it, if there is one."""
    return f"({later})\n\n{text}" if later else text
