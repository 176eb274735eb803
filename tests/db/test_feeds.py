"""Feeds in the record: whose they are, how many, when they are due, and what goes with them."""

import pytest

from db import feeds, personas
from db.connection import row, rows
from db.errors import BadInput, LimitReached, NotAllowed, NotFound
from db.feeds import MOST_OF_PERSONA, NewItem
from db.people import Who
from tests.db.world import somebody

URL = "https://news.example/feed"


async def following(who: Who, *, key: str = "", visibility: personas.Visibility = "place") -> int:
    persona = await personas.create(who.account.id, who.user.id, {"name": f"Mira {key}"}, visibility=visibility)
    return await feeds.add(who.account.id, who.user.id, persona.id, f"{URL}{key}", "sfw")


async def read(who: Who, feed: int) -> None:
    found = await feeds.get(who.account.id, who.user.id, feed)
    item = NewItem("d1", "Gate", "It is open.", "2026-11-23T10:00:00+00:00", "sfw")
    await feeds.keep(found, "News", [item], refused=[], most=10, minutes=60)


async def test_a_feed_is_due_once_it_was_read(database: str):
    who = await somebody()
    feed = await following(who)
    assert await feeds.start_due(5) == [], "the job of who added it reads it first"
    await read(who, feed)
    assert await feeds.start_due(5) == []
    await rows("UPDATE feeds SET due_at = now()")
    assert len(await feeds.start_due(5)) == 1
    await rows("UPDATE feeds SET due_at = now()")
    assert await feeds.start_due(5) == [], "its job is still open"


async def test_a_feed_is_not_read_twice_at_once_nor_all_the_time(database: str):
    who = await somebody()
    feed = await following(who)
    with pytest.raises(BadInput):
        await feeds.claim(who.account.id, feed)
    await read(who, feed)
    with pytest.raises(BadInput):
        await feeds.claim(who.account.id, feed)
    await rows("UPDATE feeds SET checked_at = now() - interval '1 hour'")
    await feeds.claim(who.account.id, feed)


async def test_a_persona_follows_a_feed_once_and_not_too_many(database: str):
    who = await somebody()
    persona = await personas.create(who.account.id, who.user.id, {"name": "Mira"})
    for n in range(MOST_OF_PERSONA):
        await feeds.add(who.account.id, who.user.id, persona.id, f"{URL}{n}", "sfw")
    with pytest.raises(LimitReached):
        await feeds.add(who.account.id, who.user.id, persona.id, URL, "sfw")
    await feeds.remove(who.account.id, who.user.id, 1, moderate=False)
    with pytest.raises(BadInput):
        await feeds.add(who.account.id, who.user.id, persona.id, f"{URL}1", "sfw")


async def test_a_persona_of_elsewhere_follows_nothing_here(database: str):
    ann, ben = await somebody(), await somebody("ben")
    theirs = await personas.create(ben.account.id, ben.user.id, {"name": "Mira"}, visibility="service")
    with pytest.raises(NotFound):
        await feeds.add(ann.account.id, ann.user.id, theirs.id, URL, "sfw")


async def test_what_a_persona_that_one_does_not_see_follows_is_not_seen(database: str):
    ann, ben = await somebody(), await somebody("ben")
    feed = await following(ann, visibility="owner")
    account = ann.account.id
    assert [each.id for each in await feeds.listed(account, ann.user.id)] == [feed]
    assert await feeds.listed(account, ben.user.id) == []
    assert await feeds.listed(ben.account.id, ben.user.id, moderate=True) == []
    assert [each.id for each in await feeds.listed(account, ben.user.id, moderate=True)] == [feed]
    with pytest.raises(NotFound):
        await feeds.remove(account, ben.user.id, feed, moderate=False)


async def test_only_who_added_it_or_keeps_order_removes_it_and_what_it_said(database: str):
    ann, ben = await somebody(), await somebody("ben")
    feed = await following(ann)
    await rows("UPDATE personas SET verdict = 'checked'")
    await read(ann, feed)
    with pytest.raises(NotAllowed):
        await feeds.remove(ann.account.id, ben.user.id, feed, moderate=False)
    assert await row("SELECT FROM archive_chunks") is not None
    await feeds.remove(ann.account.id, ben.user.id, feed, moderate=True)
    for table in ("feeds", "feed_items", "archive_documents", "archive_chunks"):
        assert await row(f"SELECT FROM {table}") is None
