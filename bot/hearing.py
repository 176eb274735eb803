"""Whether the bot answers a message that nobody addressed to it: by a channel's settings, the text and the time alone.

What is addressed to the bot is always answered; who of several personas answers is decided elsewhere.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.events import EditedMessage, Event, TextMessage
from bot.text.comparing import as_words, find_word
from db.channels import ChannelSettings

SEARCHED: Final = 4000
"""Characters of a message in which keywords are looked for."""
_SWITCHED: Final = frozenset({"discord", "telegram"})
"""Platforms with a switch of their own, which is named."""
_OFFSET: Final = re.compile(r"([+-])(\d{2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class Overheard:
    """A message to nobody in particular, or to somebody else. ``event_id`` is unique on its platform.

    ``edited``: the new text of one that may have been answered.
    """

    platform: str
    chat_id: str
    thread_id: str
    event_id: str
    text: str
    edited: bool = False


def is_unaddressed(event: Event) -> bool:
    """Return whether an event is a message that nobody addressed to the bot, or the new text of one."""
    return isinstance(event.payload, TextMessage | EditedMessage) and not event.payload.addressed


def heard_in(event: Event) -> Overheard:
    """Return what is decided about for an unaddressed message."""
    said, here = event.payload, event.conversation
    assert isinstance(said, TextMessage | EditedMessage)
    edited = isinstance(said, EditedMessage)
    return Overheard(event.platform, here.chat_id, here.thread_id, event.event_id, said.text, edited)


def answers(settings: ChannelSettings, heard: Overheard, now: datetime) -> bool:
    """Return whether an unaddressed message is to be answered ``now``; always the same for the same message.

    A mode that the channel has not read of is not in force. What begins with a slash is a command, ours or not.
    Whether a message that is edited was answered is not known here.
    """
    text = heard.text.strip()
    if not settings.told or not text or text.startswith("/"):
        return False
    if heard.edited:
        return settings.listens
    if is_quiet(settings, now):
        return False
    match settings.mode:
        case "always":
            return True
        case "keywords":
            return names_any(text, tuple(settings.keywords))
        case "probability":
            return lot(f"{heard.platform}:{heard.event_id}") < settings.chance
        case _:
            return False


def switch_of(platform: str) -> str:
    """Return the wording that names what lets the bot read all that is written in a channel of a platform."""
    return f"channel.switch_{platform if platform in _SWITCHED else 'other'}"


def lot(key: str) -> int:
    """Return the lot of a message, from 0 to 99."""
    return int.from_bytes(sha256(key.encode()).digest()[:8]) % 100


def is_quiet(settings: ChannelSettings, now: datetime) -> bool:
    """Return whether it is a channel's quiet time; hours may go past midnight. The same beginning and end: none."""
    begin, end = settings.quiet_from, settings.quiet_to
    if begin is None or end is None or begin == end:
        return False
    there = now.astimezone(zone_of(settings.quiet_zone))
    minute = there.hour * 60 + there.minute
    return begin <= minute < end if begin < end else not end <= minute < begin


@lru_cache(maxsize=1000)
def zone_of(name: str) -> tzinfo:
    """Return a time zone by its IANA name or its offset (``-03:30``); UTC if this machine does not know it."""
    if (offset := _OFFSET.fullmatch(name)) is not None:
        distance = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(-distance if offset[1] == "-" else distance)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def names_any(text: str, keywords: tuple[str, ...]) -> bool:
    """Return whether a text has one of the keywords as a whole word, in any case and script."""
    searched = as_words(text[:SEARCHED])
    return any(find_word(searched, as_words(keyword)) >= 0 for keyword in keywords)
