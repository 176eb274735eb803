"""Context sessions: opened, listed, copied and replayed by id, within an account."""

from typing import Any

import pytest

from db import chats, context_sessions, personas, stories
from db.connection import row, rows
from db.errors import NotFound, UserError
from db.people import Who
from tests.db.world import somebody

ELEMENT: dict[str, Any] = {"kind": "lore", "id": "lore:1", "text": "The tower hums at night."}
BUILD: dict[str, Any] = {"window": 8192, "layers": {"A": {"used": 120}}, "placed": [{"id": "page:1", "tokens": 90}]}


async def story_of(who: Who) -> int:
    move = await stories.create(
        account_id=who.account.id, owner_id=who.user.id, conversation_id=who.conversation.id, premise="a door", seed=1
    )
    return move.story.id


async def persona_of(who: Who) -> int:
    await rows("INSERT INTO personas (account_id, key, name, card) VALUES ($1, 'bo', 'Bo', '{}')", who.account.id)
    return (await personas.named(who.account.id, "Bo")).id


async def test_a_story_has_one_session(database: str):
    ann = await somebody("ann")
    story = await story_of(ann)
    first = await context_sessions.of_story(ann.account.id, story)
    assert (await context_sessions.of_story(ann.account.id, story)).id == first.id
    assert (first.kind, first.story_id, first.user_id, first.build) == ("story", story, None, {})
    assert await context_sessions.opened(ann.account.id, first.id) == first


async def test_what_was_told_last_is_kept_and_can_be_replayed(database: str):
    ann = await somebody("ann")
    session = await context_sessions.of_story(ann.account.id, await story_of(ann))
    await context_sessions.change(
        ann.account.id, session.id, pins=["page:1"], filters={"kinds": ["lore"], "ids": ["page:3"]}
    )
    await context_sessions.keep_build(ann.account.id, session.id, BUILD)
    again = await context_sessions.opened(ann.account.id, session.id)
    assert (again.pins, again.filters, again.build) == (["page:1"], {"kinds": ["lore"], "ids": ["page:3"]}, BUILD)
    assert again.built_at is not None


async def test_a_copy_is_its_persons_own(database: str):
    ann, ben = await somebody("ann", chat="den", kind="group"), await somebody("ben", chat="den", kind="group")
    place = ann.account.id
    session = await context_sessions.of_story(place, await story_of(ann))
    await context_sessions.keep_build(place, session.id, BUILD)
    copy = await context_sessions.copy(place, session.id, ann.user.id, "a try")
    assert (copy.copied_from, copy.name, copy.build, copy.story_id) == (session.id, "a try", BUILD, session.story_id)
    changed = await context_sessions.change(place, copy.id, ann.user.id, elements=[ELEMENT], pins=["lore:1"])
    assert (changed.elements, changed.pins) == ([ELEMENT], ["lore:1"])
    assert (await context_sessions.opened(place, session.id)).pins == []
    for call in (
        context_sessions.opened(place, copy.id, ben.user.id),
        context_sessions.copy(place, copy.id, ben.user.id),
        context_sessions.change(place, copy.id, ben.user.id, pins=[]),
    ):
        with pytest.raises(NotFound):
            await call
    assert await context_sessions.remove(place, copy.id, ben.user.id) is False
    assert [s.id for s in await context_sessions.listed(place, ann.user.id)] == [copy.id, session.id]
    assert [s.id for s in await context_sessions.listed(place, ben.user.id)] == [session.id]
    assert await context_sessions.remove(place, copy.id, ann.user.id) is True


async def test_a_copy_outlives_what_it_was_copied_from_but_not_its_story(database: str):
    ann = await somebody("ann")
    story = await story_of(ann)
    session = await context_sessions.of_story(ann.account.id, story)
    copy = await context_sessions.copy(ann.account.id, session.id, ann.user.id)
    second = await context_sessions.copy(ann.account.id, copy.id, ann.user.id)
    await context_sessions.remove(ann.account.id, copy.id, ann.user.id)
    assert (await context_sessions.opened(ann.account.id, second.id, ann.user.id)).copied_from is None
    await stories.delete(ann.account.id, ann.user.id, story)
    assert await row("SELECT 1 FROM context_sessions") is None


