"""One gate per chat for every call that shows something there, so that Telegram never has to ask for patience.

The limits are unpublished; Telegram's FAQ (https://core.telegram.org/bots/faq, "My bot is hitting limits") names about
one message per second in a chat, 20 per minute in a group and 30 per second overall; edits count like messages. A
call beyond them is answered with 429, and calls made while told to wait prolong the wait.

The libraries' limiters do not fit: python-telegram-bot's AIORateLimiter has none for private chats, stops all chats
when one is told to wait, and knows no precedence; aiolimiter's buckets cannot be closed, and its bound of 20 per
minute lets 40 through within one.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from bot.platforms.base import RetryLater

PATIENCE: Final = 10.0
"""The longest wait in seconds before a call; with a longer one the message goes back into the outbox."""
_KEPT: Final = 2048
"""Chats after which idle ones are forgotten. Within a minute the overall limit allows fewer to be active."""


@dataclass(frozen=True, slots=True)
class FloodLimits:
    """Calls per chat, per group and overall, a little below Telegram's own: requests do not arrive evenly.

    ``spare`` calls of a chat's burst, and ``group_spare`` of a group's minute, are kept from progress for answers.
    """

    burst: int = 4
    per_second: float = 1.0
    group_calls: int = 20
    group_seconds: float = 63.0
    overall_burst: int = 4
    overall_per_second: float = 25.0
    spare: int = 2
    group_spare: int = 10


@dataclass(slots=True)
class _Flow:
    """Evenly spaced calls after a burst (generic cell rate algorithm); ``due`` is when the next would be due."""

    burst: int
    interval: float
    due: float = 0.0

    def slot(self, now: float, spare: int = 0) -> float:
        """Return when the next call may go out, leaving ``spare`` of the burst."""
        return max(now, self.due - (self.burst - 1 - spare) * self.interval)

    def take(self, slot: float, calls: int = 1) -> None:
        """Count calls that go out at ``slot``."""
        self.due = max(self.due, slot) + calls * self.interval


@dataclass(slots=True)
class _Lane:
    """The state of one chat; ``closed`` is when the wait that Telegram asked for is over."""

    flow: _Flow
    minute: deque[float] = field(default_factory=deque[float])
    closed: float = 0.0
    last: float = 0.0


class ChatPace:
    """Lets calls through: answers in turn, progress only where there is room to spare."""

    def __init__(self, limits: FloodLimits | None = None, *, unlimited: bool = False) -> None:
        """``unlimited``: only the waits that Telegram asks for are kept, for servers without flood control."""
        self._limits = limits or FloodLimits()
        self._unlimited = unlimited
        self._overall = _Flow(self._limits.overall_burst, 1 / self._limits.overall_per_second)
        self._lanes: dict[int, _Lane] = {}

    @property
    def chats(self) -> int:
        """How many chats are remembered."""
        return len(self._lanes)

    async def enter(self, chat: int, calls: int = 1) -> None:
        """Wait for the turn of an answer that counts as ``calls``.

        Raises `RetryLater` with the seconds to wait if that is longer than `PATIENCE`.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        lane = self._lane(chat, now)
        slot = max(self._slot(chat, lane, now, calls), lane.closed)
        if slot - now > PATIENCE:
            raise RetryLater("flood control", slot - now)
        self._take(chat, lane, slot, calls)
        await self._wait(lane, slot)
        if not self._unlimited:
            turn = self._overall.slot(loop.time())
            self._overall.take(turn, calls)
            await self._wait(lane, turn)

    def spare(self, chat: int) -> bool:
        """Take the turn of a progress edit, if no answer needs it."""
        limits, now = self._limits, asyncio.get_running_loop().time()
        lane = self._lane(chat, now)
        if lane.closed > now:
            return False
        if self._unlimited:
            return True
        room = lane.flow.slot(now, limits.spare) <= now and self._overall.slot(now, 1) <= now
        if chat < 0:
            room = room and self._recent(lane, now) < limits.group_calls - limits.group_spare
        if room:
            self._take(chat, lane, now, 1)
            self._overall.take(now)
        return room

    def close(self, chat: int, seconds: float) -> None:
        """Let nothing into a chat for the ``seconds`` that Telegram asked for."""
        now = asyncio.get_running_loop().time()
        lane = self._lane(chat, now)
        lane.closed = max(lane.closed, now + seconds)
        # Telegram's own count is exhausted: no burst afterwards.
        lane.flow.due = max(lane.flow.due, lane.closed + (self._limits.burst - 1) / self._limits.per_second)

    async def _wait(self, lane: _Lane, until: float) -> None:
        """Sleep until then, and for as long as the chat is closed. Raises `RetryLater`."""
        loop = asyncio.get_running_loop()
        while (wait := max(until, lane.closed) - loop.time()) > 0:
            if wait > PATIENCE:
                raise RetryLater("flood control", wait)
            await asyncio.sleep(wait)

    def _slot(self, chat: int, lane: _Lane, now: float, calls: int) -> float:
        if self._unlimited:
            return now
        limits, slot = self._limits, lane.flow.slot(now)
        if chat < 0 and (over := len(lane.minute) + min(calls, limits.group_calls) - limits.group_calls) > 0:
            slot = max(slot, lane.minute[over - 1] + limits.group_seconds)
        return slot

    def _take(self, chat: int, lane: _Lane, slot: float, calls: int) -> None:
        lane.last = max(lane.last, slot)
        lane.flow.take(slot, calls)
        if chat < 0:
            lane.minute.extend([slot] * min(calls, self._limits.group_calls))
            while len(lane.minute) > self._limits.group_calls:
                lane.minute.popleft()

    def _recent(self, lane: _Lane, now: float) -> int:
        return sum(1 for at in lane.minute if at > now - self._limits.group_seconds)

    def _lane(self, chat: int, now: float) -> _Lane:
        lane = self._lanes.get(chat)
        if lane is None:
            if len(self._lanes) >= _KEPT:
                self._forget(now)
            lane = self._lanes[chat] = _Lane(_Flow(self._limits.burst, 1 / self._limits.per_second))
        return lane

    def _forget(self, now: float) -> None:
        idle = now - max(self._limits.group_seconds, self._limits.burst / self._limits.per_second)
        for chat in [c for c, lane in self._lanes.items() if lane.last < idle and lane.closed <= now]:
            del self._lanes[chat]
