"""Facts, tracked questions, pins and plots: each holds on its own ways, and goes with what it was made from."""

import pytest

from db import chats, stories
from db.connection import row, rows, transaction
from db.errors import BadInput, NotFound
from db.memory import facts, memories, pins, plots, tracked
from db.memory.facts import NewFact
from db.memory.memories import MemoryRecord
from db.memory.pins import PinRule
from db.people import Who
from db.stories import Page
from tests.db.test_memories import ann, chat_memory, said, story_memory, told, turn
from tests.db.world import somebody

__all__ = ["ann"]


def fact(text: str, page: Page | None = None, **more: object) -> NewFact:
    given = {"subject": "Tamsel", "kind": "person", "importance": 5, "version": "1", **more}
    return NewFact(text=text, page_id=None if page is None else page.id, **given)  # pyright: ignore[reportArgumentType]


async def texts(memory: MemoryRecord, page: Page | None = None, known_to: str = "") -> list[str]:
    return [f.text for f in await facts.holding(memory.id, None if page is None else page.id, known_to=known_to)]


async def fork(who: Who, pages: list[Page], at: int) -> Page:
    """Another way from one of the pages."""
    story = await stories.get(who.account.id, pages[0].story_id)
    assert story is not None
    here, revision = pages[-1], story.revision
    while here.id != pages[at].id:
        async with transaction():
            here = (await stories.back(who.account.id, who.user.id, here.id, revision)).page
        revision += 1
    return await turn(who, here, 2)


async def test_a_contradicted_fact_holds_in_the_other_branch(database: str):
    who = await somebody()
    _, pages = await told(who, 4)
    memory = await story_memory(pages[-1])
    (old,) = await facts.put(memory.id, [fact("Tamsel is well.", pages[0])])
    (new,) = await facts.put(memory.id, [fact("Tamsel is hurt.", pages[3], replaces=[old])])
    assert await texts(memory, pages[2]) == ["Tamsel is well."]
    assert await texts(memory, pages[3]) == ["Tamsel is hurt."]
    other = await fork(who, pages, 1)
    assert await texts(memory, other) == ["Tamsel is well."]
    assert [f.text for f in await facts.history(who.account.id, new)] == ["Tamsel is well."]


async def test_a_fact_goes_with_its_source_and_what_it_replaced_holds_again(ann: Who):
    exchanges = [await said(ann, str(n)) for n in range(2)]
    memory = await chat_memory(exchanges[0])
    (old,) = await facts.put(memory.id, [fact("Lives in Lyon.", message_id=exchanges[0].said.id)])
    later = exchanges[1].said.id
    await facts.put(memory.id, [fact("Lives in Brest.", message_id=later, user_id=ann.user.id, replaces=[old])])
    assert await texts(memory) == ["Lives in Brest."]
    await rows("UPDATE chat_messages SET text = 'no, not that' WHERE id = $1", later)
    assert await texts(memory) == ["Lives in Lyon."]
    await chats.reset(ann.conversation.id)
    assert await texts(memory) == []


async def test_the_same_is_not_learnt_twice(ann: Who):
    exchange = await said(ann, "0")
    memory = await chat_memory(exchange)
    same = fact("Lives in Lyon.", message_id=exchange.said.id)
    assert len(await facts.put(memory.id, [same, same])) == 1
    assert await facts.put(memory.id, [same]) == []
    assert await facts.put(memory.id, [fact("Gone.", message_id=2**40)]) == [], "its message was deleted meanwhile"


async def test_who_was_not_there_does_not_know(database: str):
    _, pages = await told(await somebody(), 2)
    memory = await story_memory(pages[-1])
    await facts.put(
        memory.id, [fact("There is a key.", pages[0], present=["Tamsel"]), fact("It rains.", pages[0], importance=1)]
    )
    assert await texts(memory, pages[1], known_to="tamsel") == ["There is a key.", "It rains."]
    assert await texts(memory, pages[1], known_to="Orrin") == ["It rains."]


async def test_forgetting_takes_what_was_replaced_and_everything_about_a_word(ann: Who):
    exchange = await said(ann, "0")
    memory = await chat_memory(exchange)
    (old,) = await facts.put(memory.id, [fact("Lives in Lyon.")])
    (new,) = await facts.put(memory.id, [fact("Lives in Brest.", replaces=[old])])
    await facts.forget(ann.account.id, new)
    assert await texts(memory) == []
    with pytest.raises(NotFound):
        await facts.forget(ann.account.id, new)
    await facts.add_by_hand(memory.id, ann.user.id, "Rex", "Rex is a dog.", "checked")
    await pins.pin(memory.id, ann.user.id, "checked", text="Mind the dog.")
    assert await facts.forget_about(ann.account.id, memory.id, "DOG") == 2
    assert await texts(memory) == []
    now = await memories.get(memory.id)
    assert now is not None
    assert (now.forgotten, now.changes) == (["DOG"], memory.changes + 1)
    with pytest.raises(BadInput):
        await facts.forget_about(ann.account.id, memory.id, " ")


