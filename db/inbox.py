"""The inbox: which events were taken in."""

from db.connection import row


async def record(event_key: str) -> bool:
    """Take an event in; False if it was taken in before (then do nothing else)."""
    return (
        await row("INSERT INTO inbox (event_key) VALUES ($1) ON CONFLICT DO NOTHING RETURNING event_key", event_key)
        is not None
    )
