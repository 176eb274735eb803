import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.cli.app import run
from bot.cli.checks import State, check_discord, check_telegram
from bot.cli.errors import OperatorError
from bot.cli.run import apply_migrations
from bot.settings import BotSettings
from bot.stack import EmbeddedStack, StackPaths
from bot.stack.postgres import EmbeddedPostgres

DISCORD_TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.secret-part-of-the-discord-token"
TELEGRAM_TOKEN = "123456789:secret-part-of-the-telegram-token"
SETTINGS = [name.upper() for name in BotSettings.model_fields] + ["DATABASE_URL"]


@dataclass
class Answer:
    code: int
    out: str
    err: str


@dataclass
class Command:
    home: Path

    async def __call__(self, *arguments: str, stdin: str = "", **settings: str) -> Answer:
        """Run `storyfork` with exactly these settings, from an empty directory."""
        environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        source = str(Path(__file__).resolve().parents[2])
        environment |= {"STORYFORK_HOME": str(self.home), "PYTHONPATH": source, **settings}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            *arguments,
            cwd=self.home.parent,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin.encode())
        return Answer(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
def storyfork(tmp_path: Path) -> Command:
    return Command(tmp_path / "home")


Here = Callable[..., int]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """Run `storyfork` in this process, from an empty directory; returns its exit code."""
    monkeypatch.chdir(tmp_path)

    def storyfork(*arguments: str, **settings: str) -> int:
        for name in SETTINGS:
            monkeypatch.setenv(name, "")
        for name, value in {"STORYFORK_HOME": str(tmp_path / "home"), **settings}.items():
            monkeypatch.setenv(name, value)
        return run(list(arguments))

    return storyfork


@pytest.fixture
async def platforms() -> AsyncGenerator[str]:
    """A server that answers the calls by which tokens and permissions are checked."""

    async def users_me(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bot {DISCORD_TOKEN}":
            return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)
        return web.json_response({"id": "123456789012345678", "username": "fork"})

    async def application(request: web.Request) -> web.Response:
        return web.json_response({"id": "123456789012345678", "flags": 0})

    async def guilds(request: web.Request) -> web.Response:
        return web.json_response([{"id": "1", "name": "Readers", "permissions": "8"}])

    async def get_me(request: web.Request) -> web.Response:
        if request.match_info["token"] != TELEGRAM_TOKEN:
            return web.json_response({"ok": False, "error_code": 401, "description": "Unauthorized"}, status=401)
        return web.json_response({"ok": True, "result": {"id": 123456789, "is_bot": True, "username": "fork_bot"}})

    app = web.Application()
    app.router.add_get("/api/v10/users/@me", users_me)
    app.router.add_get("/api/v10/users/@me/guilds", guilds)
    app.router.add_get("/api/v10/applications/@me", application)
    app.router.add_get("/bot{token}/getMe", get_me)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_help_names_every_command(storyfork: Command) -> None:
    answer = await storyfork("--help")
    assert answer.code == 0
    commands = ("demo", "up", "bot", "worker", "migrate", "backup", "restore", "doctor", "health", "models", "persona")
    for command in commands:
        assert f"  {command} " in answer.out


async def test_version(storyfork: Command) -> None:
    answer = await storyfork("--version")
    assert (answer.code, answer.out.split()[0]) == (0, "storyfork")


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (["up"], {}, "DISCORD_TOKEN"),
        (["bot"], {}, "--platform console"),
        (["bot", "--platform", "discord"], {}, "DISCORD_TOKEN is not set"),
        (["bot", "--platform", "console"], {}, "storyfork up"),
        (["worker", "--queue", "cpu"], {}, "DATABASE_URL and REDIS_URL are not set"),
        (["worker", "--queue", "cpu"], {"REDIS_URL": "redis://x"}, "DATABASE_URL is not set"),
        (["up"], {"STORYFORK_LOG_LEVEL": "LOUD"}, "STORYFORK_LOG_LEVEL"),
    ],
)
def test_mistakes_get_one_message(
    here: Here, capsys: pytest.CaptureFixture[str], arguments: list[str], settings: dict[str, str], said: str
) -> None:
    assert here(*arguments, **settings) == 1
    message = capsys.readouterr().err
    assert message.startswith("storyfork: ")
    assert said in message
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("command", "settings", "said"),
    [
        ("up", {"TELEGRAM_TOKEN": TELEGRAM_TOKEN, "TELEGRAM_API_URL": "secret-address"}, "TELEGRAM_API_URL"),
        ("migrate", {"DATABASE_URL": "postgres://x@127.0.0.1:1/x"}, "The database cannot be used"),
        ("demo", {"STORYFORK_HOME": "/dev/null/home"}, "STORYFORK_HOME"),
    ],
)
async def test_a_process_prints_neither_a_traceback_nor_the_value_that_it_refuses(
    storyfork: Command, command: str, settings: dict[str, str], said: str
) -> None:
    answer = await storyfork(command, **settings)
    assert answer.code == 1
    assert answer.err.startswith("storyfork: ")
    assert said in answer.err
    assert "secret" not in answer.err
    assert "Traceback" not in answer.err


