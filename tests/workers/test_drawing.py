"""Picture jobs from claim to answer, with an engine that paints plain pictures."""

import asyncio
import io
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from PIL import Image

from db import jobs, personas, pictures, stories
from db.connection import rows
from db.models import AccountRow, ArtifactRow, JobRow, OutboxRow, PictureRow
from db.stories import Page
from db.work import read
from prompts.personas import load_personas
from prompts.registry import default_registry
from tests.db.world import somebody
from tests.workers.living import lives, living
from tests.workers.making import run_by
from workers.engines.errors import EngineOverloaded, EngineUnavailable, RequestRefused
from workers.engines.image.base import ImageEngine, ImageProgress, ImageRequest, LoraUse
from workers.engines.image.base import Picture as Drawn
from workers.engines.image.chain import ImageChain
from workers.engines.image.sdxl.engine import SdxlEngine
from workers.engines.text.chain import TextChain
from workers.queue import Queue
from workers.runner import Runner
from workers.services import Services

SMALL = 4 * 128 * 128


class PlainEngine(ImageEngine):
    """An engine that draws one colour, or raises what it is told to."""

    loras = frozenset({"ink", "Wash 2"})

    def __init__(
        self, name: str = "plain", *, trouble: Exception | None = None, unsafe: float | None = None, tokens: int = 0
    ) -> None:
        self.name, self.trouble, self.unsafe, self.tokens = name, trouble, unsafe, tokens
        self.asked: list[ImageRequest] = []

    async def stream(self, request: ImageRequest) -> AsyncGenerator[ImageProgress | Drawn]:
        self.asked.append(request)
        yield ImageProgress("drawing", 1, 2)
        if self.trouble is not None:
            raise self.trouble
        out = io.BytesIO()
        Image.new("RGB", (request.width, request.height), (request.seed % 256, 90, 30)).save(out, "PNG")
        size = (request.width, request.height)
        yield Drawn(out.getvalue(), *size, request.seed, self.name, "m", self.tokens, self.unsafe)

    async def cancel(self, request_id: str) -> bool:
        del request_id
        return False


class Patient(PlainEngine):
    """Draws the first tile until it fails, and never ends the others."""

    begun = ended = 0

    async def stream(self, request: ImageRequest) -> AsyncGenerator[ImageProgress | Drawn]:
        if request.source is None or request.id.endswith("-0"):
            while request.source is not None and self.begun < 3:
                await asyncio.sleep(0.01)
            async with aclosing(super().stream(request)) as events:
                async for event in events:
                    yield event
            return
        self.begun += 1
        try:
            yield ImageProgress("drawing", 1, 8)
            await asyncio.Event().wait()
        finally:
            self.ended += 1


class Workers:
    """Workers of both kinds, one after the other."""

    def __init__(
        self,
        queue: Queue,
        *engines: PlainEngine | SdxlEngine,
        classifier: bool = False,
        tile: int = 1024,
        most: int = SMALL,
    ) -> None:
        text = TextChain()
        for engine in engines:
            engine.max_pixels = most
            if engine.name == "sdxl":  # the local one
                engine.tile_side, engine.has_classifier = tile, classifier
        self._cpu = Runner(Services(text, default_registry(), queue), 4)
        self._gpu = Runner(Services(text, default_registry(), queue, images=ImageChain(engines)), 4)

    async def run(self, job_id: int) -> JobRow:
        """Run a job to its end, on whichever queue it is."""
        for _ in range(6):
            job = await JobRow.get(id=job_id)
            if job.state != "queued":
                return job
            await run_by(self._gpu if job.queue == "gpu" else self._cpu, job_id)
        return await JobRow.get(id=job_id)


@pytest.fixture
async def queue(database: str, redis_url: str) -> AsyncGenerator[Queue]:
    async with Queue(redis_url) as line, living("gpu", queues=["gpu"], image_engines=["plain"]):
        await personas.sync_shipped([shipped.card() for shipped in load_personas()])
        yield line


async def ordered(type_: str, **parameters: Any) -> int:
    who = await somebody()
    return await jobs.add(
        read(type_, {"allowance": "sfw", "random_seed": 5, **parameters}), account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id, event_key=f"console:{await JobRow.all().count()}",
        destination={"chat_id": "c"},
    )  # fmt: skip


