"""One supervised process, with a tiny program in it: whatever the model is, this is what happens around it."""

import asyncio
import os
import signal
import socket
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from tests.workers.engines.processes.tiny import PROGRAM, Drop, Echo, Echoed, First, LoadTiny
from workers.engines.errors import EngineUnavailable, GenerationCancelled
from workers.engines.processes.launch import Launcher, PrivateLauncher, SharedLauncher
from workers.engines.processes.messages import Cancel, Loaded, frame
from workers.engines.processes.process import ModelProcess, ProcessDied
from workers.engines.processes.supervisor import ProcessSupervisor, to_the_end

ROOT = Path(__file__).parents[4]
TinySupervisor = ProcessSupervisor[ModelProcess[Loaded]]
Make = Callable[..., TinySupervisor]


@pytest.fixture
def load(tmp_path: Path) -> LoadTiny:
    (tmp_path / "model").write_text("tiny")
    return LoadTiny(path=str(tmp_path / "model"), starts=str(tmp_path / "starts"))


@pytest.fixture
async def make(load: LoadTiny) -> AsyncIterator[Make]:
    made: list[TinySupervisor] = []

    def make(
        launcher: Launcher | None = None, retry_s: float = 30.0, stall_s: float = 20.0, **how: object
    ) -> TinySupervisor:
        wanted = load.model_copy(update=how)
        made.append(
            ProcessSupervisor(lambda: ModelProcess[Loaded].start(PROGRAM, wanted, stall_s, launcher), retry_s=retry_s)
        )
        return made[-1]

    yield make
    for supervisor in made:
        await supervisor.close()


@pytest.fixture
def shared(tmp_path: Path) -> SharedLauncher:
    return SharedLauncher(tmp_path / "run", idle_s=0.2)


def starts(load: LoadTiny) -> list[int]:
    """The processes that have loaded the model so far."""
    path = Path(load.starts)
    return [int(line) for line in path.read_text().split()] if path.exists() else []


async def started(load: LoadTiny, count: int = 1) -> int:
    """Wait until so many processes load; return the last one's id."""
    while len(starts(load)) < count:
        await asyncio.sleep(0.01)
    return starts(load)[-1]


async def gone(pid: int) -> None:
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        await asyncio.sleep(0.02)


async def echo(process: ModelProcess[Loaded], text: str = "", first: First = "") -> str:
    answer = await process.ask(lambda number: Echo(id=number, text=text, first=first))
    assert isinstance(answer, Echoed)
    return answer.text


# Starting.


async def test_one_start_serves_all_who_wait(make: Make, load: LoadTiny) -> None:
    supervisor = make(seconds=0.2)
    assert supervisor.current is None
    processes = await asyncio.gather(*(supervisor.get() for _ in range(20)))
    assert len(set(map(id, processes))) == 1
    assert starts(load) == [processes[0].pid]
    assert await asyncio.gather(*(echo(processes[0], f"{n}") for n in range(20))) == [f"{n}" for n in range(20)]


async def test_a_failure_is_remembered_for_a_while(make: Make, load: LoadTiny) -> None:
    supervisor = make(ends="failed", retry_s=1.5)
    failures = await asyncio.gather(*(supervisor.get() for _ in range(5)), return_exceptions=True)
    assert {str(failure) for failure in failures} == {"no tiny model"}
    with pytest.raises(EngineUnavailable, match="no tiny model"):
        await supervisor.get()
    assert len(starts(load)) == 1
    await asyncio.sleep(1.5)
    with pytest.raises(EngineUnavailable, match="no tiny model"):
        await supervisor.get()
    assert len(starts(load)) == 2


async def test_a_death_during_the_start_is_told_with_its_last_log_lines(make: Make) -> None:
    with pytest.raises(EngineUnavailable, match=r"while it loaded the model \(exit status -9\): the tiny model bites"):
        await make(ends="dead").get()


async def test_a_program_that_does_not_start(load: LoadTiny) -> None:
    program = type(PROGRAM)(module="tests.workers.engines.processes.missing", wire=PROGRAM.wire)
    with pytest.raises(EngineUnavailable, match=r"did not start: exit status 1: .*No module named"):
        await ModelProcess[Loaded].start(program, load, 20)


async def test_the_first_who_waits_may_leave(make: Make, load: LoadTiny) -> None:
    supervisor = make(seconds=0.3)
    first = asyncio.create_task(supervisor.get())
    await started(load)
    second = asyncio.create_task(supervisor.get())
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await second).alive
    assert len(starts(load)) == 1


async def test_closing_ends_a_start(make: Make, load: LoadTiny) -> None:
    supervisor = make(seconds=30)
    waiting = asyncio.create_task(supervisor.get())
    pid = await started(load)
    await supervisor.close()
    with pytest.raises(EngineUnavailable, match="closed"):
        await waiting
    with pytest.raises(EngineUnavailable, match="closed"):
        await supervisor.get()
    await gone(pid)


async def test_a_cancelled_caller_is_cancelled_even_while_the_engine_closes(make: Make, load: LoadTiny) -> None:
    supervisor = make(seconds=30)
    waiting = asyncio.create_task(supervisor.get())
    await started(load)
    closing = asyncio.create_task(supervisor.close())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await closing


@pytest.mark.parametrize("loads", [False, True])
async def test_a_cancelled_close_still_closes(make: Make, load: LoadTiny, loads: bool) -> None:
    supervisor = make(seconds=0 if loads else 30)
    waiting = asyncio.create_task(supervisor.get())
    pid = await started(load)
    if loads:
        await waiting
    closing = asyncio.create_task(supervisor.close())
    for _ in range(3):
        await asyncio.sleep(0)
        closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await gone(pid)
    if not loads:
        with pytest.raises(EngineUnavailable, match="closed"):
            await waiting


