"""The picture of a card becomes the persona's portrait: a square, if it may be shown; the card keeps its own."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from db import personas, pictures
from db.connection import row
from db.people import Who
from tests.db.test_memories import ann
from tests.workers.cards.made import V3, packed
from tests.workers.steps.test_cards import given_back, handed_in
from workers.cards.chunks import with_texts
from workers.cards.reading import read_card
from workers.engines.errors import EngineUnavailable
from workers.pictures.safety import SafetySettings
from workers.services import Services

__all__ = ["ann"]
WIDTH, HEIGHT = 300, 450


class Judge:
    """A classifier of pictures that has made up its mind; None: it is away."""

    def __init__(self, unsafe: float | None, young: float = 0.0) -> None:
        self.said, self.asked = (unsafe, young), 0

    async def scores(self, png: bytes) -> tuple[float, float]:
        self.asked += 1
        assert png.startswith(b"\x89PNG")
        unsafe, young = self.said
        if unsafe is None:
            raise EngineUnavailable("away")
        return unsafe, young

    async def close(self) -> None:
        pass


def card(size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """A card whose picture is red above and blue below."""
    picture, out = Image.new("RGB", size, "blue"), io.BytesIO()
    picture.paste("red", (0, 0, size[0], size[1] // 3))
    picture.save(out, "PNG")
    return with_texts(out.getvalue(), {"ccv3": packed(V3)})


async def portrayed(services: Services, who: Who, data: bytes) -> tuple[int, pictures.StoredPicture | None]:
    answer = await handed_in(services, who, data)
    assert answer.kind == "persona_imported", answer.payload
    persona = answer.payload["persona"]
    return persona, await pictures.portrait(who.account.id, persona)


async def test_the_head_of_the_picture_becomes_the_portrait(services: Services, ann: Who):
    persona, portrait = await portrayed(services, ann, card())
    assert portrait is not None
    assert (portrait.width, portrait.height, portrait.rating, portrait.hidden, portrait.engine) == (
        WIDTH, WIDTH, "sfw", False, "card",
    )  # fmt: skip
    full = await pictures.file(ann.account.id, portrait.id, "full")
    assert full is not None
    shown = Image.open(io.BytesIO(full.data)).convert("RGB")
    assert (shown.size, shown.getpixel((9, 9)), shown.getpixel((9, 290))) == (
        (WIDTH, WIDTH), (255, 0, 0), (0, 0, 255),
    )  # fmt: skip
    _, data = await given_back(services, ann, persona, "png")
    assert Image.open(io.BytesIO(read_card(data).picture)).size == (WIDTH, HEIGHT), "the whole picture comes back"


@pytest.mark.parametrize(
    ("unsafe", "young", "shown"),
    [(0.1, 0, True), (0.5, 0, False), (0.9, 0, False), (0.25, 0.9, False), (None, 0, False)],
)
async def test_what_the_classifier_does_not_pass_is_not_shown(
    services: Services, ann: Who, unsafe: float | None, young: float, shown: bool
):
    judge = Judge(unsafe, young)
    persona, portrait = await portrayed(replace(services, picture_classifier=judge), ann, card())
    assert judge.asked == 1
    assert (portrait is not None) is shown
    assert (await personas.seen(ann.account.id, ann.user.id, persona)).name == "Mira"


async def test_where_nothing_may_be_shown_unjudged_nothing_is(services: Services, ann: Who):
    _, portrait = await portrayed(replace(services, safety=SafetySettings(strict=True)), ann, card())
    assert portrait is None


@pytest.mark.parametrize("size", [(20, 30), (1, 1), (40, 1000)])
async def test_a_picture_without_a_face_worth_showing_is_none(services: Services, ann: Who, size: tuple[int, int]):
    assert (await portrayed(services, ann, card(size)))[1] is None


async def test_it_goes_with_the_persona_and_a_drawn_one_takes_its_place(services: Services, ann: Who):
    persona, first = await portrayed(services, ann, card())
    assert first is not None
    drawn = await row(
        "INSERT INTO pictures (account_id, persona_id, kind, engine) VALUES ($1, $2, 'portrait', 'sdxl') RETURNING id",
        ann.account.id, persona,
    )  # fmt: skip
    assert drawn is not None
    out = io.BytesIO()
    Image.new("RGB", (96, 96), "green").save(out, "PNG")
    await pictures.put_file(drawn["id"], pictures.StoredFile("full", "image/png", out.getvalue()))
    _, data = await given_back(services, ann, persona, "png")
    assert Image.open(io.BytesIO(read_card(data).picture)).size == (96, 96)
    await row("DELETE FROM personas WHERE id = $1", persona)
    assert await pictures.find(ann.account.id, first.id) is None
