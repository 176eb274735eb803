"""What people store passes the gate: refused at once, unchecked until judged, without a trace of its words."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.events import Command
from bot.policy import AccessPolicy
from db import audit, outbox
from db.connection import row, rows
from db.models import ChoiceRow, JobRow, PageRow, StoryRow
from db.moderation import ModerationPolicy
from tests.bot.world import Bot, command, event_of, press, running_bot, say, write
from tests.workers.living import lives

FORBIDDEN = "csam"
SUGGESTIVE = "lingerie"


async def incidents() -> list[tuple[str, str, str]]:
    return [(r["rule"], r["stage"], r["field"]) for r in await rows("SELECT * FROM incidents ORDER BY id")]


async def begun(bot: Bot, **values: str) -> tuple[StoryRow, int]:
    """A story whose first page is ready, and this page."""
    await bot.does(command("story new: a keeper finds a door", **values))
    story = await StoryRow.get()
    assert story.cursor_id is not None
    await write(await PageRow.get(id=story.cursor_id))
    return story, story.cursor_id


async def test_every_way_to_store_words_is_gated(bot: Bot) -> None:
    bot.router._moderation = ModerationPolicy(strikes=0)
    story, page = await begun(bot)
    before = {
        table: (await rows(f"SELECT count(*) AS n FROM {table}"))[0]["n"] for table in ("stories", "choices", "jobs")
    }
    ways: dict[str, tuple[Any, str]] = {
        "premise": (command(f"story new: {FORBIDDEN}"), ""),
        "action": (press("own", page, story.revision), FORBIDDEN),
        "override": (
            Command(name="prompt set", values={"name": "story/write_page", "text": f"Write. {FORBIDDEN}"}),
            "",
        ),
        "message": (say(FORBIDDEN), ""),
    }
    for field, (payload, text) in ways.items():
        if field == "message":
            await rows("UPDATE conversations SET mode = 'chat', story_id = NULL")
        event = await bot.does(payload)
        if text:
            event = await bot.does(say(text))
        answer = await bot.answer(event)
        assert "never written or drawn" in answer.body, field
        assert answer.private
    assert [field for _, _, field in await incidents()] == list(ways)
    for table, count in before.items():
        assert (await rows(f"SELECT count(*) AS n FROM {table}"))[0]["n"] == count, table
    words = json.dumps([dict(r) for r in await rows("SELECT * FROM incidents")], default=str)
    assert FORBIDDEN not in words


async def test_a_picture_is_refused_before_any_job(bot: Bot) -> None:
    await lives("gpu", queues=["gpu"], image_engines=["sdxl"])
    answer = await bot.answer(await bot.does(command(f"imagine: a woman in {SUGGESTIVE}")))
    assert "beyond what may be shown here (“Safe for everyone”)" in answer.body
    assert await JobRow.all().count() == 0
    assert await incidents() == [("rating", "stored", "prompt")]


@pytest.mark.parametrize(
    ("classified", "level", "rating", "premise", "verdict"),
    [
        (False, "sfw", "sfw", "a keeper finds a door", "checked"),
        (True, "sfw", "sfw", "a keeper finds a door", "unchecked"),
        (False, "suggestive", "suggestive", f"a shop of {SUGGESTIVE}", "unchecked"),
        (False, "suggestive", "sfw", f"a shop of {SUGGESTIVE}", ""),
    ],
)
async def test_what_a_text_is_stored_as(
    bot: Bot, classified: bool, level: str, rating: str, premise: str, verdict: str
) -> None:
    bot.router._moderation = ModerationPolicy(classified=classified)
    await bot.does(command("rating", level=level))
    await bot.does(command(f"story new: {premise}", rating=rating))
    assert [s.verdict for s in await StoryRow.all()] == ([verdict] if verdict else [])


async def test_an_unchecked_action_is_shown_to_its_author_only(bot: Bot) -> None:
    bot.router._moderation = ModerationPolicy(classified=True)
    story, page = await begun(bot)
    await bot.does(press("own", page, story.revision), pressed="7")
    await bot.does(say("I knock three times."))
    choice = await ChoiceRow.get(kind="own")
    assert choice.verdict == "unchecked"
    next_page = (await StoryRow.get()).cursor_id
    assert next_page is not None
    await write(await PageRow.get(id=next_page))
    assert (await ChoiceRow.get(kind="own")).verdict == "checked"
    assert (await StoryRow.get()).verdict == "checked"


async def test_strikes_cost_a_pause_and_the_operators_are_told(bot: Bot) -> None:
    bot.router._moderation = ModerationPolicy(strikes=2, operators=frozenset({"console:olga"}))
    await bot.does(say("hello"), name="olga")
    for _ in range(2):
        await bot.does(command(f"story new: {FORBIDDEN}"))
    answer = await bot.answer(await bot.does(command("story new: a keeper finds a door")))
    assert "Because there were several" in answer.body
    told = await rows("SELECT payload FROM outbox WHERE part = 'notice' AND kind = 'pause'")
    assert [json.loads(r["payload"])["strikes"] for r in told] == [2]
    await bot.does(command(f"story new: {FORBIDDEN}"))
    await rows("UPDATE users SET cooldown_until = now() - interval '1 minute'")
    assert "Because" not in str(await bot.answers(await bot.does(command("story new: a keeper finds a door"))))


async def test_operators_end_a_pause_that_was_wrong(database: str, redis_url: str) -> None:
    harmless = command("story new: a keeper finds a door")
    async with running_bot(redis_url, policy=AccessPolicy(frozenset({"console:olga"}))) as bot:
        bot.router._moderation = ModerationPolicy(strikes=2, operators=frozenset({"console:olga"}))
        await bot.does(command("help"), name="olga")
        for _ in range(2):
            await bot.does(command(f"story new: {FORBIDDEN}"))
        (notice,) = await rows("SELECT event_key FROM outbox WHERE kind = 'pause'")
        (told,) = await outbox.of_event(notice["event_key"])
        message = await bot.composer.compose(told)
        assert message is not None
        assert message.body.startswith("console:ann asked 2 times")
        assert "Because" in str(await bot.answers(await bot.does(harmless)))
        lifted = await bot.answer(await bot.does(command("operator unban: console:ann"), name="olga"))
        assert lifted.body == "console:ann need not wait any more."
        again = await bot.answer(await bot.does(command("operator unban: console:ann"), name="olga"))
        assert "need not wait" in again.body
        assert [(e.action, e.subject) for e in await audit.entries()] == [("unpause", "console:ann")]
        await bot.does(command(f"story new: {FORBIDDEN}"))
        assert "Because" not in str(await bot.answers(await bot.does(harmless))), "strikes are counted anew"


async def test_a_rating_costs_nothing(bot: Bot) -> None:
    bot.router._moderation = ModerationPolicy(strikes=1)
    await bot.does(command(f"story new: {SUGGESTIVE}"))
    assert await incidents() == [("rating", "stored", "premise")]
    assert (await row("SELECT cooldown_until FROM users"))["cooldown_until"] is None  # type: ignore[index]


@pytest.mark.parametrize("line", ["", "Call 555-0100."])
async def test_a_person_in_a_crisis_gets_help_first_then_the_answer(bot: Bot, line: str) -> None:
    bot.router._moderation = ModerationPolicy(help_line=line)
    answer = await bot.answer(await bot.does(say("I want to die.")))
    assert (line or "findahelpline.com") in answer.body
    assert answer.private
    assert await JobRow.all().count() == 0
    assert (await rows("SELECT count(*) AS n FROM chat_messages"))[0]["n"] == 0
    await bot.does(say("I want to die."))
    assert await JobRow.all().count() == 1
    assert await incidents() == []
    await bot.does(say("The old king is dead; who killed him?"), name="ben")
    assert await JobRow.all().count() == 2


async def test_names_that_not_everybody_may_read_are_left_out(bot: Bot) -> None:
    event = event_of(say("hello"))
    event = event.model_copy(update={"user": event.user.model_copy(update={"name": FORBIDDEN})})
    await bot.router.dispatch(event)
    assert [r["name"] for r in await rows("SELECT name FROM users")] == [""]


async def test_a_refusal_names_whom_to_ask(bot: Bot) -> None:
    bot.composer._around = replace(bot.around, appeal="Olga, room 7")
    answer = await bot.answer(await bot.does(command(f"story new: {FORBIDDEN}")))
    assert answer.body.endswith("Whom to ask if that is wrong: Olga, room 7")


async def test_what_is_only_a_guess_counts_together_with_another_passage(bot: Bot) -> None:
    """A word in pieces may be one of the list's: alone it is nothing, beside the other kind of word it is."""
    event = await bot.does(Command(name="story new", values={"premise": "a dlihc, far away", "genre": "fantasy"}))
    assert "never written" not in " ".join(m.body for m in await bot.answers(event))
    for premise in ("a dlihc\nnude", "nude\n\na schoo lgirl"):
        event = await bot.does(Command(name="prompt set", values={"name": "story/write_page", "text": premise}))
        assert "never written or drawn" in (await bot.answer(event)).body
