"""`/context`: sessions are opened, listed, copied, changed and replayed by their ids, by who may see them."""

import json

from bot import locales
from bot.text.cleaning import clean
from db import context_sessions
from db.connection import rows
from tests.bot.playing import begun
from tests.bot.test_memory_command import ann_in
from tests.bot.test_told import placed, ran
from tests.bot.world import Bot, command
from tests.db.test_memories import said


async def told(bot: Bot, text: str, /, who: str = "ann", group: str = "", **values: str) -> str:
    answer = await bot.answer(await bot.does(command(text, **values), name=who, group=group))
    return clean(f"{answer.title}\n{answer.body}")


async def test_a_storys_session_is_named_opened_and_keeps_what_was_told_last(bot: Bot):
    story, page = await begun(bot)
    shown = await bot.answer(await bot.does(command("chat context")))
    session = await context_sessions.of_story(story.account_id, story.id)
    assert shown.footer == "" or f"#{session.id}" in shown.footer
    assert "Nothing was told yet." in await told(bot, "context show", session=f"#{session.id}")
    await ran("write_page", [placed("premise", "E", 12, "plot")], page=page.id)
    opened = await told(bot, "context show", session=str(session.id))
    assert "the story “The door”" in opened
    assert "· the premise: 12" in opened
    assert f"#{session.id}: the story “The door”" in await told(bot, "context list")
    named = await bot.answer(await bot.does(command("chat context")))
    assert f"Context session #{session.id}" in named.footer


async def test_a_reply_is_kept_by_the_session_of_its_chat(bot: Bot):
    exchange = await said(await ann_in(), "hello")
    await told(bot, "context list")
    await ran("answer_as_persona", [placed("message", "C", 4, "request")], message=exchange.reply.id)
    (session,) = await rows("SELECT id, build FROM context_sessions")
    assert '"message"' in str(session["build"])
    assert "· your message: 4" in await told(bot, "context show", session=str(session["id"]))


async def test_a_copy_is_changed_replayed_and_deleted(bot: Bot):
    story, _ = await begun(bot)
    first = await context_sessions.of_story(story.account_id, story.id)
    assert "**a try**: the story" in await told(bot, f"context copy: #{first.id} a try")
    copy = (await context_sessions.listed(story.account_id, story.owner_id or 0))[0]
    changed = await told(
        bot, "context set", session=str(copy.id), without="lore, fact:9", pin="fact:3", add="It rains."
    )
    assert "Left out: lore, fact:9\nAlways told: fact:3\nAdded: “It rains.”\nCopied from #" in changed
    await bot.does(command("context replay", session=str(copy.id)))
    (job,) = await rows("SELECT parameters FROM jobs WHERE type = 'replay_context'")
    assert str(copy.id) in str(job["parameters"])
    shown = await rows("SELECT payload FROM outbox WHERE kind = 'context_session' ORDER BY id DESC LIMIT 1")
    assert json.loads(job["parameters"])["adults"] == json.loads(shown[0]["payload"])["adults"]
    unchanged = await context_sessions.opened(story.account_id, first.id)
    assert (unchanged.pins, unchanged.filters, unchanged.elements) == ([], {}, [])
    assert wording("session.only_copies") in await told(bot, "context set", session=str(first.id), add="It rains.")
    assert wording("session.not_removable") in await told(bot, "context remove", session=str(first.id))
    assert wording("session.removed") in await told(bot, "context remove", session=str(copy.id))
    project = await told(bot, "context project", name="my town")
    assert "**my town**: a project" in project


async def test_what_is_no_element_changes_nothing(bot: Bot):
    story, _ = await begun(bot)
    session = await context_sessions.of_story(story.account_id, story.id)
    for given in ("Fact 9!", "x" * 41, "fact:9;drop"):
        assert "names nothing that is told" in await told(bot, "context set", session=str(session.id), without=given)
    assert wording("session.nothing") in await told(bot, "context set", session=str(session.id))
    assert (await context_sessions.opened(story.account_id, session.id)).filters == {}


async def test_another_persons_and_another_places_sessions_are_not_here(bot: Bot):
    story, _ = await begun(bot, group="den")
    session = await context_sessions.of_story(story.account_id, story.id)
    copy = await context_sessions.copy(story.account_id, session.id, story.owner_id or 0)
    for verb in ("show", "copy", "set", "replay", "remove"):
        values = {"session": str(session.id), **({"without": "lore"} if verb == "set" else {})}
        others = await told(bot, f"context {verb}", who="ben", group="den", **values)
        assert "Only the person who started this story acts in it" in others, verb
        assert wording("session.unknown") in await told(bot, f"context {verb}", who="ben", **values), verb
        values["session"] = str(copy.id)
        assert wording("session.unknown") in await told(bot, f"context {verb}", who="ben", group="den", **values), verb
    assert f"#{session.id}" not in await told(bot, "context list", who="ben", group="den", of="chat")
    assert await rows("SELECT FROM jobs WHERE type = 'replay_context'") == []


async def test_in_a_group_the_chats_session_is_changed_by_who_may_reset_it(bot: Bot):
    await said(await ann_in("den"), "hello")
    await told(bot, "context list", group="den")
    (session,) = await rows("SELECT id FROM context_sessions")
    values = {"session": str(session["id"]), "without": "fact"}
    assert "You may not" in await told(bot, "context set", group="den", **values)
    moderator = await bot.does(command("context set", **values), group="den", role="moderator")
    assert "Left out: fact" in (await bot.answer(moderator)).body
    assert [r["action"] for r in await rows("SELECT action FROM audit")] == ["context_change"]


def wording(key: str) -> str:
    return clean(locales.text(key))
