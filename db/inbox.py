"""The inbox: the events that were accepted."""

from db.connection import row


async def record(event_key: str) -> bool:
    """Record an event; False if it was recorded before (then do nothing else)."""
    return (
        await row("INSERT INTO inbox (event_key) VALUES ($1) ON CONFLICT DO NOTHING RETURNING event_key", event_key)
        is not None
    )
