"""Which bot of a platform the database belongs to: the first that served it; and how people come to it."""

from db.connection import row, rows


async def owner(platform: str, bot: str) -> str:
    """Return the id of the platform's bot that the database belongs to; from now on ``bot`` if it belonged to none."""
    found = await row(
        "WITH first AS (INSERT INTO bots (platform, bot) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING bot) "
        "SELECT bot FROM first UNION ALL SELECT bot FROM bots WHERE platform = $1 LIMIT 1",
        platform, bot,
    )  # fmt: skip
    # Nothing is found if somebody else's row was being inserted: it is there now.
    return found["bot"] if found is not None else await owner(platform, bot)


async def note_start_link(platform: str, link: str) -> None:
    """Record the address that opens a private chat with a platform's bot, to which what it is opened with is added."""
    await rows("UPDATE bots SET start_link = $2 WHERE platform = $1 AND start_link <> $2", platform, link)


async def start_links() -> dict[str, str]:
    """Return these addresses by platform, of those that have one."""
    found = await rows("SELECT platform, start_link FROM bots WHERE start_link <> '' ORDER BY platform")
    return {each["platform"]: each["start_link"] for each in found}