async def told() -> list[str]:
    return [r.payload["key"] for r in await OutboxRow.filter(kind="notice").order_by("id")]


async def page() -> Page:
    who = await somebody()
    move = await stories.create(
        account_id=who.account.id, owner_id=who.user.id, conversation_id=who.conversation.id, seed=1,
        premise="a keeper finds a door under the sea",
    )  # fmt: skip
    return move.page


async def test_a_job_goes_from_the_cpu_to_the_gpu_queue_and_leaves_a_picture(queue: Queue):
    engine = PlainEngine()
    job = await Workers(queue, engine).run(await ordered("imagine", prompt="a door", style="photo", seed=9))
    assert (job.state, job.queue) == ("done", "gpu")
    (picture,) = await PictureRow.all()
    assert (picture.prompt, picture.alt, picture.style, picture.seed) == ("a door", "a door", "photo", 9)
    assert (picture.rating, picture.hidden, picture.engine, picture.job_id) == ("sfw", False, "plain", job.id)
    full = await pictures.file(picture.account_id, picture.id, "full")
    photo = await pictures.file(picture.account_id, picture.id, "photo")
    assert full is not None
    assert photo is not None
    assert (full.mime, photo.mime) == ("image/png", "image/jpeg")
    (answer,) = await OutboxRow.all()
    assert (answer.kind, answer.part, answer.payload) == ("picture", "reply", {"picture": picture.id})
    assert [a.kind for a in await ArtifactRow.filter(step__in=("draw", "publish_picture")).order_by("id")] == [
        "image",
        "image_ready",
    ]
    (task,) = await rows("SELECT function, state, engine FROM ai_tasks")
    assert task == {"function": "draw_picture", "state": "done", "engine": "plain"}


async def test_again_vary_and_larger(queue: Queue):
    engine = PlainEngine()
    workers = Workers(queue, engine)
    await workers.run(await ordered("imagine", prompt="a door", negative="rain", seed=9, size="panorama"))
    for type_ in ("draw_again", "variations", "upscale"):
        assert (await workers.run(await ordered(type_, picture=1, random_seed=77))).state == "done"
    first, again, varied, larger = engine.asked
    assert {(r.prompt, r.negative) for r in engine.asked} == {(first.prompt, first.negative)}
    assert [r.seed for r in engine.asked] == [9, 77, 77, 9]
    assert again.source is None
    assert varied.source is not None
    assert (varied.width, varied.height) == (first.width, first.height)
    assert (larger.width, larger.height) == (2 * first.width, 2 * first.height)
    assert larger.strength < varied.strength
    assert [p.kind for p in await PictureRow.all().order_by("id")] == ["imagined", "imagined", "variation", "upscaled"]


async def test_what_is_larger_than_a_tile_is_redrawn_in_tiles_by_the_local_engine(queue: Queue):
    engine = PlainEngine("sdxl", unsafe=0.0)
    workers = Workers(queue, engine, classifier=True, tile=192)
    await workers.run(await ordered("imagine", prompt="a door", seed=9, lora="ink:0.5"))
    job = await workers.run(await ordered("upscale", picture=1, random_seed=77))
    assert job.state == "done"
    first, *tiles = engine.asked
    # 128 × 128 at first: tiles of 160 cover 256 with 64 in common.
    assert (first.width, first.height) == (128, 128)
    assert [(r.width, r.height) for r in tiles] == [(160, 160)] * 4
    assert tiles[0].seed == 9
    assert len({r.seed for r in tiles}) == len({r.id for r in tiles}) == 4
    assert {r.loras for r in engine.asked} == {(LoraUse("ink", 0.5),)}
    assert all(r.source is not None for r in tiles)
    larger = await PictureRow.get(id=2)
    assert (larger.kind, larger.width, larger.height, larger.seed) == ("upscaled", 256, 256, 9)
    kept = await pictures.file(1, 2, "full")
    assert kept is not None
    with Image.open(io.BytesIO(kept.data)) as shown:
        assert shown.size == (256, 256)
        assert shown.getpixel((0, 0)) == (9, 90, 30)
    _, task = await rows("SELECT state, engine FROM ai_tasks ORDER BY id")
    assert task == {"state": "done", "engine": "sdxl"}


