"""What is exported: a person's data in every account, or a place's, from one snapshot; and the archives made of it."""

import json
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from db.connection import own_connection, row, rows
from db.ownership import Ownership, read_catalogue
from db.people import PERSONAL
from db.privacy import OWN, rules
from db.records import columns, fetch_one
from db.schemas import SchemaSpec, TextKind, quoted

_BATCH: Final = 500
_BATCH_OF_FILES: Final = 4
ARCHIVES: Final = frozenset({f"{OWN}.data_exports", f"{OWN}.data_export_parts"})
"""The tables of exports themselves, which no export holds."""
_UNDER_WAY: Final = ARCHIVES | {
    f"{OWN}.{table}"
    for table in (
        "users", "identities", "drafts", "awaited_files", "late_updates", "jobs", "artifacts", "job_interactions",
        "outbox", "inbox", "quotas", "reports", "incidents", "uploads", "forget_requests",
    )
}  # fmt: skip
"""What an export of a place leaves out: what is between one person and the bot, and what passes."""
_OF_PERSONS: Final = "scope_id IN (SELECT id FROM archive_scopes WHERE kind = 'person')"
_ONE_PERSONS: Final = {
    f"{OWN}.archive_scopes": "kind = 'person'",
    f"{OWN}.archive_documents": _OF_PERSONS,
    f"{OWN}.archive_chunks": _OF_PERSONS,
    f"{OWN}.archive_vectors": _OF_PERSONS,
    f"{OWN}.lorebooks": "kind = 'person'",
    f"{OWN}.lorebook_entries": "book_id IN (SELECT id FROM lorebooks WHERE kind = 'person')",
    f"{OWN}.context_sessions": "user_id IS NOT NULL",
}
"""Rows of a place that one person alone sees: its export leaves them out."""
_PARTS: Final = {
    f"{OWN}.picture_files": "picture_id IN (SELECT id FROM pictures WHERE user_id = %d AND account_id <> $1)",
    f"{OWN}.archive_chunks": "document_id IN (SELECT id FROM archive_documents WHERE user_id = %d)",
    f"{OWN}.lorebook_entries": "book_id IN (SELECT id FROM lorebooks WHERE author_id = %d)",
}
"""Parts of what a person has in places: their rows name no author of their own."""


@dataclass(frozen=True, slots=True)
class ExportedRows:
    """Rows of one table (``schema.table``), JSON-serialisable but for bytes, which stay bytes.

    ``elsewhere``: they are the person's own in the accounts of places.
    """

    table: str
    rows: list[dict[str, Any]]
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class ExportedColumn:
    """A column as an export shows it: its type in PostgreSQL, and what its texts are (`db.schemas.TextKind`)."""

    table: str
    name: str
    type: str
    nullable: bool
    kind: TextKind | None


@dataclass(frozen=True, slots=True)
class Export:
    """An export that ``user_id`` asked for: of a place, or of their own data."""

    id: int
    user_id: int
    account_id: int | None


async def export_account(
    account_id: int,
    specs: Sequence[SchemaSpec],
    without: Iterable[str] = (),
    hidden: Mapping[str, str] = MappingProxyType({}),
) -> AsyncGenerator[tuple[str, list[dict[str, Any]]]]:
    """Yield an account's rows in batches of one table (``schema.table``), from one snapshot.

    ``hidden`` are conditions of rows that are left out. It holds a connection until it is exhausted or closed
    (`contextlib.aclosing`).
    """
    async with own_connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        found = Ownership(await read_catalogue(connection), rules(specs))
        for table in sorted((set(found.owned()) - ARCHIVES).difference(without)):
            shown = f"({found.belongs(table)}) AND ({hidden.get(table, 'false')}) IS NOT TRUE"
            async for batch in _batches(connection, found, table, shown, account_id):
                yield table, batch


async def export_place(account_id: int, specs: Sequence[SchemaSpec]) -> AsyncGenerator[ExportedRows]:
    """Yield what belongs to a place, without what one person alone sees there."""
    async for table, batch in export_account(account_id, specs, _UNDER_WAY, _ONE_PERSONS):
        yield ExportedRows(table, batch)


