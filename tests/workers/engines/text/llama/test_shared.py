"""One model process per machine, found by everybody who wants the same."""

import asyncio
import os
import signal
import stat
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.models.tiny_gguf import tiny_gguf
from tests.workers.engines.text.asking import ask
from workers.engines.errors import EngineOverloaded, EngineUnavailable
from workers.engines.processes.launch import SharedLauncher
from workers.engines.text.base import Completion, Sampling, generate
from workers.engines.text.llama.engine import LlamaEngine
from workers.engines.text.llama.models import LlamaModels

ROOT = Path(__file__).parents[5]
Make = Callable[..., LlamaEngine]


@pytest.fixture
async def make(tmp_path: Path, model: Path) -> AsyncIterator[Make]:
    engines: list[LlamaEngine] = []
    pids: set[int] = set()

    def make(path: Path = model, *, budget: int = 0, idle_s: float = 20.0, folder: str = "run") -> LlamaEngine:
        launcher = SharedLauncher(tmp_path / folder, budget_bytes=budget, idle_s=idle_s)
        engines.append(LlamaEngine(path, context=1024, threads=1, swap_bytes=0, stall_s=20, launcher=launcher))
        return engines[-1]

    yield make
    for engine in engines:
        if engine.process_id is not None:
            pids.add(engine.process_id)
        await engine.close()
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def ended(pid: int, within_s: float = 15.0) -> bool:
    for _ in range(int(within_s / 0.05)):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_two_engines_share_a_process(make: Make) -> None:
    first, second = make(), make()
    texts = await asyncio.gather(*(generate(engine, ask(f"{n}")) for n, engine in enumerate((first, second))))
    assert all(completion.text for completion in texts)
    assert first.process_id == second.process_id
    await first.close()
    assert (await generate(second, ask("still there"))).text


async def test_engines_that_want_it_differently_do_not(make: Make, model: Path, tmp_path: Path) -> None:
    first = make()
    launcher = SharedLauncher(tmp_path / "run", idle_s=0.2)
    second = LlamaEngine(model, context=512, threads=1, swap_bytes=0, launcher=launcher)
    await first.count_tokens("one")
    await second.count_tokens("two")
    pid = second.process_id
    assert pid is not None
    assert pid != first.process_id
    await second.close()
    assert await ended(pid)


async def test_it_outlives_who_started_it_and_ends_when_nobody_is_left(make: Make, model: Path, tmp_path: Path) -> None:
    script = f"""
        import asyncio
        from pathlib import Path
        from workers.engines.text.llama.engine import LlamaEngine
        from workers.engines.processes.launch import SharedLauncher

        async def main():
            launcher = SharedLauncher(Path({str(tmp_path / "run")!r}), idle_s=1.0)
            engine = LlamaEngine(Path({str(model)!r}), context=1024, threads=1, swap_bytes=0, stall_s=20,
                                 launcher=launcher)
            await engine.count_tokens("start")
            print(engine.process_id, flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
    """
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(script), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert other.stdout is not None
    pid = int(await asyncio.wait_for(other.stdout.readline(), 60))
    engine = make()
    assert await engine.count_tokens("two") > 0
    assert engine.process_id == pid
    other.kill()
    await other.wait()
    assert (await generate(engine, ask())).text
    assert engine.process_id == pid
    await engine.close()
    assert await ended(pid)
    assert not [path for path in (tmp_path / "run").iterdir() if stat.S_ISSOCK(path.lstat().st_mode)]


async def test_a_dead_process_is_replaced_for_all(make: Make) -> None:
    first, second = make(), make()
    await first.count_tokens("one")
    await second.count_tokens("two")
    assert first.process_id is not None
    os.kill(first.process_id, signal.SIGKILL)
    texts = await asyncio.gather(*(generate(engine, ask("again")) for engine in (first, second)))
    assert all(completion.text for completion in texts)
    assert first.process_id == second.process_id