async def test_a_story_that_is_somebody_elses_has_no_session(database: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    story = await story_of(ann)
    with pytest.raises(NotFound):
        await context_sessions.of_story(ben.account.id, story)
    session = await context_sessions.of_story(ann.account.id, story)
    with pytest.raises(NotFound):
        await context_sessions.opened(ben.account.id, session.id, ann.user.id)
    await context_sessions.keep_build(ben.account.id, session.id, BUILD)
    assert (await context_sessions.opened(ann.account.id, session.id)).build == {}


async def test_each_chat_of_a_place_has_its_session_and_a_reset_empties_it(database: str):
    ann = await somebody("ann")
    chat = (ann.account.id, ann.conversation.id, await persona_of(ann))
    session = await context_sessions.of_chat(*chat, 0)
    await context_sessions.change(ann.account.id, session.id, pins=["message:1"], filters={"tags": ["old"]})
    await context_sessions.keep_build(ann.account.id, session.id, BUILD)
    copy = await context_sessions.copy(ann.account.id, session.id, ann.user.id)
    beside = await context_sessions.of_chat(*chat, 1)
    assert (beside.epoch, beside.pins, beside.filters, beside.build, beside.built_at) == (1, [], {}, {}, None)
    assert (await context_sessions.of_chat(*chat, 0)).pins == ["message:1"], "another chat was opened in between"
    await chats.reset(ann.conversation.id)
    # A run that began before the reset does not bring the old pins back.
    back = await context_sessions.of_chat(*chat, 0)
    assert (back.epoch, back.pins, back.filters, back.build) == (0, [], {}, {})
    assert await context_sessions.of_chat(*chat, 1) == beside
    assert (await context_sessions.opened(ann.account.id, copy.id, ann.user.id)).pins == ["message:1"]


async def test_a_session_has_no_elements_of_its_own_unless_it_is_somebodys(database: str):
    ann = await somebody("ann")
    session = await context_sessions.of_story(ann.account.id, await story_of(ann))
    with pytest.raises(NotFound):
        await context_sessions.change(ann.account.id, session.id, ann.user.id, elements=[ELEMENT])
    project = await context_sessions.begin_project(ann.account.id, ann.user.id, "my town")
    changed = await context_sessions.change(ann.account.id, project.id, ann.user.id, elements=[ELEMENT])
    assert (changed.kind, changed.name, changed.elements) == ("project", "my town", [ELEMENT])


@pytest.mark.parametrize(
    "given",
    [
        {"elements": [ELEMENT] * 201},
        {"elements": [{"text": "x" * 300_000}]},
        {"pins": ["page:1"] * 201},
        {"pins": ["x" * 121]},
        {"filters": {"ids": ["page:1"] * 500}},
    ],
)
async def test_a_session_holds_a_limited_amount(database: str, given: dict[str, Any]):
    ann = await somebody("ann")
    project = await context_sessions.begin_project(ann.account.id, ann.user.id, "")
    with pytest.raises(UserError):
        await context_sessions.change(ann.account.id, project.id, ann.user.id, **given)


async def test_a_person_has_a_limited_number_of_copies(database: str):
    ann = await somebody("ann")
    session = await context_sessions.of_story(ann.account.id, await story_of(ann))
    for _ in range(context_sessions.MOST):
        await context_sessions.begin_project(ann.account.id, ann.user.id, "")
    with pytest.raises(UserError):
        await context_sessions.copy(ann.account.id, session.id, ann.user.id)
    listed = await context_sessions.listed(ann.account.id, ann.user.id)
    assert len(listed) == context_sessions.PAGE
    rest = await context_sessions.listed(ann.account.id, ann.user.id, listed[-1].id)
    assert len(rest) == context_sessions.PAGE
    assert not {s.id for s in rest} & {s.id for s in listed}
