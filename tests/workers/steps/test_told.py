"""What is remembered reaches the prompts of replies and pages: of this chat, of this way of a story, and no other."""

from collections.abc import Sequence
from dataclasses import replace

from db import chats, jobs, personas, stories
from db.connection import transaction
from db.memory import facts, pins, plots, tracked
from db.memory.facts import NewFact
from db.memory.memories import MemoryRecord
from db.memory.pins import PinRule
from db.people import Who
from db.stories import Page
from db.work import BranchingPage, PersonaReply
from tests.db.test_facts import fork
from tests.db.test_memories import ann, chat_memory, said, story_memory, told
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.making import run_by
from tests.workers.steps.test_memory import remember
from workers.engines.text.chain import TextChain
from workers.runner import Runner
from workers.services import Services

__all__ = ["ann"]


async def prompt_of(services: Services, job: int) -> list[str]:
    """The messages of the first prompt of a job."""
    engine = ScriptedEngine(["Well, well. " * 10])
    await run_by(Runner(replace(services, text=TextChain((engine,))), 4), job)
    return [message.content for message in engine.requests[0].messages]


async def reply_to(services: Services, who: Who, text: str, at: int = -1) -> str:
    """The message that a persona is told when somebody says this, or what stands elsewhere in its prompt."""
    exchange = await chats.say(who.conversation, await personas.active(who.conversation), who.user.id, text)
    job = await jobs.add(
        PersonaReply(reply=exchange.reply.id), account_id=who.account.id, user_id=who.user.id,
        conversation_id=who.conversation.id, event_key="console:1", destination={"chat_id": "c"},
    )  # fmt: skip
    return (await prompt_of(services, job))[at]


async def next_page(services: Services, who: Who, page: Page) -> str:
    """The prompt of the page that follows."""
    story = await stories.get(who.account.id, page.story_id)
    assert story is not None
    async with transaction():
        move = await stories.choose(who.account.id, who.user.id, page.id, story.revision, 1)
    job = await jobs.add(
        BranchingPage(page=move.page.id), account_id=who.account.id, user_id=who.user.id,
        conversation_id=who.conversation.id, event_key="console:1", destination={"chat_id": "c"},
    )  # fmt: skip
    return "\n".join(await prompt_of(services, job))


async def about(memory: MemoryRecord, texts: Sequence[str], importance: int = 5) -> list[int]:
    return await facts.put(memory.id, [NewFact("Ann", text, "person", importance, "1") for text in texts])


async def test_what_was_learnt_is_told_until_it_is_forgotten(services: Services, ann: Who):
    for text in ("I have a dog called Rufus.", "So.", "Well.", "And?"):
        last = await said(ann, text)
    memory = await chat_memory(last)
    await remember(services)
    assert "- ann says: I have a dog called Rufus." in await reply_to(services, ann, "What did I tell you?")
    (fact,) = await facts.holding(memory.id)
    await facts.forget(ann.account.id, fact.id)
    assert await reply_to(services, ann, "And now?") == "And now?"


async def test_another_chat_and_what_was_reset_are_not_told(services: Services, ann: Who):
    memory = await chat_memory(await said(ann, "hello"))
    await about(memory, ["Ann has a boat."])
    other = await somebody("ben")
    await chat_memory(await said(other, "hello"))
    assert await reply_to(services, other, "Who has a boat?") == "Who has a boat?"
    assert "Ann has a boat." in await reply_to(services, ann, "Who has a boat?")
    await chats.reset(ann.conversation.id)
    again = await somebody()
    assert await reply_to(services, again, "Who has a boat?") == "Who has a boat?"


async def test_of_many_facts_the_weightiest_and_those_that_are_spoken_of_are_told(services: Services, ann: Who):
    memory = await chat_memory(await said(ann, "hello"))
    await about(memory, ["Ann fears violins."], 1)
    await about(memory, [f"Ann has seen the town number {n} of the valley." for n in range(120)], 3)
    await about(memory, ["Ann is called Hope."], 10)
    prompt = await reply_to(services, ann, "Somebody played the violin last night.")
    assert "- Ann fears violins." in prompt
    assert "- Ann is called Hope." in prompt
    assert prompt.count("\n- ") == 12


async def test_pins_come_first_and_answers_when_their_subject_is_named(services: Services, ann: Who):
    message = await said(ann, "hello")
    memory = await chat_memory(message)
    await about(memory, ["Ann has a boat."])
    asked = await tracked.track(
        memory.id, ann.user.id, "Is Tamsel hurt?", "checked", subject="Tamsel", attach="mention"
    )
    await tracked.answer(asked, "No.", "1", page_id=None, message_id=message.said.id)
    await pins.pin(memory.id, ann.user.id, "checked", text="We are on a ship.")
    rule = PinRule(asked, "is", "yes")
    await pins.pin(memory.id, ann.user.id, "checked", text="Tamsel cannot walk.", rule=rule)
    assert "Tamsel" not in await reply_to(services, ann, "Hello?")
    named = await reply_to(services, ann, "How is Tamsel?")
    assert named.index("- We are on a ship.") < named.index("- Is Tamsel hurt? No.") < named.index("- Ann has a boat.")
    assert "cannot walk" not in named
    await tracked.answer(asked, "Yes.", "1", page_id=None, message_id=message.said.id)
    assert "- Tamsel cannot walk." in await reply_to(services, ann, "And now?")


async def test_a_page_is_told_the_facts_and_the_plot_of_its_own_way(services: Services):
    who = await somebody()
    _, pages = await told(who, 6)
    memory = await story_memory(pages[-1])
    for at, text in ((1, "The tower has a bell."), (5, "The bell is broken.")):
        await facts.put(memory.id, [NewFact("Tower", text, "place", 5, "1", page_id=pages[at].id)])
    for at, outline in ((1, "A keeper waits."), (5, "The keeper has left.")):
        await plots.put(
            memory.id,
            pages[at].id,
            {
                "outline": outline,
                "threads": [{"title": "Who rang?", "open": True}],
                "characters": [{"name": "Tamsel", "state": "hurt", "place": "the tower"}],
            },
            "1",
        )
    here = await next_page(services, who, pages[-1])
    for note in ("The tower has a bell.", "Tower: The bell is broken.", "The keeper has left.", "Open: Who rang?",
                 "Tamsel: hurt; the tower"):  # fmt: skip
        assert f"- {note}" in here
    assert here.index("Page 6.") < here.index("The keeper has left.") < here.index("Write page 7.")
    assert "A keeper waits." not in here


async def test_a_page_of_another_branch_is_told_what_holds_there(services: Services):
    who = await somebody()
    _, pages = await told(who, 6)
    memory = await story_memory(pages[-1])
    (bell,) = await facts.put(
        memory.id, [NewFact("Tower", "The tower has a bell.", "place", 5, "1", page_id=pages[1].id)]
    )
    await facts.put(
        memory.id,
        [NewFact("Tower", "The bell is broken.", "place", 5, "1", page_id=pages[5].id, replaces=[bell])],
    )
    other = await fork(who, pages, 3)
    there = await next_page(services, who, other)
    assert "- The tower has a bell." in there
    assert "broken" not in there
