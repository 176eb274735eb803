"""`/persona`: making, showing, changing, sharing and deleting personas."""

import re

import pytest

from bot.actions.packing import split
from bot.events import Submit
from bot.messages import Message
from db import personas
from db.connection import row, rows
from db.models import ChatMessageRow, JobRow
from tests.bot.playing import words
from tests.bot.world import Bot, command, press, say

ABOUT = "A patient clockmaker of forty who talks to the clocks."


async def made(bot: Bot, *, name: str = "ann", group: str = "") -> int:
    await bot.does(command("persona create", name="Mira", about=ABOUT), name=name, group=group)
    found = await row("SELECT max(id) AS id FROM personas WHERE owner_id IS NOT NULL")
    assert found is not None
    return found["id"]


def button(message: Message, verb: str, *last: str) -> str:
    """The packed data of the button of that verb, with those last arguments."""
    for data in message.actions():
        found, args = split(data)
        if found == verb and args[len(args) - len(last) :] == list(last):
            return data
    raise AssertionError(f"no {verb} {last} in {message.actions()}")


async def test_a_persona_is_made_in_two_steps(bot: Bot):
    shown = await bot.answer(await bot.does(command("persona create", name="Mira", about=ABOUT)))
    assert "Made." in shown.body
    assert ABOUT in shown.body
    field = button(shown, "p_field", "greeting")
    changed = await bot.answer(await bot.does(Submit(form=field, values={"text": "Mind the springs."})))
    assert "**First words:** Mind the springs." in changed.body
    mira = await personas.named(1, "mira", 1)
    assert (mira.card["description"], mira.visibility, mira.source) == (ABOUT, "owner", "written")
    assert mira.verdict == "checked"


async def test_a_field_is_asked_prefilled_and_taken_back(bot: Bot):
    mira = await made(bot)
    edit = await bot.answer(await bot.does(command("persona edit: Mira")))
    await bot.does(Submit(form=button(edit, "p_field", "personality"), values={"text": "calm, dry\nstubborn"}))
    assert (await personas.seen(1, 1, mira)).card["personality"] == ["calm", "dry", "stubborn"]
    await bot.does(press("p_field", 1, 0, mira, "personality"))
    asked = await row("SELECT payload FROM outbox WHERE kind = 'question' ORDER BY id DESC LIMIT 1")
    assert asked is not None
    assert "calm\\ndry\\nstubborn" in asked["payload"]
    await bot.does(command("cancel"))
    again = await bot.answer(await bot.does(command("persona edit: Mira")))
    undone = await bot.answer(await bot.does(press(*_unpacked(button(again, "p_undo")))))
    assert "taken back" in undone.body
    assert "personality" not in (await personas.seen(1, 1, mira)).card


def _unpacked(data: str) -> tuple[str, *tuple[int, ...]]:
    verb, args = split(data)
    return verb, *(int(arg, 36) for arg in args)


async def test_a_long_list_has_pages(bot: Bot):
    await bot.does(command("help"))
    for n in range(12):
        await personas.create(1, 1, {"name": f"Clock {n}"}, verdict="checked")
    first = await bot.answer(await bot.does(command("persona list")))
    assert len(re.findall(r"\*\*", first.body)) == 20
    second = await bot.answer(await bot.does(press(*_unpacked(button(first, "p_list")))))
    assert "Clock 0" in second.body
    shown = await bot.answer(await bot.does(press(*_unpacked(button(second, "p_show")))))
    assert shown.title.startswith("Clock")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("persona show: nobody", "There is no persona"),
        ("persona edit: Marlow Finch", "ships with Storyfork"),
        ("persona delete: Marlow Finch", "ships with Storyfork"),
        ("persona share: Marlow Finch", "ships with Storyfork"),
        ("start: persona-1234567890", "leads nowhere"),
    ],
)
async def test_what_does_not_fit_is_told(bot: Bot, asked: str, says: str):
    assert says in await words(bot, await bot.does(command(asked)))


async def test_what_may_not_be_shown_is_not_made(bot: Bot):
    refused = await bot.does(command("persona create", name="Mira", about="naked sex on the beach"))
    assert "beyond what may be shown" in await words(bot, refused)
    assert await rows("SELECT 1 FROM personas WHERE owner_id IS NOT NULL") == []


async def test_what_ships_is_copied_to_be_changed(bot: Bot):
    shown = await bot.answer(await bot.does(command("persona copy: Marlow Finch")))
    assert "This copy is yours" in shown.body
    assert button(shown, "p_edit")


async def test_a_link_gives_a_copy_until_it_is_taken_back(bot: Bot):
    await made(bot)
    told = await bot.answer(await bot.does(command("persona share: Mira")))
    code = re.search(r"persona-[0-9a-f]{24}", told.body)
    assert code is not None
    seen = await bot.answer(await bot.does(command(f"start: {code[0]}"), name="eve"))
    assert ABOUT in seen.body
    taken = await bot.answer(await bot.does(press("p_take", code[0].removeprefix("persona-")), name="eve"))
    assert "This copy is yours" in taken.body
    await bot.does(press(*_unpacked(button(told, "p_unshare"))))
    assert "leads nowhere" in await words(bot, await bot.does(command(f"start: {code[0]}"), name="eve"))


