"""A database without rows, so that no test sees another's."""

from typing import Any, Final

import asyncpg

from db.connection import rows
from db.urls import credentials

_DEFAULT_WELCOMED: Final = "ALTER TABLE conversations ALTER COLUMN welcomed SET DEFAULT {}"
_TRUNCATED_FROM: Final = 512 * 1024
"""Size in bytes from which a table's files are replaced instead of its rows deleted."""
# TRUNCATE makes a new file for every table and index, hundreds for a test that wrote five rows. A default that is set
# anew, to whatever, has every connection plan its statements again.
_EMPTY: Final = f"""
DO $$
DECLARE
  tables oid[] := ARRAY(
    SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    AND relname NOT LIKE 'schema\\_%'
  );
  found regclass;
BEGIN
  IF EXISTS (
    SELECT FROM pg_attrdef WHERE adrelid = 'conversations'::regclass AND pg_get_expr(adbin, adrelid) = 'false'
    AND adnum = (SELECT attnum FROM pg_attribute WHERE attrelid = adrelid AND attname = 'welcomed')
  ) THEN
    {_DEFAULT_WELCOMED.format("true")};
  END IF;
  tables := tables || ARRAY(
    SELECT DISTINCT conrelid FROM pg_constraint
    WHERE contype = 'f' AND confrelid = ANY(tables) AND NOT conrelid = ANY(tables)
  );
  IF EXISTS (SELECT FROM unnest(tables) AS t WHERE pg_relation_size(t) > {_TRUNCATED_FROM}) THEN
    EXECUTE 'TRUNCATE ' || (SELECT string_agg(t::regclass::text, ', ') FROM unnest(tables) AS t)
      || ' RESTART IDENTITY CASCADE';
  ELSE
    -- Neither foreign keys nor our triggers: all rows go.
    SET LOCAL session_replication_role = replica;
    FOREACH found IN ARRAY tables LOOP
      EXECUTE format('DELETE FROM %s', found);
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
  END IF;
END $$
"""


class Cleaner:
    """Empties the tables of one database. Its connection stays open: each new one would have to learn all tables."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None

    async def empty_tables(self) -> None:
        """Delete all rows. Nobody in the database is new to the bot (see `newcomers`)."""
        # A test may have killed or restarted the server.
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(**credentials(self._url))
        await self._connection.execute(_EMPTY)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()


async def known_people() -> None:
    """Let nobody be new to the bot: their first message gets its answer only."""
    await rows(_DEFAULT_WELCOMED.format("true"))


async def newcomers() -> None:
    """Let people who are met from now on be new: their first private message is answered with a welcome."""
    await rows(_DEFAULT_WELCOMED.format("false"))
