"""Catching up after a restart: what people wrote while the bot was away is read from the chats' histories.

Bounded in every direction: the chats most recently written in come first, some at a time, each for some seconds and
messages. A chat that was not reached is caught up before its next message.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import discord

from bot.events import Event
from bot.platforms.base import Inbound, Watched
from bot.platforms.discord import api
from db.errors import Outage

CHATS: Final = 1000
"""Maximum number of chats that wait to be caught up."""
AT_ONCE: Final = 4
TOTAL_SECONDS: Final = 120.0
"""Maximum time for all chats; the rest is caught up when somebody writes there."""
CHAT_SECONDS: Final = 20.0
"""Maximum time for one chat; somebody may be waiting for an answer to a new message there."""
CHAT_MESSAGES: Final = 200
"""Maximum number of messages of a chat that are read in one go; the rest before its next message."""
WAITING: Final = 50
"""Maximum number of a chat's messages that wait in memory; more are left to the history."""
TOTAL_MESSAGES: Final = 5000
NEW_CHAT: Final = dt.timedelta(minutes=10)
"""How far back a chat is read in which nothing was committed yet."""
FIRST_MESSAGE: Final = dt.timedelta(days=1)
"""The same for the private chat of a person who is known from elsewhere."""
TRIES: Final = 3
"""A message that is refused so often becomes a dead letter."""
PAUSE_SECONDS: Final = 0.5
_log = logging.getLogger(__name__)
Read = Callable[[discord.Message], Event | None]


class ChatLocks:
    """A lock per chat, kept only as long as somebody holds it or waits for it."""

    def __init__(self) -> None:
        """Start with none."""
        self._locks: dict[int, tuple[asyncio.Lock, int]] = {}

    def __len__(self) -> int:
        """Return how many chats are busy."""
        return len(self._locks)

    def users(self, chat_id: int) -> int:
        """Return how many hold a chat's lock or wait for it."""
        return self._locks[chat_id][1] if chat_id in self._locks else 0

    @asynccontextmanager
    async def hold(self, chat_id: int) -> AsyncGenerator[None]:
        """Hold a chat's lock; waiters get it in order."""
        lock, users = self._locks.get(chat_id, (asyncio.Lock(), 0))
        self._locks[chat_id] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(chat_id)
            if users > 1:
                self._locks[chat_id] = lock, users - 1


