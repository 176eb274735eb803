"""Which messages that nobody addressed to the bot are taken in at all. Nothing is written about any other.

A channel's settings are read at most every few seconds, so that a busy channel in which the bot only answers what is
addressed to it costs next to nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from bot import access
from bot.admission import Admission
from bot.context import Context
from bot.dispatcher import AWAY, Dropped, defect
from bot.events import EditedMessage, Event, TextMessage
from bot.hearing import Overheard, answers
from bot.routes.base import TextRoute
from db import channels
from db.channels import ChannelSettings
from db.errors import UserError, describe
from db.payloads.notice import Notice

KEPT_SECONDS: Final = 5.0
"""So long a channel's settings are used before they are read again; a change made by this process counts at once."""
PATIENCE_SECONDS: Final = 0.5
"""How long to wait for them. Nobody waits for an answer: what cannot be decided in time is not taken in."""
CHANNELS: Final = 10_000
"""Channels whose settings are remembered."""
_Key = tuple[str, str, str]
_log = logging.getLogger(__name__)


class Listening:
    """Remembers the settings of channels for a moment, and decides by them."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC), kept_s: float = KEPT_SECONDS) -> None:
        """``kept_s``: how old settings may be that are decided by."""
        self._now, self._kept_s = now, kept_s
        self._away_until = 0.0
        self._known: dict[_Key, tuple[ChannelSettings | None, float]] = {}

    async def hears(self, heard: Overheard) -> bool:
        """Return whether an unaddressed message is to be answered; False if that cannot be known.

        Writes nothing, and never raises: a platform's loop must not end here.
        """
        try:
            settings = await self._settings((heard.platform, heard.chat_id, heard.thread_id))
            return settings is not None and answers(settings, heard, self._now())
        except Exception:  # noqa: BLE001 - whatever is wrong, it is not the message that is to blame
            _log.exception("whether message %s is to be answered is unknown", heard.event_id)
            return False

    def forget(self, event: Event) -> None:
        """Read the settings of an event's channel anew: it may have changed them."""
        self._known.pop((event.platform, event.conversation.chat_id, event.conversation.thread_id), None)

    async def _settings(self, key: _Key) -> ChannelSettings | None:
        found, read_at = self._known.get(key, (None, float("-inf")))
        if time.monotonic() - read_at < self._kept_s:
            return found
        if time.monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await channels.listening(*key)
        except AWAY as e:
            _log.warning("what may be heard in a channel is unknown: %s", describe(e))
            self._away_until = time.monotonic() + KEPT_SECONDS
            return None
        self._known.pop(key, None)
        if found is not None and not found.told:
            return found  # which may change at any moment
        self._known[key] = found, time.monotonic()
        if len(self._known) > CHANNELS:
            del self._known[next(iter(self._known))]
        return found


async def stop_listening(context: Context) -> None:
    """Say in the channels of a chat in which the bot spoke by itself that it only answers what is addressed to it.

    The platform does not show it the rest any more.
    """
    event = context.event
    for conversation in await channels.fall_back(event.platform, event.conversation.chat_id):
        await context.tell(conversation, None, Notice(key="channel.stopped"))


async def answer(context: Context, admission: Admission, route: TextRoute | None) -> None:
    """Have a message answered that nobody addressed to the bot, or leave no trace of it: nobody waits for an answer.

    Whoever wrote it must be allowed to talk here, and neither they nor the channel may have used up what they have.
    Raises `Dropped`.
    """
    try:
        taken = await _taken(context, admission, route)
    except UserError as e:
        raise Dropped from e
    except AWAY:
        raise
    except Exception as e:
        defect(context.event)
        raise Dropped from e
    if not taken:
        raise Dropped


async def _taken(context: Context, admission: Admission, route: TextRoute | None) -> bool:
    if route is None or not await admission.admits(context):
        return False
    context.require_on(route.command)
    access.require(context, route.permission)
    if not await channels.take_turn(context.conversation_id):
        return False
    match context.event.payload:
        case TextMessage() as message:
            return await route.handler(context, message)
        case EditedMessage() as message if route.edited is not None:
            return await route.edited(context, message)
        case _:
            return False
