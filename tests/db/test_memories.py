"""Memories: summaries hang on their way, an edit makes them stale, and what is due is started once."""

import pytest

from db import chat_turns, chats, jobs, personas, stories
from db.connection import row, rows, transaction
from db.memory import memories, past, summaries
from db.memory.memories import MemoryRecord, Remember
from db.memory.summaries import NewSummary
from db.people import Who
from db.stories import Page, Story
from tests.db.world import note_page, somebody

CHUNK, FANOUT = 4, 4


async def told(who: Who, pages: int) -> tuple[Story, list[Page]]:
    """A story of so many pages."""
    async with transaction():
        move = await stories.create(
            account_id=who.account.id, owner_id=who.user.id, conversation_id=who.conversation.id, premise="a", seed=1
        )
        written = [await write(move.page)]
    while len(written) < pages:
        written.append(await turn(who, written[-1], 1))
    return move.story, written


async def write(page: Page) -> Page:
    made = await stories.attach_page(
        page.id, title="", text=f"Page {page.number}.", ending=False, choices=[("left", "bold"), ("right", "careful")]
    )
    assert made is not None
    return made


async def turn(who: Who, page: Page, choice: int) -> Page:
    story = await stories.get(who.account.id, page.story_id)
    assert story is not None
    async with transaction():
        move = await stories.choose(who.account.id, who.user.id, page.id, story.revision, choice)
        return await write(move.page)


async def story_memory(page: Page) -> MemoryRecord:
    await note_page(page.id, "sfw")
    found = await row("SELECT id FROM memories WHERE story_id = $1", page.story_id)
    assert found is not None
    memory = await memories.get(found["id"])
    assert memory is not None
    return memory


async def summarise(
    memory: MemoryRecord, end: Page, level: int = 1, size: int = CHUNK, previous: int | None = None
) -> int:
    new = NewSummary(
        level=level, page_id=end.id, message_id=None, first=end.number - size, last=end.number - 1, first_said=None,
        last_said=None, jumps=[], kind="narration", text=f"until {end.number}", source_hash="x", version="1",
    )  # fmt: skip
    return await summaries.put(memory.id, new, previous)


async def grid(memory: MemoryRecord, pages: list[Page], levels: int = 3) -> None:
    """All summaries of a story of 64 pages at most."""
    for level in range(1, levels + 1):
        size, previous = CHUNK * FANOUT ** (level - 1), None
        for end in pages[size - 1 :: size]:
            previous = await summarise(memory, end, level, size, previous)


async def shown(page: Page, per_level: int = 64) -> list[tuple[int, int, int]]:
    found = await summaries.of_story(page.id, chunk=CHUNK, fanout=FANOUT, per_level=per_level)
    return [(s.level, s.first, s.last) for s in found if not s.stale]


async def test_branches_share_the_summaries_of_what_they_have_in_common(database: str):
    who = await somebody()
    _, pages = await told(who, 9)
    memory = await story_memory(pages[-1])
    first = await summarise(memory, pages[3])
    await summarise(memory, pages[7], previous=first)
    assert await shown(pages[8]) == [(1, 0, 3), (1, 4, 7)]
    story = await stories.get(who.account.id, pages[0].story_id)
    assert story is not None
    at, revision = pages[8], story.revision
    while at.number > 5:  # back to the fifth page, and another way from there
        async with transaction():
            at = (await stories.back(who.account.id, who.user.id, at.id, revision)).page
        revision += 1
    other = await turn(who, pages[4], 2)
    for _ in range(3):
        other = await turn(who, other, 1)
    assert other.number == 9
    assert await shown(other) == [(1, 0, 3)]


async def test_only_the_last_summaries_of_each_level_are_read(database: str):
    _, pages = await told(await somebody(), 64)
    await grid(await story_memory(pages[-1]), pages)
    assert len(await shown(pages[-1])) == 16 + 4 + 1
    assert await shown(pages[-1], per_level=2) == [(1, 56, 59), (1, 60, 63), (2, 32, 47), (2, 48, 63), (3, 0, 63)]
    top = (await summaries.of_story(pages[-1].id, chunk=CHUNK, fanout=FANOUT))[-1]
    parts = await summaries.parts(top, chunk=CHUNK, fanout=FANOUT)
    assert [(p.level, p.first) for p in parts] == [(2, 0), (2, 16), (2, 32), (2, 48)]
    below = await summaries.parts(parts[1], chunk=CHUNK, fanout=FANOUT)
    assert [(p.level, p.first) for p in below] == [
        (1, 16),
        (1, 20),
        (1, 24),
        (1, 28),
    ]


async def test_an_edit_makes_the_summaries_behind_it_stale(database: str):
    _, pages = await told(await somebody(), 16)
    memory = await story_memory(pages[-1])
    await grid(memory, pages, 2)
    await rows("UPDATE pages SET text = 'Another page.' WHERE id = $1", pages[5].id)
    assert await shown(pages[-1]) == [(1, 0, 3)]
    due = await memories.get(memory.id)
    assert due is not None
    assert due.due_at is not None
    first = (await summaries.of_story(pages[-1].id, chunk=CHUNK, fanout=FANOUT))[0]
    await summarise(memory, pages[7], previous=first.id)
    assert await shown(pages[-1]) == [(1, 0, 3), (1, 4, 7)]


