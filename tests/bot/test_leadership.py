"""Leadership: one process at a time acts for a platform; it hands over at once, or in bounded time if it dies."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from bot.identity import ProcessIdentity, is_gone
from bot.leadership import PROOF_SECONDS, TAKEOVER_SECONDS, Leadership, Seat
from bot.runners import SeatedTurns
from db.connection import rows
from db.leaders import leader_connection, leaders


class Candidate:
    """A process's part: it stands for a platform, and notes while it listens."""

    def __init__(self, url: str, key: str) -> None:
        self.identity = ProcessIdentity(key=key, shown=key)
        self.leadership = Leadership(url, ["telegram"], problem=self.problem, identity=self.identity)
        self.listening = False
        self.began = asyncio.Event()
        self.said = ""

    async def problem(self, seat: str) -> str:
        del seat
        return self.said

    @property
    def seat(self) -> Seat:
        return self.leadership.seats["telegram"]

    async def listen(self) -> None:
        self.listening = True
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.listening = False
            self.began.clear()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[asyncio.Task[None]]:
        electing = asyncio.create_task(self.leadership.run())
        serving = asyncio.create_task(SeatedTurns(self.seat, self.seat).while_leading(self.listen))
        try:
            yield electing
        finally:
            for task in (electing, serving):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def leads(self, within: float = 30.0) -> float:
        """Wait until it listens; how many seconds that took."""
        since = time.monotonic()
        async with asyncio.timeout(within):
            await self.began.wait()
        return time.monotonic() - since


async def test_a_leader_that_stops_is_followed_at_once(database: str):
    old, new = Candidate(database, "old"), Candidate(database, "new")
    async with old.running():
        await old.leads()
        async with new.running():
            await asyncio.sleep(1.2)
            assert not new.listening
            assert new.seat.proof_left() == 0
            since = time.monotonic()
            await old.leadership.retire()
            assert not old.listening
            assert old.seat.proof_left() == 0
            await old.leadership.release()
            await new.leads()
            assert time.monotonic() - since < TAKEOVER_SECONDS
            assert new.seat.proof_left() > 0


async def test_a_frozen_leader_is_followed_after_its_proof_has_ended_and_finds_out(database: str):
    old, new = Candidate(database, "old"), Candidate(database, "new")
    async with old.running() as electing, new.running():
        while not (old.listening or new.listening):
            await asyncio.sleep(0.02)
        if new.listening:
            old, new = new, old
        assert old.listening
        assert not new.listening
        # Its elections stop as if the process were frozen: nothing is released.
        old.leadership._round = freeze  # type: ignore[method-assign]
        since = time.monotonic()
        while not new.listening:
            await asyncio.sleep(0.02)
            assert time.monotonic() - since < 3 * TAKEOVER_SECONDS
            assert not (old.seat.proof_left() > 0 and new.seat.proof_left() > 0), "two acted at once"
        assert time.monotonic() - since > PROOF_SECONDS
        del old.leadership._round
        while old.listening:
            await asyncio.sleep(0.02)
        assert new.listening
        assert not electing.done()


async def freeze(connection: object) -> None:
    """A renewal that is never sent."""
    del connection
    await asyncio.sleep(60)


async def test_a_leader_of_this_machine_that_died_is_followed_without_waiting(database: str):
    child = await asyncio.create_subprocess_exec("sleep", "60")
    boot, namespace, *_ = (await asyncio.to_thread(ProcessIdentity)).key.split("/")
    dead = f"{boot}/{namespace}/{child.pid}/1/x"
    async with leader_connection(database) as connection:
        await connection.stand("telegram", dead)
    child.kill()
    await child.wait()
    new = Candidate(database, "new")
    async with new.running():
        assert await new.leads() < TAKEOVER_SECONDS


async def test_only_who_certainly_is_gone_is_gone():
    me = await asyncio.to_thread(ProcessIdentity)
    boot, namespace, pid, started, unique = me.key.split("/")
    gone = [
        (me.key, False),
        ("/".join((boot, namespace, pid, started + "1", unique)), True),  # its number was given to another process
        ("/".join((boot, namespace, "4194999", started, unique)), True),
        ("/".join(("another boot", namespace, "4194999", started, unique)), False),
        ("/".join((boot, "1", "4194999", started, unique)), False),
        ("", False), ("x", False), ("////", False), (f"{boot}/{namespace}/x/1/y", False),
    ]  # fmt: skip
    assert [(key, await asyncio.to_thread(is_gone, key)) for key, _ in gone] == gone


async def test_a_lone_leader_keeps_listening_while_the_database_is_away_but_may_not_send(database: str):
    lone = Candidate(database, "lone")
    async with lone.running():
        await lone.leads()
        lone.leadership._url = "postgres://nobody@127.0.0.1:1/x"
        await rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'storyfork leaders'"
        )
        async with asyncio.timeout(3 * PROOF_SECONDS):
            while lone.seat.proof_left() > 0:
                await asyncio.sleep(0.05)
        assert lone.listening
        lone.leadership._url = database
        async with asyncio.timeout(3 * PROOF_SECONDS):
            while lone.seat.proof_left() == 0:
                await asyncio.sleep(0.05)
        assert lone.listening


async def test_what_is_wrong_with_a_platform_is_in_its_row(database: str):
    lone = Candidate(database, "lone")
    lone.said = "refused"
    async with lone.running():
        await lone.leads()
        async with asyncio.timeout(10):
            while [(x.holder, x.problem) for x in await leaders()] != [("lone", "refused")]:
                await asyncio.sleep(0.05)
