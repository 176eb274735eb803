"""Background work of memory, as workers do it without a model."""

import json
from dataclasses import replace
from typing import Any

import pytest

from db import chats, jobs, personas, stories
from db.connection import row, rows
from db.memory import facts, memories, past, plots, summaries, tracked
from db.memory.memories import MemoryRecord
from db.people import Who
from db.stories import Page
from db.work import PersonaReply
from tests.db.test_facts import fork
from tests.db.test_memories import ann, chat_memory, said, story_memory, told, turn
from tests.db.world import note_page, somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.making import a_job, run_by
from workers import remembering
from workers.engines.text.chain import TextChain
from workers.runner import Runner
from workers.services import Services

__all__ = ["ann"]


async def remember(services: Services, times: int = 1) -> None:
    """Run what is due, so often."""
    for _ in range(times):
        await rows("UPDATE memories SET due_at = now() WHERE due_at > now()")
        for wakeup in await memories.start_due(10):
            job = await jobs.claim(wakeup.id)
            assert job is not None
            await Runner(services, 4).run(job)
            done = await row("SELECT state, error FROM jobs WHERE id = $1", wakeup.id)
            assert done == {"state": "done", "error": ""}


async def places(page: Page) -> list[tuple[int, int, int]]:
    found = await summaries.of_story(page.id, chunk=4, fanout=4)
    return [(s.level, s.first, s.last) for s in found if not s.stale]


async def noted(pages: list[Page]) -> MemoryRecord:
    for page in pages[1:]:
        await note_page(page.id, "sfw")
    return await story_memory(pages[0])


async def written(page: Page, text: str) -> None:
    """What a page says, as if it had been written so."""
    await rows("ALTER TABLE pages DISABLE TRIGGER USER")
    await rows("UPDATE pages SET text = $2 WHERE id = $1", page.id, text)
    await rows("ALTER TABLE pages ENABLE TRIGGER USER")


async def test_a_storys_past_is_summarised_on_the_grid_and_followed(services: Services):
    who = await somebody()
    _, pages = await told(who, 17)
    await written(pages[1], "You meet Tamsel. Then Tamsel is hurt in the tower. Who did it?")
    memory = await noted(pages)
    await remember(services, 2)
    assert await places(pages[-1]) == [(1, 0, 3), (1, 4, 7), (1, 8, 11), (1, 12, 15), (2, 0, 15)]
    found = await summaries.of_story(pages[-1].id, chunk=4, fanout=4)
    assert "Tamsel is hurt" in found[0].text
    plot = await plots.latest(pages[-1].id)
    assert plot is not None
    assert plot.page_id == pages[15].id
    assert {"name": "Tamsel", "state": "Then Tamsel is hurt in the tower.", "place": "the tower"} in plot.content[
        "characters"
    ]
    assert {"title": "Who did it?", "open": True} in plot.content["threads"]
    now = await memories.get(memory.id)
    assert now is not None
    assert (now.unread, now.due_at) == (0, None)
    other = await fork(who, pages, 5)
    for _ in range(3):
        other = await turn(who, other, 1)
    assert await places(other) == [(1, 0, 3)]
    await note_page(other.id, "sfw")
    await rows("UPDATE memories SET due_at = now()")
    await remember(services)
    assert await places(other) == [(1, 0, 3), (1, 4, 7)]
    assert await row("SELECT count(*) AS n FROM summaries") == {"n": 6}, "what the branches share is there once"


async def test_a_time_jump_is_crossed_by_no_summary(services: Services):
    who = await somebody()
    _, pages = await told(who, 10)
    await written(pages[5], "Three years later, the tower is a ruin.")
    await noted(pages)
    await remember(services)
    assert await places(pages[-1]) == [(1, 0, 3), (1, 4, 4), (1, 5, 8), (2, 0, 4)]


