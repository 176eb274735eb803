"""A feed becomes what a persona knows: fetched, judged, kept with dates, found; or the reason why not."""

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from db import feeds, jobs, personas
from db.connection import row, rows
from db.feeds import ReadFeed
from db.memory.scopes import ArchiveScope
from db.memory.search import ArchiveFilter
from db.models import JobRow, OutboxRow
from db.people import Who
from tests.db.world import somebody
from tests.workers.making import run_by
from tests.workers.web.outside import Outside, outside, response
from workers import feeding
from workers.context.query import archive_need
from workers.feeds.settings import FeedSettings
from workers.runner import Runner
from workers.services import Services
from workers.steps.memory.lookup import ArchivePlace, look_up

ITEM = "<item><title>{0}</title><guid>{0}</guid><description>{1}</description><pubDate>{2}</pubDate></item>"
OLD, NEW = "Sun, 22 Nov 2026 10:00:00 GMT", "Mon, 23 Nov 2026 10:00:00 GMT"


def paper(*items: tuple[str, str, str]) -> bytes:
    said = "".join(ITEM.format(*each) for each in items)
    return f"<rss><channel><title>Harbour news</title>{said}</channel></rss>".encode()


@pytest.fixture
async def server() -> AsyncGenerator[Outside]:
    async with outside() as found:
        found.answers["/feed"] = response(
            paper(("Gate", "The gate opens at dawn.", OLD), ("Fish", "Herring is back.", NEW)), 'ETag: "v1"'
        )
        yield found


@pytest.fixture
def reading(services: Services, server: Outside) -> Services:
    """Workers that read feeds, the test's server among them."""
    settings = FeedSettings(storyfork_feeds=True, storyfork_feed_hosts=frozenset({server.host}), storyfork_feed_items=3)
    return replace(services, feeds=settings)


async def follows(who: Who, url: str) -> tuple[int, int]:
    """A person asks for a feed; returns it and its job."""
    persona = await personas.create(who.account.id, who.user.id, {"name": "Mira"})
    feed = await feeds.add(who.account.id, who.user.id, persona.id, url, "sfw")
    return feed, await asked(who, feed, persona.id)


async def asked(who: Who, feed: int, persona: int) -> int:
    job = await jobs.add(
        ReadFeed(feed=feed, persona=persona, asked=True), account_id=who.account.id, user_id=who.user.id,
        conversation_id=who.conversation.id, event_key=f"console:{await JobRow.all().count()}",
        destination={"chat_id": "c"},
    )  # fmt: skip
    await feeds.reads(who.account.id, feed, job)
    return job


async def answer() -> OutboxRow:
    found = await OutboxRow.all().order_by("-id").first()
    assert found is not None
    return found


async def kept() -> list[str]:
    return [each["text"] for each in await rows("SELECT text FROM archive_chunks ORDER BY said_at, id")]


async def due(services: Services, feed: int) -> None:
    """It is time to read a feed again, and that is done."""
    await rows("UPDATE feeds SET due_at = now() WHERE id = $1", feed)
    assert await feeding.start_due(services.queue) == 1
    job = await JobRow.all().order_by("-id").first()
    assert job is not None
    await run_by(Runner(services, 4), job.id)
    assert (await JobRow.get(id=job.id)).state == "done"


async def test_what_a_feed_says_is_known_with_its_dates(reading: Services, server: Outside):
    who = await somebody()
    feed, job = await follows(who, server.url())
    await run_by(Runner(reading, 4), job)
    told = await answer()
    assert (told.kind, told.payload["new"]) == ("feed_read", 2)
    assert await kept() == ["The gate opens at dawn.", "Herring is back."]
    need = archive_need("When does the gate open?")
    persona = (await feeds.get(who.account.id, who.user.id, feed)).persona_id
    place = ArchivePlace(who.account.id, [ArchiveScope.persona(persona)], ArchiveFilter(sources=("document",)))
    found = await look_up(reading, place, need)
    assert found.memories[0]["text"] == "(Harbour news, 2026-11-22) The gate opens at dawn."


