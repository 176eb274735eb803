"""Logs of child processes: they hold no words of people, and do not grow without end."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import pytest

from bot.stack import embedded_stack
from bot.stack.logs import LOG_ROTATE_BYTES, keep_bounded, log_tail, open_log
from bot.stack.process import ProcessSpec, start_process
from tests.bot.stack.asking import query
from workers.engines.processes.server import LOG_BYTES, cut_off_log

WORDS = "my private message"


async def test_the_database_log_holds_no_words_of_people(tmp_path: Path) -> None:
    async with embedded_stack(tmp_path / "home", durable=False) as stack:
        url = stack.database_url
        await query(url, "CREATE TABLE said (words text PRIMARY KEY)")
        await query(url, "INSERT INTO said VALUES ($1)", WORDS)
        # Slower than a second; then errors whose message, detail or statement has the words.
        await query(url, "SELECT pg_sleep(1.1), $1::text", WORDS)
        for sql, values in (
            ("INSERT INTO said VALUES ($1)", [WORDS]),
            ("SELECT $1::text::int", [WORDS]),
            (f"SELECT '{WORDS}'::int", []),
            (f"SELECT '{{\"{WORDS}'::json", []),
        ):
            with pytest.raises(asyncpg.PostgresError):
                await query(url, sql, *values)
        written = await log_tail(stack.paths.logs / "postgres.log", 10_000)
    assert "ready to accept connections" in written
    assert WORDS not in written


async def test_a_log_is_rotated_while_its_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "chatty.log"
    program = f"""
import sys, time
line = "x" * 1023 + "\\n"
for _ in range({LOG_ROTATE_BYTES // 1024 + 50}):
    sys.stdout.write(line)
sys.stdout.write("half\\n")
sys.stdout.flush()
sys.stdin.close()
while True:
    print("still here", flush=True)
    time.sleep(0.02)
"""
    spec = ProcessSpec(name="chatty", argv=(sys.executable, "-c", program), output=path)
    process = await start_process(spec)
    keeper = asyncio.create_task(keep_bounded(path, 0.05))
    try:
        async with asyncio.timeout(30):
            while not path.with_name("chatty.log.1").exists() or "still here" not in await log_tail(path):
                await asyncio.sleep(0.05)
        assert path.stat().st_size < LOG_ROTATE_BYTES
        assert "half" in await log_tail(path.with_name("chatty.log.1"), 100_000)
        assert path.with_name("chatty.log.1").stat().st_mode & 0o077 == 0
    finally:
        keeper.cancel()
        await process.stop()


def test_a_log_is_private(tmp_path: Path) -> None:
    os.close(open_log(tmp_path / "new.log"))
    assert (tmp_path / "new.log").stat().st_mode & 0o077 == 0


def test_a_model_process_cuts_its_log_off(tmp_path: Path) -> None:
    with (tmp_path / "log").open("ab", buffering=0) as log:
        log.write(b"short")
        cut_off_log(log.fileno())
        assert os.fstat(log.fileno()).st_size == 5
        log.truncate(LOG_BYTES + 1)
        cut_off_log(log.fileno())
        log.write(b"later")
        assert os.fstat(log.fileno()).st_size == 5
    reading, writing = os.pipe()
    cut_off_log(writing)
    os.close(reading)
    os.close(writing)
