"""When requests to servers are retried: one policy for texts, vectors and pictures."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from workers.engines.openai.errors import Trouble

ATTEMPTS = 4
"""Attempts of a request that meets 429, 5xx or a lost connection."""
T = TypeVar("T")
_dice = random.SystemRandom()
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``attempts`` in all; the first pause is about ``pause_s`` seconds, each next one twice as long.

    Pauses have some jitter, so that clients do not all return at once. None is longer than ``max_pause_s``: a server
    that asks for more is not asked again.
    """

    attempts: int = ATTEMPTS
    pause_s: float = 0.5
    max_pause_s: float = 20.0

    def pause(self, failed: int, asked_s: float = 0.0) -> float | None:
        """Return the seconds to wait after ``failed`` attempts, at least ``asked_s``; None if no attempt is left."""
        if failed >= self.attempts or asked_s > self.max_pause_s:
            return None
        backoff = min(self.max_pause_s, self.pause_s * 2 ** (failed - 1)) * _dice.uniform(0.5, 1.5)
        return max(backoff, asked_s * _dice.uniform(1.0, 1.1))


async def retrying(policy: RetryPolicy, attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what ``attempt`` returns, asking again after a `Trouble` that may pass.

    Refusals are final, and so are severe troubles: the server may still be working on a billed request. Raises the
    error of the last `Trouble`.
    """
    failed = 0
    while True:
        try:
            return await attempt()
        except Trouble as trouble:
            failed += 1
            final = trouble.severe or trouble.kind == "refused"
            pause = None if final else policy.pause(failed, trouble.retry_after or 0.0)
            if pause is None:
                raise trouble.error from None
            _log.warning("a server failed, asking again in %.1f s: %s", pause, trouble)
        await asyncio.sleep(pause)