async def test_after_an_edit_only_what_has_changed_is_written_anew(services: Services):
    who = await somebody()
    _, pages = await told(who, 9)
    await noted(pages)
    await remember(services)
    await rows("UPDATE pages SET text = 'The keeper is dead.' WHERE id = $1", pages[1].id)
    assert await places(pages[-1]) == []
    before = await row("SELECT count(*) AS n FROM ai_tasks WHERE function = 'summarise_narration'")
    await remember(services)
    assert await places(pages[-1]) == [(1, 0, 3), (1, 4, 7)]
    assert "The keeper is dead." in (await summaries.of_story(pages[-1].id, chunk=4, fanout=4))[0].text
    after = await row("SELECT count(*) AS n FROM ai_tasks WHERE function = 'summarise_narration'")
    assert before is not None
    assert after == {"n": before["n"] + 1}


SAYINGS = ["My name is Samuel.", "I live in Lyon.", "It rains.", "I live in Brest now.", "And now?", "Well.", "So."]


async def held(memory: MemoryRecord) -> list[tuple[str, str]]:
    return [(f.subject, f.text) for f in await facts.holding(memory.id)]


async def test_facts_of_a_chat_are_learnt_and_contradicted_ones_replaced(services: Services, ann: Who):
    exchanges = [await said(ann, text) for text in SAYINGS[:3]]
    memory = await chat_memory(exchanges[-1])
    await remember(services)
    assert await held(memory) == [("ann", "ann says: My name is Samuel."), ("ann", "ann says: I live in Lyon.")]
    exchanges += [await said(ann, text) for text in SAYINGS[3:]]
    await memories.note_reply(exchanges[-1].reply.id, "sfw")
    await remember(services)
    assert await held(memory) == [("ann", "ann says: My name is Samuel."), ("ann", "ann says: I live in Brest now.")]
    (name, home) = await facts.holding(memory.id)
    assert (home.message_id, home.user_id, home.present) == (exchanges[3].said.id, ann.user.id, ["ann", "Bo"])
    assert (name.message_id, name.kind, name.importance) == (exchanges[0].said.id, "person", 9)


async def test_a_chat_is_summarised_up_to_what_may_still_change(services: Services, ann: Who):
    exchanges = [await said(ann, f"I am {n} years old.") for n in range(20, 37)]
    memory = await chat_memory(exchanges[-1])
    await remember(services)
    assert memory.conversation_id is not None
    found = await summaries.of_chat(memory.conversation_id, exchanges[0].said.persona_id, 0)
    assert [(s.level, s.first, s.last) for s in found] == [(1, 0, 7), (1, 8, 15), (1, 16, 23), (1, 24, 31), (2, 0, 31)]
    assert found[3].message_id == exchanges[15].reply.id
    assert found[4].first_said == exchanges[0].said.id
    assert found[0].text.startswith("ann: I am 20 years old.")


async def test_a_silence_after_what_was_summarised_is_crossed_by_no_summary(services: Services, ann: Who):
    exchanges = [await said(ann, f"word {n}") for n in range(5)]
    memory = await chat_memory(exchanges[-1])
    await remember(services)
    await rows(
        "UPDATE chat_messages SET created_at = created_at - interval '30 days' WHERE id < $1", exchanges[4].said.id
    )
    exchanges += [await said(ann, f"word {n}") for n in range(5, 14)]
    await memories.note_reply(exchanges[-1].reply.id, "sfw")
    await remember(services, 2)
    assert memory.conversation_id is not None
    found = await summaries.of_chat(memory.conversation_id, exchanges[0].said.persona_id, 0)
    assert [(s.first, s.last) for s in found if s.level == 1] == [(0, 7), (8, 15), (16, 23)]
    assert found[1].jumps == [8]


async def test_old_messages_that_are_deleted_move_nothing(services: Services, ann: Who):
    exchanges = [await said(ann, f"word {n}") for n in range(9)]
    memory = await chat_memory(exchanges[-1])
    await remember(services)
    await rows("DELETE FROM chat_messages WHERE id = $1", exchanges[0].said.id)
    exchanges += [await said(ann, f"word {n}") for n in range(9, 13)]
    await memories.note_reply(exchanges[-1].reply.id, "sfw")
    await remember(services)
    assert memory.conversation_id is not None
    found = await summaries.of_chat(memory.conversation_id, exchanges[0].said.persona_id, 0)
    assert [(s.first, s.last) for s in found if s.level == 1] == [(8, 15), (16, 23)]


