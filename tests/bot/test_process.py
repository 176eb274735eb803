"""The bot process is small: no model runtime in it, and little memory."""

import asyncio
import sys
from pathlib import Path

import psutil

from bot.stack.home import StackUrls
from tests.doubles.telegram import TelegramServer
from tests.journeys.processes import ROOT, bot, running

MEGABYTE = 1e6
MOST_MEMORY = 150 * MEGABYTE
RUNTIMES = {"torch", "llama_cpp", "diffusers", "transformers", "compel", "numpy"}


async def test_the_bot_imports_no_model_runtime():
    code = "import bot.__main__, bot.app, bot.cli.app, bot.platforms.discord, bot.platforms.telegram"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-X",
        "importtime",
        "-c",
        code,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()[-2000:]
    lines = [line for line in err.decode().splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip() for line in lines}
    assert {"bot.app", "discord", "telegram"} <= imported
    assert {name.partition(".")[0] for name in imported} & RUNTIMES == set()
    ours = {name for name in imported if name.partition(".")[0] == "workers"}
    assert ours <= {"workers", "workers.queue"}


async def test_a_running_bot_needs_little_memory(database: str, redis_url: str, tmp_path: Path):
    async with TelegramServer() as telegram:
        settings = {"TELEGRAM_TOKEN": telegram.token, "TELEGRAM_API_URL": telegram.api_url}
        program = bot(StackUrls(database, redis_url), tmp_path, "telegram", **settings)
        async with running(program):
            ann = telegram.person("ann")
            said = await ann.say(ann.chat(), "/help")
            await ann.wait_for_message(ann.chat(), "want to know more about", timeout=60, after=said)
            assert psutil.Process(program.pid).memory_info().rss < MOST_MEMORY
