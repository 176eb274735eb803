"""Lanes per chat between Telegram and the router: a chat that is slow holds up nobody else.

Telegram confirms updates up to a number. So an update may be confirmed when it is committed as an event, or when it is
kept in the database (`db.late_updates`) because its chat's lane is behind.
"""

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from bot.platforms.base import Backlog
from bot.platforms.telegram.inbound import GroupMigrated, Incoming
from bot.platforms.telegram.kinds import HANDLED
from bot.platforms.telegram.listener import PLATFORM, Listener
from db.errors import Outage
from db.loops import forever

log = logging.getLogger(__name__)

PROMPT_SECONDS: Final = 0.05
"""An update that is not committed within this time is kept, and its lane goes on with it."""
AT_ONCE: Final = 16
"""Events that are committed at a time."""
READING: Final = 4
"""Lanes that read kept updates at a time."""
LANE: Final = 50
"""Maximum number of a chat's updates in memory; more are kept in the database alone until the lane gets to them."""
TOTAL: Final = 1000
"""Maximum number of all chats' updates in memory."""
COMMIT_SECONDS: Final = 10.0
"""The router refuses an event long before; this bounds what a defect can take."""
FAILURES: Final = 5
"""An event that failed this often while the database was well becomes a dead letter."""
SWEEP_SECONDS: Final = 15.0
"""How often updates are looked for that another process left behind, and how old they must be."""
FORGET_SECONDS: Final = 0.5
FIRST_PAUSE: Final = 0.5
"""Seconds of back-off after a first failure."""
_LONGEST_PAUSE: Final = 15.0
_AWAY: Final = (Outage, TimeoutError)


@dataclass(slots=True, eq=False)
class _Pending:
    """An update on its way. ``row`` is its id in the database if it is kept there."""

    data: dict[str, Any]
    row: int | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class _Lane:
    """A chat's updates in order: those in memory, then (``spilled``) those in the database alone.

    ``spills`` counts how often more were added there; ``spilling``: some are being added.
    """

    updates: deque[_Pending] = field(default_factory=deque[_Pending])
    spilled: bool = False
    spills: int = 0
    spilling: int = 0


