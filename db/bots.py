"""Which bot of a platform the database belongs to: the first that served it."""

from db.connection import row


async def owner(platform: str, bot: str) -> str:
    """Return the id of the platform's bot that the database belongs to; from now on ``bot`` if it belonged to none."""
    found = await row(
        "WITH first AS (INSERT INTO bots (platform, bot) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING bot) "
        "SELECT bot FROM first UNION ALL SELECT bot FROM bots WHERE platform = $1 LIMIT 1",
        platform, bot,
    )  # fmt: skip
    # Nothing is found if somebody else's row was being inserted: it is there now.
    return found["bot"] if found is not None else await owner(platform, bot)