async def test_what_is_to_be_forgotten_is_not_read_again(services: Services, ann: Who):
    for text in ("I have a dog.", "My favourite colour is blue.", "So.", "Well.", "And?"):
        last = await said(ann, text)
    memory = await chat_memory(last)
    await remember(services)
    assert len(await held(memory)) == 2
    await facts.forget_about(ann.account.id, memory.id, "dog")
    await rows("UPDATE memories SET read_to = 0")
    await remember(services)
    assert await held(memory) == [("ann", "ann says: My favourite colour is blue.")]
    found = await row("SELECT text, stale FROM summaries")
    assert found is not None
    assert "dog" not in found["text"]
    assert not found["stale"]


async def test_questions_are_answered_every_few_pages(services: Services):
    who = await somebody()
    _, pages = await told(who, 3)
    await written(pages[2], "Tamsel is hurt and cannot walk.")
    memory = await story_memory(pages[-1])
    await tracked.track(memory.id, who.user.id, "Is Tamsel hurt?", "unchecked", subject="Tamsel", every=2)
    await tracked.track(memory.id, who.user.id, "Who is csam?", "unchecked")
    await remember(services)
    (question,) = await tracked.questions(memory.id, pages[-1].id)
    assert (question.answer, question.verdict) == ("Tamsel is hurt and cannot walk.", "checked")
    assert await row("SELECT verdict FROM tracked_questions ORDER BY id DESC LIMIT 1") == {"verdict": "refused"}
    here = await turn(who, pages[-1], 1)
    await rows("UPDATE memories SET due_at = now()")
    await remember(services)
    (question,) = await tracked.questions(memory.id, here.id)
    assert question.page_id == pages[2].id, "one page is not enough"
    here = await turn(who, here, 1)
    await rows("UPDATE memories SET due_at = now()")
    await remember(services)
    (question,) = await tracked.questions(memory.id, here.id)
    assert question.page_id == here.id


def model(services: Services, answer: Any) -> Services:
    said = answer if isinstance(answer, str) else json.dumps(answer)
    return replace(services, text=TextChain((ScriptedEngine([said] * 20),)))


async def test_a_models_facts_name_what_there_is(services: Services, ann: Who):
    exchanges = [await said(ann, text) for text in ("Call me Sam.", "I moved.", "So.")]
    memory = await chat_memory(exchanges[-1])
    (old,) = await facts.put(memory.id, [facts.NewFact("ann", "Lives in Lyon.", "person", 5, "1")])
    answer = {
        "facts": [
            {
                "about": "Sam",
                "fact": "Sam moved to Brest.",
                "kind": "castle",
                "importance": 70,
                "line": 3,
                "replaces": 1,
            },
            {"about": "Sam", "fact": "Sam has a cat.", "importance": 3, "line": 99, "replaces": []},
            {"about": "Sam", "fact": "Lives in Lyon.", "importance": 3, "line": 1, "replaces": []},
            {"about": "", "fact": "Nobody.", "importance": 3, "line": 1, "replaces": []},
        ]
    }
    await remember(model(services, answer))
    (only,) = await facts.holding(memory.id)
    assert (only.text, only.kind, only.importance) == ("Sam moved to Brest.", "event", 10)
    assert only.message_id == exchanges[1].said.id
    assert [f.id for f in await facts.history(ann.account.id, only.id)] == [old]


