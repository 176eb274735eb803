"""Backup and restore by the command: everything comes back, in a fresh data directory, and nothing is overwritten."""

from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from bot.stack.embedded import EmbeddedStack, embedded_stack
from bot.stack.postgres import EmbeddedPostgres
from db import data_exports, outbox, pictures
from db.connection import connect, rows
from db.memory import vectors
from db.migrate import migrate, pending
from db.payloads.notice import Notice
from db.schemas import SchemaSpec, TableRule
from tests.bot.stack.asking import query
from tests.bot.test_cli import Command
from tests.db.world import somebody

pytestmark = pytest.mark.usefixtures("no_pool")


@pytest.fixture
def storyfork(tmp_path: Path) -> Command:
    return Command(tmp_path / "home")


@pytest.fixture
async def dice(migrated: str, tmp_path: Path):
    """A package with a table."""
    (tmp_path / "dice").mkdir()
    (tmp_path / "dice" / "0001_rolls.sql").write_text("CREATE TABLE rolls (account_id bigint REFERENCES accounts)")
    spec = SchemaSpec("dice", tmp_path / "dice", (TableRule("rolls", owner=("account_id",)),))
    await migrate(migrated, [spec])
    yield spec
    async with connect(migrated):
        await rows("DROP SCHEMA dice CASCADE")
        await rows("DELETE FROM schema_migrations WHERE name LIKE 'dice/%'")


async def exported(account_id: int, spec: SchemaSpec) -> list[tuple[str, list[dict[str, Any]]]]:
    async with aclosing(data_exports.export_account(account_id, [spec])) as batches:
        return [batch async for batch in batches]


async def test_what_was_saved_comes_back_in_an_empty_home(
    storyfork: Command, migrated: str, stack: EmbeddedStack, dice: SchemaSpec, tmp_path: Path
) -> None:
    async with connect(migrated):
        await rows("TRUNCATE accounts, users, inbox RESTART IDENTITY CASCADE")
        who = await somebody("ann")
        await pictures.attach(who.account.id, who.user.id, who.conversation.id, b"\x00\xff")
        await outbox.add(
            "console:1", outbox.REPLY, platform="console", conversation_id=who.conversation.id,
            payload=Notice(key="„Grüße“"), destination={},
        )  # fmt: skip
        await rows("INSERT INTO dice.rolls VALUES ($1)", who.account.id)
        saved = await exported(who.account.id, dice)
        assert await vectors.prepare("tiny", 3)
    file = tmp_path / "storyfork.backup"

    answer = await storyfork("backup", str(file), STORYFORK_HOME=str(stack.paths.home))
    assert (answer.code, answer.out) == (0, f"Saved to {file}.\n"), answer.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert {f.name for f in tmp_path.iterdir()} == {"dice", file.name}

    answer = await storyfork("restore", str(file))
    assert answer.code == 0, answer.err
    assert f"Restored from {file}. What people deleted after" in answer.out.replace("\n", " ")
    async with embedded_stack(storyfork.home, redis_url="unused", durable=False) as restored:
        assert (await pending(restored.database_url, [dice])).names == []
        async with connect(restored.database_url):
            assert await exported(who.account.id, dice) == saved
            assert (await somebody("ben")).account.id == who.account.id + 1, "the numbering goes on"

    again = await storyfork("restore", str(file))
    assert again.code == 1
    assert "the database has tables already: restore into an empty one" in again.err


async def test_a_backup_with_vectors_needs_pgvector_and_says_so(
    storyfork: Command, migrated: str, stack: EmbeddedStack, tmp_path: Path
) -> None:
    async with connect(migrated):
        assert await vectors.prepare("tiny", 3)
    file = tmp_path / "storyfork.backup"
    answer = await storyfork("backup", str(file), STORYFORK_HOME=str(stack.paths.home))
    assert answer.code == 0, answer.err
    server = EmbeddedPostgres(stack.paths)
    await query(stack.database_url, "DROP DATABASE IF EXISTS bare WITH (FORCE)")
    await server.ensure_database("bare")
    bare = server.url("bare")
    await query(bare, "CREATE SCHEMA without")
    # Stands for a server without pgvector.
    await query(bare, "CREATE VIEW without.pg_available_extensions AS SELECT 'plpgsql'::name AS name")
    await query(bare, "ALTER DATABASE bare SET search_path = without, pg_catalog, public")
    answer = await storyfork("restore", str(file), DATABASE_URL=bare)
    assert answer.code == 1
    assert "the backup needs what this server does not have, pgvector: install it there" in answer.err.replace(
        "\n", " "
    )


@pytest.mark.slow
async def test_nothing_is_overwritten_and_mistakes_are_explained(
    storyfork: Command, stack: EmbeddedStack, tmp_path: Path
) -> None:
    home = str(stack.paths.home)
    file = tmp_path / "precious"
    file.write_text("precious")
    answer = await storyfork("backup", str(file), STORYFORK_HOME=home)
    assert (answer.code, answer.err) == (1, f"storyfork: Nothing was saved: {file} cannot be written: it exists\n")
    answer = await storyfork("backup", str(tmp_path / "no" / "folder"), STORYFORK_HOME=home)
    assert answer.code == 1
    assert "No such file or directory" in answer.err
    answer = await storyfork("backup", str(tmp_path / "new"), DATABASE_URL="postgres://x:secret@127.0.0.1:1/x")
    assert answer.code == 1
    assert "Nothing was saved: pg_dump: error: connection to server" in answer.err
    assert "secret" not in answer.err
    assert {f.name for f in tmp_path.iterdir()} == {"precious"}
    answer = await storyfork("restore", str(file))
    assert answer.code == 1
    assert "does not appear to be a valid archive" in answer.err
    answer = await storyfork("restore", str(tmp_path / "nowhere"))
    assert answer.code == 1
    assert "nowhere is not a file" in answer.err
