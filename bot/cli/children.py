"""The programs that the command starts: workers and bots, each `python -m ROOM …` in a process of its own."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bot
from bot.cli.errors import OperatorError
from bot.stack.home import StackUrls
from bot.stack.process import Output, ProcessSpec

WORKER_STOP_SECONDS = 10.0
"""Time for a worker to end after SIGTERM, besides that for its running jobs."""
BOT_STOP_SECONDS = 20.0
"""Time for a bot to send what is under way and to close its clients."""
ASK_SECONDS = 60.0


class SettingsRefused(OperatorError):
    """A process of the workers refuses its settings: none of them can run."""


def module_argv(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line of one of our rooms. `-P`: never import a `workers` folder from the current directory."""
    return (sys.executable, "-P", "-m", module, *arguments)


def child_environment(home: Path, urls: StackUrls | None = None) -> dict[str, str]:
    """A child's additional environment variables: the path of our code, the data directory, the servers."""
    source = str(Path(bot.__file__).parents[1])
    paths = [source, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(path for path in paths if path)),
        "STORYFORK_HOME": str(home),
    }
    if urls is not None:
        environment |= {"DATABASE_URL": urls.database_url, "REDIS_URL": urls.redis_url}
    return environment


def worker_spec(queue: str, environment: Mapping[str, str], output: Output, drain_s: float) -> ProcessSpec:
    """A worker for one queue, whose running jobs have `drain_s` to finish."""
    return ProcessSpec(
        name=f"worker-{queue}",
        argv=module_argv("workers", "run", "--queue", queue),
        output=output,
        env=environment,
        stop_timeout=drain_s + WORKER_STOP_SECONDS,
    )


def bot_spec(platforms: list[str], environment: Mapping[str, str], output: Output) -> ProcessSpec:
    """The bot process with the named platforms."""
    options = [word for name in platforms for word in ("--platform", name)]
    return ProcessSpec(
        name="bot",
        argv=module_argv("bot", "bot", *options),
        output=output,
        env=environment,
        stop_timeout=BOT_STOP_SECONDS,
    )


async def ask_workers(
    question: str,
    environment: Mapping[str, str],
    *options: str,
    seconds: float = ASK_SECONDS,
    heard: bool = False,
) -> list[dict[str, Any]]:
    """Run `python -m workers QUESTION --json` and return its list of objects; cancellation ends the process.

    It gets ``seconds``. ``heard``: what it says meanwhile, on standard error, is for the person at the terminal.

    Raises:
        SettingsRefused: it says that settings cannot be used, and which.
        OperatorError: it failed; the message carries the last line of its output.
    """
    process = await asyncio.create_subprocess_exec(
        *module_argv("workers", question, "--json", *options),
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=None if heard else asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            answer, messages = await process.communicate()
        said = "see above" if heard else messages.decode(errors="replace").strip()
        if process.returncode == os.EX_CONFIG:
            raise SettingsRefused(said)
        if process.returncode != 0:
            last = (said.splitlines() or ["no message"])[-1]
            raise OperatorError(f"`python -m workers {question}` failed: {last}")
        return [dict(item) for item in json.loads(answer)]
    except TimeoutError:
        raise OperatorError(f"`python -m workers {question}` gave no answer within {seconds:.0f} s") from None
    except (ValueError, TypeError) as error:
        raise OperatorError(f"`python -m workers {question}` gave no usable answer: {error}") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
