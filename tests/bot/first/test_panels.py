"""Menus that change in place: who may press them, when they have expired, what help and settings show to whom."""

import time
from collections.abc import AsyncGenerator
from random import Random

import pytest

from bot.context import Context
from bot.events import BotMembership
from bot.links import LinkSpec, link_payload
from bot.messages import Message
from bot.topics import Topic, load_topics
from db import heartbeats
from db.connection import rows
from db.heartbeats import Heartbeat
from prompts.premises import make_premises, premise_words
from tests.bot.world import Bot, command, press, running_bot, say
from tests.clean import newcomers

NOW = int(time.time() // 60)


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    await newcomers()
    async with running_bot(redis_url) as bot:
        yield bot


def labels(message: Message) -> list[str]:
    options = [option.label for select in message.selects for option in select.options]
    return [*options, *(button.label for row in message.buttons for button in row)]


async def person(bot: Bot, name: str = "ann") -> int:
    """The id of a person who has been here."""
    await bot.does(command("cancel"), name=name)
    return (await rows("SELECT user_id FROM identities WHERE external_id = $1", name))[0]["user_id"]


async def test_only_the_person_who_opened_a_menu_may_press_it(bot: Bot):
    ann = await person(bot)
    event = await bot.does(press("settings", ann, NOW, "person"), name="ben")
    assert "opened by somebody else" in (await bot.answer(event)).body
    assert (await bot.answer(await bot.does(press("settings", ann, NOW, "person")))).title == "Settings"


async def test_a_value_from_an_old_menu_is_not_set(bot: Bot):
    ann, now = await person(bot), int(time.time() // 60)
    late = await bot.answer(await bot.does(press("set", ann, now - 16, "language", "de")))
    assert "open for a while" in late.body
    assert "that of your app" in late.body
    saved = await bot.answer(await bot.does(press("set", ann, now - 14, "language", "de")))
    assert saved.body.startswith("Saved. Language of your stories: German")
    gone = await bot.answer(await bot.does(press("set", ann, now, "language", "xx")))
    assert "not offered any more" in gone.body


async def test_a_member_changes_nothing_of_the_place(bot: Bot):
    ann = await person(bot)
    refused = await bot.answer(await bot.does(press("set", ann, NOW, "place_language", "de"), group="club"))
    assert "admin" in refused.body
    assert await rows("SELECT FROM accounts WHERE settings ? 'language'") == []
    chosen = press("set", ann, NOW, "place_language", "de")
    assert "German" in (await bot.answer(await bot.does(chosen, group="club", role="admin"))).body


async def test_announcements_to_a_person_are_switched_on_in_their_own_chat_only(bot: Bot):
    ann = await person(bot)
    chosen = press("set", ann, NOW, "announcements", "on")
    assert "cannot be set here" in (await bot.answer(await bot.does(chosen, group="club"))).body
    assert await rows("SELECT FROM accounts WHERE settings ? 'announcements'") == []
    assert "Announcements" not in labels(await bot.answer(await bot.does(command("settings"), group="club")))
    assert "Saved. Announcements: on" in (await bot.answer(await bot.does(chosen))).body


async def test_a_time_is_shown_with_its_unit(bot: Bot):
    ann = await person(bot)
    offered = await bot.answer(await bot.does(press("setting", ann, NOW, "keep_days")))
    assert {"7 days", "30 days", "90 days", "365 days"} <= set(labels(offered))
    saved = await bot.answer(await bot.does(press("set", ann, NOW, "keep_days", "30")))
    assert saved.body.startswith("Saved. Keep my data for: 30 days")


async def test_a_typed_value(bot: Bot):
    ann = await person(bot)
    await bot.does(press("type_setting", ann, NOW, "time_zone"))
    saved = await bot.answer(await bot.does(say("europe/berlin")))
    assert "Europe/Berlin" in saved.body


async def test_help_shows_what_one_may_and_can_do_here(bot: Bot):
    await heartbeats.beat(Heartbeat("w", "host", ["cpu"], [], [], 0, 1))
    await rows("UPDATE heartbeats SET steady_since = now() - interval '1 hour'")  # it is not starting any more
    member = await bot.answer(await bot.does(command("help"), group="club"))
    owner = await bot.answer(await bot.does(command("help")))
    assert "Prompts" in labels(owner)
    assert "Prompts" not in labels(member)
    assert (
        "Pictures" not in labels(owner)
        or "/imagine" not in (await bot.answer(await bot.does(command("help: picture")))).body
    )
    await heartbeats.beat(Heartbeat("w", "host", ["cpu", "gpu"], [], ["sdxl"], 0, 1))
    drawing = await bot.answer(await bot.does(command("help: picture")))
    assert "/imagine" in drawing.body
    assert "Draw" in labels(await bot.answer(await bot.does(command("start"))))
    assert all("operator" not in label.lower() for label in labels(member))


async def test_links_go_to_their_topics(database: str, redis_url: str):
    async def follow(context: Context, rest: str) -> None:
        await context.notice("story.kept", title=rest)

    async with running_bot(redis_url, topics=load_topics()) as bot:
        bot.topics.add(Topic("share", links=(LinkSpec("share", follow),)), "a test")
        shown = await bot.answer(await bot.does(command(f"start: {link_payload('share', 'a_B-9')}")))
        assert "a_B-9" in shown.body
        told, panel = await bot.answers(await bot.does(command("start: nothing-here")))
        assert "leads nowhere" in told.body
        assert panel.title == "Welcome to Storyfork"
    with pytest.raises(ValueError, match="no link can carry"):
        link_payload("share", "x" * 60)


async def test_a_place_is_welcomed_when_it_adds_the_bot_and_again_only_after_it_removed_it(bot: Bot):
    added, removed = BotMembership(change="added"), BotMembership(change="removed")
    assert len(await bot.answers(await bot.does(added, group="club"))) == 1
    assert await bot.answers(await bot.does(added, group="club")) == []
    await bot.does(removed, group="club")
    assert len(await rows("SELECT FROM accounts WHERE external_id = 'club' AND left_at IS NOT NULL")) == 1
    assert len(await bot.answers(await bot.does(added, group="club"))) == 1
    assert await rows("SELECT FROM accounts WHERE left_at IS NOT NULL") == []


def test_premises_share_no_part_and_do_not_come_again():
    random, shown = Random(7), list[str]()
    for _ in range(2):
        made = make_premises(3, random, "horror", shown)
        shown += [p.text for p in made]
    for part in ("who", "event", "turn"):
        used = [w for w in getattr(premise_words()["horror"], part) for text in shown if w[1:] in text]
        assert len(used) == len(set(used)) == 6
    assert len({p.genre for p in make_premises(3, random)}) == 3


def test_every_button_of_a_menu_fits_at_its_longest():
    most, moment = 2**63 - 1, 2**31 - 1
    data = press("set", most, moment, "x" * 16, "y" * 12).data
    assert len(data.encode()) <= 64


@pytest.mark.parametrize("named", ["story", "Stories", "/story new", "story_new"])
async def test_help_knows_a_topic_by_its_label_its_name_and_its_commands(bot: Bot, named: str):
    assert (await bot.answer(await bot.does(command(f"help: {named}")))).title == "Stories"


async def test_help_says_that_a_topic_is_not_there(bot: Bot):
    answer = await bot.answer(await bot.does(command("help: dragons")))
    assert answer.body == "There is no topic “dragons” here. /help shows which there are."
    member = await bot.answer(await bot.does(command("help: Operators"), platform="telegram", name="ben"))
    assert "no topic" in member.body


async def test_help_names_no_parameter_that_one_may_not_use(bot: Bot):
    member, admin = [
        (await bot.answer(await bot.does(command("help: permissions"), group="club", name=role, role=role))).body
        for role in ("member", "admin")
    ]
    assert "Also: who\n" in f"{member}\n"
    assert "Also: who, reset" in admin


async def test_settings_show_the_rating_that_holds(bot: Bot):
    assert "**Rating:** Safe for everyone" in (await bot.answer(await bot.does(command("settings")))).body
