"""Both ends of the connection to a model process: who is told what, and what happens when one of them ends."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from workers.engines.processes.launch import Link, PrivateLauncher
from workers.engines.processes.messages import Beat, LoadFailed, LoadModel, Unload, WireMessage, frame
from workers.engines.processes.process import ModelProcess
from workers.engines.processes.program import Program
from workers.engines.text.base import ModelMessage
from workers.engines.text.llama.protocol import (
    PROGRAM,
    Generate,
    GetStatistics,
    LoadedGguf,
    LoadGguf,
    SamplingParams,
    StatisticsReport,
)

STALL_S = 0.4


class RawClient:
    """A bare connection to a model process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, request: WireMessage) -> None:
        self._writer.write(frame(request))

    async def receive(self) -> WireMessage | None:
        """Return the next event that is not a mere sign of life."""
        while (read := await asyncio.wait_for(PROGRAM.wire.read_event(self._reader), 30)) is not None:
            if not isinstance(read[0], Beat):
                return read[0]
        return None


@pytest.fixture
def load(model: Path) -> LoadGguf:
    return LoadGguf(path=str(model), context=512)


@pytest.fixture
async def clients(load: LoadGguf) -> AsyncIterator[tuple[RawClient, RawClient]]:
    """Two clients of one process, which have not asked for anything yet."""
    link = await PrivateLauncher().connect(PROGRAM, load)
    reader, writer = await asyncio.open_unix_connection(str(link.log.with_name("socket")))
    yield RawClient(link.reader, link.writer), RawClient(reader, writer)
    writer.close()
    await link.end()


async def test_who_connects_while_it_loads_is_told_once(clients: tuple[RawClient, RawClient], load: LoadGguf) -> None:
    first, second = clients
    first.send(load)
    assert isinstance(await first.receive(), LoadedGguf)
    second.send(load)
    second.send(GetStatistics(id=1))
    assert isinstance(await second.receive(), LoadedGguf)
    assert isinstance(await second.receive(), StatisticsReport)


async def test_it_does_not_go_while_somebody_is_about_to_ask(
    clients: tuple[RawClient, RawClient], load: LoadGguf
) -> None:
    first, second = clients
    second.send(Unload())
    await asyncio.sleep(0.1)
    first.send(load)
    assert isinstance(await first.receive(), LoadedGguf)


async def test_who_wants_other_settings_is_told(clients: tuple[RawClient, RawClient], load: LoadGguf) -> None:
    first, second = clients
    first.send(load)
    assert isinstance(await first.receive(), LoadedGguf)
    second.send(load.model_copy(update={"context": 256}))
    answer = await second.receive()
    assert isinstance(answer, LoadFailed)


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
        self.requests: list[WireMessage] = []
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
        while self.loads and (read := await PROGRAM.wire.read_request(reader)) is not None:
            self.requests.append(read[0])
            if isinstance(read[0], LoadGguf):
                writer.write(frame(LoadedGguf(model="scripted", context=512, pid=self.pid)))
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

    def __init__(self, *makers: Callable[[LoadGguf], object]) -> None:
        self.loads: list[LoadGguf] = []
        self._makers = list(makers)

    async def connect(self, program: Program, load: LoadModel) -> Link:
        assert isinstance(load, LoadGguf)
        self.loads.append(load)
        link = self._makers.pop(0)(load)
        if isinstance(link, Link):
            return link
        assert asyncio.iscoroutine(link)
        return await link


def generation(number: int) -> Generate:
    sampling = SamplingParams(max_tokens=5, temperature=0, top_p=1, top_k=0, min_p=0, repeat_penalty=1, seed=1)
    return Generate(id=number, messages=(ModelMessage(role="user", content="Hello"),), sampling=sampling)


async def test_a_process_that_was_about_to_end_is_just_replaced(scripted: ScriptedProcess, load: LoadGguf) -> None:
    scripted.loads = False
    launcher = ListedLauncher(lambda _: scripted.link(0), lambda load: PrivateLauncher().connect(PROGRAM, load))
    process = await ModelProcess[LoadedGguf].start(PROGRAM, load, 20, launcher)
    try:
        assert process.loaded.model == "tiny"
        # As wanted: nothing says that this machine cannot do it.
        assert [wanted.repack for wanted in launcher.loads] == [True, True]
    finally:
        await process.stop()


async def test_a_request_that_cannot_be_sent_is_not_waited_for(
    scripted: ScriptedProcess, load: LoadGguf, other_process: asyncio.subprocess.Process
) -> None:
    process = await ModelProcess[LoadedGguf].start(
        PROGRAM, load, STALL_S, ListedLauncher(lambda _: scripted.link(other_process.pid))
    )

    def refuse(number: int) -> Generate:
        raise ValueError(f"no request {number}")

    with pytest.raises(ValueError, match="no request"):
        async with process.converse(refuse):
            pass
    await asyncio.sleep(2 * STALL_S)
    assert process.alive
    assert other_process.returncode is None
    await process.stop()


async def test_a_process_that_is_gone_is_not_watched(
    scripted: ScriptedProcess, load: LoadGguf, other_process: asyncio.subprocess.Process
) -> None:
    """Its number may belong to another process by now."""
    process = await ModelProcess[LoadedGguf].start(
        PROGRAM, load, STALL_S, ListedLauncher(lambda _: scripted.link(other_process.pid))
    )
    async with process.converse(generation):
        scripted.hang_up()
        await asyncio.sleep(3 * STALL_S)
        assert not process.alive
        assert other_process.returncode is None
    await process.stop()
