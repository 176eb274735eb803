"""Tables of packages: migrated after ours, under names of their own; a broken package stops nobody else."""

import logging
from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg
import pytest

from bot.stack.embedded import EmbeddedStack
from db.connection import credentials
from db.migrate import available, migrate, pending
from db.schemas import SchemaSpec, TableRule, load_schemas
from tests.plugin_folder import install


@pytest.fixture
async def empty(stack: EmbeddedStack) -> AsyncGenerator[str]:
    """The URL of an empty database."""
    admin = await asyncpg.connect(**credentials(stack.database_url))
    await admin.execute("DROP DATABASE IF EXISTS schemas_test WITH (FORCE)")
    await admin.execute("CREATE DATABASE schemas_test")
    yield stack.database_url.replace("/storyfork", "/schemas_test", 1)
    await admin.execute("DROP DATABASE schemas_test WITH (FORCE)")
    await admin.close()


def spec(name: str, folder: Path, **files: str) -> SchemaSpec:
    """A schema whose migrations are these files."""
    (folder / name).mkdir(exist_ok=True)
    for file, sql in files.items():
        (folder / name / f"{file}.sql").write_text(sql)
    return SchemaSpec(name, folder / name, ())


async def tables(url: str, schema: str) -> set[str]:
    connection = await asyncpg.connect(**credentials(url))
    found = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
    await connection.close()
    return {r["tablename"] for r in found}


ROLLS = "CREATE TABLE rolls (account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE)"


async def test_a_packages_tables_stand_in_its_own_schema(empty: str, tmp_path: Path):
    dice = spec("dice", tmp_path, m1=ROLLS, m2="-- later", m3="ALTER TABLE rolls ADD face integer -- of six")
    ours = [m.name for m in available()]
    assert (await pending(empty, [dice])).names == [*ours, "dice/m1", "dice/m2", "dice/m3"]
    assert await migrate(empty, [dice]) == [*ours, "dice/m1", "dice/m2", "dice/m3"]
    assert await tables(empty, "dice") == {"rolls"}
    assert "rolls" not in await tables(empty, "public")
    assert await migrate(empty, [dice]) == []
    assert (await pending(empty, [dice])).names == []


async def test_a_removed_package_leaves_its_tables(empty: str, tmp_path: Path):
    await migrate(empty, [spec("dice", tmp_path, m1=ROLLS)])
    assert await migrate(empty) == []
    found = await pending(empty)
    assert (found.names, found.failures, found.removed) == ([], {}, ["dice"])
    assert await tables(empty, "dice") == {"rolls"}


async def test_a_failing_migration_is_remembered_and_stops_nobody_else(
    empty: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    broken = spec("broken", tmp_path, m1="CREATE TABLE fine (id integer)", m2="CREATE TABLE half (id nosuchtype)")
    dice = spec("dice", tmp_path, m1=ROLLS)
    with caplog.at_level(logging.ERROR, "db.migrate"):
        assert (await migrate(empty, [broken, dice]))[-2:] == ["broken/m1", "dice/m1"]
    assert 'the tables of broken cannot be brought up to date: type "nosuchtype" does not exist' in caplog.text
    found = await pending(empty, [broken, dice])
    assert (found.names, found.failures) == (["broken/m2"], {"broken": 'type "nosuchtype" does not exist'})
    assert await tables(empty, "broken") == {"fine"}
    mended = spec("broken", tmp_path, m2="CREATE TABLE half (id integer)")
    assert await migrate(empty, [mended, dice]) == ["broken/m2"]
    assert (await pending(empty, [mended, dice])).failures == {}


async def test_a_changed_or_missing_file_of_a_package_is_its_own_failure(empty: str, tmp_path: Path):
    await migrate(empty, [spec("dice", tmp_path, m1=ROLLS), spec("cards", tmp_path, m1="CREATE TABLE cards ()")])
    changed = spec("dice", tmp_path, m1=ROLLS + ";", m2="CREATE TABLE more ()")
    (tmp_path / "cards" / "m1.sql").unlink()
    cards = spec("cards", tmp_path)
    assert await migrate(empty, [changed, cards]) == []
    failures = (await pending(empty, [changed, cards])).failures
    assert "dice/m1 was changed after it was applied" in failures["dice"]
    assert "cards/m1, which this release does not know: update the package of cards" in failures["cards"]


async def test_unreadable_migrations_are_a_failure(empty: str, tmp_path: Path):
    gone = SchemaSpec("gone", tmp_path / "nowhere", ())
    await migrate(empty, [gone])
    assert "the migrations cannot be read" in (await pending(empty, [gone])).failures["gone"]


def test_installed_packages_are_found_and_broken_ones_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    install(
        tmp_path,
        "dice",
        "from importlib.resources import files\n"
        "from db.schemas import SchemaSpec\n"
        "good = SchemaSpec('dice', files(__name__) / 'migrations', ())\n"
        "again = SchemaSpec('dice', files(__name__), ())\n"
        "wrong = 'dice'\n",
        {"storyfork.schemas": ["a = dice:good", "b = dice:again", "c = dice:wrong", "d = nowhere:x"]},
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = load_schemas()
    assert [s.name for s in found.specs] == ["dice"]
    assert [(p.entry, p.package) for p in found.problems] == [("b", "dice 1.0"), ("c", "dice 1.0"), ("d", "dice 1.0")]
    taken, wrong, missing = (p.reason for p in found.problems)
    assert taken == "NameTaken: schema 'dice' is taken by dice 1.0"
    assert wrong == "TypeError: str is not a SchemaSpec"
    assert "nowhere" in missing


def test_a_rule_names_its_table_without_the_schema(tmp_path: Path):
    with pytest.raises(ValueError, match="must name it without a schema"):
        SchemaSpec("dice", tmp_path, (TableRule("dice.rolls", permanent=True),))
