"""Owners and lifetimes of the rows of every table; export, deletion and clean-up.

The rules of our tables are here, a package's in its `SchemaSpec`; the functions are independent of the tables.
"""

import json
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import asyncpg
from tortoise.connection import get_connection

from db.connection import credentials, ids, row, rows, transaction
from db.errors import Unstorable
from db.ownership import Ownership, read_catalogue
from db.schemas import OwnerLink, Retention, SchemaSpec, TableRule, quoted

TABLES: Final = (
    TableRule("accounts", owner=(OwnerLink(("id",), "public.accounts", ("id",)),)),
    # A person is known to several accounts. A private chat's account is the person's own.
    TableRule(
        "users",
        owner=(OwnerLink(("platform", "external_id"), "public.accounts", ("platform", "external_id")),),
        shared=True,
    ),
    TableRule("conversations", owner=("account_id",)),
    TableRule("drafts", owner=("conversation_id",)),
    TableRule("personas", owner=("account_id",)),  # those of the product have no account
    TableRule("prompt_overrides", owner=("account_id",)),
    TableRule("chat_messages", owner=("conversation_id",)),
    TableRule("stories", owner=("account_id",)),
    TableRule("pages", owner=("story_id",)),
    TableRule("choices", owner=("page_id",)),
    TableRule(
        "pictures",
        owner=("account_id",),
        # Attached files that were never redrawn, or whose redrawn pictures are all deleted.
        retention=Retention(
            1, "created_at", "kind = 'attached' AND NOT EXISTS (SELECT FROM pictures p WHERE p.source_id = pictures.id)"
        ),
    ),
    TableRule("picture_files", owner=("picture_id",)),
    # A destination may hold a platform's response token.
    TableRule("jobs", owner=("account_id", "conversation_id"), omit=("lease_token", "lease_expires", "destination")),
    TableRule("artifacts", owner=("job_id",)),
    TableRule("job_interactions", owner=("job_id",)),
    TableRule("ai_tasks", owner=("account_id", "job_id")),
    TableRule("outbox", owner=("conversation_id",), omit=("lease_token", "lease_expires", "destination")),
    # Named by their chat, which is the account of a group or of a person's own messages.
    TableRule(
        "late_updates",
        owner=(OwnerLink(("platform", "chat_id"), "public.accounts", ("platform", "external_id")),),
        retention=Retention(7, "created_at"),
    ),
    TableRule(
        "awaited_files",
        owner=("account_id",),
        omit=("lease_token", "lease_expires"),
        retention=Retention(7, "created_at"),
    ),
    # Longer than any platform replays its events.
    TableRule(
        "inbox",
        owner=(
            OwnerLink(("event_key",), "public.jobs", ("event_key",)),
            OwnerLink(("event_key",), "public.outbox", ("event_key",)),
        ),
        retention=Retention(30, "received_at"),
    ),
    TableRule("leaders", permanent=True),
    TableRule("heartbeats", retention=Retention(1, "seen_at")),
    TableRule("schema_migrations", permanent=True),
    TableRule("schema_failures", permanent=True),
)
"""Our own tables."""
OWN: Final = "public"

_BATCH: Final = 500
_BATCH_OF_FILES: Final = 4
_PRUNE_BATCH: Final = 1000
_log = logging.getLogger(__name__)


def rules(specs: Sequence[SchemaSpec]) -> dict[str, TableRule]:
    """Return the rules of all tables, ours and those of packages, by ``schema.table``."""
    own = {f"{OWN}.{rule.table}": rule for rule in TABLES}
    return own | {f"{spec.name}.{rule.table}": rule for spec in specs for rule in spec.tables}


async def export_account(
    account_id: int, specs: Sequence[SchemaSpec]
) -> AsyncGenerator[tuple[str, list[dict[str, Any]]]]:
    """Yield an account's rows, JSON-serialisable, in batches of one table (``schema.table``), from one snapshot.

    Bytes are encoded as base64. It holds a connection until it is exhausted or closed (`contextlib.aclosing`).
    """
    async with _connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        found = Ownership(await read_catalogue(connection), rules(specs))
        for table in sorted(found.owned()):
            rule, bytes_ = found.rules.get(table), found.catalogue.tables[table]
            omitted = rule.omit if rule is not None else ()
            files = ", ".join(f"'{name}', translate(encode(\"{name}\", 'base64'), E'\\n', '')" for name in bytes_)
            sql = (
                f"SELECT (to_jsonb(t) || jsonb_build_object({files})) - $2::text[] AS found FROM {quoted(table)} t "
                f"WHERE {found.belongs(table)}"
            )
            batch: list[dict[str, Any]] = []
            size = _BATCH_OF_FILES if bytes_ else _BATCH
            async for record in connection.cursor(sql, account_id, list(omitted), prefetch=size):
                batch.append(json.loads(record["found"]))
                if len(batch) == size:
                    yield table, batch
                    batch = []
            if batch:
                yield table, batch


