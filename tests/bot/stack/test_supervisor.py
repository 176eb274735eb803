import asyncio
import os
import signal
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from bot.stack.errors import StackError
from bot.stack.process import ProcessSpec, run_to_end, start_process
from bot.stack.supervisor import Backoff, ServiceSupervisor

FAST = Backoff(first=0.01)


def python(name: str, code: str, output: Path, **options: object) -> ProcessSpec:
    argv = (sys.executable, "-I", "-S", "-u", "-c", textwrap.dedent(code))
    return ProcessSpec(name=name, argv=argv, output=output / f"{name}.log", **options)  # pyright: ignore[reportArgumentType]


async def until(condition: object, timeout: float = 10.0) -> None:
    assert callable(condition)
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.02)


def has_ended(pid: int) -> bool:
    """Whether there is no such process, or only what is left for its parent to ask for."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


SLEEP = "import time; print('up'); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(600)"


async def test_a_crash_is_followed_by_a_restart(tmp_path: Path) -> None:
    async with ServiceSupervisor(FAST) as supervisor:
        [service] = await supervisor.start(python("child", SLEEP, tmp_path))
        first = service.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: service.restarts == 1)
        assert service.pid != first
        assert service.up.is_set()
    assert not psutil.pid_exists(service.pid)


async def test_what_cannot_be_started_again_at_once_is_tried_until_it_can(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    refusals = 3

    async def refuse() -> None:
        nonlocal refusals
        if not place.exists():
            refusals -= 1
            if not refusals:
                place.mkdir()
            elif refusals == 1:
                raise RuntimeError("can't start new thread")

    async with ServiceSupervisor(FAST) as supervisor:
        spec = python("child", SLEEP, tmp_path, cwd=place, before_start=refuse)
        [service] = await supervisor.start(spec)
        place.rmdir()
        os.kill(service.pid, signal.SIGKILL)
        await until(lambda: service.restarts == 1)
        assert service.up.is_set()


async def test_the_wait_before_a_restart_doubles_up_to_a_limit() -> None:
    backoff = Backoff(first=0.2, longest=30)
    assert [backoff.delay(crashes) for crashes in (1, 2, 3, 100)] == [0.2, 0.4, 0.8, 30]


async def test_groups_stop_in_the_opposite_order(tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = f"""
        import signal, sys, time
        def end(*_):
            time.sleep(0.1)
            open({str(order)!r}, "a").write(sys.argv[1] + "\\n")
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("up")
        time.sleep(600)
    """
    async with ServiceSupervisor(FAST) as supervisor:
        for name in ("server", "worker", "bot"):
            spec = python(name, code, tmp_path)
            await supervisor.start(ProcessSpec(name=name, argv=(*spec.argv, name), output=spec.output))
        await until(lambda: all(lines(tmp_path / f"{name}.log") for name in ("server", "worker", "bot")))
    assert lines(order) == ["bot", "worker", "server"]


async def test_what_does_not_end_in_time_is_killed_with_its_children(tmp_path: Path) -> None:
    code = f"""
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-u", "-c", {STUBBORN!r}])
        print(child.pid)
        {STUBBORN}
    """
    async with ServiceSupervisor(FAST) as supervisor:
        await supervisor.start(python("child", code, tmp_path, stop_timeout=0.3))
        await until(lambda: len(lines(tmp_path / "child.log")) == 3)
        grandchild = int(next(word for word in lines(tmp_path / "child.log") if word.isdigit()))
        assert psutil.pid_exists(grandchild)
    await until(lambda: has_ended(grandchild))


async def test_a_hopeless_exit_code_is_reported_and_not_retried(tmp_path: Path) -> None:
    async with ServiceSupervisor(FAST) as supervisor:
        [service] = await supervisor.start(python("bot", "raise SystemExit(78)", tmp_path))
        async with asyncio.timeout(10):
            assert "bot cannot run" in await supervisor.wait_failed()
        assert service.restarts == 0


async def test_a_program_that_ends_before_it_is_ready_shows_its_log(tmp_path: Path) -> None:
    async def never(pid: int) -> bool:
        del pid
        return False

    spec = python("server", "print('no licence'); raise SystemExit(3)", tmp_path, ready=never)
    with pytest.raises(StackError, match=r"(?s)server ended with code 3 .*no licence"):
        await start_process(spec)


async def test_a_program_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    async def never(pid: int) -> bool:
        asked.append(pid)
        return False

    asked: list[int] = []
    with pytest.raises(StackError, match="not ready within"):
        await start_process(python("server", SLEEP, tmp_path, ready=never, ready_timeout=0.3))
    assert not psutil.pid_exists(asked[0])


async def test_a_program_that_does_not_exist_says_so(tmp_path: Path) -> None:
    spec = ProcessSpec(name="gone", argv=(str(tmp_path / "gone"),), output=tmp_path / "log")
    assert await run_to_end(spec) == 127
    assert "cannot start" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("watch", [False, True], ids=["kernel", "watcher"])
async def test_children_die_with_a_killed_supervisor(tmp_path: Path, watch: bool) -> None:
    code = f"""
        import asyncio, pathlib, sys
        from bot.stack.process import ProcessSpec
        from bot.stack.supervisor import ServiceSupervisor
        async def main():
            async with ServiceSupervisor() as supervisor:
                argv = (sys.executable, "-u", "-c", "import os; print(os.getpid(), flush=True);" + {SLEEP!r})
                log = pathlib.Path({str(tmp_path / "log")!r})
                await supervisor.start(ProcessSpec(name="child", argv=argv, output=log, watch={watch}))
                await asyncio.Event().wait()
        asyncio.run(main())
    """
    supervisor = await asyncio.create_subprocess_exec(sys.executable, "-c", textwrap.dedent(code))
    await until(lambda: len(lines(tmp_path / "log")) == 2)
    child = int(lines(tmp_path / "log")[0])
    assert psutil.pid_exists(child)
    supervisor.kill()
    await supervisor.wait()
    await until(lambda: has_ended(child))


async def test_the_watcher_passes_signals_and_exit_codes_on(tmp_path: Path) -> None:
    code = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        print("up")
        time.sleep(600)
    """
    process = await start_process(python("child", code, tmp_path, watch=True))
    await until(lambda: lines(tmp_path / "child.log"))
    assert await process.stop() == 7


async def test_prefixed_lines_carry_the_name(capfd: pytest.CaptureFixture[str]) -> None:
    argv = (sys.executable, "-c", "print('one'); print('two', end='')")
    assert await run_to_end(ProcessSpec(name="worker-cpu", argv=argv, output="prefix")) == 0
    assert capfd.readouterr().err == "worker-cpu | one\nworker-cpu | two\n"


async def test_a_big_log_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "child.log").write_bytes(b"x" * (10 * 1024 * 1024 + 1))
    assert await run_to_end(python("child", "print('fresh')", tmp_path)) == 0
    assert lines(tmp_path / "child.log") == ["fresh"]
    assert (tmp_path / "child.log.1").stat().st_size == 10 * 1024 * 1024
