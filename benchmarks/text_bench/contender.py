"""The protocol of all contenders, and the frame for those that work in a separate process."""

import asyncio
import multiprocessing
import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Protocol, TypeVar

from benchmarks.text_bench import instructions
from benchmarks.text_bench.chats import Answer, Chat, Language, Prompt
from workers.engines.text.llama.protocol import Statistics

SPARE: Final = 64
"""Tokens of room beyond what a chat needs: the template's own and a margin."""
T = TypeVar("T")
_START_S: Final = 300.0
_STOP_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Room:
    """Available resources: tokens of the longest chat and of all at once, chats at a time, threads, layers on a GPU.

    ``special``: special instructions of the CPU may be used.
    """

    context: int
    cells: int
    parallel: int
    threads: int
    gpu_layers: int = 0
    special: bool = True

    @classmethod
    def of(cls, chats: Sequence[Chat], language: Language, parallel: int, threads: int, gpu_layers: int = 0) -> "Room":
        """Return room for the chats, ``parallel`` at a time without anything shared.

        A chat's first turn is part of its second: ``chats`` are whole conversations, answers not counted twice.
        """
        longest = max(len(language.prompt(chat, 0).tokens) + chat.new for chat in chats) + SPARE
        context = -(-longest // 256) * 256
        return cls(context, context * min(parallel, len(chats)), parallel, threads, gpu_layers)


class Contender(Protocol):
    """Something that answers chats, already started and warm."""

    async def run(self, chats: Sequence[Chat]) -> list[Answer]:
        """Answer the chats, each when it arrives; return the answers in the chats' order."""
        ...

    async def statistics(self) -> Statistics | None:
        """Return its own statistics, None if it has none."""
        ...


Start = Callable[[Path, Language, Room], AbstractAsyncContextManager[Contender]]
"""Starts a contender for a model."""


class Runner(Protocol):
    """Works in a child process."""

    ready: str
    """Reported to the parent once it is ready."""

    def run(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Answer the prompts."""
        ...


class Child:
    """A process that builds a `Runner` and lets it work. It prints nothing."""

    def __init__(self, make: Callable[[Path, Room], Runner], model: Path, room: Room) -> None:
        """Start the process; ``make`` must be importable from it."""
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, model, room), daemon=True)
        self._process.start()
        theirs.close()

    async def ready(self) -> str:
        """Wait for the runner and return its ``ready``. Raises `RuntimeError` if it does not start."""
        return await self._receive(str, _START_S)

    async def run(self, prompts: Sequence[Prompt], limit_s: float = 1800.0) -> list[Answer]:
        """Let the runner answer. Raises `RuntimeError` if it dies or raises."""
        self._connection.send(tuple(prompts))
        return await self._receive(list, limit_s)

    async def stop(self) -> None:
        """End the process."""
        self._connection.close()
        await asyncio.to_thread(self._process.join, _STOP_S)
        if self._process.is_alive():
            self._process.kill()
            await asyncio.to_thread(self._process.join)

    async def _receive(self, kind: type[T], limit_s: float) -> T:
        def wait() -> object:
            if not self._connection.poll(limit_s):
                return _Broken(f"nothing came for {limit_s:.0f} s")
            try:
                return self._connection.recv()
            except EOFError:
                self._process.join(_STOP_S)
                return _Broken(f"the process died (exit code {self._process.exitcode})")

        answer = await asyncio.to_thread(wait)
        if isinstance(answer, kind):
            return answer
        raise RuntimeError(answer.message if isinstance(answer, _Broken) else f"unexpected answer: {answer}")


class InChild:
    """A contender whose work is done by a `Runner` in a child process."""

    def __init__(self, child: Child, language: Language) -> None:
        self._child = child
        self._language = language

    async def run(self, chats: Sequence[Chat]) -> list[Answer]:
        """See `Contender`. Prompts are tokenised before the clock starts."""
        return await self._child.run([self._language.prompt(chat, i) for i, chat in enumerate(chats)])

    async def statistics(self) -> Statistics | None:
        """See `Contender`."""
        return None


def in_child(make: Callable[[Path, Room], Runner]) -> Start:
    """Return a function that starts a runner as a contender."""

    @asynccontextmanager
    async def start(model: Path, language: Language, room: Room) -> AsyncGenerator[Contender]:
        child = Child(make, model, room)
        try:
            await child.ready()
            yield InChild(child, language)
        finally:
            await child.stop()

    return start


@dataclass(frozen=True, slots=True)
class _Broken:
    """Sent by a child instead of its answer."""

    message: str


def _serve(connection: Connection, make: Callable[[Path, Room], Runner], model: Path, room: Room) -> None:
    # llama.cpp writes to the file descriptors, whatever Python's own streams are.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        if not room.special:
            instructions.do_without()
        runner = make(model, room)
        connection.send(runner.ready)
        while True:
            connection.send(runner.run(connection.recv()))
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001 - reported to the parent, whatever it is
        connection.send(_Broken(f"{type(error).__name__}: {error}"))


def now() -> float:
    """Seconds on a clock that all processes of the machine share."""
    return time.monotonic()
