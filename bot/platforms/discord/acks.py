"""The response state of interactions: the listener defers, the courier answers, never both at once."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final, Literal

KEPT_SECONDS: Final = 900.0
"""An interaction's token lives 15 minutes."""


@dataclass(slots=True)
class Ack:
    """``state``: ``open`` – no first response yet; ``deferred`` – a placeholder is shown; ``answered``."""

    state: Literal["open", "deferred", "answered"] = "open"
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    since: float = field(default_factory=time.monotonic)

    def became(self, state: Literal["deferred", "answered"]) -> None:
        """Record the first response; call it under the lock."""
        self.state = state
        self.done.set()


class Acks:
    """The interactions of the last 15 minutes."""

    def __init__(self) -> None:
        """Start empty: interactions from before a restart are unknown."""
        self._acks: dict[str, Ack] = {}

    def open(self, interaction_id: str) -> Ack:
        """Add an interaction."""
        now = time.monotonic()
        for old in [i for i, a in self._acks.items() if now - a.since > KEPT_SECONDS]:
            del self._acks[old]
        return self._acks.setdefault(interaction_id, Ack())

    def get(self, interaction_id: str) -> Ack | None:
        """Return an interaction of this process."""
        return self._acks.get(interaction_id)
