"""What a picture job draws, hides and refuses where more than its prompt has to be known."""

import io
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from PIL import Image

from db import jobs, personas, pictures
from db.models import OutboxRow, PersonaRow, PictureRow
from prompts.personas import load_personas
from prompts.safety.check import scan
from tests.db.world import somebody
from tests.workers.living import living
from tests.workers.test_drawing import PlainEngine, Workers, ordered, told
from workers.pictures.safety import card_texts
from workers.queue import Queue


@pytest.fixture
async def queue(database: str, redis_url: str) -> AsyncGenerator[Queue]:
    async with Queue(redis_url) as line, living("gpu", queues=["gpu"], image_engines=["plain"]):
        await personas.sync_shipped([shipped.card() for shipped in load_personas()])
        yield line


async def kept(**fields: Any) -> PictureRow:
    """Return a picture that was drawn where more was allowed."""
    who = await somebody()
    out = io.BytesIO()
    Image.new("RGB", (128, 128), "red").save(out, "PNG")
    values: dict[str, Any] = {"kind": "imagined", "prompt": "a quiet room", "width": 128, "height": 128, "seed": 3}
    picture = await PictureRow.create(account_id=who.account.id, user_id=who.user.id, **values | fields)
    await pictures.put_file(picture.id, pictures.StoredFile("full", "image/png", out.getvalue()))
    return picture


async def persona_with(**fields: Any) -> PersonaRow:
    persona = (await personas.known((await somebody()).account.id))[0]
    await PersonaRow.filter(id=persona.id).update(card={**persona.card, **fields})
    return await PersonaRow.get(id=persona.id)


@pytest.mark.parametrize("type_", ["variations", "upscale"])
@pytest.mark.parametrize(("rating", "allowance"), [("nsfw", "sfw"), ("nsfw", "suggestive"), ("suggestive", "sfw")])
async def test_a_picture_is_not_redrawn_where_less_is_allowed(queue: Queue, type_: str, rating: str, allowance: str):
    source, engine = await kept(rating=rating, hidden=True), PlainEngine("sdxl", unsafe=0.0)
    await Workers(queue, engine, classifier=True).run(await ordered(type_, picture=source.id, allowance=allowance))
    assert engine.asked == []
    assert await told() == ["picture.refused_rating"]


async def test_what_was_hidden_stays_hidden_when_redrawn(queue: Queue):
    source = await kept(rating="sfw", hidden=True)
    await Workers(queue, PlainEngine()).run(await ordered("upscale", picture=source.id))
    assert (await PictureRow.all().order_by("-id"))[0].hidden


async def test_nothing_for_adults_is_drawn_over_somebody_unknown(queue: Queue):
    who = await somebody()
    out = io.BytesIO()
    Image.new("RGB", (128, 128), "red").save(out, "PNG")
    workers = Workers(queue, engine := PlainEngine("sdxl", unsafe=0.0), classifier=True)
    for prompt in ("naked on a beach", "a quiet room"):
        source = await pictures.attach(who.account.id, who.user.id, who.conversation.id, out.getvalue())
        await workers.run(await ordered("imagine", prompt=prompt, source=source, rating="nsfw", allowance="nsfw"))
    assert await told() == ["picture.refused_rating"]
    assert len(engine.asked) == 1
    assert (await PictureRow.filter(kind="imagined").first() or source).rating == "sfw"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "field", [{"backstory": "She is 15 years old."}, {"age": 15}, {"notes": {"born": ["aged 12"]}}]
)
async def test_the_whole_card_says_who_is_young(queue: Queue, field: dict[str, Any]):
    persona = await persona_with(rating="nsfw", **field)
    workers = Workers(queue, PlainEngine("sdxl", unsafe=0.1), classifier=True)
    await workers.run(await ordered("persona_portrait", persona=persona.id, allowance="nsfw"))
    assert (await PictureRow.get(id=1)).rating == "sfw"


async def test_a_card_that_sexualises_the_young_is_never_drawn(queue: Queue):
    persona = await persona_with(rating="nsfw", backstory="a naked schoolgirl")
    engine = PlainEngine("sdxl", unsafe=0.0)
    await Workers(queue, engine, classifier=True).run(
        await ordered("persona_portrait", persona=persona.id, allowance="nsfw")
    )
    assert engine.asked == []
    assert await told() == ["moderation.refused_minors"]


def test_no_shipped_persona_is_refused():
    for shipped in load_personas():
        assert not scan(*card_texts(shipped.card())).forbidden, shipped.name


async def test_the_description_goes_no_further_than_the_picture(queue: Queue):
    await Workers(queue, PlainEngine()).run(await ordered("imagine", prompt="a quiet room", alt="two naked people"))
    assert (await PictureRow.get(id=1)).alt == "a quiet room"
    assert await OutboxRow.filter(kind="picture").count() == 1


async def test_drawn_again_by_another_worker_the_record_is_of_the_last_picture(queue: Queue):
    job = await jobs.claim(await ordered("imagine", prompt="a door"))
    assert job is not None
    assert job.lease_token is not None
    fields: dict[str, Any] = {
        "kind": "imagined", "prompt": "a door", "negative": "", "alt": "", "style": "", "size": "", "quality": "",
        "strength": 1.0, "seed": 7, "hidden": False, "model": "m",
    }  # fmt: skip
    for engine, rating, side in (("sdxl", "sfw", 64), ("openai", "suggestive", 96)):
        drawn = pictures.NewPicture(**fields, engine=engine, rating=rating, width=side, height=side)
        await pictures.save(job.id, job.lease_token, drawn, [])
    (picture,) = await PictureRow.all()
    assert (picture.engine, picture.rating, picture.width, picture.height) == ("openai", "suggestive", 96, 96)
