"""Owners and lifetimes of the rows of every table; export, deletion and clean-up.

The rules of our tables are here, a package's in its `SchemaSpec`; the functions are independent of the tables.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import asyncpg
from tortoise.connection import get_connection

from db.connection import ids, row, rows, transaction
from db.engine import dedicated
from db.errors import Unstorable
from db.ownership import Ownership, read_catalogue
from db.schemas import OwnerLink, Retention, SchemaSpec, TableRule, quoted

_OVER: Final = "state IN ('done', 'dead', 'cancelled')"
TABLES: Final = (
    TableRule("accounts", owner=(OwnerLink(("id",), "public.accounts", ("id",)),)),
    # A person is known to several accounts. The personal account is theirs, and the one of a group that of the person
    # for whom its anonymous administrators act.
    TableRule(
        "users",
        owner=(OwnerLink(("platform", "external_id"), "public.accounts", ("platform", "external_id")),),
        shared=True,
    ),
    TableRule("identities", owner=("user_id",), part=True),
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
            1,
            "created_at",
            "kind = 'attached' AND (SELECT true FROM pictures p WHERE p.source_id = pictures.id LIMIT 1) IS NULL",
        ),
    ),
    TableRule("picture_files", owner=("picture_id",)),
    # A destination may hold a platform's response token.
    # Child jobs go before their parent, whose steps read their results.
    TableRule(
        "jobs",
        owner=("account_id", "conversation_id"),
        omit=("lease_token", "lease_expires", "destination"),
        retention=Retention(
            30,
            "finished_at",
            f"{_OVER} AND (SELECT true FROM jobs c WHERE c.parent_id = jobs.id LIMIT 1) IS NULL "
            f"AND (SELECT {_OVER} FROM jobs p WHERE p.id = jobs.parent_id) IS NOT false",
        ),
    ),
    # Only a rerun reads them, and the parent of a child job.
    TableRule(
        "artifacts",
        owner=("job_id",),
        retention=Retention(
            3,
            "created_at",
            f"(SELECT {_OVER} AND (SELECT {_OVER} FROM jobs p WHERE p.id = j.parent_id) IS NOT false "
            "FROM jobs j WHERE j.id = artifacts.job_id)",
        ),
    ),
    TableRule("job_interactions", owner=("job_id",)),
    TableRule("ai_tasks", owner=("account_id", "job_id"), retention=Retention(90, "started_at")),
    # Replying to a message, rewriting it and replacing its placeholder need its row; pressing its buttons does not.
    TableRule(
        "outbox",
        owner=("conversation_id",),
        omit=("lease_token", "lease_expires", "destination"),
        retention=Retention(
            90,
            "created_at",
            "state IN ('sent', 'superseded', 'dead') AND (SELECT true FROM outbox e WHERE e.edits_row = outbox.id "
            "AND (e.state IN ('pending', 'sending') OR e.created_at > now() - interval '90 days') LIMIT 1) IS NULL "
            "AND (SELECT true FROM outbox r WHERE r.event_key = outbox.event_key "
            "AND r.state IN ('pending', 'sending') LIMIT 1) IS NULL",
        ),
    ),
    # What has drained says nothing any more.
    TableRule("quotas", owner=("account_id", "user_id"), retention=Retention(1, "whole_at")),
    # Named by their chat: a group, or a person's private chat.
    TableRule(
        "late_updates",
        owner=(
            OwnerLink(("platform", "chat_id"), "public.accounts", ("platform", "external_id")),
            OwnerLink(("platform", "chat_id"), "public.identities", ("platform", "external_id")),
        ),
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
    # A ban outlives the data of whom it concerns: it names them by the platform's id alone.
    TableRule("access_rules", retention=Retention(30, "ends_at")),
    TableRule("service_switches", permanent=True),
    TableRule("audit", owner=("account_id",), retention=Retention(365, "created_at")),
    TableRule("incidents", owner=("user_id",), retention=Retention(180, "created_at")),
    # The words are those of the person who reports, whom the place must not learn of.
    TableRule("reports", owner=("reporter_id",), retention=Retention(180, "created_at", "state <> 'open'")),
    TableRule("leaders", permanent=True),
    TableRule("clock", permanent=True),
    TableRule("bots", permanent=True),
    TableRule("heartbeats", retention=Retention(1, "seen_at")),
    TableRule("schema_migrations", permanent=True),
    TableRule("schema_failures", permanent=True),
)
"""Our own tables."""
OWN: Final = "public"

_BATCH: Final = 500
_BATCH_OF_FILES: Final = 4
_PRUNE_BATCH: Final = 200
_PRUNE_PAUSE_SECONDS: Final = 0.05
"""Between two batches, so that the clean-up of a long backlog leaves room for people."""
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
            if table not in shared and not _is_part(found, table):
                # One statement per way: a condition with OR would read the whole table.
                for way in found.ways(table):
                    await rows(f"DELETE FROM {quoted(table)} WHERE {way}", account_id)
        for table, candidates in shared.items():
            await _delete_unreferenced(found, table, candidates, account_id)
    return True


def _is_shared(found: Ownership, table: str) -> bool:
    rule = found.rules.get(table)
    return rule is not None and rule.shared


def _is_owned(found: Ownership, table: str) -> bool:
    rule = found.rules.get(table)
    return rule is None or bool(rule.owner)


def _is_part(found: Ownership, table: str) -> bool:
    rule = found.rules.get(table)
    return rule is not None and rule.part


async def _referred_to(found: Ownership, table: str, account_id: int) -> list[int]:
    """Return the ids of a shared table's rows that belong to an account or that its rows refer to."""
    ways = [f"SELECT id FROM {quoted(table)} WHERE {way}" for way in found.ways(table)]
    ways += [
        f'SELECT "{key.link.columns[0]}" FROM {quoted(key.table)} WHERE {way}'
        for key in found.keys_to(table)
        for way in found.ways(key.table)
    ]
    return ids(await rows(f"SELECT DISTINCT id FROM ({' UNION ALL '.join(ways)}) f WHERE id IS NOT NULL", account_id))


