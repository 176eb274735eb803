"""`storyfork doctor` names every broken plug-in of really installed packages, and counts none of them as wrong."""

from pathlib import Path

import asyncpg
import pytest

from bot.stack.embedded import EmbeddedStack
from bot.stack.postgres import EmbeddedPostgres
from db.connection import credentials
from tests.bot.test_cli import Command
from tests.plugin_folder import install

SCHEMA = "from importlib.resources import files\nfrom db.schemas import SchemaSpec\n"


@pytest.fixture
def storyfork(tmp_path: Path) -> Command:
    return Command(tmp_path / "home")


async def test_without_packages_there_is_nothing_to_say(storyfork: Command) -> None:
    answer = await storyfork("doctor", "--offline")
    assert "ok plug-ins none installed" in [" ".join(line.split()) for line in answer.out.splitlines()]


async def test_broken_plugins_are_named_and_the_service_starts(
    storyfork: Command, stack: EmbeddedStack, tmp_path: Path
) -> None:
    postgres = EmbeddedPostgres(stack.paths)
    await postgres.ensure_database("plugins_test")
    url = postgres.url("plugins_test")
    folder = tmp_path / "packages"
    folder.mkdir()
    install(
        folder, "dice", SCHEMA + "spec = SchemaSpec('dice', files(__name__) / 'sql', ())\nword = 'dice'\n",
        {
            "storyfork.schemas": ["rolls = dice:spec", "taken = dice:spec", "typo = dice:word", "lost = nowhere:x"],
            "storyfork.job_types": ["roll = dice:word"],
            "storyfork.topics": ["luck = dice:word"],
            "storyfork.functions": ["odd = dice:word"],
            "storyfork.image_engines": ["paint = dice_engines:make"],
        },
    )  # fmt: skip
    (folder / "dice" / "sql").mkdir()
    (folder / "dice" / "sql" / "0001_rolls.sql").write_text("CREATE TABLE rolls (id nosuchtype)")
    settings = {"DATABASE_URL": url, "PYTHONPATH": f"{Path(__file__).parents[2]}:{folder}"}

    applied = await storyfork("migrate", **settings)
    assert applied.code == 0, applied.err
    assert 'the tables of dice cannot be brought up to date: type "nosuchtype" does not exist' in applied.err
    answer = await storyfork("doctor", "--offline", **settings)
    lines = [" ".join(line.split()) for line in answer.out.splitlines()]
    for line in (
        "plug-in taken (dice 1.0, storyfork.schemas): NameTaken: schema 'dice' is taken by dice 1.0",
        "plug-in lost (dice 1.0, storyfork.schemas): ModuleNotFoundError: No module named 'nowhere'",
        "plug-in typo (dice 1.0, storyfork.schemas): TypeError: str is not a SchemaSpec",
        "plug-in roll (dice 1.0, storyfork.job_types): TypeError: a job type must be a JobType, not str",
        "plug-in luck (dice 1.0, storyfork.topics): TypeError: 'dice' is not a bot.topics.Topic",
        "plug-in odd (dice 1.0, storyfork.functions): TypeError: 'dice' is not an AiFunction",
        "plug-in paint (dice 1.0, storyfork.image_engines): ModuleNotFoundError: No module named 'dice_engines'",
        'plug-in dice (dice 1.0): its tables are not up to date: type "nosuchtype" does not exist',
    ):
        assert f"warn plug-ins {line}" in lines, answer.out
    assert answer.code == 0, answer.out
    played = await storyfork("demo", stdin="/help\n", PYTHONPATH=settings["PYTHONPATH"])
    assert (played.code, "/story new" in played.out) == (0, True), played.out + played.err

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
    answer = await storyfork("doctor", "--offline", PYTHONPATH=f"{Path(__file__).parents[2]}:{folder}")
    (line,) = [" ".join(line.split()) for line in answer.out.splitlines() if "plug-ins" in line]
    assert line == "ok plug-ins dice 1.0"
