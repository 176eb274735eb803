"""The model process: it dies, hangs, gets bad files, and never outlives its parent."""

import asyncio
import logging
import os
import signal
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from tests.workers.engines.text.asking import LONG, ask
from workers.engines.errors import EngineOverloaded, EngineUnavailable, GenerationTimedOut
from workers.engines.text.base import Completion, Sampling, generate
from workers.engines.text.llama.engine import LlamaEngine

ROOT = Path(__file__).parents[5]


def pid_of(engine: LlamaEngine) -> int:
    assert engine.process_id is not None
    return engine.process_id


async def gone(pid: int, within_s: float = 5.0) -> bool:
    for _ in range(int(within_s / 0.05)):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_nothing_starts_before_the_first_request(llama: LlamaEngine) -> None:
    assert llama.process_id is None
    assert await llama.count_tokens("now") > 0
    assert llama.process_id is not None


async def test_death_before_the_first_piece_goes_unnoticed(llama: LlamaEngine) -> None:
    await llama.count_tokens("start")
    pid = pid_of(llama)
    os.kill(pid, signal.SIGSTOP)
    task = asyncio.create_task(generate(llama, ask("Hello")))
    await asyncio.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
    completion = await asyncio.wait_for(task, 20)
    assert completion.text
    assert pid_of(llama) != pid


async def test_after_a_death_in_the_middle_the_answer_goes_on(llama: LlamaEngine) -> None:
    request = ask(sampling=Sampling(max_tokens=400, temperature=0.7, seed=4))
    pieces: list[str] = []
    completion: Completion | None = None
    async for piece in llama.stream(request):
        if isinstance(piece, Completion):
            completion = piece
            continue
        pieces.append(piece)
        if len(pieces) == 5:
            os.kill(pid_of(llama), signal.SIGKILL)
    assert completion is not None
    assert len(pieces) > 5
    assert completion.text == "".join(pieces)
    assert completion.usage.completion_tokens <= 400


async def test_json_that_was_begun_cannot_go_on(llama: LlamaEngine) -> None:
    schema = {"type": "array", "items": {"type": "string", "maxLength": 40}, "minItems": 60, "maxItems": 60}
    stream = llama.stream(ask(sampling=LONG, schema=schema))
    await anext(stream)
    os.kill(pid_of(llama), signal.SIGKILL)
    with pytest.raises(EngineOverloaded):
        async for _ in stream:
            pass
    assert (await generate(llama, ask())).text


async def test_all_running_requests_survive_a_death(llama: LlamaEngine) -> None:
    stream = llama.stream(ask(sampling=LONG))
    await anext(stream)
    others = [asyncio.create_task(generate(llama, ask(f"{i}"))) for i in range(5)]
    await asyncio.sleep(0.05)
    os.kill(pid_of(llama), signal.SIGKILL)
    assert all(completion.text for completion in await asyncio.gather(*others))
    assert await anext(stream)
    await stream.aclose()


async def test_two_deaths_make_it_unavailable(llama: LlamaEngine) -> None:
    await llama.count_tokens("start")
    first = pid_of(llama)
    os.kill(first, signal.SIGSTOP)
    # Reading so long a prompt takes longer than it takes to kill the second process too.
    task = asyncio.create_task(generate(llama, ask("door " * 3500)))
    await asyncio.sleep(0.1)
    os.kill(first, signal.SIGKILL)
    while llama.process_id in {None, first}:
        await asyncio.sleep(0)
    os.kill(pid_of(llama), signal.SIGKILL)
    with pytest.raises(EngineUnavailable, match="twice"):
        await asyncio.wait_for(task, 10)
    assert (await generate(llama, ask())).text


