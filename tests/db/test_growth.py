"""What hot queries read does not depend on how much there is: no table as a whole, and a bounded number of rows.

Times are for `benchmarks/growth.py`; here PostgreSQL's own counters tell.
"""

from collections.abc import AsyncGenerator
from typing import Final

import asyncpg
import pytest

from benchmarks.growth_cases import CASES, Prepare, World, undone
from benchmarks.growth_fill import fill
from db import outbox
from db.connection import credentials, rows
from tests.db.test_outbox import put

SIZE: Final = 12_000
MOST: Final = 2_500
DELETING: Final = 9_000
"""Rows that a deletion may read: the story and the chat that it deletes have about half as many."""
_READ: Final = """
SELECT relname AS table, coalesce(seq_tup_read, 0) AS scanned,
    coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) AS n
FROM pg_stat_xact_user_tables
WHERE schemaname = 'public' AND relname NOT IN ('accounts', 'users', 'identities', 'conversations', 'personas')"""
"""Without the tables that have only a few hundred rows here."""


@pytest.fixture
async def full(database: str) -> AsyncGenerator[World]:
    """A service that has been used for a while."""
    connection = await asyncpg.connect(**credentials(database))
    try:
        await fill(connection, SIZE)
        yield await World.find()
        await connection.execute("TRUNCATE accounts, users, personas, inbox, jobs CASCADE; ANALYZE")
    finally:
        await connection.close()


async def read() -> dict[str, tuple[int, int]]:
    return {r["table"]: (r["scanned"], r["n"]) for r in await rows(_READ)}


async def cost(prepare: Prepare, world: World) -> dict[str, tuple[int, int]]:
    """Return how many rows one query reads, by table: in scans of the whole table, and in all."""
    async with undone():
        await rows("SET LOCAL random_page_cost = 1.1")  # plans as for larger tables
        act = await prepare(world)
        before = await read()
        await act()
        after = await read()
    old = {table: before.get(table, (0, 0)) for table in after}
    return {table: (scanned - old[table][0], n - old[table][1]) for table, (scanned, n) in after.items()}


async def all_within_bounds(world: World) -> None:
    wrong: dict[str, dict[str, tuple[int, int]]] = {}
    for case in CASES:
        most = DELETING if case.name.startswith("delete") else MOST
        for _ in range(7):  # at the sixth PostgreSQL may keep a plan for all values
            reads = await cost(case.prepare, world)
            if sum(n for _, n in reads.values()) > most or any(scanned > MOST for scanned, _ in reads.values()):
                wrong[case.name] = {table: n for table, n in reads.items() if max(n) > 100}
    assert wrong == {}, wrong


@pytest.mark.slow
async def test_hot_queries_read_few_rows_whatever_the_statistics_say(full: World):
    await all_within_bounds(full)
    # Statistics gathered in the middle of an outage, when everything was open.
    for change in ("state = 'pending', attempts = 0", "state = 'sent', attempts = 1"):
        await rows(f"UPDATE outbox SET {change} WHERE id % 10 <> 5")
        await rows("ANALYZE outbox") if "pending" in change else None
    await all_within_bounds(full)


async def test_a_chat_with_many_open_messages_holds_up_no_other(database: str):
    await put("1")
    await rows(
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, destination) SELECT 'hog:' || n, "
        "'reply', 'console', conversation_id, kind, destination FROM outbox, generate_series(1, 500) n"
    )
    await rows("UPDATE outbox SET not_before = now() + interval '1 hour', attempts = 1 WHERE event_key = 'console:1'")
    other = await put("2", who="ben")
    assert [c.row.id for c in (await outbox.claim("console", 10)).rows] == [other]


async def test_every_chat_has_its_turn_however_many_there_are(database: str):
    chats = outbox.CHATS * 2 + 10
    await put("1")
    await rows(
        "WITH c AS (INSERT INTO conversations (account_id, platform, chat_id, kind) SELECT account_id, platform, "
        "'chat-' || n, 'dm' FROM conversations, generate_series(1, $1) n RETURNING id) "
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, destination) SELECT 'many:' || c.id || "
        "'-' || n, 'reply', 'console', c.id, 'erase', '{}' FROM c, generate_series(1, 2) n",
        chats,
    )
    # The newest messages are those of one chat that must wait, and so are the first ones of most chats.
    await rows(
        "UPDATE outbox SET not_before = now() + interval '1 hour', attempts = 1 WHERE event_key LIKE 'many:%-1' "
        "AND conversation_id <> (SELECT max(id) - 300 FROM conversations)"
    )
    found: list[int] = []
    after = rounds = 0
    while rounds < 10 and not (rounds and after == 0):
        claims = await outbox.claim("console", 64, after=after)
        found += [c.row.conversation_id for c in claims.rows]
        after, rounds = claims.resume, rounds + 1
        assert claims.due_s is not None
        assert claims.due_s <= outbox.ROUND_SECONDS
    (expected,) = await rows("SELECT max(id) - 300 AS id FROM conversations")
    assert expected["id"] in found
    assert 2 <= rounds <= 4