async def test_a_text_that_changes_while_it_is_read_leaves_nothing(services: Services, monkeypatch: pytest.MonkeyPatch):
    who = await somebody()
    _, pages = await told(who, 5)
    memory = await noted(pages)
    read = past.pages

    async def changed(page_id: int, after: int, most: int = past.MOST) -> list[past.PastText]:
        found = await read(page_id, after, most)
        await rows("UPDATE pages SET text = 'Changed.' WHERE id = $1", pages[0].id)
        monkeypatch.setattr(past, "pages", read)
        return found

    monkeypatch.setattr(past, "pages", changed)
    await remember(services)
    assert await places(pages[-1]) == []
    now = await memories.get(memory.id)
    assert now is not None
    assert now.due_at is not None
    await remember(services)
    assert await places(pages[-1]) == [(1, 0, 3)]


async def test_while_people_wait_nothing_is_begun(services: Services, ann: Who, chores: None):
    await chat_memory(await said(ann, "hello"))
    await rows("UPDATE memories SET due_at = now()")
    waiting = await a_job()
    assert await remembering.start_due(services.queue) == 0
    await jobs.cancel(waiting)
    assert await remembering.start_due(services.queue) == 1
    assert await remembering.start_due(services.queue) == 0


async def test_a_person_who_comes_later_starts_before_memory_that_waits(services: Services, ann: Who, chores: None):
    await chat_memory(await said(ann, "hello"))
    await rows("UPDATE memories SET due_at = now()")
    assert await remembering.start_due(services.queue) == 1
    asked = await a_job()
    room = jobs.Room()
    first, second = await jobs.claim_next("cpu", room), await jobs.claim_next("cpu", room)
    assert first is not None
    assert second is not None
    assert (first.id, second.type) == (asked, "remember")


async def test_a_run_ends_early_when_a_person_waits(services: Services, chores: None):
    who = await somebody()
    _, pages = await told(who, 17)
    await noted(pages)
    waiting = await a_job()
    await remember(services)
    assert await places(pages[-1]) == [(1, 0, 3)], "what was begun is kept"
    await jobs.cancel(waiting)
    await remember(services)
    assert await places(pages[-1]) == [(1, 0, 3), (1, 4, 7), (1, 8, 11), (1, 12, 15), (2, 0, 15)]


async def test_the_next_prompt_is_built_from_the_summaries_that_the_job_wrote(services: Services, ann: Who):
    days = [
        await said(ann, f"On day {n} I walked by the shore, found a shell, and carried it home.") for n in range(40)
    ]
    await chat_memory(days[-1])
    await remember(model(services, "They spoke of shells."), 3)
    (before,) = await rows("SELECT count(*) AS n, bool_and(text = 'They spoke of shells.') AS written FROM summaries")
    assert before == {"n": 11, "written": True}
    exchange = await chats.say(ann.conversation, await personas.active(ann.conversation), ann.user.id, "And today?")
    job = await jobs.add(
        PersonaReply(reply=exchange.reply.id), account_id=ann.account.id, user_id=ann.user.id,
        conversation_id=ann.conversation.id, event_key="console:1", destination={"chat_id": "c"},
    )  # fmt: skip
    engine = ScriptedEngine(["Today I rest."], context=1200)
    await run_by(Runner(replace(services, text=TextChain((engine,))), 4), job)
    (request,) = engine.requests
    system, *history = [message.content for message in request.messages]
    assert "- They spoke of shells.\n- They spoke of shells." in system
    assert history[-1] == "And today?"
    assert history[-3].startswith("On day 39 ")
    prompt = "\n".join((system, *history))
    assert len(prompt.split()) < 1200
    assert "On day 0 " not in prompt, "no extract stands in for a summary"


async def test_publishing_notes_what_is_new(services: Services, ann: Who):
    move = await stories.create(
        account_id=ann.account.id, owner_id=ann.user.id, conversation_id=ann.conversation.id, premise="a door", seed=1,
        rating="nsfw",
    )  # fmt: skip
    await note_page(move.page.id, "suggestive")
    assert await rows("SELECT rating, unread FROM memories") == [{"rating": "suggestive", "unread": 1}]
    await chats.reset(ann.conversation.id)
    assert await rows("SELECT rating, unread FROM memories") == [{"rating": "suggestive", "unread": 1}], "of a story"
