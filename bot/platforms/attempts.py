"""Messages that cannot be sent twice safely: what is recorded for a row says more than ids.

Where a platform takes no idempotency key and no edit could produce the message, an intent is recorded before it is
sent, and behind the intent its id, or that the platform refused it, or that it is not known what became of it. Where
the message can be looked for, the intent says so, and the next attempt does that first.
"""

from collections.abc import Sequence
from typing import Final

from bot.platforms.base import Delivery

INTENT: Final = "sending"
TRACEABLE: Final = "sending:traceable"
REFUSED: Final = "refused"
UNCLEAR: Final = "unclear"
_INTENTS: Final = frozenset({INTENT, TRACEABLE})


def parts_of(recorded: Sequence[str]) -> list[str]:
    """Return the messages of a row, one per part; an empty string for a part of which nothing is known."""
    found: list[str] = []
    before = ""
    for entry in recorded:
        if entry in _INTENTS:
            found.append("")
        elif entry == REFUSED:
            found.pop()
        elif before in _INTENTS and entry != UNCLEAR:
            found[-1] = entry
        elif entry != UNCLEAR:
            found.append(entry)
        before = entry
    return found


async def note(delivery: Delivery, entry: str) -> None:
    """Record an entry for a row."""
    await delivery.record(entry)
    delivery.sent.append(entry)


async def resume(delivery: Delivery) -> None:
    """Call it before anything is sent for a row: an attempt whose outcome was not recorded is unclear.

    A traceable one is left to whoever can look for its message.
    """
    if delivery.sent and delivery.sent[-1] == INTENT:
        await note(delivery, UNCLEAR)
