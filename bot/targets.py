"""Whom an operator or administrator means, and until when: ``@ann``, ``telegram:123``, ``this place``; ``7d``.

``@ann`` is a username first, and on Telegram nothing else: nobody is meant by it whose username is known to be another.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.context import Context
from db import access, members, people
from db.access import Target
from db.errors import BadInput, NotFound
from db.members import Member
from db.people import PERSONAL

NAMED: Final = 5
"""People of one name that are listed."""
_HERE: Final = frozenset({"here", "this place", "this guild", "this server", "this group"})
_CHANNEL: Final = frozenset({"this channel", "this chat", "this topic"})
_PHRASE: Final = re.compile(r"here\b|this (?:place|guild|server|group|channel|chat|topic)\b", re.IGNORECASE)
_MENTION: Final = re.compile(r"<(@!?|#)([0-9]{1,32})>")
_ID: Final = re.compile(
    r"(?:(?P<platform>[a-z]{2,20}):)?(?:(?P<kind>user|guild|server|group|channel|chat|place):)?(?P<id>-?[0-9]{1,32})",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(r"(?:(?P<platform>[a-z]{2,20}):)?(?P<at>@?)(?P<name>.+)", re.DOTALL)
_PERSON: Final = re.compile(r"<@!?([0-9]{1,32})>|(@?)(.+)", re.DOTALL)
_USERNAMES_ONLY: Final = frozenset({"telegram"})
"""Platforms on which a mention is never the name that others see."""
_FOR: Final = re.compile(r"(?:for\s+)?(?P<n>[0-9]{1,5})\s*(?P<unit>m|h|d|w)[a-z]*", re.IGNORECASE)
_UNTIL: Final = re.compile(
    r"(?:until\s+)?(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ](?P<time>[0-9]{1,2}:[0-9]{2}))?", re.IGNORECASE
)
_FOR_EVER: Final = re.compile(r"for\s*ever|always", re.IGNORECASE)
_HOURS: Final = {"m": 1 / 60, "h": 1, "d": 24, "w": 24 * 7}
_DAYS_MOST: Final = 36_500


async def read_target(context: Context, text: str) -> tuple[Target, str]:
    """Return whom or what a text names, and the rest of the text.

    Raises `BadInput` if it may mean several, and `NotFound` for a name that nobody here has.
    """
    text = text.strip()
    if (phrase := _PHRASE.match(text)) is not None:
        return await _here(context, phrase[0].lower()), text[phrase.end() :].strip()
    if (mention := _MENTION.match(text)) is not None:
        kind = "place" if mention[1] == "#" else "user"
        return await _by_id(context.event.platform, kind, mention[2]), text[mention.end() :].strip()
    first, _, rest = text.partition(" ")
    if (found := _ID.fullmatch(first)) is not None:
        return await _of_id(context, found), rest.strip()
    try:
        return await _by_name(context, text), ""
    except NotFound:
        if not rest:
            raise
    return await _by_name(context, first), rest.strip()


async def read_member(context: Context, text: str) -> Member:
    """Return the person of this place whom a text names; people elsewhere are nobody here.

    Raises `NotFound` if there is none, or several.
    """
    match = _PERSON.fullmatch(text.strip())
    named = "" if match is None else (match[1] or match[3]).strip()
    platform = context.event.platform
    found = await members.find(context.account_id, platform, named)
    if match is not None and match[2]:
        called = [each for each in found if (each.username or "").lower() == named.lower()]
        found = called or [each for each in found if platform not in _USERNAMES_ONLY or each.username is None]
    if len(found) != 1:
        raise NotFound("permission.several" if found else "permission.nobody", name=named[:60])
    return found[0]


def read_end(text: str, now: datetime | None = None) -> tuple[datetime | None, str]:
    """Return when something ends (None: never) and the rest of the text, if it begins with that. Raises `BadInput`."""
    now, text = now or datetime.now(UTC), text.strip()
    if (lasting := _FOR_EVER.match(text)) is not None:
        return None, text[lasting.end() :].strip(" ,:")
    if (span := _FOR.match(text)) is not None and not text[span.end() :][:1].strip(" ,:"):
        hours = int(span["n"]) * _HOURS[span["unit"].lower()]
        if not 0 < hours <= _DAYS_MOST * 24:
            raise BadInput("operators.bad_end", value=span[0])
        return now + timedelta(hours=hours), text[span.end() :].strip(" ,:")
    if (until := _UNTIL.match(text)) is not None:
        try:
            end = datetime.fromisoformat(f"{until['day']}T{(until['time'] or '00:00').zfill(5)}+00:00")
        except ValueError:
            raise BadInput("operators.bad_end", value=until[0]) from None
        if not now < end <= now + timedelta(days=_DAYS_MOST):
            raise BadInput("operators.bad_end", value=until[0])
        return end, text[until.end() :].strip(" ,:")
    return None, text


async def _here(context: Context, phrase: str) -> Target:
    event = context.event
    if event.account.kind in PERSONAL:
        raise BadInput("operators.no_place")
    if phrase in _CHANNEL:
        return await _by_id(event.platform, "place", event.conversation.chat_id)
    return Target("place", event.platform, event.account.external_id, None, event.account.name)


async def _of_id(context: Context, found: re.Match[str]) -> Target:
    platform = (found["platform"] or context.event.platform).lower()
    kind = (found["kind"] or "").lower()
    if not found["platform"] and context.event.account.kind == "console":
        raise BadInput("operators.which_platform", id=found["id"])
    if not kind and found["id"].startswith("-"):
        kind = "place"  # Telegram's groups
    if not kind:
        kind = "place" if await access.is_place(platform, found["id"]) else "user"
    return await _by_id(platform, "user" if kind == "user" else "place", found["id"])


async def _by_id(platform: str, kind: str, key: str) -> Target:
    if kind == "place":
        return Target("place", platform, key, None, await access.place_name(platform, key))
    known = await people.identity(platform, key)
    return Target("user", platform, key, *((None, "") if known is None else (known.user_id, known.name)))


async def _by_name(context: Context, text: str) -> Target:
    match = _NAMED.fullmatch(text)
    name, platform = ("", "") if match is None else (match["name"].strip(), (match["platform"] or "").lower())
    if not platform and context.event.account.kind != "console":
        platform = context.event.platform
    found = await people.with_username(name, platform, NAMED)
    mentioned = match is not None and match["at"]
    if not (mentioned and found):
        named = await people.named(name, platform, NAMED)
        # A name may be anything, also somebody else's username.
        found += [i for i in named if not (mentioned and i.platform in _USERNAMES_ONLY and i.username is not None)]
    if not found:
        raise NotFound("operators.nobody", name=name[:60])
    if len({identity.user_id for identity in found}) > 1:
        ids = ", ".join(dict.fromkeys(f"{identity.platform}:{identity.external_id}" for identity in found))
        raise BadInput("operators.several", name=name[:60], ids=ids)
    return Target("user", found[0].platform, found[0].external_id, found[0].user_id, found[0].name)