class CatchUp:
    """The chats of a platform that may have unread messages, and the order of each chat's messages."""

    def __init__(self, client: discord.Client, read: Read) -> None:
        """``read`` turns a message into an event, None for one that is not for the bot."""
        self._client, self._read = client, read
        self._locks = ChatLocks()
        self._behind: dict[int, Watched] = {}
        self._current: dict[int, int] = {}
        self._unknown: list[str] = []
        self._asked = False
        self._listed = asyncio.Event()
        self._left = 0

    async def expect(self, inbound: Inbound, platform: str) -> None:
        """On a new session: list the chats, before any new message is handled. Waits for the database."""
        self._listed.clear()
        while True:
            try:
                watched = await inbound.watched(platform)
                break
            except Outage as e:
                _log.warning("the chats to catch up are not known: the database is away (%s)", e)
                await asyncio.sleep(1)
        for chat in watched:
            if chat.chat_id and len(self._behind) < CHATS:
                self._behind[int(chat.chat_id)] = chat
        if not self._asked:
            self._unknown = [chat.user_id for chat in watched if not chat.chat_id]
        self._listed.set()

    async def run(self, inbound: Inbound) -> None:
        """Catch up with all listed chats, as far as the limits go."""
        await self._listed.wait()
        self._left = TOTAL_MESSAGES
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(chat_id: int) -> None:
            async with limit, self._locks.hold(chat_id):
                if self._left > 0:
                    await self._catch_up(inbound, chat_id)

        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                await self._find_first_messages()
                async with asyncio.TaskGroup() as group:
                    for chat_id in list(self._behind):
                        group.create_task(one(chat_id))
        except TimeoutError:
            pass
        if self._behind:
            _log.info("Discord: %d chats are caught up when somebody writes there", len(self._behind))

    @asynccontextmanager
    async def ordered(self, inbound: Inbound, message: discord.Message) -> AsyncGenerator[None]:
        """Hold the order of a chat for a new message, after those that came while the bot was away."""
        chat_id = message.channel.id
        await self._listed.wait()
        async with self._locks.hold(chat_id):
            await self._catch_up(inbound, chat_id)
            self._current[chat_id] = message.id
            try:
                yield
            finally:
                del self._current[chat_id]
            await self._read_rest(inbound, chat_id)

    async def _read_rest(self, inbound: Inbound, chat_id: int) -> None:
        """If nobody else waits in a chat, read what was postponed, for as long as that gets on."""
        before = None
        while (chat := self._behind.get(chat_id)) not in (None, before) and self._locks.users(chat_id) == 1:
            before = chat
            await self._catch_up(inbound, chat_id)

    def postpone(self, message: discord.Message) -> bool:
        """Leave a message to the history if too many wait in its chat; False if it should wait, too.

        The first of those that wait reads the history behind the message that is being handled.
        """
        chat_id = message.channel.id
        if self._locks.users(chat_id) < WAITING:
            return False
        current = self._current.get(chat_id, message.id - 1)
        self._behind.setdefault(chat_id, Watched(str(chat_id), "", f"m{current}"))
        return True

    async def _find_first_messages(self) -> None:
        """List the private chats of people who are known from servers only: they may have written for the first time.

        Discord lists a bot's private chats nowhere, and does not want many opened in a row: once per process, a few.
        """
        unknown, self._unknown, self._asked = self._unknown, [], True
        for user_id in unknown:
            try:
                channel = await self._client.http.start_private_message(int(user_id))
            except (*api.TROUBLE, ValueError) as e:
                _log.info("a private chat could not be looked up: %s", e)
                continue
            if channel.get("last_message_id"):
                self._behind[int(channel["id"])] = Watched(str(channel["id"]), "", "", user_id)

    async def _catch_up(self, inbound: Inbound, chat_id: int) -> None:
        """Commit the messages of a chat since its last committed one, unless that is done.

        This precedes any newer message, which would move the read marker.
        """
        chat = self._behind.get(chat_id)
        if chat is None:
            return
        try:
            async with asyncio.timeout(CHAT_SECONDS):
                done = await self._read_history(inbound, chat_id, chat)
        except (discord.Forbidden, discord.NotFound) as e:
            _log.info("a chat is closed to the bot, its history is not read: %s", e)
            done = True
        except (TimeoutError, *api.TROUBLE) as e:
            _log.warning("the history of a chat could not be read: %s", e)
            done = False
        except Exception:  # noqa: BLE001 - one chat must not stop the others
            _log.exception("the history of a chat could not be read")
            done = True
        if done:
            self._behind.pop(chat_id, None)

    async def _read_history(self, inbound: Inbound, chat_id: int, chat: Watched) -> bool:
        """Commit a part of a chat's history; False if more is left, or the database is away."""
        channel: Any = await self._client.fetch_channel(chat_id)
        history = channel.history(after=_begin(chat), limit=CHAT_MESSAGES, oldest_first=True)
        messages = [message async for message in history]
        answered = self._answered(messages)
        left = CHAT_MESSAGES
        for message in messages:
            left, self._left = left - 1, self._left - 1
            try:
                event = None if message.id in answered else self._read(message)
            except Exception:  # noqa: BLE001 - one message must not hide the others
                _log.exception("message %d of a history is skipped", message.id)
                event = None
            if event is not None and not await _commit(inbound, event):
                return False
            self._behind[chat_id] = replace(chat, last_said=f"m{message.id}")
        return left > 0

    def _answered(self, messages: list[discord.Message]) -> set[int]:
        """Return the messages that the bot has replied to: answered, or the person was told that nobody took them."""
        ours = [m for m in messages if self._client.user is not None and m.author.id == self._client.user.id]
        return {m.reference.message_id for m in ours if m.reference is not None and m.reference.message_id is not None}


async def _commit(inbound: Inbound, event: Event) -> bool:
    """Dispatch an old message, with patience; False if the database is away."""
    for attempt in range(1, TRIES + 1):
        if (await inbound.dispatch(event)).done:
            return True
        await asyncio.sleep(PAUSE_SECONDS * attempt)
    return await inbound.bury(event)


def _begin(chat: Watched) -> Any:
    last = chat.last_said.removeprefix("m")
    if last.isdigit():
        return discord.Object(int(last))
    return discord.utils.utcnow() - (FIRST_MESSAGE if chat.user_id else NEW_CHAT)
