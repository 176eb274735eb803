"""Moments in wordings: ``{when:moment}`` names one, and each platform shows it its own way.

A text holds a reference (`moment_reference`): the moment, and how far away it is in the words of the reader's language.
Discord shows the first, counting down by itself; all others show the second (bot.text.cleaning).
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

OPEN, MIDDLE, CLOSE = "\ufdd2", "\ufdd3", "\ufdd4"
"""Unicode noncharacters, as in `bot.text.cleaning.command_reference`."""
_MINUTES_SHOWN_HOURS: Final = 24
_HOURS_SHOWN_DAYS: Final = 7


def moment_reference(value: datetime | str, words: Callable[..., str]) -> str:
    """Return the reference to a moment, aware or as an ISO 8601 text; ``words`` are those of a language.

    Raises `ValueError` for what is no moment.
    """
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if at.tzinfo is None:
        raise ValueError(f"a moment without a time zone: {at}")
    return f"{OPEN}{int(at.timestamp())}{MIDDLE}{relative(at, words)}{CLOSE}"


def past_reference(at: datetime, words: Callable[..., str], now: datetime | None = None) -> str:
    """Return the reference to an aware moment that has passed, in words rounded down: ``3 h ago``."""
    minutes = int(((now or datetime.now(UTC)) - at).total_seconds() // 60)
    if minutes < 1:
        ago = words("moment.just_now")
    elif minutes < 60:
        ago = words("moment.minutes_ago", minutes=minutes)
    elif minutes < _MINUTES_SHOWN_HOURS * 60:
        ago = words("moment.hours_ago", hours=minutes // 60)
    else:
        ago = words("moment.days_ago", days=minutes // 1440)
    return f"{OPEN}{int(at.timestamp())}{MIDDLE}{ago}{CLOSE}"


def relative(at: datetime, words: Callable[..., str], now: datetime | None = None) -> str:
    """Return how far away a moment is, rounded up to minutes, later to hours and days: ``in 2 h 10 min``."""
    minutes = math.ceil((at - (now or datetime.now(UTC))).total_seconds() / 60)
    if minutes < 1:
        return words("moment.now")
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days >= _HOURS_SHOWN_DAYS:
        return words("moment.days", days=days)
    if minutes >= _MINUTES_SHOWN_HOURS * 60:
        return words("moment.days_hours", days=days, hours=hours) if hours else words("moment.days", days=days)
    if hours:
        return words("moment.hours_minutes", hours=hours, minutes=rest) if rest else words("moment.hours", hours=hours)
    return words("moment.minutes", minutes=minutes)
