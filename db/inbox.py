"""The inbox: which events were taken in."""

from db.connection import row, rows


async def record(event_key: str) -> bool:
    """Take an event in; False if it was taken in before (then do nothing else)."""
    return (
        await row("INSERT INTO inbox (event_key) VALUES ($1) ON CONFLICT DO NOTHING RETURNING event_key", event_key)
        is not None
    )


async def prune(days: int = 30) -> int:
    """Forget events older than any replay can be; return how many."""
    gone = await rows(
        "DELETE FROM inbox WHERE received_at < now() - make_interval(days => $1) RETURNING event_key", days
    )
    return len(gone)
