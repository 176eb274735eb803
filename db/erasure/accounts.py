"""Deleting an account with everything that belongs to it or derives from it, in small batches."""

from collections.abc import Sequence
from typing import Final

from db.connection import ids, own_connection, row, rows, transaction
from db.ownership import ACCOUNTS, Ownership, read_catalogue
from db.privacy import rules
from db.schemas import SchemaSpec, quoted

BATCH: Final = 200
"""Rows that one statement deletes: each holds its locks for a moment only."""


async def erase_account(account_id: int, specs: Sequence[SchemaSpec], people: Sequence[int] | None = None) -> bool:
    """Delete an account and everything that belongs to it or derives from it; False if there is no such account.

    Close it first (`db.erasure.closing`), or more is added meanwhile. Its rows go in batches, jobs with them: one that
    runs loses its lease and commits nothing. What was begun can be repeated. ``people`` are those found before
    (`people_of`), who go with it unless another account knows them.
    """
    known = await people_of(account_id, specs) if people is None else people
    if await row("SELECT id FROM accounts WHERE id = $1", account_id) is None:
        return False
    async with own_connection() as connection:
        found = Ownership(await read_catalogue(connection), rules(specs))
    shared = [table for table in found.owned() if is_shared(found, table)]
    for table in found.owned():
        if table not in shared and table != ACCOUNTS and not _is_part(found, table):
            # One statement per way: a condition with OR would read the whole table.
            for way in found.ways(table):
                await _delete(table, way, account_id)
    async with transaction():
        for table in shared:
            await _delete_unreferenced(found, table, known, account_id)
        await rows("DELETE FROM accounts WHERE id = $1", account_id)
    return True


async def people_of(account_id: int, specs: Sequence[SchemaSpec]) -> list[int]:
    """Return the ids of the people whom an account's rows refer to, and of those to whom it belongs."""
    async with own_connection() as connection:
        found = Ownership(await read_catalogue(connection), rules(specs))
    tables = [table for table in found.owned() if is_shared(found, table)]
    return sorted({each for table in tables for each in await _referred_to(found, table, account_id)})


def is_shared(found: Ownership, table: str) -> bool:
    """Return whether the rows of a table belong to several accounts, as people do."""
    rule = found.rules.get(table)
    return rule is not None and rule.shared


def _is_owned(found: Ownership, table: str) -> bool:
    rule = found.rules.get(table)
    return rule is None or bool(rule.owner)


def _is_part(found: Ownership, table: str) -> bool:
    rule = found.rules.get(table)
    return rule is not None and rule.part


async def _delete(table: str, way: str, account_id: int) -> None:
    name = quoted(table)
    while True:
        # The condition is repeated: in a partitioned table, rows of several partitions can share a ctid.
        gone = await rows(
            f"WITH gone AS (DELETE FROM {name} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {name} WHERE {way} "
            f"LIMIT {BATCH})) AND {way} RETURNING 1) SELECT count(*) AS n FROM gone",
            account_id,
        )
        if gone[0]["n"] < BATCH:
            return


async def _referred_to(found: Ownership, table: str, account_id: int) -> list[int]:
    """Return the ids of a shared table's rows that belong to an account or that its rows refer to."""
    ways = [f"SELECT id FROM {quoted(table)} WHERE {way}" for way in found.ways(table)]
    ways += [
        f'SELECT "{key.link.columns[0]}" FROM {quoted(key.table)} WHERE {way}'
        for key in found.keys_to(table)
        for way in found.ways(key.table)
    ]
    return ids(await rows(f"SELECT DISTINCT id FROM ({' UNION ALL '.join(ways)}) f WHERE id IS NOT NULL", account_id))


async def _delete_unreferenced(found: Ownership, table: str, candidates: Sequence[int], account_id: int) -> None:
    referred = [
        f'NOT EXISTS (SELECT FROM {quoted(key.table)} t WHERE t."{key.link.columns[0]}" = shared.id)'
        for key in found.keys_to(table)
        if _is_owned(found, key.table) and not _is_part(found, key.table)
    ]
    conditions = ["id = ANY($2)", *(f"NOT coalesce({way}, false)" for way in found.ways(table, "<> $1")), *referred]
    await rows(f"DELETE FROM {quoted(table)} shared WHERE {' AND '.join(conditions)}", account_id, list(candidates))