async def test_a_tile_that_fails_ends_the_others(queue: Queue):
    engine, other = Patient("sdxl"), PlainEngine("openai")
    workers = Workers(queue, engine, other, tile=192)
    await workers.run(await ordered("imagine", prompt="a door", seed=9))
    engine.trouble = EngineUnavailable("gone")
    assert (await workers.run(await ordered("upscale", picture=1))).state == "dead"
    assert await told() == ["picture.unavailable"]
    assert (engine.begun, engine.ended) == (3, 3)
    # A tile of another engine would not fit to the others.
    assert other.asked == []


@pytest.mark.parametrize(
    ("lora", "key", "values"),
    [
        ("oil", "picture.unknown_lora", {"name": "oil", "names": "ink, Wash 2"}),
        ("ink:9", "picture.bad_lora_weight", {"name": "ink", "limit": 2.0}),
    ],
)
async def test_a_lora_that_does_not_fit_is_told(queue: Queue, lora: str, key: str, values: dict[str, Any]):
    engine = PlainEngine()
    assert (await Workers(queue, engine).run(await ordered("imagine", prompt="x", lora=lora))).state == "dead"
    (notice,) = await OutboxRow.filter(kind="notice")
    assert (notice.payload["key"], notice.payload["values"]) == (key, values)
    assert engine.asked == []


async def test_loras_are_kept_for_every_picture_made_from_one(queue: Queue):
    engine = PlainEngine()
    workers = Workers(queue, engine)
    await workers.run(await ordered("imagine", prompt="a door", lora="INK wash 2:0.8"))
    for type_ in ("draw_again", "variations", "upscale"):
        assert (await workers.run(await ordered(type_, picture=1))).state == "done"
    assert [r.loras for r in engine.asked] == [(LoraUse("ink"), LoraUse("Wash 2", 0.8))] * 4


async def test_a_portrait_carries_the_personas_identity(queue: Queue):
    engine = PlainEngine()
    persona = (await personas.known((await somebody()).account.id))[0]
    assert (await Workers(queue, engine).run(await ordered("persona_portrait", persona=persona.id))).state == "done"
    (request,) = engine.asked
    appearance = " ".join(str(persona.card["appearance"]).split())
    assert appearance.startswith(request.prompt[0].text[:40])
    assert request.prompt[0].weight > 1
    picture = await PictureRow.get(id=1)
    assert picture.persona_id == persona.id
    assert picture.alt.startswith(persona.name)


async def test_the_page_is_ready_before_its_picture(queue: Queue):
    engine, first = PlainEngine(), await page()
    workers = Workers(queue, engine)
    job_id = await ordered("branching_page", page=first.id, pictures={"allowance": "sfw", "random_seed": 3})
    assert (await workers.run(job_id)).state == "waiting"
    (answer,) = await OutboxRow.all()
    assert (answer.kind, answer.part) == ("page", "reply")
    child = await JobRow.get(parent_id=job_id)
    assert (child.type, child.priority) == ("illustrate_page", jobs.BACKGROUND)
    assert (await workers.run(child.id)).state == "done"
    _, shown = await OutboxRow.all().order_by("id")
    assert (shown.kind, shown.part, shown.destination["chat_id"]) == ("picture", "picture", "c")
    assert (await PictureRow.get(id=1)).page_id == first.id
    ready = await ArtifactRow.filter(kind__in=("text_ready", "image_ready")).order_by("id")
    assert [(a.kind, a.job_id) for a in ready] == [("text_ready", job_id), ("image_ready", child.id)]


async def test_a_picture_that_nobody_asked_for_fails_in_silence(queue: Queue):
    first = await page()
    workers = Workers(queue, PlainEngine(trouble=EngineUnavailable("broken")))
    await workers.run(await ordered("branching_page", page=first.id, pictures={}))
    child = await JobRow.get(type="illustrate_page")
    assert (await workers.run(child.id)).state == "dead"
    assert [r.kind for r in await OutboxRow.all()] == ["page"]


@pytest.mark.parametrize(
    ("trouble", "key"),
    [
        (EngineUnavailable("gone"), "picture.unavailable"),
        (RequestRefused("no"), "picture.refused_engine"),
    ],
)
async def test_troubles_are_told(queue: Queue, trouble: Exception, key: str):
    assert (
        await Workers(queue, PlainEngine(trouble=trouble)).run(await ordered("imagine", prompt="a door"))
    ).state == "dead"
    assert await told() == [key]


