"""Messages that cannot be sent twice safely: what is recorded for a row says more than ids.

Where a platform takes no idempotency key and no edit could produce the message, an intent is recorded before it is
sent, and behind the intent its id, or that the platform refused it, or that it is not known what became of it.
"""

from collections.abc import Sequence
from typing import Final

from bot.platforms.base import Delivery

INTENT: Final = "sending"
REFUSED: Final = "refused"
UNCLEAR: Final = "unclear"


def parts_of(recorded: Sequence[str]) -> list[str]:
    """Return the messages of a row, one per part; an empty string for a part of which nothing is known."""
    found: list[str] = []
    before = ""
    for entry in recorded:
        if entry == INTENT:
            found.append("")
        elif entry == REFUSED:
            found.pop()
        elif before == INTENT and entry != UNCLEAR:
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
    """Call it before anything is sent for a row: an attempt whose outcome was not recorded is unclear."""
    if delivery.sent and delivery.sent[-1] == INTENT:
        await note(delivery, UNCLEAR)
