"""Breaks one thing after another while people play."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import asyncpg
import psutil
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.stack.embedded import EmbeddedStack
from db.connection import OUTAGES, credentials, rows
from tests.journeys.chaos.plan import Plan
from tests.journeys.chaos.proxy import Proxy
from tests.journeys.processes import Program

KILLS: Final = (
    "worker killed", "bot killed", "Redis killed", "Redis wiped", "worker killed and Redis wiped",
    "bot killed and Redis wiped",
)  # fmt: skip
DATABASE: Final = (
    "PostgreSQL killed", "PostgreSQL frozen", "PostgreSQL read-only", "PostgreSQL silent", "PostgreSQL cut off",
)  # fmt: skip
REDIS: Final = ("Redis hung", "Redis silent", "Redis absent")
ROLLING: Final = ("bot rolled", "worker rolled", "bot frozen", "worker frozen")
AWAY: Final = (*OUTAGES, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What a connection of our own meets when the server is away, or starts again after an earlier fault."""
EVERYTHING: Final = (*KILLS, *DATABASE, *REDIS, *ROLLING)


class Breaker:
    """Every kind of fault once per round, in an order that the seed decides."""

    def __init__(
        self, plan: Plan, stack: EmbeddedStack, programs: dict[str, Program], proxies: tuple[Proxy, Proxy],
        again: Callable[[str], Program], done: Counter[str],
    ) -> None:  # fmt: skip
        """``programs`` by name, a bot's is ``bot 1`` …; ``again`` makes another process of that name."""
        self._plan, self._stack, self._programs, self._again, self._done = plan, stack, programs, again, done
        self._database, self._redis = proxies
        self._random = random.Random(f"{plan.seed}:faults")
        self._kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "worker killed": lambda: self._kill("worker"),
            "bot killed": lambda: self._kill("bot"),
            "Redis killed": self._kill_redis,
            "Redis wiped": self._wipe,
            "worker killed and Redis wiped": lambda: self._kill("worker", self._wipe),
            "bot killed and Redis wiped": lambda: self._kill("bot", self._wipe),
            "PostgreSQL killed": self._kill_database,
            "PostgreSQL frozen": lambda: self._freeze(self._processes("postgres")),
            "PostgreSQL read-only": self._read_only,
            "PostgreSQL silent": lambda: self._silence(self._database),
            "PostgreSQL cut off": lambda: self._cut_off(self._database),
            "Redis hung": lambda: self._freeze(self._processes("valkey")),
            "Redis silent": lambda: self._silence(self._redis),
            "Redis absent": lambda: self._cut_off(self._redis),
            "bot rolled": lambda: self._roll("bot"),
            "worker rolled": lambda: self._roll("worker"),
            "bot frozen": lambda: self._freeze([self._pick("bot")[1].pid]),
            "worker frozen": lambda: self._freeze([self._pick("worker")[1].pid]),
        }
        unknown = set(plan.kinds) - self._kinds.keys()
        assert not unknown, unknown

    async def run(self) -> None:
        """Break things until cancelled; what is frozen or silent then is healed."""
        while True:
            order = list(self._plan.kinds)
            self._random.shuffle(order)
            for kind in order:
                await asyncio.sleep(self._random.uniform(*self._plan.pause))
                await self._kinds[kind]()
                self._done[kind] += 1

    def _pick(self, kind: str) -> tuple[str, Program]:
        name = self._random.choice(sorted(name for name in self._programs if name.startswith(kind)))
        return name, self._programs[name]

    async def _kill(self, kind: str, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        _, program = self._pick(kind)
        if kind == "worker" and self._plan.mid_job:
            await self._stop_mid_job(program)
        await program.kill()
        await asyncio.sleep(self._random.uniform(*self._plan.down))
        if meanwhile is not None:
            await meanwhile()
        await program.start()

    @staticmethod
    async def _stop_mid_job(program: Program) -> None:
        """Stop a program at a moment when the record says that a job is running."""
        while True:
            os.kill(program.pid, signal.SIGSTOP)
            if await rows("SELECT 1 FROM jobs WHERE state = 'running'"):
                return
            os.kill(program.pid, signal.SIGCONT)
            await asyncio.sleep(0.002)

    async def _roll(self, kind: str) -> None:
        """Start another process before the old one is asked to end, as a rolling deployment does."""
        name, old = self._pick(kind)
        new = self._programs[name] = self._again(name)
        await new.start()
        await asyncio.sleep(self._random.uniform(1.0, 2.0))
        if not await old.end(patience=20):
            self._done["had to be killed"] += 1

    async def _kill_redis(self) -> None:
        assert self._stack.valkey is not None
        with suppress(ProcessLookupError):
            os.kill(self._stack.valkey.pid, signal.SIGKILL)

    async def _wipe(self) -> None:
        client = Redis.from_url(self._stack.redis_url, socket_timeout=2)
        with suppress(RedisError, OSError):
            await client.flushall()
        await client.aclose()

    async def _kill_database(self) -> None:
        assert self._stack.postgres is not None
        with suppress(ProcessLookupError):
            os.kill(self._stack.postgres.pid, signal.SIGKILL)

    def _processes(self, service: str) -> list[int]:
        """The processes of an embedded server, the parent first."""
        found = self._stack.postgres if service == "postgres" else self._stack.valkey
        assert found is not None
        try:
            parent = psutil.Process(found.pid)
            return [parent.pid, *(child.pid for child in parent.children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    async def _freeze(self, processes: Sequence[int]) -> None:
        with _stopped(processes):
            await asyncio.sleep(self._random.uniform(*self._plan.stall))

    async def _silence(self, proxy: Proxy) -> None:
        proxy.silence()
        try:
            await asyncio.sleep(self._random.uniform(*self._plan.stall))
            if self._random.random() < 0.5:
                proxy.cut()
        finally:
            proxy.heal()

    async def _cut_off(self, proxy: Proxy) -> None:
        proxy.refuse()
        try:
            await asyncio.sleep(self._random.uniform(*self._plan.stall))
        finally:
            proxy.heal()

    async def _read_only(self) -> None:
        try:
            await self._set_read_only("on")
            await asyncio.sleep(self._random.uniform(*self._plan.stall))
        except AWAY:
            pass
        finally:
            await self.make_writable()

    async def make_writable(self) -> None:
        """End a read-only spell."""
        while True:
            try:
                await self._set_read_only("off")
            except AWAY:
                await asyncio.sleep(0.2)
            else:
                return

    async def _set_read_only(self, value: str) -> None:
        connection = await asyncpg.connect(**credentials(self._stack.database_url), timeout=5)
        try:
            await connection.execute("SET default_transaction_read_only = off")
            await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            await connection.execute("SELECT pg_reload_conf()")
        finally:
            await connection.close(timeout=2)


@contextmanager
def _stopped(processes: Sequence[int]) -> Generator[None]:
    """Stop processes for the length of the block (SIGSTOP, SIGCONT)."""
    try:
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in reversed(processes):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