async def test_a_hung_process_is_replaced(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = LlamaEngine(model, context=1024, threads=1, stall_s=4.0)
    try:
        await engine.count_tokens("start")
        pid = pid_of(engine)
        os.kill(pid, signal.SIGSTOP)
        with caplog.at_level(logging.ERROR):
            completion = await asyncio.wait_for(generate(engine, ask("Hello")), 20)
        assert completion.text
        assert "no progress" in caplog.text
        assert await gone(pid)
    finally:
        await engine.close()


async def test_counting_on_a_hung_process(model: Path) -> None:
    engine = LlamaEngine(model, context=1024, threads=1, stall_s=4.0)
    try:
        await engine.count_tokens("start")
        os.kill(pid_of(engine), signal.SIGSTOP)
        assert await asyncio.wait_for(engine.count_tokens("one two"), 20) > 0
    finally:
        await engine.close()


async def test_the_deadline_holds_on_a_hung_process(llama: LlamaEngine) -> None:
    await llama.count_tokens("start")
    os.kill(pid_of(llama), signal.SIGSTOP)
    with pytest.raises(GenerationTimedOut):
        await asyncio.wait_for(generate(llama, ask(deadline_s=0.3)), 60)


async def test_closing_ends_the_process(model: Path) -> None:
    engine = LlamaEngine(model, context=1024, threads=1)
    task = asyncio.create_task(generate(engine, ask(sampling=Sampling(max_tokens=900, temperature=0))))
    while engine.process_id is None:
        await asyncio.sleep(0.02)
    pid = pid_of(engine)
    await asyncio.sleep(0.05)
    await asyncio.wait_for(engine.close(), 5)
    assert await gone(pid, 1)
    with pytest.raises(EngineUnavailable):
        await task
    with pytest.raises(EngineUnavailable):
        await engine.count_tokens("too late")


async def test_closing_while_it_starts(model: Path) -> None:
    before = {child.pid for child in psutil.Process().children()}
    engine = LlamaEngine(model, context=1024, threads=1)
    task = asyncio.create_task(engine.count_tokens("start"))
    await asyncio.sleep(0.1)
    await asyncio.wait_for(engine.close(), 10)
    with pytest.raises(EngineUnavailable, match="closed"):
        await task
    assert {child.pid for child in psutil.Process().children()} <= before


async def test_who_asked_first_may_leave(llama: LlamaEngine) -> None:
    first = asyncio.create_task(llama.count_tokens("first"))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(llama.count_tokens("second"))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second > 0


@pytest.mark.parametrize("fault", ["missing", "text", "magic only", "truncated", "garbage", "folder", "wrong hash"])
async def test_bad_model_files(model: Path, tmp_path: Path, fault: str) -> None:
    data = model.read_bytes()
    path = tmp_path / "bad.gguf"
    match fault:
        case "text":
            path.write_text("<html>Not found</html>")
        case "magic only":
            path.write_bytes(b"GGUF")
        case "truncated":
            path.write_bytes(data[: len(data) // 2])
        case "garbage":
            path.write_bytes(data[:200] + bytes(reversed(data[200:5000])) + data[5000:])
        case "folder":
            path.mkdir()
        case "wrong hash":
            path.write_bytes(data)
            path.with_name("bad.gguf.sha256").write_text(f"{'0' * 64}  bad.gguf\n")
        case _:
            pass
    engine = LlamaEngine(path)
    try:
        with pytest.raises(EngineUnavailable, match=r"bad\.gguf"):
            await asyncio.wait_for(generate(engine, ask()), 10)
        # The second time it is known already.
        with pytest.raises(EngineUnavailable, match=r"bad\.gguf"):
            await asyncio.wait_for(generate(engine, ask()), 0.2)
    finally:
        await engine.close()


async def test_every_part_of_a_split_model_is_checked(model: Path, tmp_path: Path) -> None:
    first, second = (tmp_path / f"split-0000{n}-of-00002.gguf" for n in (1, 2))
    first.write_bytes(model.read_bytes())
    with pytest.raises(EngineUnavailable, match=r"00002-of-00002.*cannot be read"):
        await generate(LlamaEngine(first), ask())
    second.write_bytes(model.read_bytes())
    second.with_name(f"{second.name}.sha256").write_text(f"{'0' * 64}  {second.name}\n")
    with pytest.raises(EngineUnavailable, match=r"00002-of-00002.*SHA-256"):
        await generate(LlamaEngine(first), ask())


async def test_the_process_sees_no_secrets(llama: LlamaEngine) -> None:
    os.environ["STORYFORK_REMOTE_API_KEY"] = "sk-secret"
    try:
        await llama.count_tokens("start")
        environment = psutil.Process(pid_of(llama)).environ()
    finally:
        del os.environ["STORYFORK_REMOTE_API_KEY"]
    assert "GGML_NO_BACKTRACE" in environment
    assert not [name for name in environment if name.startswith("STORYFORK")]


async def test_signals_meant_for_the_parent_do_not_end_it(llama: LlamaEngine) -> None:
    await llama.count_tokens("start")
    pid = pid_of(llama)
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    await asyncio.sleep(0.2)
    assert await llama.count_tokens("still here") > 0
    assert pid_of(llama) == pid


@pytest.mark.parametrize("busy", [True, False])
async def test_it_dies_with_its_parent(model: Path, busy: bool) -> None:
    script = f"""
        import asyncio
        from pathlib import Path
        from tests.workers.engines.text.asking import LONG, ask
        from workers.engines.text.llama.engine import LlamaEngine

        async def main():
            engine = LlamaEngine(Path({str(model)!r}), context=4096)
            await engine.count_tokens("start")
            if {busy}:
                stream = engine.stream(ask(sampling=LONG))
                await anext(stream)
            print(engine.process_id, flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
    """
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(script), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert parent.stdout is not None
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 30))
    assert psutil.pid_exists(pid)
    parent.kill()
    await parent.wait()
    assert await gone(pid)
