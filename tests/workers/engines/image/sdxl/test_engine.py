"""The engine: pictures through a process of its own, together, cancelled, refused, and after its death."""

import asyncio
import math
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.effort import LONG
from tests.models.tiny_picture_classifier import CHANCES
from tests.workers.engines.image.asking import ask, pixels, png, same
from tests.workers.engines.image.sdxl.conftest import ON_CPU
from workers.engines.errors import EngineUnavailable, GenerationCancelled, GenerationTimedOut, RequestRefused
from workers.engines.image.base import ImageEngine, ImageProgress, ImageRequest, LoraUse, Picture, PromptPart, draw
from workers.engines.image.sdxl.engine import SdxlEngine
from workers.engines.processes.launch import SharedLauncher

SLOW: dict[str, Any] = {"steps": 150}


def pid_of(engine: SdxlEngine) -> int:
    assert engine.process_id is not None
    return engine.process_id


async def until_drawing(engine: SdxlEngine, request: ImageRequest, drawing: asyncio.Event) -> Picture:
    async for event in engine.stream(request):
        if isinstance(event, Picture):
            return event
        if event.phase == "drawing":
            drawing.set()
    raise AssertionError


async def test_a_picture_and_its_way_there(sdxl: SdxlEngine) -> None:
    ready = await sdxl.start()
    assert (ready.model, ready.device, ready.dtype) == ("tiny-sdxl", "cpu", "float32")
    assert isinstance(sdxl, ImageEngine)
    events = [event async for event in sdxl.stream(ask("a red cat in the forest", seed=7))]
    picture = events.pop()
    assert isinstance(picture, Picture)
    assert pixels(picture).shape == (64, 64, 3)
    assert (picture.seed, picture.engine, picture.model, picture.prompt_tokens) == (7, "sdxl", "tiny-sdxl", 6)
    assert picture.unsafe is not None
    assert math.isclose(picture.unsafe, CHANCES[1] + CHANCES[3] + CHANCES[4], abs_tol=1e-5)
    told = [event for event in events if isinstance(event, ImageProgress)]
    assert [event.step for event in told if event.phase == "drawing"] == [1, 2, 3, 4]
    phases = list(dict.fromkeys(event.phase for event in told))
    assert phases == ["preparing", "drawing", "finishing"]


async def test_the_same_request_is_the_same_picture_alone_and_in_company(sdxl: SdxlEngine) -> None:
    requests = [ask(f"a {word} cat", seed=i, guidance=float(i)) for i, word in enumerate(("red", "blue", "old"))]
    single = [await draw(sdxl, request) for request in requests]
    together = await asyncio.gather(*(draw(sdxl, request) for request in requests))
    for one, other in zip(single, together, strict=True):
        assert same(pixels(one), pixels(other))
    assert single[0].data != single[1].data


async def test_sizes_and_prompts_of_any_length(sdxl: SdxlEngine) -> None:
    wide, long = await asyncio.gather(
        draw(sdxl, ask(width=128, height=72)), draw(sdxl, ask("cat and dog " * 100, negative=(PromptPart("low"),)))
    )
    assert pixels(wide).shape == (72, 128, 3)
    assert long.prompt_tokens == 300


async def test_a_redrawn_picture_keeps_something_of_its_source(sdxl: SdxlEngine) -> None:
    little, much = await asyncio.gather(*(draw(sdxl, ask(source=png(), strength=s, steps=10)) for s in (0.1, 1.0)))
    assert little.data != much.data


async def test_cancelling_one_leaves_the_others(sdxl: SdxlEngine) -> None:
    expected = await draw(sdxl, ask(seed=3, steps=20))
    drawing = asyncio.Event()
    doomed = ask(seed=4, **SLOW)
    task = asyncio.create_task(until_drawing(sdxl, doomed, drawing))
    await drawing.wait()
    other = asyncio.create_task(draw(sdxl, ask(seed=3, steps=20)))
    assert await sdxl.cancel(doomed.id)
    with pytest.raises(GenerationCancelled):
        await task
    assert same(pixels(await other), pixels(expected))
    assert not await sdxl.cancel(doomed.id)


async def test_a_closed_stream_cancels_its_picture(sdxl: SdxlEngine) -> None:
    stream = sdxl.stream(ask(**SLOW))
    await anext(stream)
    await stream.aclose()
    assert await asyncio.wait_for(draw(sdxl, ask()), 10)


