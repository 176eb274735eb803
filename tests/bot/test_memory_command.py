"""`/memory`: people see what is remembered here, add to it, correct it and have it forgotten; others do not."""

import time
from typing import Any

import pytest

from bot import locales
from bot.actions.packing import split
from bot.events import ButtonPress, ConversationRef, Event
from bot.messages import Message
from bot.text.cleaning import clean
from db import chats, outbox, personas
from db.connection import row, rows
from db.memory import elements, facts, memories, pins, told, tracked
from db.memory.facts import NewFact
from db.memory.memories import MemoryRecord
from db.moderation import ModerationPolicy
from db.people import Who
from tests.bot.playing import begun
from tests.bot.world import Bot, command, event_of, press, say
from tests.db.test_memories import said
from tests.db.world import note_page, somebody

FORBIDDEN = "csam"


async def chat_of(who: Who) -> MemoryRecord:
    persona = await personas.active(who.conversation)
    memory = await memories.open_chat(who.conversation.id, persona.id)
    assert memory is not None
    return memory


async def learnt(who: Who, text: str, *, said_by: int | None = None, page: int | None = None) -> int:
    """A fact from what somebody said."""
    exchange = await said(who, text)
    memory = await chat_of(who)
    (fact,) = await facts.put(
        memory.id,
        [NewFact("Ann", text, "person", 5, "1", message_id=exchange.said.id, user_id=said_by or who.user.id)],
    )
    return fact


def wording(key: str, values: dict[str, str] | None = None) -> str:
    """A wording as it is shown."""
    return clean(locales.text(key, values or {}))


def actions(message: Message) -> dict[str, list[str]]:
    """Packed buttons by verb."""
    found: dict[str, list[str]] = {}
    for data in message.actions():
        found.setdefault(split(data)[0], []).append(data)
    return found


async def pressed(bot: Bot, data: str, **who: Any) -> Message:
    return await bot.answer(await bot.does(ButtonPress(data=data), **who))


async def shows(bot: Bot, text: str = "memory show", /, **values: Any) -> Message:
    return await bot.answer(await bot.does(command(text, **values)))


async def ann_in(group: str = "") -> Who:
    return await somebody("ann", chat=group, kind="group" if group else "dm")


async def test_a_fact_is_shown_with_who_said_it_and_can_be_looked_up(bot: Bot):
    fact = await learnt(await ann_in(), "I have a dog called Rufus.")
    listed = await shows(bot)
    assert listed.private
    assert f"#{fact} **Ann:** I have a dog called Rufus." in listed.body
    (open_it,) = actions(listed)["mem_item"]
    item = await pressed(bot, open_it)
    assert "From: ann, just now · importance 5 of 10" in item.body
    source = await pressed(bot, actions(item)["mem_item"][0])
    assert source.body == "ann, just now\n\nI have a dog called Rufus."


async def test_the_numbers_before_the_entries_are_those_of_the_buttons(bot: Bot):
    who = await ann_in()
    await rows("SELECT setval('facts_id_seq', 41)")
    texts = ["I have a dog.", "I have a cat.", "I live in Lyon."]
    for text in texts:
        await learnt(who, text)
    listed = await shows(bot)
    for line, data, label in zip(listed.body.split("\n"), actions(listed)["mem_item"], "123", strict=True):
        assert line.startswith(f"{label}. #4")
        assert clean(line.rpartition("**")[2]).strip() in (await pressed(bot, data)).body


@pytest.mark.parametrize(("typed", "title"), [("questions", "tracked questions"), ("Summaries", "summaries")])
async def test_a_section_is_named_by_its_word(bot: Bot, typed: str, title: str):
    assert (await shows(bot, f"memory show: {typed}")).title.endswith(f": {title}")


async def test_a_search_leads_on(bot: Bot):
    assert len(actions(await shows(bot, "memory search", text="dragons"))["mem_list"]) == 4


async def test_a_long_list_has_pages(bot: Bot):
    memory = await chat_of(await ann_in())
    for n in range(10):
        await facts.add_by_hand(memory.id, (await ann_in()).user.id, "Ann", f"Number {n}.", "checked")
    first = await shows(bot)
    assert first.body.count("\n") == 7
    following = next(d for d in actions(first)["mem_list"] if d.endswith(".8"))
    second = await pressed(bot, following)
    assert [line.rpartition(" ")[2] for line in second.body.split("\n")] == ["1.", "0."]


