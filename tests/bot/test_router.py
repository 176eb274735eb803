"""What people do becomes one transaction each: an answer, or work and its answer later; never both, never neither."""

import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg
import pytest

from bot import locales
from bot.events import ButtonPress, Payload, Submit
from bot.messages import Form, Message
from bot.router import PATIENCE_SECONDS
from db.connection import credentials, rows
from db.models import (
    ChatMessageRow,
    ChoiceRow,
    DraftRow,
    JobRow,
    OutboxRow,
    PageRow,
    StoryRow,
)
from tests.bot.playing import PREMISE, begun, words
from tests.bot.world import Bot, command, event_of, press, running_bot, say, write
from tests.effort import times
from tests.workers.living import lives


@pytest.fixture
async def hurried(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    """The same with the product's own patience."""
    async with running_bot(redis_url, PATIENCE_SECONDS) as bot:
        yield bot


async def test_a_new_story_is_a_job_that_answers_the_event(bot: Bot):
    outcome = await bot.router.dispatch(event := event_of(command(f"story new: {PREMISE}", genre="Horror")))
    assert outcome.status == "working"
    story = await StoryRow.get()
    job = await JobRow.get()
    assert (story.premise, story.genre) == (PREMISE, "horror")
    parameters = {"page": story.cursor_id, "allowance": "sfw"}
    assert (job.type, job.parameters, job.event_key) == ("branching_page", parameters, event.key)
    assert (await PageRow.get()).job_id == job.id


async def test_without_a_commit_in_time_the_person_is_told_and_nothing_happened(hurried: Bot, bot: Bot, database: str):
    blocker = await asyncpg.connect(**credentials(database))
    await blocker.execute("BEGIN; LOCK TABLE inbox")
    try:
        event = event_of(command(f"story new: {PREMISE}"))
        outcome = await asyncio.wait_for(hurried.router.dispatch(event), 30)
    finally:
        await blocker.execute("ROLLBACK")
        await blocker.close()
    assert (outcome.status, outcome.notice) == ("refused", locales.text("router.busy"))
    assert await StoryRow.all().count() == 0
    assert (await bot.router.dispatch(event)).status == "working"


async def test_without_a_form_in_time_the_person_is_told(hurried: Bot, bot: Bot, database: str):
    _, page = await begun(bot)
    blocker = await asyncpg.connect(**credentials(database))
    await blocker.execute("BEGIN; LOCK TABLE stories")
    try:
        busy = await asyncio.wait_for(hurried.router.form_for(event_of(press("own", page.id, 0))), 30)
    finally:
        await blocker.execute("ROLLBACK")
        await blocker.close()
    assert isinstance(busy, Message)
    assert (busy.body, busy.private) == (locales.text("router.busy"), True)


async def test_suggestions_that_take_too_long_are_none(hurried: Bot, bot: Bot, database: str):
    await begun(bot)
    blocker = await asyncpg.connect(**credentials(database))
    await blocker.execute("BEGIN; LOCK TABLE stories")
    try:
        found = await asyncio.wait_for(hurried.router.complete(event_of(command("story continue")), "story", ""), 30)
    finally:
        await blocker.execute("ROLLBACK")
        await blocker.close()
    assert found == []
    assert len(await bot.router.complete(event_of(command("story continue")), "story", "")) == 1


async def test_a_replayed_event_changes_nothing(bot: Bot):
    event = event_of(command(f"story new: {PREMISE}"), event_id="same")
    assert (await bot.router.dispatch(event)).status == "working"
    assert (await bot.router.dispatch(event)).status == "duplicate"
    assert await StoryRow.all().count() == 1


async def test_of_fifty_clicks_at_once_one_is_taken(bot: Bot):
    rounds = times(10, 200)
    story, page = await begun(bot, mode="open")
    for revision in range(rounds):
        clicks = [
            event_of(press("choose", page.id, revision, 1 + n % 3), pressed="m", event_id=f"{revision}-{n}")
            for n in range(50)
        ]
        outcomes = await asyncio.gather(*(bot.router.dispatch(c) for c in clicks))
        assert sorted(o.status for o in outcomes).count("working") == 1
        keys = [c.key for c in clicks]
        told = await OutboxRow.filter(event_key__in=keys, part="reply")
        assert {r.payload["key"] for r in told} <= {"story.being_written", "story.moved_on"}
        assert len({r.event_key for r in told}) == 49
        assert await PageRow.filter(parent_id=page.id).count() == 1
        page = await PageRow.get(parent_id=page.id)
        await write(page)
    assert (await StoryRow.get(id=story.id)).revision == rounds


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        (command("story new: " + "x" * 1001), "command.too_long"),
        (command("story new: x", genre="western"), "command.bad_choice"),
        (command("story new: x", colour="red"), "command.unknown_parameter"),
        (command("story"), "command.group"),
        (command("dance"), "command.unknown"),
        (command("story back"), "story.none_here"),
        (command("story continue: nothing of the kind"), "story.no_such_title"),
        (command("story continue"), "story.list_empty"),
        (command("persona use: Nobody"), "persona.no_such_name"),
        (command("prompt show: nothing"), "prompt.unknown"),
        (command("prompt set: story/write_page", text="{{ secret }}"), "prompt.invalid"),
        (command("cancel"), "form.nothing_to_cancel"),
        (press("choose", 999, 0, 1), "story.unknown"),
        (press("current", 999), "story.unknown"),
        (press("variant", 999), "chat.unknown_message"),
        (press("cancel", 999), "job.over"),
        (press("choose", 1), "router.old_button"),
        (press("current"), "router.old_button"),
        (press("own", 1), "router.old_button"),
        (press("fill"), "router.old_button"),
        (press("fill", "no such command"), "router.old_button"),
        (ButtonPress(data="1.current.zzzzzzzzzzzzzzzz"), "router.old_button"),
        (Submit(form=press("own", 1).data, values={"text": "I sing"}), "router.old_button"),
        (Submit(form="0.own.1.0", values={"text": "I sing"}), "router.old_button"),
    ],
)
async def test_what_does_not_fit_is_explained(bot: Bot, payload: Payload, key: str):
    event = await bot.does(payload)
    (row,) = await OutboxRow.filter(event_key=event.key)
    assert row.payload["key"] == key
    message = await bot.answer(event)
    assert message.private
    assert message.body
    assert message.body != key
    assert "{" not in message.body.replace("{{", "")