async def test_the_next_engine_draws_what_the_first_cannot(queue: Queue):
    broken, other = PlainEngine("sdxl", trouble=EngineUnavailable("gone")), PlainEngine("openai")
    assert (await Workers(queue, broken, other).run(await ordered("imagine", prompt="a door"))).state == "done"
    assert (await PictureRow.get(id=1)).engine == "openai"


async def test_an_account_chooses_its_engine(queue: Queue):
    job_id = await ordered("imagine", prompt="a door")
    await AccountRow.all().update(settings={"image_engine": "openai"})
    sdxl, openai = PlainEngine("sdxl"), PlainEngine("openai")
    await Workers(queue, sdxl, openai).run(job_id)
    assert (len(sdxl.asked), len(openai.asked)) == (0, 1)


async def test_too_little_memory_is_tried_again_and_then_told(queue: Queue):
    workers = Workers(queue, PlainEngine(trouble=EngineOverloaded("out of memory", 0.0)))
    job = await workers.run(await ordered("imagine", prompt="a door"))
    assert (job.state, job.retries) == ("dead", 2)
    assert await told() == ["picture.too_large"]


async def test_without_anybody_who_draws_the_answer_is_clear(queue: Queue):
    await lives("gpu", queues=["gpu"])
    job = await Workers(queue).run(await ordered("imagine", prompt="a door"))
    assert (job.state, job.retries) == ("dead", 0)
    assert await told() == ["picture.no_model"]


@pytest.mark.parametrize(
    ("rating", "allowance", "classifier", "unsafe", "outcome"),
    [
        ("sfw", "sfw", True, 0.1, "shown"),
        ("sfw", "nsfw", True, 0.9, "picture.refused_result"),
        ("nsfw", "nsfw", True, 0.9, "hidden"),
        ("nsfw", "nsfw", False, None, "hidden"),
        ("nsfw", "sfw", True, 0.4, "hidden"),
    ],
)
async def test_what_may_be_shown(
    queue: Queue, rating: str, allowance: str, classifier: bool, unsafe: float | None, outcome: str
):
    workers = Workers(queue, PlainEngine("sdxl", unsafe=unsafe), classifier=classifier)
    await workers.run(await ordered("imagine", prompt="a quiet room", rating=rating, allowance=allowance))
    found = await PictureRow.all()
    assert await told() == ([] if found else [outcome])
    assert not found or found[0].hidden == (outcome == "hidden")
    # Without a classifier, and in a place that is not for adults, nothing is drawn as for adults.
    assert not found or (found[0].rating == "nsfw") == (rating == allowance == "nsfw" and classifier)


@pytest.mark.parametrize("allowance", ["sfw", "nsfw"])
async def test_what_is_never_drawn(queue: Queue, allowance: str):
    engine = PlainEngine("sdxl", unsafe=0.0)
    prompt = "a naked schoolgirl"
    await Workers(queue, engine, classifier=True).run(
        await ordered("imagine", prompt=prompt, rating="nsfw", allowance=allowance)
    )
    assert await told() == ["picture.refused_minors"]
    assert engine.asked == []


async def test_an_attached_picture_is_cleaned_and_redrawn_in_its_shape(queue: Queue):
    who = await somebody()
    out = io.BytesIO()
    Image.new("RGB", (300, 200), "green").save(out, "JPEG", comment=b"where I live")
    source = await pictures.attach(who.account.id, who.user.id, who.conversation.id, out.getvalue())
    engine = PlainEngine()
    job = await Workers(queue, engine).run(await ordered("imagine", prompt="at night", source=source, strength=0.4))
    assert job.state == "done"
    (request,) = engine.asked
    assert request.strength == 0.4
    assert request.width > request.height
    assert request.source is not None
    kept = await pictures.file(1, source, "full")
    assert kept is not None
    assert kept.mime == "image/png"
    assert b"where I live" not in kept.data


async def test_a_broken_attachment_is_told(queue: Queue):
    who = await somebody()
    source = await pictures.attach(who.account.id, who.user.id, who.conversation.id, b"GIF89a no picture at all")
    assert (
        await Workers(queue, PlainEngine()).run(await ordered("imagine", prompt="x", source=source))
    ).state == "dead"
    assert (await told())[0].startswith("attachment.")
