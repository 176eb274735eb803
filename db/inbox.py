"""The inbox: the events that were accepted. One that failed again and again is a dead letter: only its key and why."""

from typing import Final

from db.connection import row

COUNTED: Final = 1000
_ERROR_LENGTH: Final = 500


async def record(event_key: str) -> bool:
    """Record an event; False if it was recorded before (then do nothing else)."""
    found = await row("INSERT INTO inbox (event_key) VALUES ($1) ON CONFLICT DO NOTHING RETURNING event_key", event_key)
    return found is not None


async def bury(event_key: str, error: str) -> bool:
    """Record an event as a dead letter, also if it was accepted before; False if it is one already.

    ``error`` is why: no words of people.
    """
    found = await row(
        "INSERT INTO inbox (event_key, error) VALUES ($1, $2) ON CONFLICT (event_key) DO UPDATE "
        "SET error = excluded.error WHERE inbox.error = '' RETURNING event_key",
        event_key,
        error[:_ERROR_LENGTH],
    )
    return found is not None


async def dead_letters() -> int:
    """Return the number of dead letters that are still recorded, counted up to `COUNTED`."""
    found = await row(
        "SELECT count(*) AS n FROM (SELECT FROM inbox WHERE error <> '' ORDER BY received_at LIMIT $1) found", COUNTED
    )
    return 0 if found is None else found["n"]
