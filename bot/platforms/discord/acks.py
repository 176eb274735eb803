"""The response state of interactions: the listener defers, the courier answers, never both at once."""

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import Final, Literal

KEPT_SECONDS: Final = 900.0
"""An interaction's token lives 15 minutes."""
MOST: Final = 50_000
"""Interactions that are remembered at most."""
_AT_ONCE: Final = 100


@dataclass(slots=True)
class Ack:
    """The state of an interaction.

    ``state``: ``open`` – no first response yet; ``deferred`` – a placeholder is shown; ``silent`` – no response, the
    token edits the pressed message; ``answered``. ``quiet``: a button press where only the token can edit the
    pressed message, so that it is to become ``silent``. ``row`` is the row of the outbox whose message the response is.
    """

    state: Literal["open", "deferred", "silent", "answered"] = "open"
    quiet: bool = False
    row: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    since: float = field(default_factory=time.monotonic)

    def became(self, state: Literal["deferred", "silent", "answered"]) -> None:
        """Record the first response; call it under the lock."""
        self.state = state
        self.done.set()


class Acks:
    """The interactions of the last 15 minutes."""

    def __init__(self) -> None:
        """Start empty: interactions from before a restart are unknown."""
        self._acks: dict[str, Ack] = {}

    @property
    def remembered(self) -> int:
        """How many interactions are remembered."""
        return len(self._acks)

    def open(self, interaction_id: str, *, quiet: bool = False) -> Ack:
        """Add an interaction."""
        now = time.monotonic()
        for old, ack in list(itertools.islice(self._acks.items(), _AT_ONCE)):  # the oldest come first
            if now - ack.since <= KEPT_SECONDS and len(self._acks) < MOST:
                break
            del self._acks[old]
        return self._acks.setdefault(interaction_id, Ack(quiet=quiet))

    def get(self, interaction_id: str) -> Ack | None:
        """Return an interaction of this process."""
        return self._acks.get(interaction_id)
