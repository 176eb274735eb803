"""Catching up: what people wrote while the bot or its database was away is read from the chats' histories.

The record knows of a chat only the last text that was committed (the read marker). So none is committed while an
earlier one is neither committed nor refused in words: whoever reads the history next, also in another process, finds it
behind the marker.

Bounded in every direction: the chats most recently written in come first, some at a time, each for some seconds and
messages. What was not reached, or could not be committed, is tried again until it is, and before a chat's next message.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, Literal

import discord

from bot.events import Event
from bot.platforms.base import Inbound, Watched
from bot.platforms.discord import api
from db.errors import describe

CHATS: Final = 1000
"""Maximum number of chats that wait to be caught up."""
AT_ONCE: Final = 4
TOTAL_SECONDS: Final = 120.0
"""Maximum time for all chats; the rest comes after a pause."""
CHAT_SECONDS: Final = 20.0
"""Maximum time for one chat in one go."""
CHAT_MESSAGES: Final = 200
"""Maximum number of messages of a chat that are read in one go."""
WAITING: Final = 50
"""Maximum number of a chat's messages that wait in memory; more are left to the history."""
TOTAL_MESSAGES: Final = 5000
NEW_CHAT: Final = dt.timedelta(days=1)
"""How far back a chat is read from which no text was committed yet."""
OLDEST: Final = dt.timedelta(days=7)
"""How far back any chat is read: for so long the inbox remembers at least which events it had."""
TRIES: Final = 3
"""A message that is refused so often becomes a dead letter."""
PAUSE_SECONDS: Final = 0.5
AGAIN_SECONDS: Final = 1.0
"""Pause before chats are tried again that could not be caught up; doubles as long as that does not get on."""
AGAIN_MOST_SECONDS: Final = 10.0
_log = logging.getLogger(__name__)
Read = Callable[[discord.Message], Event | None]
_State = Literal["done", "more", "waits", "unread"]
"""How far a chat was read: to its end, to a limit, to what cannot be committed now, or not at all."""


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
        self._listed, self._wanted = asyncio.Event(), asyncio.Event()
        self._left = 0

    def begin(self) -> None:
        """Forget what was listed before this process listens (again): another one has served those chats meanwhile."""
        self._behind.clear()

    async def expect(self, inbound: Inbound, platform: str) -> None:
        """On a new session: list the chats, before any new message is handled. Waits for the database."""
        self._listed.clear()
        while True:
            try:
                watched = await inbound.watched(platform)
                break
            except Exception as e:  # noqa: BLE001 - without the list no message would be handled in this session
                _log.warning("the chats to catch up are not known yet: %s", describe(e))
                await asyncio.sleep(1)
        for chat in watched:
            if chat.chat_id:
                self._list(int(chat.chat_id), chat)
        if not self._asked:
            self._unknown = [chat.user_id for chat in watched if not chat.chat_id]
        self._wanted.set()
        self._listed.set()

    def _list(self, chat_id: int, chat: Watched) -> bool:
        """List a chat. One that is listed already keeps its marker, behind which something may not be committed."""
        if chat_id not in self._behind and len(self._behind) >= CHATS:
            return False
        self._behind.setdefault(chat_id, chat)
        self._wanted.set()
        return True

    async def run(self, inbound: Inbound) -> None:
        """Catch up with the listed chats whenever there are some, again and again, until cancelled.

        Nobody has to write once more for an answer to what could not be committed at first.
        """
        pause = AGAIN_SECONDS
        while True:
            await self._wanted.wait()
            await self._listed.wait()
            before = dict(self._behind)
            await self._round(inbound)
            if not self._behind:
                self._wanted.clear()
                pause = AGAIN_SECONDS
                continue
            pause = AGAIN_SECONDS if self._behind != before else min(pause * 2, AGAIN_MOST_SECONDS)
            _log.info("Discord: %d chats are still to be caught up", len(self._behind))
            await asyncio.sleep(pause)

    async def _round(self, inbound: Inbound) -> None:
        """Catch up with all listed chats, as far as the limits go and the database is there."""
        self._left, away = TOTAL_MESSAGES, False
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(chat_id: int) -> None:
            nonlocal away
            async with limit:
                # Whoever holds a chat has read its history, or does so now.
                if away or self._left <= 0 or self._locks.users(chat_id):
                    return
                async with self._locks.hold(chat_id):
                    if await self._catch_up(inbound, chat_id, TRIES) == "waits":
                        away = True

        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                await self._find_first_messages()
                async with asyncio.TaskGroup() as group:
                    for chat_id in list(self._behind):
                        group.create_task(one(chat_id))
        except TimeoutError:
            pass

    @asynccontextmanager
    async def ordered(self, inbound: Inbound, message: discord.Message) -> AsyncGenerator[bool]:
        """Hold the order of a chat for a new message, after those that came while the bot was away.

        Yields False if one of them cannot be committed now: then the new one must not be, either.
        """
        chat_id = message.channel.id
        await self._listed.wait()
        async with self._locks.hold(chat_id):
            while (state := await self._catch_up(inbound, chat_id, 1)) == "more":
                pass
            self._current[chat_id] = message.id
            try:
                yield state != "waits"
            finally:
                del self._current[chat_id]
            await self._read_rest(inbound, chat_id)

    async def _read_rest(self, inbound: Inbound, chat_id: int) -> None:
        """If nobody else waits in a chat, read what was postponed, for as long as that gets on."""
        before = None
        while (chat := self._behind.get(chat_id)) not in (None, before) and self._locks.users(chat_id) == 1:
            before = chat
            await self._catch_up(inbound, chat_id, 1)

    def postpone(self, message: discord.Message) -> bool:
        """Leave a message to the history if too many wait in its chat; False if it should wait, too.

        The first of those that wait reads the history behind the message that is being handled.
        """
        chat_id = message.channel.id
        if not self.is_behind(message):
            return False
        current = self._current.get(chat_id, message.id - 1)
        return self._list(chat_id, Watched(str(chat_id), "", f"m{current}"))

    def is_behind(self, message: discord.Message) -> bool:
        """Whether so many messages wait in a message's chat that one more would be left to the history."""
        return self._locks.users(message.channel.id) >= WAITING

    def leave(self, message: discord.Message) -> None:
        """Leave a message to the history of which it is not known that it was committed, nor could that be said.

        To be called while its chat's order is held: the next message comes after it.
        """
        chat_id = message.channel.id
        if not self._list(chat_id, Watched(str(chat_id), "", f"m{message.id - 1}")):
            _log.warning("message %d is left alone: too many chats are to be caught up", message.id)

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
                self._list(int(channel["id"]), Watched(str(channel["id"]), "", "", user_id))

    async def _catch_up(self, inbound: Inbound, chat_id: int, tries: int) -> _State:
        """Commit the messages of a chat since its last committed one, unless that is done.

        This precedes any newer message, which would move the read marker. ``tries``: of a message, see `_commit`.
        """
        chat = self._behind.get(chat_id)
        if chat is None:
            return "done"
        try:
            async with asyncio.timeout(CHAT_SECONDS):
                state = await self._read_history(inbound, chat_id, chat, tries)
        except (discord.Forbidden, discord.NotFound) as e:
            _log.info("a chat is closed to the bot, its history is not read: %s", e)
            state = "done"
        except (TimeoutError, *api.TROUBLE) as e:
            _log.warning("the history of a chat could not be read: %s", e)
            state = "unread" if self._behind.get(chat_id) == chat else "more"
        except Exception:  # noqa: BLE001 - one chat must not stop the others
            _log.exception("the history of a chat could not be read")
            state = "done"
        if state == "done":
            self._behind.pop(chat_id, None)
        return state

    async def _read_history(self, inbound: Inbound, chat_id: int, chat: Watched, tries: int) -> _State:
        """Commit a part of a chat's history."""
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
            if event is not None and not await _commit(inbound, event, tries):
                return "waits"
            self._behind[chat_id] = replace(chat, last_said=f"m{message.id}")
        return "done" if left > 0 else "more"

    def _answered(self, messages: list[discord.Message]) -> set[int]:
        """Return the messages that the bot has replied to: answered, or the person was told that nobody took them."""
        ours = [m for m in messages if self._client.user is not None and m.author.id == self._client.user.id]
        return {m.reference.message_id for m in ours if m.reference is not None and m.reference.message_id is not None}


async def _commit(inbound: Inbound, event: Event, tries: int) -> bool:
    """Dispatch an old message; False if it is not known to be committed. After `TRIES` it becomes a dead letter."""
    for attempt in range(1, tries + 1):
        if (await inbound.dispatch(event)).done:
            return True
        if tries == TRIES:
            await asyncio.sleep(PAUSE_SECONDS * attempt)
    return tries == TRIES and await inbound.bury(event)


def _begin(chat: Watched) -> Any:
    now, last = discord.utils.utcnow(), chat.last_said.removeprefix("m")
    if last.isdigit():
        return discord.Object(max(int(last), discord.utils.time_snowflake(now - OLDEST)))
    return now - NEW_CHAT
