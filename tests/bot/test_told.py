"""`/chat context`, `more… → context` and `/tokens`: what a writer was told, by readable names, for who may see it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from bot import locales
from bot.text.cleaning import clean
from db import chats, lorebooks, usage
from db.connection import row, rows
from db.memory import archive, facts, memories
from db.memory.facts import NewFact
from db.memory.scopes import ArchiveScope
from db.models import PageRow
from tests.bot.playing import begun
from tests.bot.test_memory_command import actions, ann_in, chat_of, minute, pressed, told_by
from tests.bot.world import Bot, command, event_of, press, write
from tests.db.test_memories import said
from tests.db.world import somebody


def placed(id_: str, layer: str, tokens: int, kind: str = "memory", form: str = "whole") -> dict[str, Any]:
    return {"id": id_, "kind": kind, "layer": layer, "tokens": tokens, "form": form}


async def ran(
    function: str,
    told: Sequence[dict[str, Any]],
    left: Sequence[dict[str, Any]] = (),
    *,
    page: int | None = None,
    message: int | None = None,
    model: str = "tiny",
    prompt_tokens: int | None = None,
) -> None:
    """A finished run that wrote a page or a reply, with its receipt."""
    found = await row(
        "INSERT INTO jobs (type, queue, account_id, page_id, message_id) SELECT 'branching_page', 'cpu', coalesce("
        "(SELECT s.account_id FROM pages p JOIN stories s ON s.id = p.story_id WHERE p.id = $1), "
        "(SELECT c.account_id FROM chat_messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.id = $2)), "
        "$1, $2 RETURNING id, account_id",
        page, message,
    )  # fmt: skip
    assert found is not None
    task = await usage.begin(function, job_id=found["id"], account_id=found["account_id"])
    layers = {layer: {"used": 100, "share": 200} for layer in "ABCDE"}
    context = {
        "window": 4096,
        "prompt_tokens": prompt_tokens,
        "layers": layers,
        "placed": list(told),
        "left_out": list(left),
    }
    record = usage.TaskRecord(
        state="done", engine="llama", model=model, prompt_tokens=900, completion_tokens=80,
        receipt={"context": context, "prompt": {"name": "story/write_page", "version": 3}},
    )  # fmt: skip
    await usage.save(task, record)


async def test_more_under_a_page_shows_what_its_writer_was_told(bot: Bot):
    story, first = await begun(bot)
    await bot.does(press("choose", first.id, 0, 1))
    second = await PageRow.get(parent_id=first.id)
    await write(second, "Inside")
    memory = await memories.open_story(story.account_id, story.id)
    assert memory is not None
    (fact,) = await facts.put(memory.id, [NewFact("Door", "It is green.", "thing", 5, "1", page_id=first.id)])
    await ran(
        "write_page",
        [
            placed("premise", "E", 12, "plot"),
            placed("summary:77", "E", 30, "memory", "summary"),
            placed(f"page:{first.id}", "C", 50, "history"),
            placed(f"page:{second.id}", "C", 60, "history"),
            placed(f"fact:{fact}", "E", 9),
            placed("action", "C", 3, "request"),
        ],
        [
            {"id": "history:0-3", "kind": "history", "layer": "C", "tokens": 0, "reason": "summarised"},
            {"id": "fact:999", "kind": "memory", "layer": "E", "tokens": 9, "reason": "no_room"},
            {"id": "outline", "kind": "plot", "layer": "E", "tokens": 0, "reason": "empty"},
        ],
        page=second.id,
    )
    shown = await bot.answer(await bot.does(command("story continue")))
    (more,) = actions(shown)["more"]
    menu = await pressed(bot, more)
    assert menu.private
    told = await pressed(bot, actions(menu)["told"][0])
    assert told.private
    assert told.title == "What the writer of page 2 was told"
    body = told.body
    assert "**tiny** (llama) read 900 of 4096 tokens and wrote 80, in " in body
    assert "Prompt: story/write_page, version 3" in body
    assert "**C · recent text:** 100 tokens, its share is 200" in body
    assert "· 2 word by word, from Page 1 · The door to Page 2 · Inside: 110" in body
    assert f"· fact #{fact}: “It is green.”: 9" in body
    assert "· the premise: 12" in body
    assert "· something that is not there any more (summary): 30" in body
    assert body.endswith(
        "**Left out:**\nThere was no room for:\n· something that is not there any more (fact)\n"
        "A summary stands for:\n· Pages 1 to 4"
    )
    assert (await bot.answer(await bot.does(command("chat context")))).body == body


async def test_the_last_reply_of_a_chat_is_explained(bot: Bot):
    exchange = await said(await ann_in(), "hello")
    early = await bot.answer(await bot.does(command("chat context")))
    assert early.body == clean(locales.text("told.no_receipt"))
    await ran(
        "answer_as_persona",
        [
            placed("card:personality", "B", 40, "character"),
            placed(f"message:{exchange.said.id}", "C", 5, "history"),
            placed("message", "C", 4, "request"),
        ],
        message=exchange.reply.id,
    )
    shown = await bot.answer(await bot.does(command("chat context")))
    assert "· the persona's personality: 40" in shown.body
    assert "· ann, just now: 5\n· your message: 4" in shown.body
    await chats.reset((await ann_in()).conversation.id)
    gone = await bot.answer(await bot.does(command("chat context")))
    assert gone.body == clean(locales.text("told.nothing_yet"))


@pytest.mark.parametrize("once", [890, 300])
async def test_a_prompt_that_was_read_again_is_not_longer_for_that(bot: Bot, once: int):
    exchange = await said(await ann_in(), "hello")
    await ran("answer_as_persona", [], message=exchange.reply.id, prompt_tokens=once)
    body = (await bot.answer(await bot.does(command("chat context")))).body
    assert f"read {once} of 4096 tokens" in body
    assert ("read 900 tokens in all" in body) is (once == 300)


async def test_templates_are_told_nothing(bot: Bot):
    exchange = await said(await ann_in(), "hello")
    found = await row(
        "INSERT INTO jobs (type, queue, account_id, message_id) SELECT 'persona_reply', 'cpu', c.account_id, m.id "
        "FROM chat_messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.id = $1 RETURNING id",
        exchange.reply.id,
    )
    assert found is not None
    task = await usage.begin("answer_as_persona", job_id=found["id"], account_id=None)
    await usage.save(task, usage.TaskRecord(state="done", engine="template", model="template"))
    shown = await bot.answer(await bot.does(command("chat context")))
    assert shown.body == clean(locales.text("told.templates"))


@pytest.mark.parametrize(
    "context", [[], "x", {"placed": 3, "left_out": [1, {"id": 2}], "layers": {"A": {"used": "x"}}}]
)
async def test_a_receipt_of_another_release_is_shown_as_far_as_it_is_read(bot: Bot, context: Any):
    exchange = await said(await ann_in(), "hello")
    await ran("answer_as_persona", [], message=exchange.reply.id)
    await rows("UPDATE ai_tasks SET receipt = jsonb_build_object('context', $1::jsonb, 'prompt', 3)", str_of(context))
    shown = await bot.answer(await bot.does(command("chat context")))
    assert "**tiny**" in shown.body


async def test_what_others_were_told_is_theirs(bot: Bot):
    exchange = await said(await somebody("ben", chat="den", kind="group"), "The oak hides it.")
    ben = await somebody("ben", chat="den", kind="group")
    (fact,) = await facts.put(
        (await chat_of(ben)).id, [NewFact("Oak", "Gold is under it.", "thing", 5, "1", message_id=exchange.said.id)]
    )
    mine = await said(await ann_in(), "hello")
    await ran(
        "answer_as_persona",
        [placed(f"fact:{fact}", "E", 9), placed(f"message:{exchange.said.id}", "C", 5, "history")],
        message=mine.reply.id,
    )
    shown = await bot.answer(await bot.does(command("chat context")))
    assert "Gold" not in shown.body
    assert "ben" not in shown.body
    assert "something that is not there any more (fact)" in shown.body
    story, page = await begun(bot, name="ben", group="den")
    for data in (press("more", page.id), press("told", (await ann_in("den")).user.id, minute(), page.id)):
        refused = await told_by(bot, event_of(data, name="ann", group="den"))
        assert refused.startswith("Only the person who started this story acts in it")
        assert await told_by(bot, event_of(data, name="ann", group="den-2")) == clean(locales.text("story.unknown"))
    del story


async def test_a_text_is_counted_by_a_job_that_keeps_no_word_of_it(bot: Bot):
    await bot.does(command("tokens: a keeper finds a door"))
    (job,) = await rows("SELECT type, parameters FROM jobs")
    assert job["type"] == "count_tokens"
    assert "a keeper finds a door" in str(job["parameters"])
    too_long = await bot.answer(await bot.does(command("tokens", text="x" * 4001)))
    assert "4001 characters" in too_long.body
    blank = await bot.answer(await bot.does(command("tokens", text="   ")))
    assert blank.asks is not None, "it is asked for again"
    assert len(await rows("SELECT FROM jobs")) == 1


def str_of(value: Any) -> str:

    return json.dumps(value)


async def test_lore_and_documents_are_named_to_who_sees_them(bot: Bot):
    story, page = await begun(bot, "open", group="club")
    account = story.account_id
    ann = await somebody("ann", chat="club", kind="group")
    entries = [{"name": "The gate", "content": "It opens.", "keys": ["gate"]}, {"content": "Old.", "keys": ["city"]}]
    for scope, title in ((ArchiveScope.place(), "The city"), (ArchiveScope.person(ann.user.id), "Canary")):
        await lorebooks.add(account, scope, title, {}, entries, author_id=ann.user.id)
        await archive.add_document(account, scope, f"{title} guide", ["The gate."], user_id=ann.user.id)
    lore = [f"lore:{each['id']}" for each in await rows("SELECT id FROM lorebook_entries ORDER BY id")]
    passages = [f"archive:{each['id']}" for each in await rows("SELECT id FROM archive_chunks ORDER BY id")]
    await ran("write_page", [placed(each, "B", 9) for each in [*lore, *passages, "lore:x", f"lore:{'9' * 40}"]],
              page=page.id)  # fmt: skip
    to_ann, to_ben = [
        await told_by(bot, await bot.does(command("chat context"), name=name, group="club")) for name in ("ann", "ben")
    ]
    for named in ("“The gate” of the lorebook “The city”", "“city” of the lorebook “The city”", "“The city guide”"):
        assert named in to_ann
        assert named in to_ben
    assert "“The gate” of the lorebook “Canary”" in to_ann
    assert "“Canary guide”" in to_ann
    assert "Canary" not in to_ben
    await rows("UPDATE lorebooks SET rating = 'nsfw'")
    again = await told_by(bot, await bot.does(command("chat context"), name="ann", group="club"))
    assert "of the lorebook “" not in again
