"""A database without rows, so that no test sees another's."""

from db.connection import rows


async def empty_tables() -> None:
    """Delete all rows of the connected database. Nobody in it is new to the bot (see `newcomers`)."""
    await known_people()
    found = await rows(
        "SELECT string_agg(quote_ident(tablename), ', ') AS names FROM pg_tables "
        "WHERE schemaname = 'public' AND tablename NOT LIKE 'schema\\_%'"
    )
    await rows(f"TRUNCATE {found[0]['names']} RESTART IDENTITY CASCADE")


async def known_people() -> None:
    """Let nobody be new to the bot: their first message gets its answer only."""
    await rows("ALTER TABLE conversations ALTER COLUMN welcomed SET DEFAULT true")


async def newcomers() -> None:
    """Let people who are met from now on be new: their first private message is answered with a welcome."""
    await rows("ALTER TABLE conversations ALTER COLUMN welcomed SET DEFAULT false")
