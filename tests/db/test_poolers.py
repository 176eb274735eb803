"""Behind a pooler in transaction mode everything works: it is found out, and nothing counts on the session."""

import asyncio

import pytest

from bot.stack.embedded import EmbeddedStack
from db import outbox
from db.connection import connect, rows, transaction
from db.leaders import leader_connection
from db.migrate import available, migrate, pending
from tests.doubles.pooler import transaction_pooler

pytestmark = pytest.mark.usefixtures("no_pool")


@pytest.mark.parametrize("hint", ["", "&pgbouncer=true", "&statement_cache_size=0"])
async def test_many_statements_at_once_over_few_sessions(migrated: str, hint: str):
    async with transaction_pooler(migrated) as (url, pooler), connect(url + hint, pool_size=8):

        async def work(n: int) -> None:
            for m in range(4):
                assert await rows("SELECT $1::int AS n", n) == [{"n": n}]
                async with transaction():
                    assert await rows("SELECT $1::int + $2::int AS n", n, m) == [{"n": n + m}]
                    async with transaction():
                        assert await rows("SELECT pg_backend_pid() = pg_backend_pid() AS same") == [{"same": True}]

        await asyncio.gather(*(work(n) for n in range(12)))
        assert await outbox.of_event("none") == []
        assert pooler.lent > 90
        assert pooler.parameters == {b"user", b"database", b"client_encoding"}


async def test_migrations_and_elections_need_no_session(stack: EmbeddedStack, migrated: str):
    async with connect(migrated):
        await rows("DROP DATABASE IF EXISTS pooled_test WITH (FORCE)")
        await rows("CREATE DATABASE pooled_test")
    direct = stack.database_url.replace("/storyfork", "/pooled_test", 1)
    try:
        async with transaction_pooler(direct) as (url, _):
            both = await asyncio.gather(migrate(url), migrate(url))
            assert sorted(map(len, both)) == [0, len(available())]
            assert (await pending(url)).names == []
            async with leader_connection(url) as seat:
                assert (await seat.stand("telegram", "me")).holder == "me"
    finally:
        async with connect(migrated):
            await rows("DROP DATABASE pooled_test WITH (FORCE)")
