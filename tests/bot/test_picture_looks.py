"""Choosing how pictures look: `/settings` for a place, `/story pictures`, and a persona's fields."""

import pytest

from bot.actions.packing import pack
from bot.commands.picture_looks import PREFERENCES
from bot.events import Submit
from db import personas, picture_looks
from db.models import AccountRow
from db.picture_looks import PictureLook
from tests.bot.playing import begun, words
from tests.bot.test_personas import button, made
from tests.bot.world import Bot, command, press
from tests.workers.living import lives


async def test_a_place_chooses_its_look(bot: Bot):
    await lives("gpu", queues=["gpu"], image_engines=["sdxl"])
    for name in ("picture_style", "picture_negative"):
        shown = await bot.answer(await bot.does(press("setting", 1, 0, name)))
        assert "Never in pictures" in shown.title + shown.body or "Style of pictures" in shown.title + shown.body
    await bot.does(Submit(form=pack("type_setting", 1, 0, "picture_negative"), values={"value": "rain,  fog"}))
    account = await AccountRow.get()
    assert await picture_looks.of_account(account.id) == PictureLook(negative="rain, fog")
    assert [spec.name for spec in PREFERENCES] == [f"picture_{part}" for part in picture_looks.PARTS]


async def test_a_story_has_a_look_of_its_own(bot: Bot):
    assert "no story" in (await words(bot, await bot.does(command("story pictures", style="ink")))).lower()
    story, _ = await begun(bot, name="ann")
    told = await words(bot, await bot.does(command("story pictures", style="Ink", negative="rain")))
    assert "style “ink”, size –, quality –, not in them: “rain”" in told
    await bot.does(command("story pictures", size="wide", negative="fog"))
    assert await picture_looks.of_story(story.account_id, story.id) == PictureLook("ink", "wide", "", "fog")
    assert "“wide”" in await words(bot, await bot.does(command("story pictures")))
    await bot.does(command("story pictures", reset="yes", quality="hd"))
    assert await picture_looks.of_story(story.account_id, story.id) == PictureLook(quality="hd")


@pytest.mark.parametrize(
    ("field", "typed", "part", "stored"),
    [
        ("drawn", "red hair", "words", "red hair"),
        ("drawn_style", "ink", "style", "ink"),
        ("drawn_seed", "4294967295", "seed", 4294967295),
        ("drawn_seed", "0", "seed", 0),
    ],
)
async def test_a_persona_has_a_look_of_its_own(bot: Bot, field: str, typed: str, part: str, stored: object):
    mira = await made(bot)
    edit = await bot.answer(await bot.does(command("persona edit: Mira")))
    await bot.does(Submit(form=button(edit, "p_field", "never_drawn"), values={"text": "hats"}))
    changed = await bot.answer(await bot.does(Submit(form=button(edit, "p_field", field), values={"text": typed})))
    assert f"** {typed}" in changed.body
    assert (await personas.seen(1, 1, mira)).card["visual"] == {"negative": "hats", part: stored}
    await bot.does(Submit(form=button(edit, "p_field", field), values={"text": ""}))
    assert (await personas.seen(1, 1, mira)).card["visual"] == {"negative": "hats"}


async def test_a_persona_has_loras(bot: Bot):
    mira = await made(bot)
    edit = await bot.answer(await bot.does(command("persona edit: Mira")))
    form = button(edit, "p_field", "drawn_loras")
    changed = await bot.answer(await bot.does(Submit(form=form, values={"text": "ink:0.8\nold film, ink:0.5"})))
    assert (await personas.seen(1, 1, mira)).card["visual"]["loras"] == [
        {"name": "ink", "weight": 0.5}, {"name": "old film", "weight": 1.0},
    ]  # fmt: skip
    assert "ink:0.5 old film" in changed.body
    await bot.does(Submit(form=form, values={"text": " "}))
    assert not (await personas.seen(1, 1, mira)).card.get("visual")


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("drawn_seed", "-1", "whole number"),
        ("drawn_seed", "4294967296", "whole number"),
        ("drawn_seed", "²", "whole number"),
        ("drawn_loras", "ink:3", "is no LoRA"),
        ("drawn_loras", "../../etc", "is no LoRA"),
        ("drawn_loras", "ink:nan", "is no LoRA"),
        ("drawn_loras", "a,b,c,d,e", "at most"),
    ],
)
async def test_what_fits_no_look_is_refused(bot: Bot, field: str, typed: str, says: str):
    mira = await made(bot)
    edit = await bot.answer(await bot.does(command("persona edit: Mira")))
    assert says in await words(bot, await bot.does(Submit(form=button(edit, "p_field", field), values={"text": typed})))
    assert not (await personas.seen(1, 1, mira)).card.get("visual")


async def test_what_can_be_changed_fits_into_lists_of_discord(bot: Bot):
    await made(bot)
    edit = await bot.answer(await bot.does(command("persona edit: Mira")))
    assert [len(each.options) <= 25 for each in edit.selects] == [True, True]
    assert len(edit.selects) + len(edit.buttons) <= 5
