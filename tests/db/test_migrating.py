"""Migrations of a database in use: they hold nobody up, wait their turn, and are refused by processes they surpass."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg
import pytest

from bot.stack.embedded import EmbeddedStack
from db.connection import connect, credentials, rows
from db.migrate import MigrationError, await_schema, migrate, pending
from db.schemas import SchemaSpec
from tests.doubles.database_line import database_line

pytestmark = pytest.mark.usefixtures("no_pool")


@pytest.fixture
async def used(stack: EmbeddedStack) -> AsyncGenerator[str]:
    """The URL of a migrated database of its own."""
    admin = await asyncpg.connect(**credentials(stack.database_url))
    await admin.execute("DROP DATABASE IF EXISTS migrating_test WITH (FORCE)")
    await admin.execute("CREATE DATABASE migrating_test")
    url = stack.database_url.replace("/storyfork", "/migrating_test", 1)
    await migrate(url)
    yield url
    await admin.execute("DROP DATABASE migrating_test WITH (FORCE)")
    await admin.close()


def _package(folder: Path, **files: str) -> SchemaSpec:
    for name, sql in files.items():
        (folder / f"{name}.sql").write_text(sql)
    return SchemaSpec("dice", folder, ())


async def test_a_migration_that_waits_for_a_table_lets_others_pass(used: str, tmp_path: Path):
    package = _package(tmp_path, m1="ALTER TABLE public.stories ADD COLUMN dice integer")
    reader = await asyncpg.connect(**credentials(used))
    await reader.execute("BEGIN; SELECT count(*) FROM stories")
    async with connect(used):
        migrating = asyncio.create_task(migrate(used, [package], lock_s=0.2))
        while not await rows("SELECT FROM pg_locks WHERE NOT granted AND relation = 'stories'::regclass"):
            await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            # Behind a lock that is waited for, even a reader waits.
            await rows("SELECT count(*) FROM stories")
        assert not migrating.done()
        await reader.execute("COMMIT")
        assert await migrating == ["dice/m1"]
    await reader.close()


async def test_indexes_are_built_without_a_lock_and_mended_after_a_failure(used: str, tmp_path: Path):
    package = _package(
        tmp_path,
        m1="CREATE TABLE rolls (n int, m int); INSERT INTO rolls VALUES (1, 1), (1, 2)",
        m2="-- no transaction\n\nCREATE INDEX CONCURRENTLY IF NOT EXISTS rolls_m ON dice.rolls (m);\n"
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS rolls_n\n    ON dice.rolls (n);  -- each once\n-- the end\n",
    )
    assert await migrate(used, [package]) == ["dice/m1"]
    assert "rolls_n" in (await pending(used, [package])).failures["dice"]
    async with connect(used):
        await rows("DELETE FROM dice.rolls WHERE m = 2")
    assert await migrate(used, [package]) == ["dice/m2"]
    assert (await pending(used, [package])).failures == {}
    async with connect(used):
        found = await rows("SELECT indexrelid::regclass::text AS name, indisvalid FROM pg_index WHERE "
                           "indrelid = 'dice.rolls'::regclass ORDER BY 1")  # fmt: skip
    assert found == [{"name": "dice.rolls_m", "indisvalid": True}, {"name": "dice.rolls_n", "indisvalid": True}]


async def test_a_process_refuses_a_newer_and_an_older_schema_at_its_start(used: str):
    async with connect(used):
        await await_schema()
        await rows("INSERT INTO schema_migrations (name, checksum) VALUES ('9999_future', 'x')")
        with pytest.raises(MigrationError, match="9999_future, which this release does not know: update Storyfork"):
            await await_schema()
        await rows("DELETE FROM schema_migrations WHERE name IN ('9999_future', '0002_work')")
        with pytest.raises(MigrationError, match="run `storyfork migrate`"):
            await await_schema()


async def test_a_running_process_goes_on_while_tables_gain_columns(used: str):
    async with connect(used, pool_size=2):
        for statement in ("SELECT * FROM accounts", "SELECT * FROM accounts"):
            await rows(statement)
        await rows("ALTER TABLE accounts ADD COLUMN expanded text NOT NULL DEFAULT ''")
        async with asyncio.TaskGroup() as group:
            for n in range(4):
                group.create_task(
                    rows("INSERT INTO accounts (platform, kind, external_id) VALUES ('x', 'dm', $1)", str(n))
                )
                group.create_task(rows("SELECT * FROM accounts"))
        assert len(await rows("SELECT * FROM accounts")) == 4


async def test_a_process_waits_for_a_database_that_is_away_and_not_for_one_that_does_not_exist(
    used: str, caplog: pytest.LogCaptureFixture
):
    async with connect(used.replace("/migrating_test", "/no_such_database", 1)):
        with pytest.raises(MigrationError, match="DATABASE_URL names cannot be used: 3D000"):
            await await_schema()
    async with database_line(used) as (url, line):
        line.refuses = True
        async with connect(url):
            waiting = asyncio.create_task(await_schema())
            while "waiting for the database (DATABASE_URL)" not in caplog.text:
                await asyncio.sleep(0.02)
            line.refuses = False
            await waiting