async def test_what_a_person_adds_has_bounds(ann: Who, monkeypatch: pytest.MonkeyPatch):
    memory = await chat_memory(await said(ann, "0"))
    for text in ("", "x" * (facts.TEXT_CHARS + 1)):
        with pytest.raises(BadInput):
            await facts.add_by_hand(memory.id, ann.user.id, "Rex", text, "checked")
    monkeypatch.setattr(facts, "BY_HAND", 1)
    first = await facts.add_by_hand(memory.id, ann.user.id, "Rex", "Rex is a dog.", "checked")
    with pytest.raises(BadInput):
        await facts.add_by_hand(memory.id, ann.user.id, "Rex", "Rex is old.", "checked")
    await facts.edit(ann.account.id, ann.user.id, first, "Rex is a wolf.", "checked")
    assert await texts(memory) == ["Rex is a wolf."]


async def test_questions_are_answered_on_each_way_and_pins_follow_the_answers(database: str):
    who = await somebody()
    _, pages = await told(who, 3)
    memory = await story_memory(pages[-1])
    hurt = await tracked.track(memory.id, who.user.id, "Is Tamsel hurt?", "checked", subject="Tamsel", attach="mention")
    rule = PinRule(hurt, "has", "yes")
    await pins.pin(memory.id, who.user.id, "checked", text="Tamsel limps.", rule=rule)
    await pins.pin(memory.id, who.user.id, "checked", text="From here on it snows.", page_id=pages[2].id)
    await tracked.answer(hurt, "No.", "1", page_id=pages[0].id, message_id=None)
    await tracked.answer(hurt, "Yes, in the leg.", "1", page_id=pages[2].id, message_id=None)

    async def pinned(page: Page) -> list[str]:
        return [p.text for p in pins.in_force(await pins.pins(memory.id, page.id), await asked(page))]

    async def asked(page: Page) -> list[tracked.Tracked]:
        return await tracked.questions(memory.id, page.id)

    assert [q.answer for q in await asked(pages[2])] == ["Yes, in the leg."]
    assert await pinned(pages[2]) == ["Tamsel limps.", "From here on it snows."]
    other = await fork(who, pages, 1)
    assert [q.answer for q in await asked(other)] == ["No."]
    assert await pinned(other) == []
    assert tracked.mentioned(await asked(other), "And tamsel?") != []
    assert tracked.mentioned(await asked(other), "And Orrin?") == []
    await rows("UPDATE pages SET text = 'changed' WHERE id = $1", pages[2].id)
    assert [q.answer for q in await asked(pages[2])] == ["No."]
    await tracked.untrack(who.account.id, hurt)
    assert [p.text for p in await pins.pins(memory.id, pages[2].id)] == ["From here on it snows."]


@pytest.mark.parametrize(
    ("test", "value", "answer", "expected"),
    [
        ("is", "yes", "Yes.", True),
        ("is", "yes", "Yes, badly.", False),
        ("is_not", "yes", "No.", True),
        ("has", "left leg", "Yes: the LEFT leg.", True),
        ("has", "leg", "He is elegant.", False),
        ("has_not", "leg", "The arm.", True),
        ("known", "", "Somewhere.", True),
        ("known", "", "Unknown.", False),
        ("is_not", "yes", "", False),
    ],
)
def test_rules_over_answers(test: pins.PinTest, value: str, answer: str, expected: bool):
    pin = pins.Pin(1, 1, None, None, "x", 7, test, value, "checked")
    assert pins.holds(pin, {7: answer}) is expected


async def test_notes_are_those_of_the_way(database: str):
    who = await somebody()
    _, pages = await told(who, 4)
    memory = await story_memory(pages[-1])
    await plots.put(memory.id, pages[1].id, {"outline": "until two"}, "1")
    await plots.put(memory.id, pages[3].id, {"outline": "until four"}, "1")

    async def outline(page: Page) -> object:
        found = await plots.latest(page.id)
        return None if found is None else found.content["outline"]

    assert [await outline(page) for page in pages] == [None, "until two", "until two", "until four"]
    before = await plots.before(pages[3].id)
    assert before is not None
    assert before.page_id == pages[1].id
    assert await outline(await fork(who, pages, 2)) == "until two"
    await rows("UPDATE pages SET text = 'changed' WHERE id = $1", pages[0].id)
    assert await row("SELECT 1 FROM plots") is None
