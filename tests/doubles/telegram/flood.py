"""Flood control: so many messages and edits per chat, per group and overall, then 429 until ``retry_after`` is over."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from tests.doubles.telegram.clock import Clock
from tests.doubles.telegram.rules import FloodRules, too_many_requests
from tests.doubles.telegram.state import Chat


@dataclass(slots=True)
class _Lane:
    tokens: float
    filled: float
    recent: deque[float] = field(default_factory=deque[float])
    closed_until: float = 0.0


class Flood:
    """Counts what the bot posts; ``rules`` None counts nothing."""

    def __init__(self, rules: FloodRules | None, clock: Clock) -> None:
        self.rules = rules
        self._clock = clock
        self._lanes: dict[int, _Lane] = {}
        self._overall: deque[float] = deque()

    def count(self, chat: Chat) -> None:
        """One send or edit in a chat; raises ApiError 429 with the whole seconds to wait."""
        rules = self.rules
        if rules is None:
            return
        now = self._clock.monotonic()
        lane = self._lanes.setdefault(chat.id, _Lane(rules.chat_burst, now))
        lane.tokens = min(rules.chat_burst, lane.tokens + (now - lane.filled) * rules.chat_per_second)
        lane.filled = now
        # Who asks again while told to wait, waits longer.
        wait = (lane.closed_until - now) * 1.5
        if lane.tokens < 1:
            wait = max(wait, (1 - lane.tokens) / rules.chat_per_second)
        if chat.kind != "private":
            wait = max(wait, _wait(lane.recent, now, rules.group_seconds, rules.group_per_minute))
        wait = max(wait, _wait(self._overall, now, 1.0, rules.overall_per_second))
        if wait > 0:
            retry_after = max(1, math.ceil(wait))
            lane.closed_until = max(lane.closed_until, now + retry_after)
            raise too_many_requests(retry_after)
        lane.tokens -= 1
        lane.recent.append(now)
        self._overall.append(now)


def _wait(times: deque[float], now: float, window: float, limit: int) -> float:
    while times and times[0] <= now - window:
        times.popleft()
    return 0.0 if len(times) < limit else times[-limit] + window - now
