"""Pictures of a server: what it is asked, what it may answer, and what its failures mean."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from PIL import Image

from tests.doubles.openai.images import FIXED, FREE, KEY, OLD, OWN, Fault, ImageServer, colour
from tests.workers.engines.image.asking import ask, png
from workers.engines.errors import (
    EngineOverloaded,
    EngineUnavailable,
    GenerationCancelled,
    GenerationTimedOut,
    RequestRefused,
)
from workers.engines.image.base import ImageEngine, ImageProgress, LoraUse, Picture, PromptPart, draw
from workers.engines.image.openai import OpenAIImages
from workers.engines.image.openai_models import model_named
from workers.engines.retry import ATTEMPTS, RetryPolicy

NewEngine = Callable[..., OpenAIImages]


@pytest.fixture
async def server() -> AsyncIterator[ImageServer]:
    server = ImageServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def new(server: ImageServer) -> AsyncIterator[NewEngine]:
    engines: list[OpenAIImages] = []

    def make(model: str = OWN, **options: Any) -> OpenAIImages:
        options = {"api_key": KEY, "retry": RetryPolicy(pause_s=0.01)} | options
        engines.append(OpenAIImages(server.url, model, **options))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.close()


async def test_a_picture_and_its_way_there(server: ImageServer, new: NewEngine) -> None:
    engine = new(prices={"": 0.04})
    assert isinstance(engine, ImageEngine)
    parts = (PromptPart("a red cat"), PromptPart(" oil \ud800painting ", 1.3))
    request = ask(prompt=parts, negative=(PromptPart("low"),), seed=2**40 + 7, width=256, height=320, tenant="anna")
    events = [event async for event in engine.stream(request)]
    picture = events.pop()
    assert isinstance(picture, Picture)
    assert (picture.engine, picture.model, picture.seed) == ("openai", OWN, 2**40 + 7)
    assert (picture.width, picture.height, picture.cost_usd, picture.unsafe) == (256, 320, 0.04, None)
    assert [event.phase for event in events if isinstance(event, ImageProgress)] == [
        "preparing", "drawing", "finishing",
    ]  # fmt: skip
    sent = server.requests[0]
    assert sent == {
        "model": OWN,
        "prompt": sent["prompt"],
        "n": 1,
        "size": "256x320",
        "response_format": "b64_json",
        "negative_prompt": "low",
        "seed": 7,
    }
    assert sent["prompt"].startswith("a red cat, oil ")
    with Image.open(io.BytesIO(picture.data)) as shown:
        assert (shown.format, shown.size, shown.info) == ("PNG", (256, 320), {})
        assert shown.getpixel((0, 0)) == colour(sent["prompt"])


async def test_what_openai_s_models_have_no_word_for_is_left_out(server: ImageServer, new: NewEngine) -> None:
    engine = new(FIXED, prices={"low": 0.01, "high": 0.2, "": 0.05})
    request = ask(width=832, height=1216, steps=14, negative=(PromptPart("low"),), loras=(LoraUse("x"),), tenant="anna")
    picture = await draw(engine, request)
    assert (picture.width, picture.height, picture.cost_usd) == (1024, 1536, 0.01)
    sent = server.requests[0]
    assert len(sent.pop("safety_identifier")) == 32
    assert sent == {
        "model": FIXED,
        "prompt": "a red cat",
        "n": 1,
        "size": "1024x1536",
        "output_format": "png",
        "quality": "low",
    }
    assert [(await draw(engine, ask(steps=steps))).cost_usd for steps in (28, 45)] == [0.05, 0.2]


@pytest.mark.parametrize(
    ("model", "asked", "drawn"),
    [
        (FIXED, (1024, 1024), (1024, 1024)),
        (FIXED, (1344, 768), (1536, 1024)),
        (OLD, (1344, 768), (1792, 1024)),
        (OLD, (896, 1152), (1024, 1024)),
        (FREE, (832, 1216), (832, 1216)),
        (FREE, (1000, 1000), (992, 1008)),
        (FREE, (512, 512), (816, 816)),
        (FREE, (2048, 512), None),
        (FREE, (4096, 4096), (2880, 2880)),
        (OWN, (513, 770), (512, 768)),
        (OWN, (4096, 2048), (2048, 1024)),
    ],
)
async def test_sizes(
    server: ImageServer, new: NewEngine, model: str, asked: tuple[int, int], drawn: tuple[int, int] | None
) -> None:
    picture = await draw(new(model), ask(width=asked[0], height=asked[1]))
    if drawn is not None:
        assert picture.width == drawn[0] or abs(picture.width - drawn[0]) == 16
        assert abs(picture.width / picture.height - drawn[0] / drawn[1]) < 0.04
    assert len(server.requests) == 1


def test_models_by_name() -> None:
    assert model_named("gpt-image-1-mini").resolutions.fixed
    assert model_named("openai/GPT-image-1").resolutions.fixed
    assert not model_named("gpt-image-12").resolutions.fixed
    assert model_named("gpt-image-2.5-flare").png
    assert model_named("flux").tells


async def test_a_picture_is_redrawn(server: ImageServer, new: NewEngine) -> None:
    source = png(64, 64)
    assert await draw(new(FREE), ask(source=source, width=1024, height=1024))
    assert server.requests[0]["image"] == source
    assert await draw(new(), ask(source=source, negative=(PromptPart("low"),)))
    assert server.requests[1]["negative_prompt"] == "low"
    with pytest.raises(RequestRefused, match="does not redraw"):
        await draw(new(OLD), ask(source=source))


@pytest.mark.parametrize(
    ("model", "request_", "says"),
    [
        (OWN, ask(" "), "empty"),
        (OWN, ask("c" * 20_001), "20001 characters, 20000 are possible"),
        (OLD, ask("c" * 4001), "4000 are possible"),
        (OWN, ask(width=32), "no size"),
        (OWN, ask(width=64, height=1024), "no size"),
    ],
)
async def test_what_cannot_be_is_refused(
    server: ImageServer, new: NewEngine, model: str, request_: Any, says: str
) -> None:
    with pytest.raises(RequestRefused, match=says):
        await draw(new(model), request_)
    assert not server.requests


async def test_parameters_that_a_server_does_not_take_are_left_out(server: ImageServer, new: NewEngine) -> None:
    server.refused |= {"negative_prompt", "seed", "response_format"}
    engine = new()
    assert await draw(engine, ask(negative=(PromptPart("low"),)))
    assert len(server.requests) == 4
    assert await draw(engine, ask(negative=(PromptPart("low"),)))
    assert server.requests[4:] == [{"model": OWN, "prompt": "a red cat", "n": 1, "size": "64x64"}]


async def test_the_safety_system_refuses(server: ImageServer, new: NewEngine) -> None:
    for model in (FREE, OWN):
        with pytest.raises(RequestRefused, match="safety system"):
            await draw(new(model), ask("a forbidden cat"))
    server.faults.append(Fault(status=403, error={"code": "content_policy_violation"}))
    with pytest.raises(RequestRefused, match="safety system"):
        await draw(new(), ask())
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "fault", [Fault(status=500), Fault(status=503, headers={"Retry-After": "0"}), Fault(status=429), Fault(kind="drop")]
)
async def test_what_passes_is_asked_again(server: ImageServer, new: NewEngine, fault: Fault) -> None:
    server.faults.extend([fault, fault])
    await draw(new(), ask())
    assert len(server.requests) == 3


async def test_what_does_not_pass_is_said(server: ImageServer, new: NewEngine) -> None:
    server.faults.extend([Fault(status=502)] * ATTEMPTS)
    with pytest.raises(EngineUnavailable, match="status 502"):
        await draw(new(), ask())
    assert len(server.requests) == ATTEMPTS
    server.faults.extend([Fault(status=429)] * ATTEMPTS)
    with pytest.raises(EngineOverloaded, match="status 429"):
        await draw(new(), ask())


async def test_a_server_that_asks_for_much_patience_does_not_get_it(server: ImageServer, new: NewEngine) -> None:
    server.faults.append(Fault(status=429, headers={"Retry-After": "90"}))
    with pytest.raises(EngineOverloaded) as caught:
        await draw(new(), ask())
    assert caught.value.retry_after == 90
    assert len(server.requests) == 1


async def test_retry_after_is_kept(server: ImageServer, new: NewEngine) -> None:
    server.faults.append(Fault(status=429, headers={"Retry-After": "19"}))
    with pytest.raises(GenerationTimedOut):
        await draw(new(), ask(deadline_s=2.0))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (Fault(status=401), EngineUnavailable, "STORYFORK_IMAGE_API_KEY"),
        (Fault(status=403), EngineUnavailable, "STORYFORK_IMAGE_API_KEY"),
        (Fault(status=404), EngineUnavailable, "STORYFORK_IMAGE_REMOTE_MODEL"),
        (Fault(status=429, error={"code": "insufficient_quota"}), EngineUnavailable, "no credit"),
        (Fault(status=400, error={"code": "billing_hard_limit_reached"}), EngineUnavailable, "reached its limit"),
        (Fault(status=400, error={"message": "the prompt is too long"}), RequestRefused, "prompt is too long"),
        (Fault(kind="url"), EngineUnavailable, "the address of a picture"),
        (Fault(kind="nothing"), EngineUnavailable, "not in OpenAI's form"),
        (Fault(kind="html"), EngineUnavailable, "not in OpenAI's form"),
        (Fault(kind="noise"), EngineUnavailable, "no readable picture"),
        (Fault(kind="bomb"), EngineUnavailable, "6000 × 6000 pixels"),
        (Fault(kind="endless"), EngineUnavailable, "longer than 96 MiB"),
    ],
)
async def test_answers_that_are_none(
    server: ImageServer, new: NewEngine, fault: Fault, kind: type[Exception], says: str
) -> None:
    server.faults.append(fault)
    with pytest.raises(kind, match=says):
        await draw(new(), ask())
    assert len(server.requests) == 1


async def test_other_formats_become_png(server: ImageServer, new: NewEngine) -> None:
    server.faults.append(Fault(kind="webp"))
    assert (await draw(new(), ask())).data.startswith(b"\x89PNG")


async def test_the_key_is_never_shown(new: NewEngine) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        await draw(new(api_key="sk-another-key-123456"), ask())
    assert "another" not in str(caught.value)


async def test_a_cancelled_picture_closes_its_connection(server: ImageServer, new: NewEngine) -> None:
    server.faults.append(Fault(kind="silence"))
    engine, request = new(), ask()
    task = asyncio.create_task(draw(engine, request))
    await server.asked.wait()
    assert await engine.cancel(request.id)
    with pytest.raises(GenerationCancelled):
        await task
    await asyncio.wait_for(server.gone.wait(), 5)
    assert not await engine.cancel(request.id)


async def test_a_closed_stream_closes_its_connection(server: ImageServer, new: NewEngine) -> None:
    engine, request = new(), ask()
    async with aclosing(engine.stream(request)) as events:
        async for event in events:
            if isinstance(event, ImageProgress) and event.phase == "drawing":
                break
    assert not await engine.cancel(request.id)
    assert await draw(engine, ask())


async def test_the_deadline_and_a_slow_server(server: ImageServer, new: NewEngine) -> None:
    server.faults.extend([Fault(kind="silence")] * 2)
    with pytest.raises(GenerationTimedOut):
        await draw(new(), ask(deadline_s=2.0))  # on a busy machine the request must still arrive
    with pytest.raises(EngineUnavailable, match="did not answer in time"):
        await draw(new(timeout_s=2.0), ask())
    # What may already be paid for is not asked for twice.
    assert len(server.requests) == 2
