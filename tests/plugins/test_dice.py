"""A package adds a topic by entry points only; people use it on the console, on Telegram and on Discord."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.stack.home import StackUrls
from db.connection import rows
from tests.doubles.discord import DiscordServer
from tests.doubles.telegram import TelegramServer
from tests.journeys.processes import ROOT, Program, bot, environment, serving, worker

Environment = dict[str, str]


async def run(*words: str, environment: Environment, text: str = "", patience: float = 90) -> str:
    """The output of the `storyfork` command; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *words,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(text.encode()), patience)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_on_the_console(dice: Environment, prepared_home: Path):
    settings = {
        **dice,
        "STORYFORK_HOME": str(prepared_home),
        "STORYFORK_MODELS_DIR": str(prepared_home / "models"),
    }
    lines = [
        "/roll",
        "6",
        "dice_note",
        "for the door",
        "/message",
        "/message note",
        "for luck",
        "/roll 20",
        "/roll one",
        "/roll 1",
        "/roll 7000",
        "/help dice",
        "/settings",
        "Luck",
        "very",
    ]
    output = await run("demo", environment=settings, text="\n".join(lines))
    assert "How many sides it has" in output
    assert " of 6." in output
    assert "throw!" in output  # written offline, and louder by the processor
    assert "for the door" in output
    assert "What shall become of this message?" in output
    assert "for luck" in output
    assert " of 20." in output
    assert "sides must be a whole number" in output
    assert "sides must be between 2 and 1000" in output
    assert "/roll: Throw a die" in output
    assert "For example: /roll 20" in output
    assert "Also: note" in output
    assert "Luck: as always" in output
    assert "Saved. Luck: very" in output


@dataclass(frozen=True)
class Service:
    """A service with the package: a bot on both platforms, and workers with its engines."""

    telegram: TelegramServer
    discord: DiscordServer
    journal: Path


@pytest.fixture(scope="module")
async def migrated_urls(dice: Environment, shared_urls: StackUrls) -> StackUrls:
    """The servers, with the tables of the package."""
    urls = {"DATABASE_URL": shared_urls.database_url, "REDIS_URL": shared_urls.redis_url}
    await run("migrate", environment={**dice, **urls})
    return shared_urls


