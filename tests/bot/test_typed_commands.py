"""Commands that are typed wrongly, asked for bit by bit, or whose effect depends on what is open."""

from collections.abc import AsyncGenerator

import pytest

from bot.events import Command
from db import heartbeats, people
from db.conversations import DEFAULT_MODE
from db.models import JobRow
from db.work import phase_wording
from tests.bot.world import Bot, command, press, running_bot, say


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as running:
        yield running


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/story_nwe", "Did you mean /story"),
        ("/стоп", "no command “/стоп”"),
        ("/", "no command “/”"),
        ("/path/to/a/file", "no command"),
        ("/story new sprache=German a fox", "no parameter called “sprache”"),
    ],
)
async def test_a_slash_is_never_an_action_of_the_story(bot: Bot, text: str, told: str):
    await bot.does(command("story new: a door under the sea"))
    answer = await bot.answer(await bot.does(say(text)))
    assert answer.private
    assert told in answer.body
    assert await JobRow.all().count() == 1


@pytest.mark.parametrize("text", ["//help", "/ help", "/HELP", "/help@storyfork_bot"])
async def test_a_typed_command_runs(bot: Bot, text: str):
    assert (await bot.answer(await bot.does(say(text)))).title == "Help"


async def test_choices_are_offered_as_buttons(bot: Bot):
    question = await bot.answer(await bot.does(Command(name="rating")))
    assert question.asks is not None
    assert [button.word for row in question.buttons for button in row] == ["sfw", "suggestive", "nsfw"]
    refused = await bot.answer(await bot.does(say("teens")))
    assert "sfw, suggestive, nsfw" in refused.body
    done = await bot.answer(await bot.does(say("suggestive, FOR teens and older")))
    assert "no command" not in done.body
    await bot.does(Command(name="rating"))
    event = await bot.does(press("answer_field", "level", "sfw"))
    assert "Safe for everyone" in (await bot.answer(event)).body
    conversation = await _where(bot)
    assert conversation.account.settings["rating"] == "sfw"
    twice = await bot.answer(await bot.does(press("answer_field", "level", "sfw")))
    assert twice.private


async def test_what_would_be_refused_is_refused_before_anything_is_asked(bot: Bot):
    await heartbeats.beat(heartbeats.Heartbeat("w", "h", ["gpu"], [], [], 0, 1))
    refused = await bot.answer(await bot.does(Command(name="imagine")))
    assert refused.asks is None
    assert "no picture model" in refused.body
    await heartbeats.beat(heartbeats.Heartbeat("w", "h", ["gpu"], [], ["sdxl"], 0, 1))
    assert (await bot.answer(await bot.does(Command(name="imagine")))).asks is not None


async def test_a_forged_choice_is_refused(bot: Bot):
    await bot.does(Command(name="rating"))
    answer = await bot.answer(await bot.does(press("answer_field", "level", "everything")))
    assert "sfw, suggestive, nsfw" in answer.body


async def test_a_reset_says_where_the_next_words_go(bot: Bot):
    assert "Say something" in (await bot.answer(await bot.does(Command(name="chat reset")))).body
    await bot.does(command("story new: a door under the sea"))
    assert "goes on in the story" in (await bot.answer(await bot.does(Command(name="chat reset")))).body
    await bot.does(command("persona use: Vex"))
    assert (await _where(bot)).conversation.mode == DEFAULT_MODE


def test_a_picture_is_not_written():
    assert phase_wording("imagine", "AI_CALL") == phase_wording("illustrate_page", "AI_CALL") == "job.imagining"
    assert phase_wording("branching_page", "AI_CALL") == phase_wording("unknown", "AI_CALL") == "job.AI_CALL"


async def _where(bot: Bot) -> people.Who:
    del bot
    return await people.resolve(
        "console", account=("dm", "ann", ""), user=("ann", "ann", ""), conversation=("dm-ann", "", "dm")
    )
