"""Both ends of the connection to a model process: who is told what, and what happens when one of them ends."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from workers.engines.text.llama.launch import Link, PrivateLauncher
from workers.engines.text.llama.process import LlamaProcess
from workers.engines.text.llama.protocol import (
    Ask,
    Beat,
    Draw,
    Event,
    Generate,
    Load,
    Loaded,
    Report,
    Request,
    Retire,
    Turn,
    frame,
    read_event,
    read_request,
)

STALL_S = 0.4


class Client:
    """A bare connection to a model process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, request: Request) -> None:
        self._writer.write(frame(request))

    async def receive(self) -> Event | None:
        """Return the next event that is not a mere sign of life."""
        while isinstance(event := await asyncio.wait_for(read_event(self._reader), 30), Beat):
            pass
        return event


@pytest.fixture
def load(model: Path) -> Load:
    return Load(path=str(model), context=512)


@pytest.fixture
async def clients(load: Load) -> AsyncIterator[tuple[Client, Client]]:
    """Two clients of one process, which have not asked for anything yet."""
    link = await PrivateLauncher().connect(load)
    reader, writer = await asyncio.open_unix_connection(str(link.log.with_name("llama")))
    yield Client(link.reader, link.writer), Client(reader, writer)
    writer.close()
    await link.end()


async def test_who_connects_while_it_loads_is_told_once(clients: tuple[Client, Client], load: Load) -> None:
    first, second = clients
    first.send(load)
    assert isinstance(await first.receive(), Loaded)
    second.send(load)
    second.send(Ask(id=1))
    assert isinstance(await second.receive(), Loaded)
    assert isinstance(await second.receive(), Report)


async def test_it_does_not_go_while_somebody_is_about_to_ask(clients: tuple[Client, Client], load: Load) -> None:
    first, second = clients
    second.send(Retire())
    await asyncio.sleep(0.1)
    first.send(load)
    assert isinstance(await first.receive(), Loaded)


async def test_who_wants_other_settings_is_told(clients: tuple[Client, Client], load: Load) -> None:
    first, second = clients
    first.send(load)
    assert isinstance(await first.receive(), Loaded)
    second.send(load.model_copy(update={"context": 256}))
    answer = await second.receive()
    assert answer is not None
    assert answer.kind == "load_failed"


@pytest.fixture
async def other_process() -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that must not be harmed."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    yield process
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


class ScriptedProcess:
    """The other end of a connection: it loads its model and answers nothing else."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "scripted"
        self.requests: list[Request] = []
        self.loads = True
        self.pid = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self.path)

    async def link(self, pid: int) -> Link:
        reader, writer = await asyncio.open_unix_connection(self.path)
        self.pid = pid
        return Link(reader, writer, pid, self.path.with_name("log"), found=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        while self.loads and (request := await read_request(reader)) is not None:
            self.requests.append(request)
            if isinstance(request, Load):
                writer.write(frame(Loaded(model="scripted", context=512, pid=self.pid)))
        writer.close()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()

    async def stop(self) -> None:
        self.hang_up()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[ScriptedProcess]:
    process = ScriptedProcess(tmp_path)
    await process.start()
    yield process
    await process.stop()


class ListedLauncher:
    """Hands out one link after the other, and remembers what they were wanted for."""

    def __init__(self, *makers: Callable[[Load], object]) -> None:
        self.loads: list[Load] = []
        self._makers = list(makers)

    async def connect(self, load: Load) -> Link:
        self.loads.append(load)
        link = self._makers.pop(0)(load)
        if isinstance(link, Link):
            return link
        assert asyncio.iscoroutine(link)
        return await link


def generation(number: int) -> Generate:
    draw = Draw(max_tokens=5, temperature=0, top_p=1, top_k=0, min_p=0, repeat_penalty=1, seed=1)
    return Generate(id=number, messages=(Turn(role="user", content="Hello"),), draw=draw)


async def test_a_process_that_was_about_to_end_is_just_replaced(scripted: ScriptedProcess, load: Load) -> None:
    scripted.loads = False
    launcher = ListedLauncher(lambda _: scripted.link(0), PrivateLauncher().connect)
    process = await LlamaProcess.start(load, 20, launcher)
    try:
        assert process.model == "tiny"
        # As wanted: nothing says that this machine cannot do it.
        assert [wanted.repack for wanted in launcher.loads] == [True, True]
    finally:
        await process.stop()


async def test_a_request_that_cannot_be_sent_is_not_waited_for(
    scripted: ScriptedProcess, load: Load, other_process: asyncio.subprocess.Process
) -> None:
    process = await LlamaProcess.start(load, STALL_S, ListedLauncher(lambda _: scripted.link(other_process.pid)))

    def refuse(number: int) -> Generate:
        raise ValueError(f"no request {number}")

    with pytest.raises(ValueError, match="no request"):
        async with process.generate(refuse):
            pass
    await asyncio.sleep(2 * STALL_S)
    assert process.alive
    assert other_process.returncode is None
    await process.stop()


async def test_a_process_that_is_gone_is_not_watched(
    scripted: ScriptedProcess, load: Load, other_process: asyncio.subprocess.Process
) -> None:
    """Its number may belong to another process by now."""
    process = await LlamaProcess.start(load, STALL_S, ListedLauncher(lambda _: scripted.link(other_process.pid)))
    async with process.generate(generation):
        scripted.hang_up()
        await asyncio.sleep(3 * STALL_S)
        assert not process.alive
        assert other_process.returncode is None
    await process.stop()