async def test_facts_are_added_corrected_and_forgotten(bot: Bot):
    added = await bot.does(command("memory add", text="Rufus is a dog.", about="Rufus"))
    assert (await bot.answer(added)).body.startswith("I will remember that.")
    memory = await chat_of(await ann_in())
    (fact,) = await facts.holding(memory.id)
    assert (fact.subject, fact.text, fact.verdict) == ("Rufus", "Rufus is a dog.", "checked")
    await bot.does(command(f"memory edit: #{fact.id} Rufus is a wolf."))
    assert [f.text for f in await facts.holding(memory.id)] == ["Rufus is a wolf."]
    item = await shows(bot, "memory forget", what=f"#{fact.id}")
    (gone,) = actions(item)["mem_drop"]
    assert (await pressed(bot, gone)).body.startswith("It is forgotten.")
    assert await facts.holding(memory.id) == []
    again = await pressed(bot, gone)
    assert again.body == wording("memory.unknown")


async def test_a_question_is_tracked_and_pins_hold_by_its_answer(bot: Bot):
    await bot.does(command("memory track: Is Tamsel hurt?", about="Tamsel", every="2", attach="search"))
    memory = await chat_of(await ann_in())
    (asked,) = await tracked.questions(memory.id)
    assert (asked.question, asked.subject, asked.every, asked.attach) == ("Is Tamsel hurt?", "Tamsel", 2, "search")
    exchange = await said(await ann_in(), "She fell.")
    await tracked.answer(asked.id, "Yes.", "1", page_id=None, message_id=exchange.said.id)
    assert (
        "**Is Tamsel hurt?** Yes. *(only found by searches, answered every 2 messages)*"
        in (await shows(bot, "memory track")).body
    )
    assert "Is Tamsel hurt?" in (await shows(bot, "memory search", text="tamsel")).body
    await bot.does(command("memory pin: Tamsel cannot walk.", **{"while": f"#{asked.id}", "value": "yes"}))
    held = await told.of_chat(memory.conversation_id or 0, memory.persona_id or 0, memory.epoch or 0)
    assert [each.text for each in pins.in_force(held.pins, held.questions)] == ["Tamsel cannot walk."]
    listed = await shows(bot, "memory pin")
    assert f"Tamsel cannot walk. *(while the answer to #{asked.id} is “yes”)*" in listed.body
    item = await pressed(bot, actions(listed)["mem_item"][0])
    await pressed(bot, actions(item)["mem_drop"][0])
    assert await pins.pins(memory.id) == []
    question = await pressed(bot, actions(await shows(bot, "memory track"))["mem_item"][0])
    assert (await pressed(bot, actions(question)["mem_drop"][0])).body.startswith("That question is not followed")
    assert await tracked.questions(memory.id) == []


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"test": "is", "value": "yes"}, "memory.rule_without_question"),
        ({"while": "#7"}, "memory.no_question"),
        ({"while": "seven"}, "memory.no_number"),
    ],
)
async def test_a_rule_that_is_none_pins_nothing(bot: Bot, values: dict[str, str], key: str):
    answer = await shows(bot, "memory pin: Mind the step.", **values)
    assert answer.body == wording(key, {"text": "seven", "number": "7"})
    assert await rows("SELECT FROM pins") == []


@pytest.mark.parametrize("text", [FORBIDDEN, "x" * 501])
async def test_what_is_refused_or_too_long_leaves_nothing(bot: Bot, text: str):
    memory = await chat_of(await ann_in())
    fact = await facts.add_by_hand(memory.id, (await ann_in()).user.id, "Ann", "Fine.", "checked")
    for payload in (
        command("memory add", text=text),
        command("memory edit", fact=str(fact), text=text),
        command("memory track", question=text),
        command("memory pin", text=text),
    ):
        assert (await bot.answer(await bot.does(payload))).private
    assert [f.text for f in await facts.holding(memory.id)] == ["Fine."]
    assert await rows("SELECT FROM pins UNION ALL SELECT FROM tracked_questions") == []


