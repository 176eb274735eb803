"""The past of a story or a chat: where time has passed, in what is summarised and in what is not yet, and how much."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from db import accounts, chats, personas, sampling
from db.agents import SamplingChoice
from db.connection import rows
from db.people import Who
from tests.db.test_memories import chat_memory, said, story_memory, summarise_chat, told, turn
from tests.db.test_memories import summarise as summarise_story
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from workers.context.builder import ContextBuilder
from workers.context.settings import ContextSettings
from workers.engines.text.chain import TextChain
from workers.services import Services
from workers.steps.chat import persona_inputs
from workers.steps.past import read_chat, read_way


@pytest.fixture
async def ann(database: str) -> Who:
    await personas.sync_shipped([{"key": "bo", "name": "Bo"}])
    return await somebody()


async def read(services: Services, now: chats.Exchange) -> dict[str, Any]:
    """What a reply is written from."""
    found = await chats.pending(now.reply.id)
    assert found is not None
    return await read_chat(services, found)


async def silence_before(message_id: int, days: int) -> None:
    """All that was said before a message is so much older."""
    await rows("UPDATE chat_messages SET created_at = created_at - make_interval(days => $2) WHERE id < $1",
               message_id, days)  # fmt: skip


@pytest.mark.usefixtures("database")
async def test_a_story_jumps_in_pages_that_no_summary_stands_for(services: Services) -> None:
    _, pages = await told(await somebody(), 7)
    for number in (2, 4, 6):
        await rows("UPDATE pages SET text = 'Two years later, rain.' WHERE id = $1", pages[number - 1].id)
    found = await read_way(services, pages[6].id)
    assert found is not None
    assert found["jumps"] == [1, 3, 5]
    # The grid of a summary stays, whatever its pages say.
    await summarise_story(await story_memory(pages[6]), pages[3])
    found = await read_way(services, pages[6].id)
    assert found is not None
    assert [(s["first"], s["last"]) for s in found["summaries"]] == [(0, 3)]
    assert (len(found["pages"]), found["jumps"]) == (6, [5])


@pytest.mark.usefixtures("database")
async def test_the_page_that_is_written_begins_no_jump(services: Services) -> None:
    who = await somebody()
    _, pages = await told(who, 2)
    third = await turn(who, pages[1], 1)
    await rows("UPDATE pages SET text = 'Two years later, rain.' WHERE id = $1", third.id)
    found = await read_way(services, third.id)
    assert found is not None
    assert found["jumps"] == []


async def test_a_chat_jumps_where_nobody_said_anything_for_long(ann: Who, services: Services) -> None:
    exchanges = [await said(ann, f"{n}") for n in range(4)]
    await silence_before(exchanges[1].said.id, 13)
    await silence_before(exchanges[2].said.id, 15)
    await rows("UPDATE chat_messages SET text = 'Weeks later, I am here.' WHERE id = $1", exchanges[3].said.id)
    now = await said(ann, "now")
    assert (await read(services, now))["jumps"] == [4, 6]


async def test_a_silence_between_what_is_summarised_and_what_is_not_is_a_jump(ann: Who, services: Services) -> None:
    exchanges = [await said(ann, f"{n}" + 60_000 * "x") for n in range(2)]
    later = await said(ann, "and")
    await silence_before(later.said.id, 15)
    await summarise_chat(await chat_memory(exchanges[0]), exchanges, 0)
    now = await said(ann, "now")
    found = await read(services, now)
    assert (found["before"], found["jumps"]) == (4, [4])
    # The same where the last summarised message is told word for word, too.
    await rows("UPDATE chat_messages SET text = 'x' WHERE id = $1", exchanges[1].reply.id)
    await rows("UPDATE summaries SET stale = false")
    found = await read(services, now)
    assert found["before"] < 4
    assert found["jumps"] == [4]


@dataclass
class TwoModels(ScriptedEngine):
    """An engine whose model ``small`` has a small window."""

    async def context_size(self, model: str = "") -> int | None:
        return 100 if model == "small" else 10_000


@pytest.mark.usefixtures("database")
async def test_so_much_is_read_as_the_model_that_will_answer_has_room_for(services: Services) -> None:
    who = await somebody()
    _, pages = await told(who, 5)
    await rows("UPDATE pages SET text = repeat('word ', 400)")
    services = replace(services, text=TextChain([TwoModels([])]))

    async def read() -> int:
        found = await read_way(services, pages[4].id)
        assert found is not None
        assert found["before"] + len(found["path"]) == 4
        return len(found["pages"])

    assert await read() == 4
    await accounts.choose_model(who.account.id, "small")
    assert await read() == 1
    await sampling.choose(who.account.id, "write_page", SamplingChoice(model="large"))
    assert await read() == 4


async def test_a_chat_is_read_as_the_model_that_will_answer_has_room_for(ann: Who, services: Services) -> None:
    for n in range(4):
        await said(ann, f"{n}" + 2000 * "x")
    now = await said(ann, "now")
    services = replace(services, text=TextChain([TwoModels([])]))
    assert (await read(services, now))["before"] == 0
    await sampling.choose(ann.account.id, "persona", SamplingChoice(model="small"))
    assert (await read(services, now))["before"] > 0


async def test_a_persona_is_told_how_long_nobody_said_anything(ann: Who, services: Services) -> None:
    exchanges = [await said(ann, f"{n}") for n in range(3)]
    await silence_before(exchanges[1].said.id, 3)
    await silence_before(exchanges[2].said.id, 60)
    now = await chats.pending(exchanges[2].reply.id)
    assert now is not None
    inputs = await persona_inputs(services, now)
    assert [(turn.text, turn.later) for turn in inputs.history if turn.role == "user"] == [
        ("0", ""), ("1", "three days later"),
    ]  # fmt: skip
    assert inputs.later == "two months later"
    never = replace(services, context=ContextBuilder(ContextSettings(pause_hours=0)))
    assert (await persona_inputs(never, now)).later == ""
