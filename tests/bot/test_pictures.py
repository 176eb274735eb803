"""Pictures, from the command or the press to the job, and from the record to the neutral message."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from bot.actions.packing import pack
from bot.events import Command, IncomingFile, Submit
from bot.files import too_big
from bot.messages import Message
from bot.views.base import ViewContext, Words
from bot.views.picture import picture as picture_message
from db import chats, heartbeats, personas, pictures
from db.models import AccountRow, JobRow, OutboxRow, PageRow, PictureRow
from db.payloads.picture import PictureReady
from db.people import resolve
from tests.bot.world import Bot, command, event_of, press, running_bot, say, write
from tests.workers.living import lives

SENT = IncomingFile(data=b"any bytes")


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as running:
        yield running


async def last_job() -> JobRow:
    job = await JobRow.all().order_by("-id").first()
    assert job is not None
    return job


async def a_picture(bot: Bot, **fields: Any) -> PictureRow:
    await bot.does(command("help"))
    account = await AccountRow.all().first()
    assert account is not None
    values: dict[str, Any] = {
        "kind": "imagined", "prompt": "a **door**", "alt": "a door", "seed": 7, "width": 64, "height": 48, "user_id": 1,
    }  # fmt: skip
    picture = await PictureRow.create(account_id=account.id, **values | fields)
    await pictures.put_file(picture.id, pictures.StoredFile("full", "image/png", b"png"))
    return picture


async def test_imagine_becomes_a_job(bot: Bot):
    await bot.does(
        command(
            "imagine: a door",
            style="Photograph",
            size="wide",
            quality="draft",
            seed="7",
            negative="rain",
            lora="ink:0.8  wash",
        )
    )
    job = await last_job()
    assert job.parameters["lora"] == "ink:0.8 wash"
    told = {k: job.parameters[k] for k in ("prompt", "style", "size", "quality", "seed", "negative", "rating")}
    assert told == {
        "prompt": "a door", "style": "photo", "size": "wide", "quality": "draft", "seed": 7, "negative": "rain",
        "rating": "sfw",
    }  # fmt: skip
    assert job.parameters["allowance"] == "sfw"
    assert 0 <= job.parameters["random_seed"] < 2**32


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"style": "nonsense"}, "illustration, photo"),
        ({"seed": "-1"}, "seed must be between 0 and 4294967295"),
        ({"seed": "4294967296"}, "seed must be between 0 and 4294967295"),
    ],
)
async def test_what_does_not_fit_is_told(bot: Bot, values: dict[str, str], says: str):
    answer = await bot.answer(await bot.does(command("imagine: a door", **values)))
    assert says in answer.body
    assert await JobRow.all().count() == 0


async def test_styles_are_suggested(bot: Bot):
    found = await bot.router.complete(event_of(Command(name="imagine")), "style", "photo")
    assert ("Photograph", "photo") in found


async def test_an_attached_picture_is_kept_for_the_worker(bot: Bot):
    await bot.does(Command(name="imagine", values={"prompt": "at night", "change": "40"}, file=SENT))
    job = await last_job()
    assert (job.parameters["source"], job.parameters["strength"]) == (1, 0.4)
    kept = await pictures.file(1, 1, "full")
    assert kept is not None
    assert kept.data == b"any bytes"


async def test_a_picture_without_a_prompt_is_kept_while_the_prompt_is_asked(bot: Bot):
    await heartbeats.beat(heartbeats.Heartbeat("w", "h", ["gpu"], [], ["sdxl"], 0, 1))
    question = await bot.answer(await bot.does(Command(name="imagine", values={"change": "40"}, file=SENT)))
    assert question.asks is not None
    assert question.asks.name == "prompt"
    await bot.does(say("at night"))
    job = await last_job()
    assert [job.parameters[k] for k in ("prompt", "source", "strength")] == ["at night", 1, 0.4]
    kept = await pictures.file(1, 1, "full")
    assert kept is not None
    assert kept.data == b"any bytes"


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (Command(name="imagine", file=too_big("picture")), "at most 10 MB"),
        (Command(name="imagine", values={"prompt": "x"}, file=too_big("picture")), "at most 10 MB"),
        (
            Command(name="imagine", values={"prompt": "x", "change": "1"}, file=IncomingFile(data=b"x")),
            "between 5 and 100",
        ),
    ],
)
async def test_a_file_that_is_not_taken_is_told(bot: Bot, payload: Command, says: str):
    assert says in (await bot.answer(await bot.does(payload))).body
    assert await PictureRow.all().count() == 0


async def test_a_page_is_drawn_on_demand_and_only_in_its_account(bot: Bot):
    await bot.does(command("story new: a door"))
    page = await PageRow.get(id=1)
    await write(page)
    shown = await bot.answer(await bot.does(command("story continue")))
    labels = [b.label for row in shown.buttons for b in row]
    assert labels[-4:] == ["Picture", "More …", "👍", "👎"]
    await bot.does(press("picture", page.id))
    assert (await last_job()).type == "illustrate_page"
    answer = await bot.answer(await bot.does(press("picture", page.id), name="eve"))
    assert "not here any more" in answer.body


async def test_an_illustrated_story_asks_for_pictures_with_its_pages(bot: Bot):
    await bot.does(command("story new: a door", illustrated="yes"))
    assert (await last_job()).parameters["pictures"]["allowance"] == "sfw"
    await bot.does(command("story new: a door"))
    assert "pictures" not in (await last_job()).parameters


async def test_a_persona_is_drawn_by_name_and_by_button(bot: Bot):
    await bot.does(command("persona portrait: Vex", style="photo"))
    vex = next(p for p in await personas.known(1) if p.name == "Vex")
    job = await last_job()
    assert (job.type, job.parameters["persona"], job.parameters["style"]) == ("persona_portrait", vex.id, "photo")
    greeting = await bot.answer(await bot.does(command("persona use: Vex")))
    assert [b.label for row in greeting.buttons for b in row] == ["Edit", "Portrait"]
    await bot.does(press("portrait", vex.id))
    assert (await last_job()).id > job.id


async def test_the_last_reply_is_drawn_by_command_and_every_reply_by_its_button(bot: Bot):
    nothing = await bot.answer(await bot.does(command("chat picture")))
    assert "no moment to draw" in nothing.body
    who = await resolve(
        "console", account=("dm", "ann", ""), user=("ann", "ann", ""), conversation=("dm-ann", "", "dm")
    )
    said = await chats.say(who.conversation, await personas.active(who.conversation), who.user.id, "Hello.")
    await chats.attach_reply(said.reply.id, "She lifts a lantern.")
    await bot.does(command("chat picture", style="ink"))
    job = await last_job()
    assert (job.type, job.parameters["reply"], job.parameters["style"]) == ("draw_moment", said.reply.id, "ink")
    await bot.does(press("moment", said.reply.id))
    assert ((await last_job()).type, (await last_job()).id > job.id) == ("draw_moment", True)
    newest = await last_job()
    elsewhere = await bot.answer(await bot.does(press("moment", said.reply.id), group="club"))
    assert "that was reset" in elsewhere.body
    await bot.does(command("chat reset"))
    assert "that was reset" in (await bot.answer(await bot.does(press("moment", said.reply.id)))).body
    assert (await last_job()).id == newest.id


async def test_a_picture_is_shown_with_what_can_be_done(bot: Bot):
    picture = await a_picture(bot, hidden=True)
    event = await bot.does(press("file", picture.id))
    file = await bot.answer(event)
    assert [a.description for a in file.attachments] == ["a door"]
    assert not file.pictures
    context = ViewContext("console", "dm", "ann", (await AccountRow.get()).id, Words("en"), bot.around)
    shown = await picture_message(context, PictureReady(picture=picture.id))
    (view,) = shown.pictures
    assert (view.alt, view.hidden) == ("a door", True)
    assert (await view.load("photo")).name == f"picture-{picture.id}.png"
    assert [b.word for row in shown.buttons for b in row] == [
        "redraw",
        "vary",
        "change",
        "upscale",
        "prompt",
        "file",
        "erase",
    ]


@pytest.mark.parametrize(("verb", "type_"), [("redraw", "draw_again"), ("vary", "variations"), ("upscale", "upscale")])
async def test_another_picture_from_one(bot: Bot, verb: str, type_: str):
    picture = await a_picture(bot)
    await bot.does(press(verb, picture.id))
    job = await last_job()
    assert (job.type, job.parameters["picture"]) == (type_, picture.id)
    answer = await bot.answer(await bot.does(press(verb, picture.id), name="eve"))
    assert "not here any more" in answer.body


async def test_a_picture_is_redrawn_as_what_the_person_writes(bot: Bot):
    picture = await a_picture(bot, style="ink", negative="rain")
    form = pack("change", picture.id)
    asked = await bot.answer(await bot.does(press("change", picture.id)))
    assert "redrawn" in asked.body
    await bot.does(Submit(form=form, values={"text": "the same door,\n in winter"}))
    job = await last_job()
    wanted = {"prompt": "the same door, in winter", "source": picture.id, "style": "ink", "negative": "rain"}
    assert job.type == "imagine"
    assert wanted.items() <= job.parameters.items()
    answer = await bot.answer(await bot.does(Submit(form=form, values={"text": "mine"}), name="eve"))
    assert "not here any more" in answer.body


async def test_a_persona_may_be_in_it_and_the_words_may_be_written_out(bot: Bot):
    await bot.does(command("imagine: on a beach", persona="Vex", enhance="yes"))
    job = await last_job()
    vex = next(p for p in await personas.known(1) if p.name == "Vex")
    assert (job.parameters["persona"], job.parameters["enhance"], job.persona_id) == (vex.id, True, vex.id)
    answer = await bot.answer(await bot.does(command("imagine: on a beach", persona="Nobody")))
    assert "Nobody" in answer.body
    assert (await last_job()).id == job.id


@pytest.mark.parametrize(
    ("source", "tokens", "says"),
    [
        ("ai", 131, "Written by the model (ai). 4 words, 131 tokens. Style Ink"),
        ("template", 1, "Written without a model (template). 4 words, one token."),
        ("own", 0, "In the person's own words. 4 words. Style"),
        ("", 0, "4 words. Style"),
    ],
)
async def test_the_prompt_says_who_wrote_it_and_how_long_it_is(bot: Bot, source: str, tokens: int, says: str):
    picture = await a_picture(
        bot, prompt="a door at night", prompt_source=source, tokens=tokens, typed="my door", style="ink"
    )
    told = await bot.answer(await bot.does(press("prompt", picture.id)))
    assert told.footer.startswith(says)
    assert told.body.startswith("“my door”\n\na door at night")
    context = ViewContext("console", "dm", "ann", (await AccountRow.get()).id, Words("en"), bot.around)
    assert (await picture_message(context, PictureReady(picture=picture.id))).body == "“my door”"


async def test_the_prompt_is_told_who_asks(bot: Bot):
    picture = await a_picture(bot, negative="rain", lora="ink:0.8")
    told: Message = await bot.answer(await bot.does(press("prompt", picture.id)))
    assert told.private
    assert told.body.startswith("a **door**")
    assert "rain" in told.body
    assert "ink:0.8" in told.body
    assert "seed 7" in told.footer


async def test_a_picture_is_deleted_and_its_message_removed(bot: Bot):
    picture = await a_picture(bot)
    event = await bot.does(press("erase", picture.id), pressed="m1")
    assert await PictureRow.all().count() == 0
    rows = await OutboxRow.filter(event_key=event.key).order_by("id")
    assert [(r.part, r.kind) for r in rows] == [("mark", "erase"), ("reply", "notice")]


@pytest.mark.parametrize(
    ("adult", "adults", "group", "level", "allowance"),
    [
        (None, False, "", "suggestive", "suggestive"),
        (None, False, "", "nsfw", ""),
        (None, True, "", "nsfw", "nsfw"),
        (False, False, "", "nsfw", ""),  # Discord's direct messages: the person's own wish is not enough
        (False, True, "", "nsfw", "nsfw"),
        (False, False, "club", "nsfw", ""),
        (True, False, "club", "nsfw", "nsfw"),
        (True, False, "club", "sfw", "sfw"),
    ],
)
async def test_what_a_place_allows(bot: Bot, adult: bool | None, adults: bool, group: str, level: str, allowance: str):
    bot.router._adults = adults

    async def does(text: str, **values: str) -> Any:
        event = event_of(command(text, **values), group=group, role="owner")
        here = event.conversation.model_copy(update={"adult": adult})
        event = event.model_copy(update={"conversation": here})
        await bot.router.dispatch(event)
        return event

    answer = await bot.answer(await does("rating", level=level))
    if not allowance:
        assert "may not be shown here" in answer.body
        return
    await does("imagine: a door")
    job = await last_job()
    assert (job.parameters["rating"], job.parameters["allowance"]) == (level, allowance)


async def test_only_admins_change_what_a_group_may_see(bot: Bot):
    answer = await bot.answer(await bot.does(command("rating", level="suggestive"), group="club"))
    assert "You may not change the settings" in answer.body


async def test_an_account_chooses_who_draws(bot: Bot):
    await lives("gpu", queues=["gpu"], image_engines=["sdxl", "openai"])
    answer = await bot.answer(await bot.does(command("image_model: nobody")))
    assert "default, sdxl, openai" in answer.body
    await bot.does(command("image_model: OpenAI"))
    assert (await AccountRow.get()).settings["image_engine"] == "openai"
    found = await bot.router.complete(event_of(Command(name="image_model")), "name", "s")
    assert found == [("sdxl", "sdxl")]
    await bot.does(command("image_model: default"))
    assert (await AccountRow.get()).settings["image_engine"] == ""


@pytest.mark.parametrize("button", ["file", "prompt"])
async def test_neither_file_nor_prompt_is_shown_where_the_picture_may_not_be(bot: Bot, button: str):
    picture = await a_picture(bot, rating="nsfw")
    event = await bot.does(press(button, picture.id))
    assert [row.kind for row in await OutboxRow.filter(event_key=event.key)] == ["notice"]
    assert "may not be shown here" in (await bot.answer(event)).body