async def test_work_that_must_end_ends_before_the_cancellation() -> None:
    done = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0.05)
        done.set()
        raise ValueError("lost, since the caller has gone")

    task = asyncio.create_task(to_the_end(work()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()


# Serving.


async def test_a_death_is_told_to_all_and_the_process_is_replaced(make: Make, load: LoadTiny) -> None:
    supervisor = make()
    process = await supervisor.get()
    waiting = asyncio.create_task(echo(process, first="wait"))
    await asyncio.sleep(0)
    for call in (echo(process, first="die"), waiting):
        with pytest.raises(ProcessDied, match=r"exit status -9\): the echo is too loud"):
            await call
    assert supervisor.current is None
    with pytest.raises(ProcessDied):
        await echo(process)
    assert await echo(await supervisor.get(), "again") == "again"
    assert len(starts(load)) == 2


async def test_a_process_that_hangs_is_killed(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = make(stall_s=0.4)
    process = await supervisor.get()
    with pytest.raises(ProcessDied):
        await echo(process, first="halt")
    assert "no progress" in caplog.text
    await gone(process.pid)


async def test_leaving_a_conversation_cancels_it(make: Make) -> None:
    process = await make().get()
    async with process.converse(lambda number: Echo(id=number, first="wait")):
        pass
    async with process.converse(lambda number: Echo(id=number, first="wait")) as next_answer:
        process._send(Echo(id=99))  # an answer to nobody
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await next_answer()
    assert await echo(process, "still there") == "still there"
    assert not process._pending


async def test_what_a_request_fails_with_is_raised(make: Make) -> None:
    process = await make().get()
    async with process.converse(lambda number: Echo(id=number, first="wait")) as next_answer:
        process._send(Cancel(id=next(iter(process._pending))))
        with pytest.raises(GenerationCancelled):
            await next_answer()


async def test_a_client_that_does_not_read_is_disconnected_alone(make: Make, load: LoadTiny) -> None:
    link = await PrivateLauncher().connect(PROGRAM, load)
    slow_reader, slow_writer = await asyncio.open_unix_connection(str(link.log.with_name("socket")))
    for writer in (link.writer, slow_writer):
        writer.write(frame(load))
    slow_writer.write(frame(Echo(id=1, first="flood")))
    while "disconnected" not in link.log.read_text():
        await asyncio.sleep(0.02)
    link.writer.write(frame(Echo(id=1, text="I do read")))
    answers: list[str] = []
    while not answers and (read := await PROGRAM.wire.read_event(link.reader)) is not None:
        answers += [read[0].text] if isinstance(read[0], Echoed) else []
    assert answers == ["I do read"]
    assert len(await slow_reader.read()) < 32 * 2**20
    slow_writer.close()
    await link.end()


async def test_data_travels_with_messages(make: Make) -> None:
    process = await make().get()
    async with process.converse(lambda number: Echo(id=number, first="flood")) as next_answer:
        for _ in range(32):
            assert isinstance(await next_answer(), Drop)
        assert isinstance(await next_answer(), Echoed)


# Sharing.


async def test_two_clients_share_a_process_until_both_have_left(
    make: Make, load: LoadTiny, shared: SharedLauncher
) -> None:
    first, second = make(shared, seconds=0.2), make(shared, seconds=0.2)
    one, two = await asyncio.gather(first.get(), second.get())
    assert one.pid == two.pid
    await first.close()
    assert await echo(two, "still there") == "still there"
    await second.close()
    await gone(one.pid)
    assert starts(load) == [one.pid]


async def test_another_process_finds_it_and_may_be_killed(make: Make, load: LoadTiny, shared: SharedLauncher) -> None:
    folder = Path(load.path).with_name("run")
    script = f"""
        import asyncio
        from pathlib import Path
        from tests.workers.engines.processes.tiny import PROGRAM, LoadTiny
        from workers.engines.processes.launch import SharedLauncher
        from workers.engines.processes.process import ModelProcess

        async def main():
            load = LoadTiny.model_validate_json({load.model_dump_json()!r})
            launcher = SharedLauncher(Path({str(folder)!r}), idle_s=0.2)
            process = await ModelProcess.start(PROGRAM, load, 20, launcher)
            print(process.pid, flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
    """
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(script), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert other.stdout is not None
    pid = int(await other.stdout.readline())
    supervisor = make(shared)
    process = await supervisor.get()
    assert process.pid == pid
    other.kill()
    await other.wait()
    assert await echo(process, "I stay") == "I stay"
    await supervisor.close()
    await gone(pid)
    assert starts(load) == [pid]


async def test_a_stale_socket_is_replaced(make: Make, load: LoadTiny, shared: SharedLauncher) -> None:
    first = make(shared)
    pid = (await first.get()).pid
    path = next(path for path in Path(load.path).with_name("run").iterdir() if path.is_socket())
    os.kill(pid, signal.SIGKILL)
    await gone(pid)
    assert path.is_socket()
    assert await echo(await make(shared).get(), "fresh") == "fresh"
    with socket.socket(socket.AF_UNIX) as plain:
        plain.connect(str(path))


async def test_other_files_settings_and_devices_get_processes_of_their_own(
    make: Make, load: LoadTiny, shared: SharedLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = {(await make(shared).get()).pid, (await make(shared, seconds=0.01).get()).pid}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    pids.add((await make(shared).get()).pid)
    monkeypatch.undo()
    Path(load.path).write_text("another")
    pids.add((await make(shared).get()).pid)
    assert len(pids) == 4
