"""`/feed`: what is asked for becomes a job, and the list says how feeds fare."""

import pytest

from bot.events import Command
from db import feeds, personas
from db.connection import rows
from db.models import JobRow
from tests.bot.playing import words
from tests.bot.world import Bot, command


async def test_a_feed_becomes_a_job_and_is_listed_and_removed(bot: Bot):
    assert "lets a persona follow one" in await words(bot, await bot.does(command("feed list")))
    await bot.does(Command(name="feed add", values={"url": "news.example/feed?key=1", "persona": "Marlow"}))
    job = await JobRow.get(id=1)
    assert (job.type, job.parameters["asked"]) == ("read_feed", True)
    [feed] = await feeds.listed(1, 1)
    assert (feed.url, feed.persona) == ("https://news.example/feed?key=1", "Marlow Finch")
    await rows("UPDATE jobs SET state = 'done'")
    await feeds.fail(feed.id, "slow", 60)
    shown = await words(bot, await bot.does(command("feed list")))
    assert f"#{feed.id} **news.example**, followed by Marlow Finch, 0 items kept\nhttps://news.example/" in shown
    assert "not read, once: its server did not answer in time" in shown
    assert "read a moment ago" in await words(bot, await bot.does(command("feed now: 1")))
    assert "follows this feed no longer" in await words(bot, await bot.does(command("feed remove: #1")))
    assert "You see no feed 1 here" in await words(bot, await bot.does(command("feed remove: 1")))


@pytest.mark.parametrize("asked", ["feed now: x", "feed remove: 99", "feed now: 99"])
async def test_what_there_is_not_is_told(bot: Bot, asked: str):
    assert "You see no feed" in await words(bot, await bot.does(command(asked)))


async def test_in_a_place_only_some_have_personas_follow_feeds(bot: Bot):
    asked = Command(name="feed add", values={"url": "https://news.example/feed"})
    assert "admin" in await words(bot, await bot.does(asked, group="club"))
    assert await JobRow.all().count() == 0
    await bot.does(asked, group="club", role="admin")
    assert await JobRow.all().count() == 1


async def test_others_see_where_a_feed_is_but_not_its_key(bot: Bot):
    asked = Command(name="feed add", values={"url": "https://news.example/feed?key=canary"})
    await bot.does(asked, group="club", role="admin")
    shown = await words(bot, await bot.does(command("feed list"), name="ben", group="club"))
    assert "news.example" in shown
    assert "canary" not in shown


async def test_personas_that_one_does_not_see_are_not_named(bot: Bot):
    await bot.does(command("help"), group="club")
    found = await rows("SELECT a.id AS account, i.user_id AS person FROM accounts a, identities i "
                       "WHERE a.external_id = 'club' AND i.external_id = 'ann'")  # fmt: skip
    account, person = found[0]["account"], found[0]["person"]
    secret = await personas.create(account, person, {"name": "Canary"}, visibility="owner")
    await feeds.add(account, person, secret.id, "https://news.example/", "sfw")
    assert "Canary" not in await words(bot, await bot.does(command("feed list"), name="ben", group="club"))
    assert "Canary" in await words(bot, await bot.does(command("feed list"), name="ann", group="club"))