async def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(OperatorError, match="PostgreSQL"):
        await apply_migrations("mysql://x")


@pytest.mark.parametrize(
    "arguments", [["nosuch"], ["worker"], ["worker", "--queue", "tpu"], ["bot", "--platform", "x"]]
)
def test_wrong_usage_is_explained(here: Here, arguments: list[str]) -> None:
    assert here(*arguments) == 2


async def test_migrate_starts_the_embedded_database_where_none_runs(storyfork: Command) -> None:
    first = await storyfork("migrate")
    assert first.code == 0, first.err
    assert "applied 0001" in first.out
    again = await storyfork("migrate")
    assert again.out == "The database is up to date.\n"


async def test_a_second_stack_says_who_runs(storyfork: Command, stack: EmbeddedStack) -> None:
    answer = await storyfork("demo", STORYFORK_HOME=str(stack.paths.home))
    assert answer.code == 1
    assert f"already running in {stack.paths.home} (process {os.getpid()})" in answer.err


async def test_doctor_on_a_fresh_machine(storyfork: Command) -> None:
    answer = await storyfork("doctor")
    assert answer.code == 0, answer.out
    assert "embedded PostgreSQL 18, not running" in answer.out
    assert "no chat platform has a token" in answer.out
    assert "ok plug-ins none installed" in [" ".join(line.split()) for line in answer.out.splitlines()]
    assert not StackPaths(storyfork.home).home.exists()


async def test_doctor_finds_everything_in_order(
    storyfork: Command, migrated: str, stack: EmbeddedStack, platforms: str
) -> None:
    answer = await storyfork(
        "doctor",
        STORYFORK_HOME=str(stack.paths.home),
        DISCORD_TOKEN=DISCORD_TOKEN,
        DISCORD_API_URL=f"{platforms}/api/v10",
        TELEGRAM_TOKEN=TELEGRAM_TOKEN,
        TELEGRAM_API_URL=platforms,
    )
    assert answer.code == 0, answer.out
    assert "embedded PostgreSQL, running: reachable, all migrations applied" in answer.out
    assert "embedded Valkey, running: reachable" in answer.out
    assert "logged in as fork\n" in answer.out
    assert "personas have their own names in every server (1)" in answer.out
    assert "logged in as @fork_bot" in answer.out
    assert "secret" not in answer.out + answer.err


async def test_doctor_says_what_to_do(storyfork: Command, stack: EmbeddedStack, platforms: str) -> None:
    empty = EmbeddedPostgres(stack.paths)
    await empty.ensure_database("doctor_empty")
    answer = await storyfork(
        "doctor",
        DATABASE_URL=empty.url("doctor_empty"),
        REDIS_URL="redis://127.0.0.1:1/0",
        DISCORD_TOKEN=DISCORD_TOKEN,
        DISCORD_MESSAGE_CONTENT="true",
        DISCORD_API_URL=f"{platforms}/api/v10",
        TELEGRAM_TOKEN=TELEGRAM_TOKEN[:-1],
        TELEGRAM_API_URL=platforms,
        TELEGRAM_WEBHOOK_URL="https://example.org/hook",
    )
    assert answer.code == 1
    assert "Run `storyfork migrate`" in answer.out
    assert "fail  redis" in answer.out
    assert "fail  discord intent" in answer.out
    assert "fail  telegram webhook" in answer.out
    assert "refused (HTTP 401)" in answer.out
    assert "Traceback" not in answer.err
    assert "secret-part" not in answer.out + answer.err


async def test_doctor_names_what_lets_the_bot_read_channels(platforms: str) -> None:
    settings = BotSettings.model_validate(
        {"discord_api_url": f"{platforms}/api/v10", "telegram_api_url": platforms, "discord_webhooks": False}
    )
    _, intent = await check_discord(settings, DISCORD_TOKEN, offline=False)
    (telegram,) = await check_telegram(settings, TELEGRAM_TOKEN, offline=False)
    assert (intent.state, telegram.state) == (State.OK, State.OK), "it is no fault"
    assert "DISCORD_MESSAGE_CONTENT" in intent.advice
    assert "Group Privacy" in telegram.advice


async def test_doctor_knows_the_form_of_tokens(storyfork: Command) -> None:
    answer = await storyfork("doctor", "--offline", DISCORD_TOKEN="a.b.c", TELEGRAM_TOKEN="123")
    assert answer.code == 1
    assert "DISCORD_TOKEN does not look like a bot token" in answer.out
    assert "TELEGRAM_TOKEN does not look like a bot token" in answer.out


async def test_models_say_what_is_found(storyfork: Command) -> None:
    answer = await storyfork("models")
    assert answer.code == 0, answer.err
    assert answer.out.strip()