async def _delete_unreferenced(found: Ownership, table: str, candidates: list[int], account_id: int) -> None:
    referred = [
        f'NOT EXISTS (SELECT FROM {quoted(key.table)} t WHERE t."{key.link.columns[0]}" = shared.id)'
        for key in found.keys_to(table)
        if not _is_part(found, key.table) and _is_owned(found, key.table)  # a ban is no reason to keep a name
    ]
    conditions = ["id = ANY($2)", *(f"NOT coalesce({way}, false)" for way in found.ways(table, "<> $1")), *referred]
    await rows(f"DELETE FROM {quoted(table)} shared WHERE {' AND '.join(conditions)}", account_id, candidates)


async def prune(
    specs: Sequence[SchemaSpec], *, tables: Collection[str] | None = None, batches: int | None = None
) -> dict[str, int]:
    """Delete expired rows in small batches; return the number of rows by ``schema.table``.

    ``tables``: only of these (by ``schema.table``); ``batches``: at most so many of each table.
    Safe to run concurrently. A package's rule that fails is logged and skipped.
    """
    gone: dict[str, int] = {}
    for table, rule in rules(specs).items():
        if rule.retention is None or (tables is not None and table not in tables):
            continue
        try:
            gone[table] = await _prune(table, rule.retention, batches)
        except (asyncpg.PostgresError, Unstorable) as e:
            if table.startswith(f"{OWN}."):
                raise
            _log.warning("the rows of %s cannot be cleaned up: %s", table, e)
    return gone


async def _prune(table: str, retention: Retention, batches: int | None) -> int:
    name, total, done, last = quoted(table), 0, 0, None
    outlived = f'"{retention.since}" < now() - make_interval(days => $1) AND ({retention.only})'
    while True:
        # From the oldest on, so that rows that must stay are not looked at again in every batch. The condition is
        # repeated: in a partitioned table, rows of several partitions can share a ctid.
        found = await row(
            f"WITH gone AS (DELETE FROM {name} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {name} WHERE {outlived} "
            f"AND \"{retention.since}\" >= coalesce($3::timestamptz, '-infinity') ORDER BY \"{retention.since}\" "
            f'LIMIT $2 FOR UPDATE SKIP LOCKED)) AND {outlived} RETURNING "{retention.since}" AS since) '
            "SELECT count(*) AS n, max(since) AS last FROM gone",
            retention.days, _PRUNE_BATCH, last,
        )  # fmt: skip
        assert found is not None
        total, done, last = total + found["n"], done + 1, found["last"]
        if found["n"] < _PRUNE_BATCH or done == batches:
            return total
        await asyncio.sleep(_PRUNE_PAUSE_SECONDS)


async def problems(url: str, specs: Sequence[SchemaSpec]) -> list[tuple[str, str]]:
    """Return the problems of the rules of an up-to-date database, one line each, with the schema concerned."""
    async with dedicated(url) as connection, connection.transaction():
        found = Ownership(await read_catalogue(connection), rules(specs))
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
