"""Owners, lifetimes and texts of every table, and the clean-up of what has outlived its retention.

The rules of our tables are here, in `db.memory.rules` and in `db.picture_rules`, a package's in its `SchemaSpec`; the
functions are independent of the tables. `db.exports` and `db.erasure` go by the same rules.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import asyncpg

from db.connection import row, rows
from db.engine import dedicated
from db.errors import Outage, Unstorable
from db.memory.archive_rules import ARCHIVE_TABLES
from db.memory.rules import MEMORY_TABLES
from db.ownership import Ownership, read_catalogue
from db.picture_rules import PICTURE_TABLES
from db.prompt_rules import PROMPT_TABLES
from db.schemas import OwnerLink, Quotes, Retention, SchemaSpec, TableRule, quoted, texts

_OVER: Final = "state IN ('done', 'dead', 'cancelled')"
_LATE: Final = Retention(7, "created_at")
_STORY_JOBS: Final = "job_id IN (SELECT id FROM jobs WHERE story_id = $1)"
_CHAT_JOBS: Final = "job_id IN (SELECT id FROM jobs WHERE conversation_id = $1 AND message_id IS NOT NULL)"

TABLES: Final = (
    TableRule(
        "accounts",
        owner=(OwnerLink(("id",), "public.accounts", ("id",)),),
        texts=texts(names="name", ids="external_id", settings="platform kind settings"),
    ),
    # A person is known to several accounts. The personal account is theirs, and the one of a group that of the person
    # for whom its anonymous administrators act.
    TableRule(
        "users",
        owner=(OwnerLink(("platform", "external_id"), "public.accounts", ("platform", "external_id")),),
        shared=True,
        texts=texts(names="name", ids="external_id", settings="platform language story_language time_zone"),
    ),
    TableRule(
        "identities",
        owner=("user_id",),
        part=True,
        texts=texts(names="name username", ids="external_id", settings="platform language"),
    ),
    TableRule(
        "members",
        owner=("account_id", "user_id"),
        retention=Retention(365, "created_at"),
        texts=texts(ids="roles", settings="role"),
    ),
    TableRule(
        "linkings",
        owner=("user_id", "other_user_id"),
        omit=("salt", "code_hash"),
        retention=Retention(1, "created_at"),
        texts=texts(ids="selector salt code_hash", settings="state"),
    ),
    TableRule(
        "conversations",
        owner=("account_id",),
        texts=texts(ids="chat_id thread_id last_said", settings="platform kind mode"),
    ),
    # Of the channel, whoever set them.
    TableRule(
        "channel_settings",
        owner=("conversation_id",),
        texts=texts(settings="mode keywords quiet_zone rating model language"),
    ),
    TableRule("drafts", owner=("conversation_id",), texts=texts(words="content"), author="user_id"),
    # The product's have no account. The chats with a persona stay with the place when its maker goes.
    TableRule(
        "personas",
        owner=("account_id",),
        texts=texts(words="name card", ids="key share_code", settings="visibility source", state="verdict"),
        author="owner_id",
        leaves_row=True,
    ),
    TableRule(
        "persona_revisions", owner=("persona_id",), texts=texts(words="card", state="verdict"), author="author_id"
    ),
    TableRule("persona_originals", owner=("persona_id",), texts=texts(words="content"), author="author_id"),
    *PROMPT_TABLES,
    TableRule(
        "chat_messages",
        owner=("conversation_id",),
        texts=texts(words="text", state="role state verdict"),
        author="user_id",
        leaves_row=True,
        quotes=(Quotes("conversation", "conversation_id = $1 AND role = 'persona'", ("text",)),),
    ),
    TableRule("company", owner=("conversation_id",)),
    TableRule(
        "saved_chats",
        owner=("conversation_id",),
        texts=texts(words="name note", state="verdict"),
        author="author_id",
        leaves_row=True,
    ),
    # What a model wrote stays with the place, where anybody may then go on with it.
    TableRule(
        "stories",
        owner=("account_id",),
        texts=texts(
            words="premise picture_negative",
            derived="title",
            settings="genre language rating mode verdict picture_style picture_size picture_quality",
        ),
        author="owner_id",
        leaves_row=True,
        quotes=(Quotes("story", "id = $1", ("title",)),),
    ),
    TableRule(
        "pages",
        owner=("story_id",),
        texts=texts(derived="title text", state="state"),
        quotes=(Quotes("story", "story_id = $1", ("title", "text")),),
    ),
    TableRule(
        "choices",
        owner=("page_id",),
        texts=texts(words="text", settings="kind verdict"),
        author="user_id",
        leaves_row=True,
        quotes=(
            Quotes(
                "story",
                "page_id IN (SELECT id FROM pages WHERE story_id = $1) AND user_id IS NULL AND kind <> 'own'",
                ("text",),
            ),
        ),
    ),
    *MEMORY_TABLES,
    *ARCHIVE_TABLES,
    *PICTURE_TABLES,
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
        texts=texts(
            words="parameters",
            derived="error",
            ids="event_key destination",
            state="type queue state phase waiting_for",
        ),
        author="user_id",
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
        texts=texts(derived="content metadata", state="step kind"),
        quotes=(Quotes("story", _STORY_JOBS, ("content",)), Quotes("conversation", _CHAT_JOBS, ("content",))),
    ),
    TableRule("job_interactions", owner=("job_id",), texts=texts(words="content", state="name")),
    TableRule(
        "ai_tasks",
        owner=("account_id", "job_id"),
        retention=Retention(90, "started_at"),
        texts=texts(state="function state phase engine model prompt_version steps error", ids="receipt"),
    ),
    # Replying to a message, rewriting it and replacing its placeholder need its row; pressing its buttons does not.
    # What a payload says besides ids is dropped as soon as it is sent (`db.outbox`).
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
        texts=texts(
            words="payload",
            ids="event_key destination message_ids buttons",
            settings="platform",
            state="part kind state error",
        ),
    ),
    # What has drained says nothing any more.
    TableRule(
        "quotas",
        owner=("account_id", "user_id"),
        retention=Retention(1, "whole_at"),
        texts=texts(settings="name"),
    ),
    # It outlives the data of whom it concerns, for days, and names nobody.
    TableRule("spent_limits", retention=Retention(1, "ends_at"), texts=texts(ids="digest", settings="name")),
    # Named by their chat: a group, or a person's private chat.
    TableRule(
        "late_updates",
        owner=(
            OwnerLink(("platform", "chat_id"), "public.accounts", ("platform", "external_id")),
            OwnerLink(("platform", "chat_id"), "public.identities", ("platform", "external_id")),
        ),
        retention=_LATE,
        texts=texts(words="content", ids="chat_id", settings="platform"),
    ),
    TableRule(
        "awaited_files",
        owner=("account_id",),
        omit=("lease_token", "lease_expires"),
        retention=_LATE,
        texts=texts(words="event", ids="event_key stored", settings="platform"),
    ),
    # Longer than any platform replays its events.
    TableRule(
        "inbox",
        owner=(
            OwnerLink(("event_key",), "public.jobs", ("event_key",)),
            OwnerLink(("event_key",), "public.outbox", ("event_key",)),
        ),
        retention=Retention(30, "received_at", least=7),
        texts=texts(ids="event_key", state="error"),
    ),
    # A ban outlives the data of whom it concerns: it names them by the platform's id alone.
    TableRule(
        "access_rules",
        retention=Retention(30, "ends_at"),
        texts=texts(ids="external_id", settings="verdict subject platform reason"),
    ),
    TableRule("service_switches", permanent=True, texts=texts(settings="name message")),
    TableRule("announcements", retention=Retention(365, "created_at"), texts=texts(settings="text", state="state")),
    TableRule(
        "audit",
        owner=("account_id",),
        retention=Retention(365, "created_at"),
        texts=texts(settings="action subject details"),
    ),
    TableRule(
        "incidents",
        owner=("user_id",),
        retention=Retention(180, "created_at"),
        texts=texts(ids="source digest", settings="rule stage field"),
    ),
    # The words are those of the person who reports, whom the place must not learn of.
    TableRule(
        "reports",
        owner=("reporter_id",),
        retention=Retention(180, "created_at", "state <> 'open'"),
        texts=texts(words="reason", state="state"),
        author="reporter_id",
        leaves_row=True,
    ),
    # An archive is deleted once it is delivered; that there was one is known for the day in which it counts.
    TableRule("data_exports", owner=("user_id", "account_id"), retention=Retention(1, "created_at")),
    TableRule("data_export_parts", owner=("export_id",), omit=("data",), texts=texts(words="data")),
    TableRule("leaders", permanent=True, texts=texts(ids="name holder host", state="problem")),
    TableRule("clock", permanent=True),
    TableRule("bots", permanent=True, texts=texts(ids="bot", settings="platform start_link")),
    TableRule(
        "heartbeats",
        retention=Retention(1, "seen_at"),
        texts=texts(ids="worker host", state="queues models image_engines"),
    ),
    TableRule("schema_migrations", permanent=True, texts=texts(ids="name checksum")),
    TableRule("schema_failures", permanent=True, texts=texts(ids="name", state="reason")),
)
"""Our own tables."""
OWN: Final = "public"

_TEXTS: Final = """
SELECT table_schema || '.' || table_name AS name, column_name AS "column" FROM information_schema.columns
WHERE data_type IN ('text', 'character varying', 'character', 'json', 'jsonb', 'xml', 'bytea', 'ARRAY', 'USER-DEFINED')
ORDER BY 1, ordinal_position"""
_PRUNE_BATCH: Final = 200
_PRUNE_PAUSE_SECONDS: Final = 0.05
"""Between two batches, so that the clean-up of a long backlog leaves room for people."""
_log = logging.getLogger(__name__)


def rules(specs: Sequence[SchemaSpec]) -> dict[str, TableRule]:
    """Return the rules of all tables, ours and those of packages, by ``schema.table``."""
    own = {f"{OWN}.{rule.table}": rule for rule in TABLES}
    return own | {f"{spec.name}.{rule.table}": rule for spec in specs for rule in spec.tables}


async def prune(
    specs: Sequence[SchemaSpec],
    *,
    days: Mapping[str, int] = MappingProxyType({}),
    tables: Collection[str] | None = None,
    batches: int | None = None,
) -> dict[str, int]:
    """Delete expired rows in small batches; return the number of rows by ``schema.table``.

    ``days`` are the operator's, by ``schema.table`` (`db.retention.days_kept`). ``tables``: only of these;
    ``batches``: at most so many of each table, inside a transaction if need be. Without it, what was deleted is then
    removed from indexes and files (VACUUM). Safe to run concurrently.
    A package's rule that fails is logged and skipped.
    """
    gone: dict[str, int] = {}
    for table, rule in rules(specs).items():
        if rule.retention is None or (tables is not None and table not in tables):
            continue
        try:
            gone[table] = await _prune(table, rule.retention, days.get(table, rule.retention.days), batches)
        except (asyncpg.PostgresError, Unstorable) as e:
            if table.startswith(f"{OWN}."):
                raise
            _log.warning("the rows of %s cannot be cleaned up: %s", table, e)
    if batches is None:
        await vacuum(table for table, count in gone.items() if count)
    return gone


async def vacuum(tables: Iterable[str]) -> None:
    """Remove deleted rows (of ``schema.table``) from indexes and files now, instead of some time later.

    Holds up nobody: a table that is in use otherwise is left to the server. Call it outside a transaction.
    """
    for table in tables:
        try:
            await rows(f"VACUUM (SKIP_LOCKED, PARALLEL 0) {quoted(table)}")
        except (Outage, Unstorable, asyncpg.PostgresError) as e:
            _log.info("%s is left to the server's own clean-up: %s", table, e)


async def _prune(table: str, retention: Retention, days: int, batches: int | None) -> int:
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
            days, _PRUNE_BATCH, last,
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
        columns = await connection.fetch(_TEXTS)
    schemas = {OWN, *(spec.name for spec in specs)}
    missing = sorted(found.rules.keys() - found.catalogue.tables.keys())
    wrong = [(table.partition(".")[0], f"there is a rule for table {table}, which does not exist") for table in missing]
    for table in found.catalogue.tables:
        schema, rule = table.partition(".")[0], found.rules.get(table)
        if rule is None and schema in schemas:
            wrong.append((schema, f"table {table} has no rule for owner and lifetime"))
        elif rule is not None and rule.owner and found.belongs(table) == "false":
            wrong.append((schema, f"the owner of table {table} leads to no account"))
    return wrong + _unnamed(found.rules, [(r["name"], r["column"]) for r in columns])


def _unnamed(known: Mapping[str, TableRule], columns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the columns of text of which no rule says what they hold, and those that a rule names in vain."""
    wrong: list[tuple[str, str]] = []
    for table, rule in known.items():
        schema, there = table.partition(".")[0], {column for name, column in columns if name == table}
        if schema != OWN and not rule.texts:
            continue  # a package's: all of it counts as words
        for column in sorted(there ^ rule.texts.keys()):
            named = column in rule.texts
            problem = "is none of text, but a rule names it" if named else "holds texts of which no rule says whose"
            wrong.append((schema, f"column {column} of table {table} {problem}"))
    return wrong
