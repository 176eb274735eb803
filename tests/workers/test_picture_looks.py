"""How pictures look where nobody says otherwise: what was typed, the story, the persona, the account, the operator."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from db import personas, picture_looks, stories
from db.models import PictureRow
from db.picture_looks import PictureLook
from tests.db.world import somebody
from tests.workers.test_drawing import PlainEngine, Workers, ordered, page, queue
from workers.pictures.settings import PictureSettings
from workers.queue import Queue

__all__ = ["queue"]
OPERATOR = PictureLook("cinematic", "tall", "draft", "blood")


class LookingWorkers(Workers):
    """Workers of an operator with a look."""

    def __init__(self, queue: Queue, engine: PlainEngine) -> None:
        super().__init__(queue, engine)
        self._cpu._services = replace(self._cpu._services, look=OPERATOR)


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ((), PictureLook()),
        ((PictureLook(style="ink"), PictureLook(style="photo", size="wide")), PictureLook("ink", "wide")),
        (
            (PictureLook(negative="rain, "), PictureLook(negative=""), PictureLook(quality="hd", negative="fog")),
            PictureLook(quality="hd", negative="rain, fog"),
        ),
    ],
)
def test_the_first_who_says_something_goes_first(looks: tuple[PictureLook, ...], expected: PictureLook):
    found = PictureLook()
    for look in looks:
        found = found.over(look)
    assert found == expected


def test_what_is_stored_is_read_with_care():
    assert PictureLook.read({"style": "ink", "size": 3, "quality": None, "seed": 7}) == PictureLook(style="ink")


def test_an_operator_names_what_there_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STORYFORK_PICTURE_STYLE", "photo")
    assert PictureSettings().look == PictureLook(style="photo")
    monkeypatch.setenv("STORYFORK_PICTURE_SIZE", "enormous")
    with pytest.raises(ValidationError, match="there is no such size; there are square"):
        PictureSettings()


async def test_a_picture_takes_what_was_typed_then_the_personas_then_the_accounts_then_the_operators(queue: Queue):
    who = await somebody()
    await picture_looks.set_account(who.account.id, "size", "wide")
    await picture_looks.set_account(who.account.id, "negative", "fog")
    assert await picture_looks.of_account(who.account.id) == PictureLook(size="wide", negative="fog")
    card = {"name": "Mira", "description": "Calm.", "visual": {"words": "red hair", "style": "anime", "size": "phone"}}
    mira = await personas.create(who.account.id, who.user.id, card, verdict="checked")
    workers = LookingWorkers(queue, PlainEngine())
    asked: list[dict[str, Any]] = [
        {"prompt": "a door", "negative": "rain"},
        {"prompt": "a door", "persona": mira.id},
        {"prompt": "a door", "persona": mira.id, "style": "ink", "size": "square", "quality": "hd"},
    ]
    for each in asked:
        await workers.run(await ordered("imagine", **each))
    await workers.run(await ordered("persona_portrait", persona=mira.id))
    assert [(p.style, p.size, p.quality) for p in await PictureRow.all().order_by("id")] == [
        ("cinematic", "wide", "draft"), ("anime", "phone", "draft"), ("ink", "square", "hd"),
        ("anime", "phone", "draft"),
    ]  # fmt: skip
    negatives = [p.negative.split(", ")[:3] for p in await PictureRow.all().order_by("id")]
    assert negatives[0] == ["rain", "fog", "blood"]
    assert negatives[3][:2] == ["fog", "blood"]


async def test_the_pictures_of_a_story_look_as_its_owner_says(queue: Queue):
    who, drawn = await somebody(), await page()
    await stories.attach_page(
        drawn.id, title="Door", text="The old keeper opens a green door.", ending=True, choices=[]
    )
    await picture_looks.set_account(who.account.id, "style", "photo")
    await picture_looks.set_story(who.account.id, drawn.story_id, PictureLook("ink", "wide", "", "rain"))
    job_id = await ordered("illustrate_page", illustrates=drawn.id)
    assert (await LookingWorkers(queue, PlainEngine()).run(job_id)).state == "done"
    (picture,) = await PictureRow.all()
    assert (picture.style, picture.size, picture.quality) == ("ink", "wide", "draft")
    assert picture.negative.startswith("rain, blood")