class Intake:
    """Takes raw updates, in any order and with duplicates, and commits them, each chat's in order."""

    def __init__(self, listener: Listener, backlog: Backlog) -> None:
        """``backlog`` keeps what is late."""
        self._listener, self._backlog = listener, backlog
        self._lanes: dict[str, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._reading = asyncio.Semaphore(READING)
        self._held = 0
        self._committed: set[int] = set()

    async def __aenter__(self) -> Self:
        """Resume what is kept, before the first new update: each chat keeps its order. Waits for the database."""
        failures = 0
        while not await self._resume(0.0):
            failures += 1
            await asyncio.sleep(pause(failures))
        self._start(forever("looking for kept updates", self._sweep, pause_s=SWEEP_SECONDS))
        self._start(forever("forgetting committed updates", self._forget, pause_s=FORGET_SECONDS))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop; what is kept is resumed by the next process."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def accept(self, updates: Sequence[dict[str, Any]]) -> None:
        """Return when each of these updates is safe: committed, or kept. Waits for the database for as long as needed.

        Cancelled before that, nothing may be confirmed to Telegram. What people only say to each other is left out.
        """
        updates = [update for update in updates if await self._listener.wants(update)]
        prompt, spilled, behind = list[_Pending](), list[_Pending](), list[_Lane]()
        for update in updates:
            pending, lane = _Pending(update), self._lane(chat_of(update))
            if lane.spilled or self._held >= TOTAL or len(lane.updates) >= LANE:
                lane.spilled, lane.spilling = True, lane.spilling + 1
                behind.append(lane)
                spilled.append(pending)
            else:
                self._held += 1
                lane.updates.append(pending)
                prompt.append(pending)
        try:
            if not spilled:
                await _all_done(prompt, PROMPT_SECONDS)
            await self._keep(prompt, spilled)
        finally:
            for lane in behind:
                lane.spills, lane.spilling = lane.spills + 1, lane.spilling - 1

    async def _keep(self, prompt: list[_Pending], spilled: list[_Pending]) -> None:
        """Keep what is not committed yet; it ends early if everything gets committed meanwhile."""
        failures = 0
        while late := [p for p in prompt if not p.done.is_set()] + spilled:
            try:
                async with asyncio.timeout(_LONGEST_PAUSE):
                    kept = await self._backlog.keep(PLATFORM, [(chat_of(p.data), p.data) for p in late])
            except _AWAY as e:
                failures += 1
                log.warning("Late updates cannot be kept, Telegram has to wait: %s", e)
                await _all_done(late, pause(failures))
                continue
            for pending, row in zip(late, kept, strict=True):
                pending.row = row
                if pending.done.is_set():
                    self._committed.add(row)
            return

    async def _resume(self, older_s: float) -> bool:
        try:
            async with asyncio.timeout(_LONGEST_PAUSE):
                chats = await self._backlog.chats(PLATFORM, older_s)
        except _AWAY as e:
            log.warning("Kept updates cannot be read: %s", e)
            return False
        for chat in chats:
            if chat not in self._lanes:
                self._lane(chat, spilled=True)
        return True

    async def _sweep(self) -> None:
        await self._resume(SWEEP_SECONDS)

    def _lane(self, chat: str, *, spilled: bool = False) -> _Lane:
        """Return a chat's lane; it ends when it has nothing left to do."""
        lane = self._lanes.get(chat)
        if lane is None:
            lane = self._lanes[chat] = _Lane(spilled=spilled)
            self._start(self._work(chat, lane))
        return lane

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, chat: str, lane: _Lane) -> None:
        try:
            while True:
                if lane.updates:
                    await self._settle(lane.updates[0])
                    lane.updates.popleft()
                    self._held -= 1
                elif lane.spilled:
                    await self._refill(chat, lane)
                else:
                    return
        finally:
            # Without an await since the last look: nothing can have been added meanwhile.
            self._held -= len(lane.updates)
            del self._lanes[chat]

    async def _refill(self, chat: str, lane: _Lane) -> None:
        spills = lane.spills
        try:
            async with self._reading, asyncio.timeout(_LONGEST_PAUSE):
                limit = LANE if self._held < TOTAL else 1
                found = await self._backlog.oldest(PLATFORM, chat, limit, tuple(self._committed))
        except _AWAY as e:
            log.warning("Kept updates cannot be read: %s", e)
            await asyncio.sleep(FIRST_PAUSE)
            return
        if found:
            self._held += len(found)
            lane.updates.extend(_Pending(kept.content, kept.id) for kept in found)
        elif lane.spilling:
            await asyncio.sleep(PROMPT_SECONDS)
        elif lane.spills == spills:
            lane.spilled = False

    async def _settle(self, pending: _Pending) -> None:
        """Commit an update's events, or give up on them; returns when that is done."""
        attempts = 0
        for incoming in await self._listener.read(pending.data):
            while not await self._commit(incoming):
                attempts += 1
                log.warning("An event of Telegram was not committed, attempt %d: it is kept", attempts)
                if await self._failed(pending) >= FAILURES and await self._listener.bury(incoming):
                    break
                await asyncio.sleep(pause(attempts))
        pending.done.set()
        if pending.row is not None:
            self._committed.add(pending.row)

    async def _commit(self, incoming: Incoming | GroupMigrated) -> bool:
        try:
            async with self._limit, asyncio.timeout(COMMIT_SECONDS):
                return await self._listener.commit(incoming)
        except Exception:  # a defect here must not end the lane
            log.exception("An event of Telegram could not be passed on")
            return False

    async def _failed(self, pending: _Pending) -> int:
        """Count a failure and return how many there were; 0 while the database is away, not the event to blame."""
        if pending.row is None:
            return 0
        try:
            async with asyncio.timeout(1.0):
                return await self._backlog.count_failure(pending.row)
        except _AWAY:
            return 0

    async def _forget(self) -> None:
        """Delete what is kept and committed."""
        gone = tuple(self._committed)
        if not gone:
            return
        async with asyncio.timeout(_LONGEST_PAUSE):
            await self._backlog.forget(gone)
        self._committed.difference_update(gone)


async def _all_done(updates: Sequence[_Pending], seconds: float) -> None:
    """Wait until these are committed, for ``seconds`` at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            for pending in updates:
                await pending.done.wait()


def chat_of(update: dict[str, Any]) -> str:
    """Return the chat's id from unvalidated data; empty if there is none."""
    body: Any = next((update[kind] for kind in HANDLED if isinstance(update.get(kind), dict)), {})
    if isinstance(body.get("message"), dict):
        body = body["message"]
    chat = body.get("chat")
    found = chat.get("id") if isinstance(chat, dict) else None
    return str(found) if isinstance(found, int) and abs(found) < 1 << 63 else ""


def pause(failures: int) -> float:
    """Return seconds of back-off, with jitter."""
    seconds = min(FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 - spreads retries, guards nothing