async def test_what_was_asked_for_by_one_who_left_is_stopped(make: Make) -> None:
    first, second = make(), make()
    await second.count_tokens("two")
    # Several, since a busy machine may let some of them end before the first engine is closed.
    streams = [first.stream(ask(sampling=Sampling(max_tokens=900, temperature=0.5))) for _ in range(8)]
    for stream in streams:
        await anext(stream)
    await first.close()

    async def outcome(stream: AsyncIterator[str | Completion]) -> bool:
        try:
            async for _ in stream:
                pass
        except EngineUnavailable:
            return True
        return False

    assert any(await asyncio.gather(*map(outcome, streams)))
    while (await second.statistics())[0]["running"]:
        await asyncio.sleep(0.02)


async def test_the_model_that_was_not_needed_for_longest_makes_room(make: Make, model: Path, tmp_path: Path) -> None:
    paths = [tiny_gguf(tmp_path / "models", name=f"{name}.gguf") for name in ("a", "b", "c")]
    budget = int(paths[0].stat().st_size * 2.5)
    engines = [make(path, budget=budget) for path in paths]
    await generate(engines[0], ask("a"))
    await generate(engines[1], ask("b"))
    await asyncio.sleep(1.1)
    await generate(engines[0], ask("a again"))
    oldest = engines[1].process_id
    assert oldest is not None
    await generate(engines[2], ask("c"))
    assert await ended(oldest)
    assert engines[0].process_id is not None
    assert psutil.pid_exists(engines[0].process_id)


async def test_a_model_that_is_in_use_is_not_unloaded(make: Make, tmp_path: Path) -> None:
    paths = [tiny_gguf(tmp_path / "models", name=f"{name}.gguf") for name in ("a", "b")]
    engines = [make(path, budget=int(paths[0].stat().st_size * 1.5)) for path in paths]
    stream = engines[0].stream(ask(sampling=Sampling(max_tokens=900, temperature=0.5)))
    await anext(stream)
    with pytest.raises(EngineOverloaded, match="no memory"):
        await generate(engines[1], ask("b"))
    assert await anext(stream)
    await stream.aclose()


async def test_a_folder_that_others_can_reach_is_refused(make: Make, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open").chmod(0o755)
    with pytest.raises(EngineUnavailable, match="0700"):
        await generate(make(folder="open"), ask())


async def test_models_are_chosen_by_role_and_by_name(make: Make, model: Path, tmp_path: Path) -> None:
    writer = tiny_gguf(tmp_path / "models", name="writer.gguf")
    models = LlamaModels(model, make, roles={"writer": writer}, named={"tiny": model, "writer": writer})
    for asked, written in (("", "tiny"), ("writer", "writer"), ("chat", "tiny"), ("no such model", "tiny")):
        request = ask(asked)
        object.__setattr__(request, "model", asked)
        assert (await generate(models, request)).model == written
    assert len(models.engines) == 2
    await models.close()


async def test_every_model_has_a_name(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    usual, big, other = folder / "usual.gguf", tmp_path / "elsewhere" / "big-00001-of-00002.gguf", folder / "other.gguf"
    named = {"other": other, "big": folder / "big.gguf"}
    models = LlamaModels(usual, make, roles={"writer": big}, named=named)
    assert models.model_names == ("big", "usual", "other")
    assert models.engine_for("big") is models.engine_for("writer")
    assert models.engine_for("usual") is models.engine_for("no such model")
    assert models.engine_for("other") not in {models.engine_for("big"), models.engine_for("usual")}
    assert LlamaModels(usual, make, roles={"chat": big}, named=named).model_names == ("usual", "big", "other")
    await models.close()


async def test_each_model_is_noted_as_needed(model: Path, tmp_path: Path) -> None:
    launcher = SharedLauncher(tmp_path / "run", idle_s=0.2)
    paths = [model, tiny_gguf(tmp_path / "models", name="b.gguf")]
    engines = [LlamaEngine(path, context=512, threads=1, swap_bytes=0, launcher=launcher) for path in paths]
    try:
        for engine in engines:
            await engine.count_tokens("start")
        notes = [*(tmp_path / "run").glob("*.json")]
        assert len(notes) == 2
        for note in notes:
            os.utime(note, (0, 0))
        for engine in engines:
            await generate(engine, ask())
        assert all(note.stat().st_mtime > 0 for note in notes)
    finally:
        for engine in engines:
            await engine.close()


async def test_what_the_system_refuses_is_told_as_the_engines_problem(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(EngineUnavailable, match="cannot be started"):
        await generate(make(folder="file"), ask())