async def test_a_button_of_another_version_is_old(bot: Bot):
    event = event_of(press("choose", 1, 1, 1)).model_copy(update={"payload": press("back", 1, 1)})
    old = event.model_copy(update={"payload": event.payload.model_copy(update={"data": "0.choose.1"})})
    await bot.router.dispatch(old)
    assert "older version" in await words(bot, old)


async def test_missing_parameters_are_asked_for_and_cancel_ends_it(bot: Bot):
    event = await bot.does(command("story new", genre="fantasy"))
    question = await bot.answer(event)
    assert question.asks is not None
    assert question.asks.name == "premise"
    await bot.does(say(PREMISE))
    story = await StoryRow.get()
    assert (story.premise, story.genre) == (PREMISE, "fantasy")
    await bot.does(command("story new"))
    event = await bot.does(command("cancel"))
    assert await words(bot, event) == "Cancelled."
    assert await DraftRow.all().count() == 0


async def test_forms_are_direct_answers_where_the_platform_has_them(bot: Bot):
    _, page = await begun(bot)
    own = await bot.router.form_for(event_of(press("own", page.id, 0)))
    assert isinstance(own, Form)
    assert [f.name for f in own.fields] == ["text"]
    stale = await bot.router.form_for(event_of(press("own", page.id, 7)))
    assert isinstance(stale, Message)
    assert stale.private
    assert await bot.router.form_for(event_of(press("choose", page.id, 0, 1))) is None
    for data in ("1.own.1", "1.own", "0.own.1.0", "1.fill", "nonsense"):
        old = await bot.router.form_for(event_of(ButtonPress(data=data)))
        assert isinstance(old, Message)
        assert (old.body, old.private) == (locales.text("router.old_button"), True)
    asked = await bot.router.form_for(event_of(command("prompt set", name="story/write_page")))
    assert isinstance(asked, Form)
    assert [f.name for f in asked.fields] == ["text"]


async def test_text_goes_to_the_persona_then_to_the_story_that_is_open(bot: Bot):
    await bot.does(say("Hello there"))
    said = await ChatMessageRow.get(role="user")
    assert said.text == "Hello there"
    assert (await JobRow.get()).type == "persona_reply"
    await begun(bot)
    await bot.does(say("I knock"))
    own = await ChoiceRow.get(kind="own")
    assert own.text == "I knock"
    await bot.does(command("persona use: " + (await first_persona())))
    await bot.does(say("And you?"))
    assert await ChatMessageRow.filter(role="user").count() == 2


