"""Rows that become one: what refers to a row, by any foreign key of the database, refers to another one then.

It knows no tables: packages' tables follow like ours. Where a unique index allows only one of two rows that meet, the
one that is there already stays.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tortoise.connection import get_connection

from db.connection import rows
from db.ownership import ACCOUNTS, Catalogue, ForeignKey, Ownership, read_catalogue
from db.privacy import OWN, TABLES
from db.schemas import quoted

USERS: Final = "public.users"
IDENTITIES: Final = "public.identities"
CONVERSATIONS: Final = "public.conversations"
_UNIQUE: Final = """
SELECT n.nspname || '.' || c.relname AS table, pg_get_expr(i.indpred, i.indrelid) AS only,
    (SELECT array_agg(pg_get_indexdef(i.indexrelid, k, true) ORDER BY k) FROM generate_series(1, i.indnkeyatts) k)
    AS keys
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indisunique AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"""


@dataclass(frozen=True, slots=True)
class _UniqueIndex:
    table: str
    keys: tuple[str, ...]
    only: str

    def others(self, column: str) -> tuple[str, ...] | None:
        """Return the keys besides ``column``, None if the index does not depend on it."""
        named = re.compile(rf'(?<![\w"]){re.escape(column)}(?![\w"])')
        others = tuple(key for key in self.keys if not named.search(key))
        return None if len(others) == len(self.keys) else others


@dataclass(frozen=True, slots=True)
class Merger:
    """Merges rows of the database as it was read. Call its methods in one transaction."""

    catalogue: Catalogue
    unique: tuple[_UniqueIndex, ...]

    @classmethod
    async def read(cls) -> "Merger":
        """Read the catalogue of the database."""
        client: Any = get_connection("default")
        async with client.acquire_connection() as connection:
            catalogue = await read_catalogue(connection)
        unique = [_UniqueIndex(r["table"], tuple(r["keys"]), r["only"] or "true") for r in await rows(_UNIQUE)]
        return cls(catalogue, tuple(unique))

    async def join_accounts(self, kept: int, gone: int) -> None:
        """Let everything of the account ``gone`` be of ``kept``, and delete it.

        Where both have a setting or an override, that of ``kept`` stays; a persona whose name or key is taken gets a
        number.
        """
        await rows("SELECT id FROM accounts WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE", [kept, gone])
        await _rename_personas(kept, gone)
        await rows(
            "UPDATE accounts k SET settings = g.settings || k.settings FROM accounts g WHERE k.id = $1 AND g.id = $2",
            kept, gone,
        )  # fmt: skip
        await self._refer(ACCOUNTS, kept, gone)
        await rows("DELETE FROM accounts WHERE id = $1", gone)

    async def join_users(self, kept: int, gone: int) -> None:
        """Let everything of the person ``gone``, with their identities, be of ``kept``, and delete the row.

        A setting of ``kept`` stays, but of what protects either person or others the stricter one.
        """
        await rows("SELECT id FROM users WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE", [kept, gone])
        await rows(
            "UPDATE users k SET time_zone = coalesce(nullif(k.time_zone, ''), g.time_zone), "
            "story_language = coalesce(nullif(k.story_language, ''), g.story_language), "
            "cooldown_until = greatest(k.cooldown_until, g.cooldown_until), learning = k.learning AND g.learning, "
            "archive = k.archive AND g.archive, keep_days = least(k.keep_days, g.keep_days) "
            "FROM users g WHERE k.id = $1 AND g.id = $2",
            kept, gone,
        )  # fmt: skip
        await self._refer(USERS, kept, gone)
        await rows("DELETE FROM users WHERE id = $1", gone)

    async def join_conversations(self, kept: int, gone: int) -> None:
        """Let everything of the conversation ``gone`` be of ``kept``, and delete it."""
        await self._refer(CONVERSATIONS, kept, gone)
        await rows("DELETE FROM conversations WHERE id = $1", gone)

    async def hand_over(self, user_id: int, to: int, accounts: str, *values: object) -> None:
        """Let what a person did in some accounts be another person's.

        ``accounts`` selects them in SQL, with ``values`` as its parameters from ``$3`` on.
        """
        owned = Ownership(self.catalogue, {f"{OWN}.{rule.table}": rule for rule in TABLES})
        for key, column in self.keys_to(USERS):
            if key.table == IDENTITIES or (where := owned.belongs(key.table, f"IN ({accounts})")) == "false":
                continue
            condition = f'"{column}" = $1 AND ({where})'
            await rows(f'UPDATE {quoted(key.table)} SET "{column}" = $2 WHERE {condition}', user_id, to, *values)

    def keys_to(self, table: str) -> list[tuple[ForeignKey, str]]:
        """Return the foreign keys that refer to a table by one column, with that column."""
        keys = [key for key in self.catalogue.keys if key.link.table == table and len(key.link.columns) == 1]
        return [(key, key.link.columns[0]) for key in keys]

    async def _refer(self, table: str, kept: int, gone: int) -> None:
        """Let everything that refers to the row ``gone`` of a table refer to the row ``kept``."""
        for key, column in self.keys_to(table):
            await self._drop_doubles(key.table, column, kept, gone)
            await rows(f'UPDATE {quoted(key.table)} SET "{column}" = $1 WHERE "{column}" = $2', kept, gone)

    async def _drop_doubles(self, table: str, column: str, kept: int, gone: int) -> None:
        for index in self.unique:
            others = index.others(column) if index.table == table else None
            if others is None:
                continue
            there = f'"{column}" = $1 AND ({index.only})'
            met = _among(others, f"FROM {quoted(table)} WHERE {there}")
            await rows(f'DELETE FROM {quoted(table)} WHERE "{column}" = $2 AND ({index.only}) AND {met}', kept, gone)


def _among(keys: Sequence[str], of: str) -> str:
    """Return the condition that one of the rows selected ``of`` a table has the same keys."""
    if not keys:
        return f"EXISTS (SELECT {of})"
    return f"({', '.join(keys)}) IN (SELECT {', '.join(keys)} {of})"


async def _rename_personas(kept: int, gone: int) -> None:
    """Give personas of ``gone`` a number behind the name and the id behind the key where ``kept`` has them too."""
    await rows(
        "UPDATE personas y SET key = y.key || '-' || y.id FROM personas o WHERE y.account_id = $2 "
        "AND o.account_id = $1 AND o.key = y.key",
        kept, gone,
    )  # fmt: skip
    taken = {r["name"] for r in await rows("SELECT lower(name) AS name FROM personas WHERE account_id = $1", kept)}
    for persona in await rows("SELECT id, name FROM personas WHERE account_id = $1 ORDER BY id", gone):
        name, number = persona["name"], 2
        while name.lower() in taken:
            name, number = f"{persona['name']} ({number})", number + 1
        taken.add(name.lower())
        if name != persona["name"]:
            await rows(
                "UPDATE personas SET name = $2, card = jsonb_set(card, '{name}', to_jsonb($2::text), false) "
                "WHERE id = $1",
                persona["id"], name,
            )  # fmt: skip
