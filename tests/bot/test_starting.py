"""What keeps the service from starting: one message that names the variable and the cure, and an exit code."""

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli.app import run
from bot.cli.children import worker_spec
from bot.stack import StackPaths
from tests.bot.test_cli import SETTINGS, TELEGRAM_TOKEN, Command

NOWHERE = {"TELEGRAM_TOKEN": TELEGRAM_TOKEN, "TELEGRAM_API_URL": "http://127.0.0.1:1"}
WEBHOOK = {**NOWHERE, "TELEGRAM_WEBHOOK_URL": "https://example.org/hook", "TELEGRAM_WEBHOOK_SECRET": "s"}


@pytest.fixture
def storyfork(tmp_path: Path) -> Command:
    return Command(tmp_path / "home")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize(
    ("settings", "named", "cure"),
    [
        ({"TELEGRAM_TOKEN": "123:abc\ndef"}, "TELEGRAM_TOKEN", "copy it again"),
        ({**WEBHOOK, "TELEGRAM_WEBHOOK_SECRET": "a+b"}, "TELEGRAM_WEBHOOK_SECRET", "openssl rand"),
        ({**WEBHOOK, "TELEGRAM_WEBHOOK_HOST": "192.0.2.7"}, "TELEGRAM_WEBHOOK_HOST", "127.0.0.1"),
        ({**WEBHOOK, "TELEGRAM_WEBHOOK_HOST": "no.such.host.invalid"}, "TELEGRAM_WEBHOOK_HOST", "no address"),
        ({**NOWHERE, "STORYFORK_HOME": "~nosuchuser/home"}, "STORYFORK_HOME", "without ~"),
        ({**NOWHERE, "REDIS_URL": "localhost:6379"}, "REDIS_URL", "redis://"),
        ({**NOWHERE, "REDIS_URL": "redis://:p@ss/w#rd@redis.example:6379/0"}, "REDIS_URL", "percent-encoded"),
        ({**NOWHERE, "REDIS_URL": "redis://redis.example:6379/story"}, "REDIS_URL", "redis://:password@host:6379/0"),
        ({**NOWHERE, "REDIS_URL": "redis://a:6379,b:6379/0"}, "REDIS_URL", "redis://:password@host:6379/0"),
        ({**NOWHERE, "REDIS_URL": "redis://redis.example/0?foo=bar"}, "REDIS_URL", "leave out"),
        ({**NOWHERE, "REDIS_URL": "rediss://redis.example/0?ssl_cert_reqs=maybe"}, "REDIS_URL", "leave out"),
        ({**NOWHERE, "DATABASE_URL": "mysql://x"}, "DATABASE_URL", "postgres://"),
        ({**NOWHERE, "STORYFORK_DATABASE_POOL": "many"}, "STORYFORK_DATABASE_POOL", "integer"),
        ({**NOWHERE, "all_proxy": "socks://127.0.0.1:1080/", "https_proxy": ""}, "all_proxy", "unset all_proxy"),
        ({**NOWHERE, "HTTPS_PROXY": "proxy:port"}, "HTTPS_PROXY", "unset it"),
    ],
)
def test_a_wrong_variable_is_named_with_its_cure(
    settings: dict[str, str],
    named: str,
    cure: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*SETTINGS, "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, settings.get(name, ""))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert run(["up"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("storyfork: ")
    assert named in said
    assert cure in said
    assert "secret" not in said


async def test_settings_of_the_workers_are_refused_before_anything_starts(storyfork: Command) -> None:
    wrong = {"STORYFORK_WORKER_JOBS": "0", "STORYFORK_REAPER": "perhaps"}
    answer = await storyfork("up", **NOWHERE, **wrong)
    assert answer.code == 1
    assert all(name in answer.err for name in wrong)
    assert "Traceback" not in answer.err
    assert not StackPaths(storyfork.home).postgres_data.exists()


@pytest.mark.parametrize("command", [["bot", "--platform", "telegram"]])
async def test_a_taken_webhook_port_is_named(storyfork: Command, taken_port: int, command: list[str]) -> None:
    answer = await storyfork(*command, **WEBHOOK, TELEGRAM_WEBHOOK_PORT=str(taken_port))
    assert answer.code == 1
    assert f"cannot listen on 127.0.0.1, port {taken_port}: another program listens there" in answer.err
    assert "TELEGRAM_WEBHOOK_PORT" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("command", ["up", "doctor"])
async def test_every_command_says_that_the_env_file_is_utf_16(storyfork: Command, command: str) -> None:
    (storyfork.home.parent / ".env").write_text(f"TELEGRAM_TOKEN={TELEGRAM_TOKEN}\n", encoding="utf-16")
    answer = await storyfork(command)
    assert answer.code == 1
    assert "UTF-16" in answer.out + answer.err
    assert "save it as UTF-8" in answer.out + answer.err
    assert "Traceback" not in answer.err


async def test_the_console_shows_what_its_worker_refuses(prepared_home: Path) -> None:
    answer = await Command(prepared_home)("demo", stdin="/help\n", STORYFORK_WORKER_JOBS="0")
    assert answer.code == 1
    assert "STORYFORK_WORKER_JOBS" in answer.err
    assert "Traceback" not in answer.err


async def test_what_runs_alone_waits_for_its_database_and_a_worker_says_what_it_lacks(tmp_path: Path) -> None:
    """Lines of the log, no traceback: the database's, and how to get the picture model that this worker has not."""
    settings = {"DATABASE_URL": "postgres://x@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1"}
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    source = str(Path(__file__).resolve().parents[2])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "worker", "--queue", "gpu"),
        cwd=tmp_path,
        env={**environment, "STORYFORK_HOME": str(tmp_path / "home"), "PYTHONPATH": source, **settings},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    said = ""
    try:
        async with asyncio.timeout(60):
            while "waiting for the database (DATABASE_URL)" not in said:
                line = await process.stderr.readline()
                assert line, said
                said += line.decode()
    finally:
        process.kill()
        await process.communicate()
    assert "`storyfork models pull pictures`" in said
    assert "Traceback" not in said


def test_a_worker_gets_the_time_that_the_setting_gives_its_jobs() -> None:
    assert worker_spec("cpu", {}, "prefix", 250.0).stop_timeout > 250