async def export_person(user_id: int, specs: Sequence[SchemaSpec]) -> AsyncGenerator[ExportedRows]:
    """Yield what belongs to a person: all of their personal account, and their own rows in those of places."""
    async with own_connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        found = Ownership(await read_catalogue(connection), rules(specs))
        account = await connection.fetchrow(
            "SELECT a.id FROM accounts a JOIN users u ON u.platform = a.platform AND u.external_id = a.external_id "
            "WHERE u.id = $1 AND a.kind = ANY ($2::text[])",
            user_id, list(PERSONAL),
        )  # fmt: skip
        personal: int = -1 if account is None else account["id"]
        for table in sorted(set(found.owned()) - ARCHIVES):
            async for batch in _batches(connection, found, table, found.belongs(table), personal):
                yield ExportedRows(table, batch)
        for table, rule in sorted(found.rules.items()):
            if rule.author and table in found.catalogue.tables:
                own = f'"{rule.author}" = {int(user_id)} AND NOT coalesce({found.belongs(table)}, false)'
                async for batch in _batches(connection, found, table, own, personal):
                    yield ExportedRows(table, batch, elsewhere=True)
        for table in sorted(found.catalogue.tables.keys() & _PARTS.keys()):
            own = f"{_PARTS[table] % int(user_id)} AND NOT coalesce({found.belongs(table)}, false)"
            async for batch in _batches(connection, found, table, own, personal):
                yield ExportedRows(table, batch, elsewhere=True)


async def exported_columns(specs: Sequence[SchemaSpec]) -> list[ExportedColumn]:
    """Return the columns of everything that an export may hold, in order."""
    known = rules(specs)
    found = await rows(
        "SELECT table_schema || '.' || table_name AS name, column_name AS \"column\", data_type AS type, "
        "is_nullable = 'YES' AS nullable FROM information_schema.columns ORDER BY 1, ordinal_position"
    )
    return [
        ExportedColumn(f["name"], f["column"], f["type"], f["nullable"], known[f["name"]].texts.get(f["column"]))
        for f in found
        if f["name"] in known and known[f["name"]].owner and f["name"] not in ARCHIVES
        if f["column"] not in known[f["name"]].omit
    ]


async def begin(user_id: int, account_id: int | None) -> int:
    """Record that a person asked for an export, of a place if ``account_id`` is given, and return its id."""
    found = await row(
        "INSERT INTO data_exports (user_id, account_id) VALUES ($1, $2) RETURNING id", user_id, account_id
    )
    assert found is not None
    return found["id"]


async def put_part(export_id: int, number: int, data: bytes) -> int:
    """Keep a part of an archive, replacing an earlier one of that number, and return its id."""
    found = await row(
        "INSERT INTO data_export_parts (export_id, number, data) SELECT id, $2, $3 FROM data_exports WHERE id = $1 "
        "ON CONFLICT (export_id, number) DO UPDATE SET data = excluded.data RETURNING id",
        export_id, number, data,
    )  # fmt: skip
    return 0 if found is None else found["id"]


async def part(part_id: int) -> bytes | None:
    """Return the bytes of a part; None if it was delivered, or is too old."""
    found = await row("SELECT data FROM data_export_parts WHERE id = $1", part_id)
    return None if found is None else bytes(found["data"])


async def part_size(part_id: int) -> tuple[int, int] | None:
    """Return the number and the size in bytes of a part; None if it was delivered, or is too old."""
    found = await row("SELECT number, octet_length(data) AS size FROM data_export_parts WHERE id = $1", part_id)
    return None if found is None else (found["number"], found["size"])


async def restart(part_id: int) -> Export | None:
    """Delete what is written of a part's export and was not delivered, to write it anew; None if there is none."""
    found = await fetch_one(
        Export,
        f"SELECT {columns(Export)} FROM data_exports WHERE id = "
        "(SELECT export_id FROM data_export_parts WHERE id = $1) FOR UPDATE",
        part_id,
    )
    if found is not None:
        await rows("DELETE FROM data_export_parts WHERE export_id = $1", found.id)
    return found


async def drop_part(part_id: int) -> None:
    """Delete a part: it was delivered."""
    await rows("DELETE FROM data_export_parts WHERE id = $1", part_id)


async def _batches(
    connection: Any, found: Ownership, table: str, condition: str, account_id: int
) -> AsyncGenerator[list[dict[str, Any]]]:
    rule = found.rules.get(table)
    omit = rule.omit if rule is not None else ()
    bytes_ = [name for name in found.catalogue.tables[table] if name not in omit]
    omitted = [*omit, *bytes_]
    files = "".join(f', t."{name}" AS "{name}"' for name in bytes_)
    where = f"({condition}) AND $1::bigint <> 0"  # the account's id is not part of every condition
    sql = f"SELECT to_jsonb(t) - $2::text[] AS found{files} FROM {quoted(table)} t WHERE {where}"
    batch: list[dict[str, Any]] = []
    size = _BATCH_OF_FILES if bytes_ else _BATCH
    async for record in connection.cursor(sql, account_id, omitted, prefetch=size):
        batch.append(json.loads(record["found"]) | {name: record[name] for name in bytes_})
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