async def erase_account(account_id: int, specs: Sequence[SchemaSpec]) -> bool:
    """Delete an account and everything that belongs to it or derives from it; False if there is no such account.

    Users go with it unless another account knows them. A job that runs for it loses its lease and commits nothing.
    """
    async with transaction():
        # From here on no rows that refer to the account can be added.
        if await row("SELECT id FROM accounts WHERE id = $1 FOR UPDATE", account_id) is None:
            return False
        async with _connection() as connection:
            found = Ownership(await read_catalogue(connection), rules(specs))
        owned = found.owned()
        shared = {table: await _referred_to(found, table, account_id) for table in owned if _is_shared(found, table)}
        for table in owned:
            if table not in shared:
                await rows(f"DELETE FROM {quoted(table)} WHERE {found.belongs(table)}", account_id)
        for table, candidates in shared.items():
            await _delete_unreferenced(found, table, candidates, account_id)
    return True


def _is_shared(found: Ownership, table: str) -> bool:
    rule = found.rules.get(table)
    return rule is not None and rule.shared


async def _referred_to(found: Ownership, table: str, account_id: int) -> list[int]:
    """Return the ids of a shared table's rows that belong to an account or that its rows refer to."""
    ways = [f"SELECT id FROM {quoted(table)} WHERE {found.belongs(table)}"]
    ways += [
        f'SELECT "{key.link.columns[0]}" FROM {quoted(key.table)} WHERE {found.belongs(key.table)}'
        for key in found.keys_to(table)
    ]
    return ids(await rows(f"SELECT DISTINCT id FROM ({' UNION ALL '.join(ways)}) f WHERE id IS NOT NULL", account_id))


async def _delete_unreferenced(found: Ownership, table: str, candidates: list[int], account_id: int) -> None:
    referred = [
        f'NOT EXISTS (SELECT FROM {quoted(key.table)} t WHERE t."{key.link.columns[0]}" = shared.id)'
        for key in found.keys_to(table)
    ]
    conditions = ["id = ANY($2)", f"NOT coalesce({found.belongs(table, '<> $1')}, false)", *referred]
    await rows(f"DELETE FROM {quoted(table)} shared WHERE {' AND '.join(conditions)}", account_id, candidates)


async def prune(specs: Sequence[SchemaSpec]) -> dict[str, int]:
    """Delete expired rows in small batches; return the number of rows by ``schema.table``.

    Safe to run concurrently. A package's rule that fails is logged and skipped.
    """
    gone: dict[str, int] = {}
    for table, rule in rules(specs).items():
        if rule.retention is None:
            continue
        try:
            gone[table] = await _prune(table, rule.retention)
        except (asyncpg.PostgresError, Unstorable) as e:
            if table.startswith(f"{OWN}."):
                raise
            _log.warning("the rows of %s cannot be cleaned up: %s", table, e)
    return gone


async def _prune(table: str, retention: Retention) -> int:
    name, total = quoted(table), 0
    outlived = f'"{retention.since}" < now() - make_interval(days => $1) AND ({retention.only})'
    while True:
        # The condition is repeated: in a partitioned table, rows of several partitions can share a ctid.
        found = await rows(
            f"DELETE FROM {name} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {name} WHERE {outlived} LIMIT $2 "
            f"FOR UPDATE SKIP LOCKED)) AND {outlived} RETURNING 1",
            retention.days, _PRUNE_BATCH,
        )  # fmt: skip
        total += len(found)
        if len(found) < _PRUNE_BATCH:
            return total


async def problems(url: str, specs: Sequence[SchemaSpec]) -> list[tuple[str, str]]:
    """Return the problems of the rules of an up-to-date database, one line each, with the schema concerned."""
    connection = await asyncpg.connect(**credentials(url))
    try:
        found = Ownership(await read_catalogue(connection), rules(specs))
    finally:
        await connection.close()
    schemas = {OWN, *(spec.name for spec in specs)}
    missing = sorted(found.rules.keys() - found.catalogue.tables.keys())
    wrong = [(table.partition(".")[0], f"there is a rule for table {table}, which does not exist") for table in missing]
    for table in found.catalogue.tables:
        schema, rule = table.partition(".")[0], found.rules.get(table)
        if rule is None and schema in schemas:
            wrong.append((schema, f"table {table} has no rule for owner and lifetime"))
        elif rule is not None and rule.owner and found.belongs(table) == "false":
            wrong.append((schema, f"the owner of table {table} leads to no account"))
    return wrong


def _connection() -> AbstractAsyncContextManager[Any]:
    """The ORM's own connection: the current transaction's, else one from the pool."""
    client: Any = get_connection("default")
    return client.acquire_connection()
