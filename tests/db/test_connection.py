"""Connections go back to the pool clean, whatever happened on them, and at no cost."""

import asyncio
import socket
from typing import Any

import pytest
from tortoise.connection import get_connection

from db.connection import connect, row, rows, transaction
from db.engine import dedicated
from db.errors import Outage
from tests.doubles.database_line import database_line
from tests.statements import counted

pytestmark = pytest.mark.usefixtures("no_pool")


async def test_a_statement_is_one_round_trip(migrated: str):
    async with counted(migrated) as (url, statements), connect(url, pool_size=1):
        await rows("SELECT $1::int AS n", 1)
        statements.clear()
        for n in range(5):
            await rows("SELECT $1::int AS n", n)
        assert dict(statements.texts) == {"SELECT $1::int AS n": 5}
        assert statements.round_trips == 5


async def test_a_transaction_is_two_round_trips_more(migrated: str):
    async with counted(migrated) as (url, statements), connect(url, pool_size=1):
        await rows("SELECT 1 AS n")
        statements.clear()
        async with transaction():
            await rows("SELECT 1 AS n")
        assert statements.total == 3, statements.table()


async def test_a_transaction_that_is_cut_off_before_it_began_leaves_nothing(migrated: str):
    async with connect(migrated, pool_size=2):
        # Wherever the cancellation hits: at the connection, in BEGIN, or in the block.
        for pause in range(12):

            async def work() -> None:
                async with transaction():
                    await rows("SELECT pg_sleep(0.2)")

            async def outer(pause: int) -> int:
                task = asyncio.current_task()
                assert task is not None
                loop = asyncio.get_running_loop()
                steps = iter(range(pause))

                def later() -> None:
                    if next(steps, None) is None:
                        task.cancel()
                    else:
                        loop.call_soon(later)

                loop.call_soon(later)
                with pytest.raises(asyncio.CancelledError):
                    await work()
                task.uncancel()
                # In the same task: a statement of its own, not one of a transaction that never was.
                found = await row("SELECT pg_current_xact_id_if_assigned() IS NULL AS free, now() AS at")
                await asyncio.sleep(0.001)
                again = await row("SELECT now() AS at")
                assert found is not None
                assert again is not None
                assert again["at"] > found["at"], "both ran in one transaction"
                return pause

            assert await asyncio.create_task(outer(pause)) == pause
        # The pool still has both its connections.
        await asyncio.gather(*(rows("SELECT pg_sleep(0.01)") for _ in range(4)))


async def test_a_transaction_that_fails_is_rolled_back(migrated: str):
    async with connect(migrated, pool_size=1):

        async def broken() -> None:
            async with transaction():
                await rows("CREATE TEMP TABLE left_over (n int)")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await broken()
        found = await row("SELECT to_regclass('left_over') IS NULL AS gone")
        assert found == {"gone": True}


async def test_a_close_that_is_cut_off_lets_the_next_connection_open(migrated: str) -> None:
    holding = asyncio.Event()

    async def hold() -> None:
        async with connect(migrated):
            busy = asyncio.create_task(rows("SELECT pg_sleep(5)"))
            await asyncio.sleep(0.2)
            holding.set()
        await busy

    held = asyncio.create_task(hold())
    await holding.wait()
    held.cancel()
    await asyncio.wait([held])
    async with connect(migrated):
        assert await rows("SELECT 1 AS one") == [{"one": 1}]


async def test_connections_over_tcp_are_watched_by_the_kernel(migrated: str):
    async with database_line(migrated) as (url, _), connect(url, pool_size=1), dedicated(url) as own, transaction():
        inside: Any = get_connection("default")
        for connection in (inside._connection, own):
            found = connection._transport.get_extra_info("socket")
            assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000


async def test_a_statement_that_is_cut_off_on_a_silent_line_ends_at_once(migrated: str):
    loop = asyncio.get_running_loop()
    async with database_line(migrated) as (url, line), connect(url, pool_size=1):
        await rows("SELECT 1")
        line.silent = True
        began = loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await rows("SELECT 1")
        assert loop.time() - began < 5, "it took as long as a statement may, 30 s"
        line.silent = False
        assert await row("SELECT 1 AS one") == {"one": 1}


async def test_a_process_that_stops_in_a_transaction_does_not_hold_its_locks_for_ever(migrated: str):
    limit = "&options=-c%20idle_in_transaction_session_timeout%3D200"
    async with connect(migrated, pool_size=1):
        assert await row("SHOW idle_in_transaction_session_timeout") == {"idle_in_transaction_session_timeout": "1min"}

    async def stop_inside() -> None:
        async with transaction():
            await rows("LOCK TABLE stories")
            await asyncio.sleep(1)
            await rows("SELECT 1")

    async with connect(migrated + limit, pool_size=2):
        stopped = asyncio.create_task(stop_inside())
        with pytest.raises(Outage):
            await stopped
        assert await rows("SELECT count(*) AS n FROM stories") != []
