import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis.asyncio
from tortoise.backends.base.config_generator import expand_db_url

from bot.stack import AlreadyRunningError, StackError, StackPaths, embedded_stack
from bot.stack.home import read_record, running_pid
from bot.stack.postgres import EmbeddedPostgres
from bot.stack.supervisor import Backoff

FAST = Backoff(first=0.01)
ProcessesOf = Callable[[Path], list[psutil.Process]]

HOLD_STACK = """
    import asyncio, pathlib, sys
    from bot.stack import embedded_stack
    async def main():
        async with embedded_stack(pathlib.Path(sys.argv[1]), durable=False):
            print("ready", flush=True)
            await asyncio.Event().wait()
    asyncio.run(main())
"""


async def connect(url: str) -> asyncpg.Connection:
    """Connect the way tortoise does: by the parameters that it reads from the URL."""
    parameters = expand_db_url(url)["credentials"]
    return await asyncpg.connect(**parameters)


async def query(url: str, sql: str) -> object:
    connection = await connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def until_gone(find: Callable[[], list[psutil.Process]], timeout: float = 10.0) -> list[psutil.Process]:
    for _ in range(int(timeout / 0.05)):
        if not find():
            return []
        await asyncio.sleep(0.05)
    return find()


async def hold_stack(home: Path) -> asyncio.subprocess.Process:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(HOLD_STACK), str(home), stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"ready\n"
    return holder


async def test_both_servers_answer_and_the_data_persists(tmp_path: Path) -> None:
    async with embedded_stack(tmp_path / "home", durable=False) as stack:
        assert await query(stack.database_url, "SELECT current_database()") == "storyfork"
        await query(stack.database_url, "CREATE TABLE kept (id int)")
        client = redis.asyncio.from_url(stack.redis_url)
        assert await client.set("wiped", 1)
        await client.aclose()
    async with embedded_stack(tmp_path / "home", durable=False) as stack:
        assert await query(stack.database_url, "SELECT count(*) FROM kept") == 0
        client = redis.asyncio.from_url(stack.redis_url)
        assert await client.get("wiped") is None
        await client.aclose()


async def test_nothing_runs_after_the_block(tmp_path: Path, processes_of: ProcessesOf) -> None:
    home = tmp_path / "home"
    async with embedded_stack(home, durable=False):
        assert {process.name() for process in processes_of(home)} >= {"postgres", "valkey-server"}
        assert running_pid(StackPaths(home)) == os.getpid()
    assert processes_of(home) == []
    assert running_pid(StackPaths(home)) is None
    assert read_record(StackPaths(home)) is None


async def test_others_find_the_running_servers(tmp_path: Path) -> None:
    async with embedded_stack(tmp_path / "home", durable=False) as stack:
        found = await asyncio.to_thread(read_record, StackPaths(tmp_path / "home"))
        assert found is not None
        assert (found.database_url, found.redis_url) == (stack.database_url, stack.redis_url)


async def test_a_second_stack_in_the_same_home_is_refused(tmp_path: Path) -> None:
    async with embedded_stack(tmp_path / "home", durable=False):
        with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}"):
            async with embedded_stack(tmp_path / "home", durable=False):
                pytest.fail("two stacks in one home")


async def test_only_what_has_no_url_is_embedded(tmp_path: Path, processes_of: ProcessesOf) -> None:
    home = tmp_path / "home"
    async with embedded_stack(home, database_url="postgres://elsewhere/x") as stack:
        assert stack.database_url == "postgres://elsewhere/x"
        assert stack.postgres is None
        assert [process.name() for process in processes_of(home)] == ["valkey-server"]


async def test_servers_die_with_a_killed_owner_and_start_again(tmp_path: Path, processes_of: ProcessesOf) -> None:
    home = tmp_path / "home"
    for _ in range(2):
        holder = await hold_stack(home)
        holder.kill()
        await holder.wait()
        # At once, while the old server is perhaps still ending.
        async with embedded_stack(home, durable=False) as stack:
            assert await query(stack.database_url, "SELECT 1") == 1
    assert await until_gone(lambda: processes_of(home)) == []


async def test_recovers_from_a_stale_pid_file_that_names_a_live_stranger(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with embedded_stack(home, durable=False):
        pid_file = StackPaths(home).postgres_data / "postmaster.pid"
        content = await asyncio.to_thread(pid_file.read_text)
    lines = content.splitlines()
    lines[0] = str(os.getppid())
    pid_file.write_text("\n".join(lines) + "\n")
    async with embedded_stack(home, durable=False) as stack:
        assert await query(stack.database_url, "SELECT 1") == 1


async def test_a_data_directory_of_another_version_is_left_alone(tmp_path: Path) -> None:
    data = StackPaths(tmp_path / "home").postgres_data
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(StackError, match="PostgreSQL 16"):
        async with embedded_stack(tmp_path / "home", durable=False):
            pytest.fail("started on a foreign data directory")
    assert (data / "PG_VERSION").read_text() == "16\n"


async def test_killed_servers_are_restarted(tmp_path: Path) -> None:
    async with embedded_stack(tmp_path / "home", durable=False, backoff=FAST) as stack:
        assert stack.postgres is not None
        assert stack.valkey is not None
        await query(stack.database_url, "CREATE TABLE kept AS SELECT 7 AS id")
        for service in (stack.postgres, stack.valkey):
            before = service.restarts
            os.kill(service.pid, signal.SIGKILL)
            for _ in range(400):
                if service.restarts > before:
                    break
                await asyncio.sleep(0.02)
            assert service.restarts == before + 1
        assert await query(stack.database_url, "SELECT id FROM kept") == 7
        client = redis.asyncio.from_url(stack.redis_url)
        assert await client.ping()
        await client.aclose()


async def test_sessions_are_private_to_the_owner(tmp_path: Path) -> None:
    async with embedded_stack(tmp_path / "home", durable=False) as stack:
        sockets = stack.paths.sockets
        assert (sockets / "db").stat().st_mode & 0o077 == 0
        assert (sockets / "valkey.sock").stat().st_mode & 0o077 == 0


async def test_a_home_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match="STORYFORK_HOME"):
        async with embedded_stack(tmp_path / "file" / "home"):
            pytest.fail("started in a file")


def test_collation_and_durability_are_ours() -> None:
    spec = EmbeddedPostgres(StackPaths(Path("/x"))).spec()
    assert "fsync=off" not in spec.argv
    assert "listen_addresses=" in spec.argv