async def said(who: Who, text: str) -> chats.Exchange:
    exchange = await chats.say(who.conversation, await personas.active(who.conversation), who.user.id, text)
    await chats.attach_reply(exchange.reply.id, f"You said {text}.")
    return exchange


@pytest.fixture
async def ann(database: str) -> Who:
    await personas.sync_shipped([{"key": "bo", "name": "Bo"}])
    return await somebody()


async def chat_memory(exchange: chats.Exchange) -> MemoryRecord:
    await memories.note_reply(exchange.reply.id, "sfw")
    found = await memories.of_chat(exchange.said.conversation_id, exchange.said.persona_id)
    assert found is not None
    return found


async def summarise_chat(memory: MemoryRecord, exchanges: list[chats.Exchange], first: int) -> None:
    new = NewSummary(
        level=1, page_id=None, message_id=exchanges[-1].reply.id, first=first, last=first + 2 * len(exchanges) - 1,
        first_said=exchanges[0].said.id, last_said=exchanges[-1].said.id, jumps=[], kind="dialogue", text="A talk.",
        source_hash="x", version="1",
    )  # fmt: skip
    await summaries.put(memory.id, new, None)


async def of_chat(memory: MemoryRecord) -> list[tuple[int, int, bool]]:
    assert memory.conversation_id is not None
    assert memory.persona_id is not None
    assert memory.epoch is not None
    found = await summaries.of_chat(memory.conversation_id, memory.persona_id, memory.epoch)
    return [(s.first, s.last, s.stale) for s in found]


async def test_another_variant_or_text_makes_a_chats_summaries_stale(ann: Who):
    exchanges = [await said(ann, str(n)) for n in range(8)]
    memory = await chat_memory(exchanges[-1])
    await summarise_chat(memory, exchanges[:4], 0)
    await summarise_chat(memory, exchanges[4:], 8)
    assert await of_chat(memory) == [(0, 7, False), (8, 15, False)]
    again = await chat_turns.again(ann.conversation, exchanges[-1].reply.id)
    assert await of_chat(memory) == [(0, 7, False), (8, 15, False)]
    await chats.attach_reply(again.reply.id, "Something else.")
    assert await of_chat(memory) == [(0, 7, False), (8, 15, True)]
    await rows("UPDATE chat_messages SET text = 'changed' WHERE id = $1", exchanges[2].said.id)
    assert await of_chat(memory) == [(0, 7, True), (8, 15, True)]


async def test_a_deleted_message_takes_its_summaries_with_it(ann: Who):
    exchanges = [await said(ann, str(n)) for n in range(8)]
    memory = await chat_memory(exchanges[-1])
    await summarise_chat(memory, exchanges[:4], 0)
    await summarise_chat(memory, exchanges[4:], 8)
    await rows("DELETE FROM chat_messages WHERE id = $1", exchanges[1].said.id)
    assert await of_chat(memory) == [(8, 15, False)]


async def test_the_past_of_a_chat_ends_before_what_may_still_change(ann: Who):
    exchanges = [await said(ann, str(n)) for n in range(3)]
    where = (ann.conversation.id, exchanges[0].said.persona_id, 0)
    found = await past.messages(*where)
    assert [(m.role, m.text, m.speaker) for m in found] == [
        ("user", "0", "ann"), ("persona", "You said 0.", ""), ("user", "1", "ann"), ("persona", "You said 1.", "")
    ]  # fmt: skip
    assert [m.text for m in await past.messages(*where, (found[1].said, found[1].id))] == ["1", "You said 1."]
    await chats.say(ann.conversation, await personas.active(ann.conversation), ann.user.id, "and now?")
    assert len(await past.messages(*where)) == 6


async def test_a_reset_begins_a_new_memory(ann: Who):
    memory = await chat_memory(await said(ann, "hello"))
    await chats.reset(ann.conversation.id)
    assert await memories.get(memory.id) is None


async def due() -> list[int]:
    await rows("UPDATE memories SET due_at = now() WHERE due_at > now()")
    return [w.id for w in await memories.start_due(10)]


async def test_what_is_due_is_started_once(ann: Who):
    _, pages = await told(ann, 4)
    for page in pages[:3]:
        await note_page(page.id, "sfw")
    assert await due() == []
    memory = await story_memory(pages[3])
    (job_id,) = await due()
    assert await due() == [], "it is under way"
    job = await jobs.claim(job_id)
    assert job is not None
    assert job.lease_token is not None
    assert job.priority == jobs.BACKGROUND
    assert Remember.model_validate(job.parameters) == Remember(memory=memory.id, story=pages[0].story_id)
    await note_page(pages[3].id, "sfw")
    await memories.settle(memory, read_to=0, more=False)
    await jobs.finish(job_id, job.lease_token)
    assert await due() == [], "one page is not enough"
    now = await memories.get(memory.id)
    assert now is not None
    assert now.unread == 1


async def test_a_quiet_chat_is_due(ann: Who):
    memory = await chat_memory(await said(ann, "hello"))
    assert memory.due_at is not None
    assert await memories.start_due(10) == []
    assert len(await due()) == 1


async def test_a_job_that_was_lost_is_started_again(ann: Who):
    await chat_memory(await said(ann, "hello"))
    (job_id,) = await due()
    await jobs.cancel(job_id)
    assert await due() != []
