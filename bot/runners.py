"""Runs one platform for as long as the process lives: its trouble is named, retried, and never another platform's."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from bot.leadership import Seat
from bot.platforms.base import Inbound, Platform, PlatformRefused, Startable, Turns
from db import bots
from db.errors import Outage, describe

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
REFUSED_PAUSE: Final = 5.0
LONGEST_REFUSED_PAUSE: Final = 300.0
"""A refused token rarely works again by itself, and platforms ban those who keep trying."""
STABLE_SECONDS: Final = 60.0
_log = logging.getLogger(__name__)


class SeatedTurns:
    """The turns of a platform with elections: one seat for listening, and one for sending (often the same)."""

    def __init__(self, listening: Seat, sending: Seat) -> None:
        """A process that cannot listen does not send either: it has no connection."""
        self._listening, self._sending = listening, sending

    async def while_leading(self, body: Callable[[], Awaitable[None]]) -> None:
        """See `bot.platforms.base.Turns`."""
        with self._listening.standing(), self._sending.standing():
            await self._listening.while_leading(body)

    def proof_left(self) -> float:
        """See `bot.platforms.base.Turns`."""
        return self._listening.proof_left()


class PlatformRunner:
    """A platform with its state: ``problem`` is empty, or says why it cannot be served."""

    def __init__(self, platform: Platform, turns: Turns, bot: str = "") -> None:
        """``turns`` is passed on to the platform. ``bot``: the platform's id of the bot, if it is known."""
        self.platform, self._turns, self._bot = platform, turns, bot
        self.problem = ""
        self.refusal: PlatformRefused | None = None
        self.refused = asyncio.Event()
        """Set while the platform refuses this process, which it has never served since its start."""
        self._ever_connected = False

    async def while_leading(self, body: Callable[[], Awaitable[None]]) -> None:
        """See `bot.platforms.base.Turns`: called by the platform once it is connected."""
        self.problem, self.refusal, self._ever_connected = "", None, True
        self.refused.clear()
        await self._note_start_link()
        await self._turns.while_leading(body)

    def proof_left(self) -> float:
        """See `bot.platforms.base.Turns`."""
        return self._turns.proof_left()

    async def run(self, inbound: Inbound) -> None:
        """Run the platform, again and again if it fails; ends when the platform ends by itself."""
        failures, refused = 0, False
        while True:
            started = time.monotonic()
            try:
                await self._check_owner()
                await self.platform.run(inbound, self)
            except PlatformRefused as e:
                if str(e) != self.problem:
                    _log.error("%s: %s", self.platform.name, e)
                self.problem, self.refusal = str(e), e
                if not self._ever_connected:
                    self.refused.set()
                first, longest, again = REFUSED_PAUSE, LONGEST_REFUSED_PAUSE, refused
            except (Exception, asyncio.CancelledError) as e:
                if isinstance(e, asyncio.CancelledError) and _is_cancelled():
                    raise
                _log.exception("%s stopped and is started again", self.platform.name)
                self.problem, self.refusal = f"{type(e).__name__}: {e}"[:300], None
                first, longest, again = FIRST_PAUSE, LONGEST_PAUSE, not refused
            else:
                return
            refused = self.refusal is not None
            failures = failures + 1 if again and time.monotonic() - started < STABLE_SECONDS else 1
            await asyncio.sleep(min(first * 2 ** min(failures - 1, 10), longest))

    async def _check_owner(self) -> None:
        """Raise `PlatformRefused` if the database belongs to another bot of the platform."""
        name = self.platform.name
        if self._bot and (owner := await bots.owner(name, self._bot)) != self._bot:
            raise PlatformRefused(
                f"the database belongs to another bot of {name}, {owner}, and this is {self._bot}: give each "
                "deployment a database of its own (DATABASE_URL). If this bot is to take over what is stored, run "
                f"DELETE FROM bots WHERE platform = '{name}'"
            )

    async def _note_start_link(self) -> None:
        """Record how people come to this bot from elsewhere: messages of other platforms show it."""
        if isinstance(self.platform, Startable) and (link := self.platform.start_link):
            try:
                await bots.note_start_link(self.platform.name, link)
            except Outage as e:  # the next start records it
                _log.info("the address of the bot on %s cannot be recorded: %s", self.platform.name, describe(e))

    async def state(self) -> str:
        """Return what is wrong with the platform, for operators; empty if nothing is."""
        if self.problem:
            return self.problem
        try:
            return await self.platform.check_ready()
        except Exception as e:  # noqa: BLE001 - a platform's defect must not end the election
            return f"{type(e).__name__}: {e}"[:300]


def _is_cancelled() -> bool:
    """Return whether this task is to end; else something inside was cancelled."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def until_hopeless(runners: list[PlatformRunner]) -> None:
    """Wait until every platform has refused this process, which has served none. Raises `PlatformRefused`."""
    while True:
        for runner in runners:
            await runner.refused.wait()
        if all(runner.refused.is_set() for runner in runners):
            raise PlatformRefused("; ".join(str(runner.refusal) for runner in runners))