async def test_who_sees_a_persona_of_a_group(bot: Bot):
    mira = await made(bot, group="club")
    await bot.does(command("help"), name="ben", group="club")
    found = await bot.does(command("persona show: Mira"), name="ben", group="club")
    assert ABOUT in await words(bot, found)
    assert "Only the person who made" in await words(
        bot, await bot.does(command("persona edit: Mira"), name="ben", group="club")
    )
    await bot.does(command("persona share: Mira", seen="owner"), group="club")
    assert "There is no persona" in await words(
        bot, await bot.does(command("persona show: Mira"), name="ben", group="club")
    )
    for pressed in (press("persona", mira), press("p_gone", mira), press("p_see", 2, 0, mira, "service")):
        await bot.does(pressed, name="ben", group="club", role="moderator")
    kept = await row("SELECT visibility FROM personas WHERE id = $1", mira)
    assert kept == {"visibility": "owner"}


async def test_what_a_model_is_to_write_becomes_a_job(bot: Bot):
    await bot.does(command("persona generate: a baker", name="Bo"))
    asked = await JobRow.get(id=1)
    assert (asked.type, asked.parameters["hint"], asked.parameters["name"]) == ("make_up_persona", "a baker", "Bo")
    mira = await made(bot)
    await bot.does(command("persona bio: Mira", wish="sterner"))
    rewritten = (await JobRow.get(id=2)).parameters
    assert (rewritten["persona"], rewritten["task"], rewritten["wish"]) == (mira, "bio", "sterner")
    refused = await bot.does(command("persona generate: naked sex on the beach"))
    assert "beyond what may be shown" in await words(bot, refused)
    assert await JobRow.all().count() == 2


async def test_a_deleted_persona_can_be_brought_back(bot: Bot):
    await made(bot)
    await bot.does(command("persona use: Mira"))
    asked = await bot.answer(await bot.does(command("persona delete: Mira")))
    gone = await bot.answer(await bot.does(press(*_unpacked(button(asked, "p_gone")))))
    assert "is deleted" in gone.body
    assert "There is no persona" in await words(bot, await bot.does(command("persona show: Mira")))
    back = await bot.answer(await bot.does(press(*_unpacked(button(gone, "p_back")))))
    assert "It is back" in back.body


async def test_a_persona_of_elsewhere_is_copied_for_use(bot: Bot):
    await made(bot)
    await bot.does(command("persona use: Mira"), group="club", role="owner")
    shown = await bot.answer(await bot.does(press("meet", 1, 0, 4), group="club", role="owner"))
    assert ABOUT in shown.body or "Mira" in shown.title
    found = await rows("SELECT account_id, origin_id FROM personas WHERE owner_id IS NOT NULL ORDER BY id")
    assert len({each["account_id"] for each in found}) == 2
    assert found[1]["origin_id"] is not None


async def test_greetings_are_the_first_message_and_its_variants(bot: Bot):
    mira = await made(bot)
    silent = await bot.answer(await bot.does(command("persona use: Mira")))
    assert ("Say something to Mira" in silent.body, silent.speaker) == (True, ""), "she does not speak of herself so"
    greetings = {"greeting": "Mind the springs.", "alternate_greetings": ["You are late.", "Hush."]}
    await personas.edit(1, 1, mira, greetings, verdict="checked")
    first = await bot.answer(await bot.does(command("persona use: Mira")))
    assert (first.body, first.speaker) == ("Mind the springs.", "Mira")
    data = button(first, "swipe", "next")
    second = await bot.answer(await bot.does(press(*_turning(data))))
    assert second.body == "You are late."
    assert await ChatMessageRow.filter(role="persona", chosen=True).values_list("text", flat=True) == ["You are late."]
    again = await bot.answer(await bot.does(command("persona use: Mira")))
    assert again.body == "Mind the springs.", "the chat has begun: nothing is stored a second time"
    assert await ChatMessageRow.filter(role="persona").count() == 3
    await bot.does(say("Good evening"))
    assert "Only the last" in await words(bot, await bot.does(press(*_turning(data))))


def _turning(data: str) -> tuple[str, int, str]:
    verb, (message, step) = split(data)
    return verb, int(message, 36), step


async def test_a_chat_that_was_reset_begins_with_the_first_words_again(bot: Bot):
    mira = await made(bot)
    await personas.edit(1, 1, mira, {"greeting": "Hush, {{user}}."}, verdict="checked")
    assert await words(bot, await bot.does(command("persona use: Mira"))) == "Hush, ann."
    again = await words(bot, await bot.does(command("chat reset")))
    assert again.startswith("Hush, ann.\n\n*Mira has forgotten")
    stored = await ChatMessageRow.filter(role="persona").order_by("id").values_list("epoch", "text")
    assert stored == [(0, "Hush, ann."), (1, "Hush, ann.")]