async def test_the_deadline(sdxl: SdxlEngine) -> None:
    with pytest.raises(GenerationTimedOut):
        await draw(sdxl, ask(deadline_s=0.2, **SLOW))


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (ask(width=65), "multiple of 8"),
        (ask(width=4096, height=4096), "more than"),
        (ask(steps=0), "0 steps, 1 to 150"),
        (ask(guidance=float("nan")), "guidance nan"),
        (ask(scheduler="magic"), "no scheduler 'magic'"),
        (ask("cat " * 1200), "1200 tokens, 1125 are possible"),
        (ask("c" * 100_000), "100000 characters, 20000 are possible"),
        (ask(prompt=(PromptPart("cat", float("inf")),)), "no number"),
        (ask(source=b"GIF89a"), "no readable PNG"),
        (ask(source=png()[:-200]), "no readable PNG"),
        (ask(loras=(LoraUse("../../etc/passwd"),)), "there is no LoRA"),
    ],
)
async def test_what_cannot_be_is_refused(sdxl: SdxlEngine, request_: ImageRequest, says: str) -> None:
    with pytest.raises(RequestRefused, match=says):
        await draw(sdxl, request_)


async def test_text_that_is_no_text_does_no_harm(sdxl: SdxlEngine) -> None:
    assert await draw(sdxl, ask("\ud800 \x00 cat <|endoftext|> ((((("))


async def test_loras_of_the_operators_folder(sdxl: SdxlEngine) -> None:
    plain = await draw(sdxl, ask(seed=5))
    changed = await draw(sdxl, ask(seed=5, loras=(LoraUse("oil"),)))
    assert not same(pixels(plain), pixels(changed))
    with pytest.raises(RequestRefused, match="there is no LoRA 'unknown'"):
        await draw(sdxl, ask(loras=(LoraUse("unknown"),)))


async def test_no_model_is_said_at_once(tmp_path: Path) -> None:
    engine = SdxlEngine(tmp_path / "nothing")
    with pytest.raises(EngineUnavailable, match="there is no model"):
        await draw(engine, ask())
    await engine.close()
    with pytest.raises(EngineUnavailable, match="closed"):
        await draw(engine, ask())


@pytest.mark.skipif(not LONG, reason="each start takes seconds: a killed process shows the same")
async def test_a_process_that_hangs_costs_the_pictures_nothing(sdxl: SdxlEngine) -> None:
    drawing = asyncio.Event()
    task = asyncio.create_task(until_drawing(sdxl, ask(seed=8, steps=60), drawing))
    other = asyncio.create_task(draw(sdxl, ask(seed=9, width=128)))
    await drawing.wait()
    pid = pid_of(sdxl)
    os.kill(pid, signal.SIGSTOP)
    assert (await task).seed == 8
    assert (await other).seed == 9
    assert pid_of(sdxl) != pid


@pytest.mark.slow
async def test_a_picture_that_kills_twice_is_given_up(sdxl: SdxlEngine) -> None:
    await draw(sdxl, ask())  # it is loaded
    phases: list[str] = []
    with pytest.raises(EngineUnavailable, match="twice in the same picture"):
        async for event in sdxl.stream(ask(**SLOW)):
            if isinstance(event, ImageProgress):
                phases.append(event.phase)
                if event.phase == "drawing":
                    os.kill(pid_of(sdxl), signal.SIGKILL)
    assert phases.count("loading") == 1


async def test_two_engines_share_a_process(model_folder: Path, tmp_path: Path) -> None:
    launcher = SharedLauncher(tmp_path / "run", idle_s=0.2)
    one, other = (SdxlEngine(model_folder, ON_CPU, launcher) for _ in range(2))
    try:
        pictures = await asyncio.gather(*(draw(engine, ask(seed=n)) for n, engine in enumerate((one, other))))
        assert one.process_id == other.process_id
        assert [picture.seed for picture in pictures] == [0, 1]
        stream = one.stream(ask(**SLOW))
        await anext(stream)
        task = asyncio.create_task(draw(other, ask(seed=2, width=128)))
        await asyncio.sleep(0)
        # Its picture is stopped, and nothing else.
        await one.close()
        with pytest.raises(EngineUnavailable):
            async for _ in stream:
                pass
        assert (await task).width == 128
    finally:
        pid = pid_of(other)
        await one.close()
        await other.close()
    while psutil.pid_exists(pid):
        await asyncio.sleep(0.02)
