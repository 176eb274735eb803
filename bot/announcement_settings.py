"""Preferences about the operators' announcements: whether a person gets them, and where a place does."""

from collections.abc import Sequence
from typing import Final

from bot.context import Context
from bot.panels import private_chat
from bot.preferences import PreferenceOption, PreferenceSpec
from db import accounts
from db.accounts import ANNOUNCEMENT_CHANNEL, ANNOUNCEMENTS, ON
from db.permissions import EVERYBODY

HERE: Final = "here"
ELSEWHERE: Final = "elsewhere"


async def wanted(context: Context) -> str:
    """Return whether the person gets announcements."""
    return ON if context.who.account.settings.get(ANNOUNCEMENTS) == ON else ""


async def want(context: Context, value: str) -> None:
    """Switch announcements on or off."""
    await accounts.set_announcements(context.account_id, on=value == ON)


async def answers(context: Context) -> Sequence[PreferenceOption]:
    """Return on and off."""
    del context
    return (PreferenceOption("", "operators.announcements_off"), PreferenceOption(ON, "operators.announcements_on"))


async def is_own_chat(context: Context) -> bool:
    """Return whether this is the private chat in which the person would get them."""
    return private_chat(context)


async def channel(context: Context) -> str:
    """Return where the place gets announcements."""
    found = context.who.account.settings.get(ANNOUNCEMENT_CHANNEL)
    if not found:
        return ""
    return HERE if found == str(context.conversation_id) else ELSEWHERE


async def set_channel(context: Context, value: str) -> None:
    """Set where the place gets announcements."""
    if value != ELSEWHERE:
        here = context.conversation_id if value == HERE else None
        await accounts.set_announcement_channel(context.account_id, here)


async def channels(context: Context) -> Sequence[PreferenceOption]:
    """Return this channel and the one where people wrote last; another one only while it is set."""
    known = [PreferenceOption("", "operators.channel_last"), PreferenceOption(HERE, "operators.channel_here")]
    if await channel(context) == ELSEWHERE:
        known.append(PreferenceOption(ELSEWHERE, "operators.channel_elsewhere"))
    return known


async def is_a_place(context: Context) -> bool:
    """Return whether there is more than one channel: a private chat has one."""
    return not private_chat(context)


PREFERENCES: Final = (
    PreferenceSpec(
        "announcements", "operators.announcements", "person", wanted, want, answers,
        help="operators.announcements_help", permission=EVERYBODY, available=is_own_chat,
    ),
    PreferenceSpec(
        "announce_channel", "operators.channel", "place", channel, set_channel, channels,
        help="operators.channel_help", permission="settings", available=is_a_place,
    ),
)  # fmt: skip