async def test_what_waits_for_a_verdict_is_not_shown_in_a_group(bot: Bot):
    bot.router._moderation = ModerationPolicy(classified=True)
    await bot.does(command("memory add", text="Rufus is a dog.", about="Rufus"), group="den")
    (job,) = await rows("SELECT type, parameters FROM jobs")
    assert job["type"] == "judge_memory"
    seen = await bot.answer(await bot.does(command("memory show"), group="den"))
    assert "Rufus" not in seen.body
    assert "(being checked)" in seen.body
    await rows("UPDATE facts SET verdict = 'checked'")
    assert "Rufus is a dog." in (await bot.answer(await bot.does(command("memory show"), group="den"))).body


async def test_a_pinned_or_replaced_fact_that_waits_for_a_verdict_is_not_shown_in_a_group(bot: Bot):
    ann = await ann_in("den")
    old = await learnt(ann, "I have a dog called Rufus.")
    memory = await chat_of(ann)
    await pins.pin(memory.id, ann.user.id, "checked", fact_id=old)
    await facts.edit(ann.account.id, ann.user.id, old, "Rufus is rude.", "unchecked")
    listed = await bot.answer(await bot.does(command("memory show", what="pins"), group="den"))
    assert "(being checked)" in listed.body
    assert "rude" not in listed.body
    known = await elements.known(memory, [f"pin:{(await pins.pins(memory.id))[0].id}"])
    assert [each.verdict for each in known.values()] == ["unchecked"]
    new = NewFact("Ann", "I have no dog.", "person", 5, "1", user_id=ann.user.id, replaces=(old,))
    await facts.put(memory.id, [new])
    shown = await bot.answer(await bot.does(command("memory show"), group="den"))
    item = await pressed(bot, actions(shown)["mem_item"][0], group="den")
    assert "I have no dog." in item.body
    assert "rude" not in item.body


async def test_in_a_group_members_change_what_is_theirs_and_moderators_everything(bot: Bot):
    ann, ben = await ann_in("den"), await somebody("ben", chat="den", kind="group")
    of_ann, of_ben = await learnt(ann, "Ann has a dog."), await learnt(ben, "Ben has a cat.")
    memory = await chat_of(ann)
    told_ann = await bot.answer(await bot.does(command("memory edit", fact=f"#{of_ann}", text="A wolf."), group="den"))
    assert told_ann.body == wording("memory.changed")
    for payload in (
        command("memory edit", fact=f"#{of_ben}", text="A dog."),
        command("memory forget", what="cat"),
        command("memory track", question="Is it hurt?"),
        command("memory pin", text="Ben is a liar."),
    ):
        refused = await bot.answer(await bot.does(payload, group="den"))
        assert "You may not make the persona forget here" in refused.body
    data = press("mem_drop", ann.user.id, minute(), memory.id, "fact", of_ben)
    assert "You may not" in (await bot.answer(await bot.does(data, group="den"))).body
    assert {f.text for f in await facts.holding(memory.id)} == {"A wolf.", "Ben has a cat."}
    await bot.does(data, group="den", role="moderator")
    assert [f.text for f in await facts.holding(memory.id)] == ["A wolf."]
    assert [r["action"] for r in await rows("SELECT action FROM audit ORDER BY id")] == [
        "memory_edit",
        "memory_forget",
    ]


async def test_another_channel_another_person_and_another_account_see_nothing(bot: Bot):
    ann = await ann_in("den")
    fact = await learnt(ann, "The treasure is under the oak.")
    memory = await chat_of(ann)
    listed = press("mem_list", ann.user.id, minute(), memory.id, "facts", 0)
    item = press("mem_item", ann.user.id, minute(), memory.id, "fact", fact)
    here = event_of(listed, name="ann", group="den")
    elsewhere = ConversationRef(chat_id="den-2", kind="group")
    missing = wording("memory.unknown")
    for payload in (listed, item):
        other_channel = event_of(payload, name="ann", group="den").model_copy(update={"conversation": elsewhere})
        assert await told_by(bot, other_channel) == missing
        assert await told_by(bot, event_of(payload, name="ann")) == missing
        not_theirs = await told_by(bot, event_of(payload, name="ben", group="den"))
        assert "opened by somebody else" in not_theirs
    assert "oak" in await told_by(bot, here)
    await chats.reset(ann.conversation.id)
    assert await told_by(bot, event_of(listed, name="ann", group="den")) == missing