async def first_persona() -> str:
    return (await rows("SELECT name FROM personas ORDER BY position LIMIT 1"))[0]["name"]


async def test_a_reply_to_a_page_is_an_own_action_wherever_one_talks(bot: Bot):
    story, page = await begun(bot)
    event = await bot.does(press("current", story.id))
    row = await OutboxRow.get(event_key=event.key)
    await rows("UPDATE outbox SET message_ids = '[\"m9\"]' WHERE id = $1", row.id)
    await bot.does(command("persona use: " + (await first_persona())))
    await bot.does(say("I knock", reply_to="m9"))
    assert (await ChoiceRow.get(kind="own")).page_id == page.id


async def test_own_prompts_are_for_admins(bot: Bot):
    refused = await bot.does(command("prompt show: story/write_page"), group="den")
    assert "You may not see and change prompts here" in await words(bot, refused)
    saved = await bot.does(command("prompt set: story/write_page", text="Write {{ premise }} as a haiku."))
    assert "changed" in await words(bot, saved)
    shown = await bot.answer(await bot.does(command("prompt show: story/write_page")))
    assert "haiku" in shown.body
    await bot.does(command("prompt reset: story/write_page"))
    shown = await bot.answer(await bot.does(command("prompt show: story/write_page")))
    assert "haiku" not in shown.body


async def test_the_prompt_that_is_shown_is_written_for_the_size_of_the_model(bot: Bot):
    await lives("den:1")
    for size, words_of_it in (
        ("small", "A boy finds a key"),
        ("large", "Voice and person"),
        ("odd", "Voice and person"),
    ):
        await bot.around.queue.put_figures("den:1", {"size": size})
        shown = await bot.answer(await bot.does(command("prompt show: story/write_page")))
        assert words_of_it in shown.body
        assert shown.title.count("write_page.small") == (size == "small")


async def test_a_defect_is_apologised_for_with_a_reference(bot: Bot):
    await rows("UPDATE personas SET card = '{}', name = ''")
    await rows("ALTER TABLE chat_messages ADD COLUMN unexpected integer NOT NULL")
    try:
        event = await bot.does(say("hello"))
    finally:
        await rows("ALTER TABLE chat_messages DROP COLUMN unexpected")
    message = await bot.answer(event)
    assert "reference" in message.body
    assert await JobRow.all().count() == 0


def test_every_wording_that_the_code_names_exists():
    root = Path(__file__).parents[2]
    known = locales.known_keys()
    topics = "|".join({k.partition(".")[0] for k in known})
    used: set[str] = set()
    for room in ("bot", "db", "workers"):
        for path in (root / room).rglob("*.py"):
            used |= set(re.findall(rf'"((?:{topics})\.[a-z_]+)"', path.read_text("utf-8")))
    assert len(used) > 40
    assert used - known == set()


async def test_a_form_that_was_left_traps_nobody(bot: Bot):
    _, page = await begun(bot)
    await bot.does(press("own", page.id, 0))
    await bot.does(press("choose", page.id, 0, 1))
    assert await DraftRow.all().count() == 0


async def test_two_people_of_a_group_fill_in_forms_at_once(bot: Bot):
    for name in ("ann", "ben", "eve"):
        question = await bot.answer(await bot.does(command("story new"), name=name, group="g"))
        assert question.asks is not None
    left = await bot.does(command("cancel"), name="eve", group="g")
    assert await words(bot, left) == locales.text("form.cancelled")
    for name in ("ben", "ann"):
        await bot.does(say(f"{name} finds a door"), name=name, group="g")
        await bot.does(say("and what else is said"), name=name, group="g")
    assert [s.premise for s in await StoryRow.all().order_by("id")] == ["ben finds a door", "ann finds a door"]
    assert await DraftRow.all().count() == 0
    again = await bot.does(command("cancel"), name="eve", group="g")
    assert await words(bot, again) == locales.text("form.nothing_to_cancel")


async def test_a_form_of_an_older_release_is_left(bot: Bot):
    await bot.does(command("story new"))
    await rows("""UPDATE drafts SET content = content || '{"form": "0.fill.0"}'""")
    event = await bot.does(say(PREMISE))
    assert await words(bot, event) == locales.text("form.gone")
    assert await DraftRow.all().count() == 0