async def test_later_only_what_is_new_comes_and_the_oldest_leaves(reading: Services, server: Outside):
    who = await somebody()
    feed, job = await follows(who, server.url())
    await run_by(Runner(reading, 4), job)
    server.answers["/feed"] = response(b"", status="304 Not Modified")
    await due(reading, feed)
    assert 'If-None-Match: "v1"' in server.asked[1]
    later = [(f"Late {n}", f"It is {n}.", f"Tue, 24 Nov 2026 1{n}:00:00 GMT") for n in range(2)]
    server.answers["/feed"] = response(paper(("Gate", "The gate opens at dawn.", OLD), *later))
    await due(reading, feed)
    assert await kept() == ["Herring is back.", "It is 0.", "It is 1."]
    await due(reading, feed)
    assert await kept() == ["Herring is back.", "It is 0.", "It is 1."], "what has left does not come back"
    assert await OutboxRow.all().count() == 1, "nobody is told of what nobody asked for"


@pytest.mark.parametrize(
    ("answer_", "key"),
    [
        (response(b"", status="404 Not Found"), "feed.status"),
        (response(b"<html/>", kind="text/html"), "feed.not_feed"),
        (response(b"", kind="text/xml"), "feed.not_feed"),
        (response(b"x", kind="image/png"), "feed.type"),
    ],
)
async def test_what_is_no_feed_is_told_and_not_followed(reading: Services, server: Outside, answer_: bytes, key: str):
    server.answers["/feed"] = answer_
    _, job = await follows(await somebody(), server.url())
    await run_by(Runner(reading, 4), job)
    assert (await answer()).payload["key"] == key
    assert await row("SELECT FROM feeds") is None


async def test_by_default_nothing_is_fetched(services: Services, server: Outside):
    _, job = await follows(await somebody(), server.url())
    await run_by(Runner(services, 4), job)
    assert (await answer()).payload["key"] == "feed.off"
    assert server.asked == []


async def test_a_private_address_is_not_asked(reading: Services, server: Outside):
    hidden = replace(reading, feeds=FeedSettings(storyfork_feeds=True))
    _, job = await follows(await somebody(), server.url())
    await run_by(Runner(hidden, 4), job)
    assert (await answer()).payload["key"] == "feed.private"
    assert server.asked == []


async def test_a_feed_that_fails_is_tried_again_later_each_time(reading: Services, server: Outside):
    who = await somebody()
    feed, job = await follows(who, server.url())
    await run_by(Runner(reading, 4), job)
    server.answers["/feed"] = response(b"", status="500 Internal Server Error")
    for hours in (2, 4):
        await due(reading, feed)
        found = await feeds.get(who.account.id, who.user.id, feed)
        assert found.problem == "status"
        assert found.due_at is not None
        assert found.checked_at is not None
        assert round((found.due_at - found.checked_at).total_seconds() / 3600) == hours
    assert len(await kept()) == 2, "what it said before stays"
    server.answers["/feed"] = response(paper(("Gate", "The gate opens at dawn.", OLD)))
    await due(reading, feed)
    assert (await feeds.get(who.account.id, who.user.id, feed)).failures == 0


async def test_what_may_not_be_there_is_left_out_and_is_no_ones_offence(reading: Services, server: Outside):
    server.answers["/feed"] = response(
        paper(("Beach", "They had sex on the beach, naked and moaning.", OLD), ("Fish", "Herring is back.", NEW))
    )
    _, job = await follows(await somebody(), server.url())
    await run_by(Runner(reading, 4), job)
    assert await kept() == ["Herring is back."]
    assert await row("SELECT FROM incidents") is None
    assert (await row("SELECT count(*) AS n FROM feed_items")) == {"n": 2}, "it is not judged again"


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE personas SET deleted_at = now() WHERE account_id IS NOT NULL",
        "UPDATE accounts SET left_at = now()",
        "INSERT INTO access_rules (user_id, verdict, subject, platform, external_id) VALUES (1,'banned','user','','')",
    ],
)
async def test_nothing_is_fetched_for_who_is_gone_or_banned(reading: Services, server: Outside, end: str):
    who = await somebody()
    feed, job = await follows(who, server.url())
    await run_by(Runner(reading, 4), job)
    await rows(end)
    await rows("UPDATE feeds SET due_at = now()")
    assert await feeding.start_due(reading.queue) == 0
    again = await asked(who, feed, 1)
    await run_by(Runner(reading, 4), again)
    assert len(server.asked) == 1
