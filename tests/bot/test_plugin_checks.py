"""`storyfork doctor` names every broken plug-in of really installed packages, and counts none of them as wrong."""

import re
from pathlib import Path

import asyncpg
import pytest

from bot.stack.embedded import EmbeddedStack
from bot.stack.postgres import EmbeddedPostgres
from db.connection import credentials
from tests.bot.test_cli import Command
from tests.plugin_folder import install

SCHEMA = "from importlib.resources import files\nfrom db.schemas import SchemaSpec\n"
ROOT = Path(__file__).parents[2]
GROUPS = sorted(
    {
        group
        for room in ("bot", "db", "prompts", "workers")
        for file in (ROOT / room).rglob("*.py")
        for group in re.findall(r'"(storyfork\.[a-z_]+)"', file.read_text())
    }
)
"""The entry-point groups of all registries, as the source names them."""
BROKEN = ("lost = nowhere:x", "typo = dice:word")


@pytest.fixture
def storyfork(tmp_path: Path) -> Command:
    return Command(tmp_path / "home")


@pytest.mark.slow
async def test_broken_plugins_are_named(prepared_home: Path, stack: EmbeddedStack, tmp_path: Path) -> None:
    storyfork = Command(prepared_home)
    postgres = EmbeddedPostgres(stack.paths)
    await postgres.ensure_database("plugins_test")
    url = postgres.url("plugins_test")
    folder = tmp_path / "packages"
    folder.mkdir()
    install(
        folder, "dice", SCHEMA + "spec = SchemaSpec('dice', files(__name__) / 'sql', ())\nword = 'dice'\n",
        {group: [*BROKEN, "rolls = dice:spec", "taken = dice:spec"] for group in GROUPS},
    )  # fmt: skip
    (folder / "dice" / "sql").mkdir()
    (folder / "dice" / "sql" / "0001_rolls.sql").write_text("CREATE TABLE rolls (id nosuchtype)")
    settings = {"DATABASE_URL": url, "PYTHONPATH": f"{ROOT}:{folder}"}

    applied = await storyfork("migrate", **settings)
    assert applied.code == 0, applied.err
    assert 'the tables of dice cannot be brought up to date: type "nosuchtype" does not exist' in applied.err
    answer = await storyfork("doctor", "--offline", **settings)
    lines = [" ".join(line.split()) for line in answer.out.splitlines()]
    for line in (
        "plug-in taken (dice 1.0, storyfork.schemas): NameTaken: schema 'dice' is taken by dice 1.0",
        *(f"plug-in lost (dice 1.0, {group}): ModuleNotFoundError: No module named 'nowhere'" for group in GROUPS),
        'plug-in dice (dice 1.0): its tables are not up to date: type "nosuchtype" does not exist',
    ):
        assert f"warn plug-ins {line}" in lines, answer.out
    for group in GROUPS:
        assert any(line.startswith(f"warn plug-ins plug-in typo (dice 1.0, {group}): ") for line in lines), answer.out
    assert answer.code == 0, answer.out

    (folder / "dice" / "sql" / "0001_rolls.sql").write_text("CREATE TABLE rolls (wish text)")
    assert (await storyfork("migrate", **settings)).out.startswith("applied dice/0001_rolls")
    answer = await storyfork("doctor", "--offline", **settings)
    assert "plug-in dice (dice 1.0): table dice.rolls has no rule for owner and lifetime" in answer.out

    answer = await storyfork("doctor", "--offline", DATABASE_URL=url)
    assert "schema dice belongs to a package that is not installed" in answer.out
    connection = await asyncpg.connect(**credentials(stack.database_url))
    await connection.execute("DROP DATABASE plugins_test WITH (FORCE)")
    await connection.close()


async def test_a_good_package_is_listed(storyfork: Command, tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    folder.mkdir()
    install(
        folder, "dice", SCHEMA + "spec = SchemaSpec('dice', files(__name__), ())\n",
        {"storyfork.schemas": ["rolls = dice:spec"]},
    )  # fmt: skip
    answer = await storyfork("doctor", "--offline", PYTHONPATH=f"{ROOT}:{folder}")
    (line,) = [" ".join(line.split()) for line in answer.out.splitlines() if "plug-ins" in line]
    assert line == "ok plug-ins dice 1.0"