async def test_an_entry_of_another_memory_is_not_opened_under_this_one(bot: Bot):
    ben = await somebody("ben")
    fact = await learnt(ben, "The treasure is under the oak.")
    message = await row("SELECT min(id) AS id FROM chat_messages")
    assert message is not None
    mine = await chat_of(await ann_in())
    ann = (await ann_in()).user.id
    for part, entry in (("fact", fact), ("msg", message["id"]), ("page", 1), ("sum", 1), ("nonsense", 1)):
        for verb in ("mem_item", "mem_drop"):
            answer = await bot.answer(await bot.does(press(verb, ann, minute(), mine.id, part, entry)))
            assert answer.body == wording("memory.unknown"), (verb, part)
    assert await facts.get(ben.account.id, fact) is not None


async def test_a_storys_memory_is_its_players(bot: Bot):
    story, page = await begun(bot, group="den")
    await note_page(page.id, "sfw")
    memory = await memories.of_story(story.account_id, story.id)
    assert memory is not None
    (fact,) = await facts.put(memory.id, [NewFact("Door", "It is green.", "thing", 5, "1", page_id=page.id)])
    listed = await bot.answer(await bot.does(command("memory show"), group="den"))
    assert listed.title == "What “The door” remembers: facts"
    item = await bot.answer(await bot.does(command("memory forget", what=f"#{fact}"), group="den"))
    assert "From: Page 1 · The door" in item.body
    await bot.does(command("memory add", text="The key is under the mat.", about="Key"), group="den")
    assert len(await facts.holding(memory.id, page.id)) == 2
    ben = await somebody("ben", chat="den", kind="group")
    for payload in (
        command("memory show", of="story"),
        press("mem_item", ben.user.id, minute(), memory.id, "fact", fact),
        press("mem_drop", ben.user.id, minute(), memory.id, "fact", fact),
    ):
        refused = await bot.answer(await bot.does(payload, name="ben", group="den"))
        assert refused.body.startswith("Only the person who started this story acts in it")
    assert "persona" not in (await bot.answer(await bot.does(command("memory show", of="chat"), group="den"))).title
    await rows("UPDATE stories SET rating = 'nsfw'")
    hidden = await bot.answer(await bot.does(command("memory show"), group="den"))
    assert hidden.body == wording("rating.place_refuses")


async def test_in_an_open_story_only_the_owner_changes_what_pages_say(bot: Bot):
    story, page = await begun(bot, "open", group="den")
    await note_page(page.id, "sfw")
    memory = await memories.of_story(story.account_id, story.id)
    assert memory is not None
    (fact,) = await facts.put(memory.id, [NewFact("Door", "It is green.", "thing", 5, "1", page_id=page.id)])
    ben = await somebody("ben", chat="den", kind="group")
    drop = press("mem_drop", ben.user.id, minute(), memory.id, "fact", fact)
    refused = await bot.answer(await bot.does(drop, name="ben", group="den"))
    assert refused.body.startswith("Only the owner of this story may change that")
    ann = (await ann_in("den")).user.id
    await bot.does(press("mem_drop", ann, minute(), memory.id, "fact", fact), group="den")
    assert await facts.holding(memory.id, page.id) == []


async def test_what_was_written_for_adults_is_not_shown_where_they_may_not_be(bot: Bot):
    await learnt(await ann_in("den"), "Ann has a dog.")
    await rows("UPDATE memories SET rating = 'nsfw'")
    answer = await bot.answer(await bot.does(command("memory show"), group="den"))
    assert answer.body == wording("rating.place_refuses")


async def test_the_form_to_correct_a_fact_shows_how_it_reads(bot: Bot):
    fact = await learnt(await ann_in(), "I have a dog.")
    memory, ann = await chat_of(await ann_in()), (await ann_in()).user.id
    asked = await bot.answer(await bot.does(press("mem_edit", ann, minute(), memory.id, fact)))
    assert asked.asks is not None
    assert asked.asks.value == "I have a dog."
    await bot.does(say("I have a wolf."))
    assert [f.text for f in await facts.holding(memory.id)] == ["I have a wolf."]


async def told_by(bot: Bot, event: Event) -> str:
    await bot.router.dispatch(event)
    (message,) = [m for m in [await bot.composer.compose(r) for r in await outbox.of_event(event.key)] if m]
    return clean(message.body)


def minute() -> int:

    return int(time.time() // 60)
