"""Long polling that advances the offset only after every earlier update is committed, or kept in the database."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from telegram.error import Conflict, InvalidToken, NetworkError, RetryAfter, TelegramError

from bot.platforms.telegram.api import PollingBot, seconds_of
from bot.platforms.telegram.intake import Intake, pause
from bot.platforms.telegram.kinds import HANDLED

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 25
CONFLICT: Final = "another process reads this bot's updates (409 Conflict): stop it, or give it a token of its own"


class Poller:
    """Fetches updates in batches and hands them to the lanes of their chats."""

    def __init__(self, bot: PollingBot, intake: Intake, report: Callable[[str], None]) -> None:
        """``report`` is called with the state for the readiness check: empty, or the problem."""
        self._bot = bot
        self._intake = intake
        self._report = report

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
                await asyncio.sleep(max(pause(failures), seconds_of(e) if isinstance(e, RetryAfter) else 0.0))
                continue
            if failures:
                log.info("Telegram answers again")
            failures = 0
            self._report("")
            if not updates:
                # Everything before the offset is confirmed. After a week of silence ids restart, maybe lower.
                offset = 0
                continue
            await self._intake.accept(updates)
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