@pytest.fixture(scope="module")
async def service(
    request: pytest.FixtureRequest,
    dice: Environment,
    migrated_urls: StackUrls,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[Service]:
    urls, home = migrated_urls, tmp_path_factory.mktemp("home")
    journal = home / "journal"
    async with TelegramServer() as telegram, DiscordServer() as discord:
        settings = {
            **dice,
            "TELEGRAM_TOKEN": telegram.token,
            "TELEGRAM_API_URL": telegram.api_url,
            "DISCORD_TOKEN": discord.token,
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
        }
        writer = {
            **dice,
            "STORYFORK_TEXT_ENGINES": "dice_words,template",
            "DICE_JOURNAL": str(journal),
            "DICE_PATIENCE_S": "8",
        }
        drawing = environment(urls, home, **dice, STORYFORK_IMAGE_ENGINES="dice_pixels")
        drawer = Program("drawer", ["workers", "run", "--queue", "gpu"], drawing, home / "drawer.log")
        both = bot(urls, home, "telegram", "discord", **settings)
        async with serving(request, worker(urls, home, 1, **writer), drawer, both):
            await discord.ready(timeout=60)
            await discord.commands_synced(timeout=60)
            yield Service(telegram, discord, journal)


async def test_on_telegram_with_an_engine_of_its_own(service: Service):
    ann = service.telegram.person("ann")
    dm = ann.chat()
    said = await ann.say(dm, "/roll")
    asked = await ann.wait_for_message(dm, lambda m: m.force_reply is not None, timeout=20, after=said)
    answer = await ann.say(dm, "6", reply_to=asked)
    rolled = await ann.wait_for_message(dm, "of 6", timeout=20, after=answer)
    assert "Written by dice!" in rolled.text
    await ann.tap(rolled, "Throw again")
    again = await ann.wait_for_message(dm, "with the left hand", timeout=20, after=rolled)
    await ann.tap(rolled, "Note")
    field = await ann.wait_for_message(dm, "The note", timeout=20, after=again)
    assert "Skip" in field.labels
    noted = await ann.say(dm, "for the door")
    await ann.wait_for_message(dm, "for the door", timeout=20, after=noted)
    async with asyncio.timeout(20):
        while not service.journal.exists():
            await asyncio.sleep(0.1)
    event = json.loads(service.journal.read_text().splitlines()[0])
    assert (event["event"], event["type"]) == ("jobs.done", "dice_roll")
    # What was waited for came, so the job went on to its end.
    assert await rows("SELECT state FROM jobs WHERE type = 'dice_roll'") == [{"state": "done"}]


async def test_on_discord_nobody_throws_again_in_time(service: Service):
    ann = service.discord.person("ann")
    dm = ann.dm()
    await ann.slash(dm, "roll", sides=6)
    shown = await ann.wait_for_message(dm, lambda m: "Throw again" in [b.label for b in m.buttons], timeout=20)
    dialog = await ann.click(shown, "Note")
    await dialog.acknowledged()
    await ann.submit(dialog, {"note": "for the door"})
    await ann.wait_for_message(dm, lambda m: "for the door" in m.content, timeout=20)
    await ann.wait_for_message(dm, lambda m: " it is." in m.content, timeout=40)


async def test_pictures_by_an_engine_of_its_own(service: Service):
    ben = service.telegram.person("ben")
    dm = ben.chat()
    said = await ben.say(dm, "/imagine a red square")
    await ben.wait_for_message(dm, lambda m: "Vary" in m.labels, timeout=40, after=said)
    assert [row["engine"] for row in await rows("SELECT engine FROM pictures")] == ["dice_pixels"]


_PRIVACY = """
import asyncio, json, sys
from db import data_exports, erasure, privacy
from db.connection import connect, rows
from db.schemas import load_schemas

async def main():
    async with connect(sys.argv[1]):
        account = (await rows("INSERT INTO accounts (platform, kind, external_id) VALUES ('console', 'dm', 'ann') "
                              "RETURNING id"))[0]["id"]
        await rows("INSERT INTO dice.rolls (account_id, sides, note) VALUES ($1, 6, 'for the attic')", account)
        exported = [r async for r in data_exports.export_account(account, load_schemas().specs)]
        print("for the attic" in json.dumps(exported, default=str))
        await erasure.erase_account(account, load_schemas().specs)
        print(await rows("SELECT count(*) AS n FROM dice.rolls WHERE note = 'for the attic'"))
        print(await privacy.problems(sys.argv[1], load_schemas().specs))

asyncio.run(main())
"""


async def test_its_tables_are_exported_and_deleted(dice: Environment, migrated_urls: StackUrls):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PRIVACY, migrated_urls.database_url,
        cwd=ROOT, env={**os.environ, **dice}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert out.decode().splitlines() == ["True", "[{'n': 0}]", "[]"]


@pytest.mark.slow
async def test_what_is_broken_is_named_and_the_service_starts(broken: Environment, prepared_home: Path):
    models = prepared_home / "models"
    settings = {**broken, "STORYFORK_HOME": str(prepared_home), "STORYFORK_MODELS_DIR": str(models)}
    output = await run("demo", environment=settings, text="/story new a fox\n")
    assert "Page 1" in output
    named = await run("doctor", environment=settings)
    for entry in ("import_error", "name_taken", "wrong_type", "wrong_function", "raises", "wrong_job", "wrong_schema"):
        assert f"plug-in {entry}" in named, entry
    assert "'story new' is taken by storyfork" in named
    assert "no licence" in named


@pytest.mark.parametrize("module", ["topic", "record", "work", "function", "engines", "hooks"])
def test_no_part_of_it_imports_what_is_private(module: str):
    source = (Path(__file__).parent / "dice" / "storyfork_dice" / f"{module}.py").read_text()
    assert "db.models" not in source
    assert "import _" not in source
