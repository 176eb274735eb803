"""Long polling that advances the offset only after every earlier update is committed."""

import asyncio
import itertools
import logging
import random
from collections.abc import Callable
from typing import Any, Final

from telegram.error import Conflict, InvalidToken, NetworkError, RetryAfter, TelegramError

from bot.platforms.telegram.api import PollingBot, seconds_of
from bot.platforms.telegram.inbound import Incoming
from bot.platforms.telegram.kinds import HANDLED
from bot.platforms.telegram.listener import Listener

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 25
_AT_ONCE: Final = 16
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 15.0
CONFLICT: Final = "another process reads this bot's updates (409 Conflict): stop it, or give it a token of its own"


class Poller:
    """Fetches updates in batches: chats concurrently, each chat in order."""

    def __init__(self, bot: PollingBot, listener: Listener, report: Callable[[str], None]) -> None:
        """``report`` is called with the state for the readiness check: empty, or the problem."""
        self._bot = bot
        self._listener = listener
        self._report = report
        self._limit = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Poll until cancelled. Raises `telegram.error.InvalidToken` if the token is revoked."""
        offset, failures = 0, 0
        while True:
            try:
                updates = await self._bot.raw_updates(offset, POLL_SECONDS, list(HANDLED))
            except InvalidToken:
                raise
            except TelegramError as e:
                failures += 1
                self._complain(e, failures)
                await asyncio.sleep(max(_pause(failures), seconds_of(e) if isinstance(e, RetryAfter) else 0.0))
                continue
            if failures:
                log.info("Telegram answers again")
            failures = 0
            self._report("")
            if not updates:
                # Everything before the offset is confirmed. After a week of silence ids restart, maybe lower.
                offset = 0
                continue
            await self._take(updates)
            offset = int(updates[-1]["update_id"]) + 1

    def _complain(self, error: TelegramError, failures: int) -> None:
        if isinstance(error, Conflict):
            self._report(CONFLICT)
            if failures == 1:
                log.error("Telegram: %s", CONFLICT)
            return
        reason = "no connection to Telegram" if isinstance(error, NetworkError) else "Telegram refuses to be polled"
        if failures > 1 or not isinstance(error, NetworkError):
            self._report(f"{reason}: {error.message}")
        log.log(logging.INFO if failures == 1 else logging.WARNING, "Polling failed (%d): %s", failures, error.message)

    async def _take(self, updates: list[dict[str, Any]]) -> None:
        chats: dict[object, list[dict[str, Any]]] = {}
        for update in updates:
            chats.setdefault(_chat_of(update), []).append(update)
        async with asyncio.TaskGroup() as group:
            for batch in chats.values():
                group.create_task(self._take_in_order(batch))

    async def _take_in_order(self, updates: list[dict[str, Any]]) -> None:
        async with self._limit:
            for update in updates:
                for incoming in await self._listener.read(update):
                    await self._commit(incoming)

    async def _commit(self, incoming: Incoming) -> None:
        """Dispatch an event until it is committed."""
        for attempt in itertools.count(1):
            if await self._listener.commit(incoming):
                return
            log.warning("An event of Telegram was not committed, attempt %d: it is kept", attempt)
            await asyncio.sleep(_pause(attempt))


def _chat_of(update: dict[str, Any]) -> object:
    """Return the chat's id from unvalidated data."""
    body: Any = next((update[kind] for kind in HANDLED if isinstance(update.get(kind), dict)), {})
    if isinstance(body.get("message"), dict):
        body = body["message"]
    chat = body.get("chat")
    return str(chat.get("id")) if isinstance(chat, dict) else None


def _pause(failures: int) -> float:
    """Return seconds of back-off, with jitter."""
    pause = min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
    return pause * random.uniform(0.75, 1.25)  # noqa: S311 - spreads retries, guards nothing
