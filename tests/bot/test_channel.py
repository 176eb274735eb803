"""`/channel`: what holds in one channel alone, and the messages that nobody addressed to the bot."""

import logging
from collections.abc import AsyncGenerator

import pytest

from bot.commands.channel import read_hours, read_keywords, read_zone
from bot.events import BotMembership, EditedMessage, Event, Payload, TextMessage
from bot.platforms.base import Outcome
from db import channels, outbox
from db.channels import BURST, ChannelSettings
from db.connection import row, rows
from db.errors import BadInput
from db.outbox import OutboxMessage
from db.permissions import Role
from tests.bot.world import Bot, command, event_of, press, running_bot

CANARY = "xylophone zebra"


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as running:
        yield running


def done(
    payload: Payload,
    *,
    group: str = "den",
    role: Role = "admin",
    name: str = "ann",
    reads: bool | None = True,
    pressed: str = "",
    platform: str = "telegram",
) -> Event:
    event = event_of(payload, name=name, group=group, role=role, platform=platform, pressed=pressed)
    return event.model_copy(update={"reads_all": reads})


async def does(bot: Bot, payload: Payload, **how: object) -> Event:
    event = done(payload, **how)  # type: ignore[arg-type]
    await bot.router.dispatch(event)
    return event


async def sets(bot: Bot, **values: str) -> Event:
    """An admin changes the channel, and what is to be told there is delivered."""
    event = await does(bot, command("channel set", **values))
    for asked in await announcements(event):
        await bot.composer.sent(asked)
    return event


async def announcements(event: Event) -> list[OutboxMessage]:
    return [each for each in await outbox.of_event(event.key) if each.kind == "channel_told"]


async def panel(bot: Bot, event: Event) -> str:
    return (await bot.reply(event)).body


async def overhears(bot: Bot, text: str = "hello there", *, name: str = "ben", group: str = "den") -> Outcome:
    """Somebody writes a message that is addressed to nobody."""
    return await bot.router.dispatch(
        done(TextMessage(text=text, addressed=False), name=name, group=group, role="member")
    )


async def settings() -> ChannelSettings:
    found = await row("SELECT id FROM conversations WHERE chat_id = 'den'")
    assert found is not None
    return await channels.of(found["id"])


async def traces(words: str) -> list[str]:
    """The tables in which words stand."""
    tables = await rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    return [
        each["name"] for each in tables
        if await rows(f'SELECT 1 FROM "{each["name"]}" t WHERE t::text ILIKE $1 LIMIT 1', f"%{words}%")
    ]  # fmt: skip


@pytest.mark.parametrize("set_", [{}, {"mode": "keywords", "keywords": "lamp"}])
async def test_what_is_not_answered_leaves_no_trace(bot: Bot, set_: dict[str, str], caplog: pytest.LogCaptureFixture):
    await does(bot, command("help"), name="ann")
    if set_:
        await sets(bot, **set_)
    before = await rows("SELECT count(*) AS n FROM inbox")
    people = await rows("SELECT count(*) AS n FROM users")
    with caplog.at_level(logging.DEBUG):
        statuses = {(await overhears(bot, f"{CANARY}, number {n}", name="quetzalcoatl")).status for n in range(3)}
    assert statuses == {"ignored"}
    assert await traces("xylophone") == []
    assert await traces("quetzalcoatl") == []
    assert await rows("SELECT count(*) AS n FROM inbox") == before
    assert await rows("SELECT count(*) AS n FROM users") == people
    assert "xylophone" not in caplog.text


async def test_always_answers_everybody_once_the_channel_was_told(bot: Bot):
    event = await does(bot, command("channel set", mode="always"))
    assert "does not hold yet" in await panel(bot, event)
    assert (await overhears(bot)).status == "ignored"
    assert len(await announcements(await does(bot, command("channel set", mode="always")))) == 1, "asked for again"
    (asked,) = await announcements(event)
    message = await bot.composer.compose(asked)
    assert message is not None
    assert "everything" not in message.body
    assert "read what is written here, and answer it" in message.body
    assert "mode=mention" in message.body
    assert not message.private
    await bot.composer.sent(asked)
    assert (await overhears(bot, CANARY)).status == "working"
    assert "chat_messages" in await traces("xylophone")
    assert await announcements(await sets(bot, mode="always")) == [], "it is told once"


async def test_keywords_and_their_turn_back(bot: Bot):
    await sets(bot, mode="keywords", keywords="lamp, Kerze")
    assert (await overhears(bot, "who has a candle?")).status == "ignored"
    assert (await overhears(bot, "wer hat eine KERZE?")).status == "working"
    await sets(bot, mode="mention")
    assert (await overhears(bot, "a lamp")).status == "ignored", "a change counts at once"


async def test_what_was_answered_may_be_edited_and_nothing_else_is_read(bot: Bot):
    await sets(bot, mode="keywords", keywords="lamp")
    said = done(TextMessage(text="a lamp", addressed=False), name="ben", role="member")
    assert (await bot.router.dispatch(said)).status == "working"
    await rows("UPDATE chat_messages SET state = 'ready', text = 'Where?' WHERE role = 'persona'")
    edited = EditedMessage(text=f"a {CANARY}", message_id="1", said=said.event_id, addressed=False)
    assert (await bot.router.dispatch(done(edited, name="ben", role="member"))).status == "answered"
    assert "chat_messages" in await traces("xylophone")
    other = EditedMessage(text="a quetzalcoatl", message_id="2", said="e0", addressed=False)
    assert (await bot.router.dispatch(done(other, name="ben", role="member"))).status == "ignored"
    assert await traces("quetzalcoatl") == []


async def test_a_defect_is_no_reason_to_stop_listening_to_others(bot: Bot):
    await sets(bot, mode="always")
    await rows("ALTER TABLE channel_settings RENAME COLUMN told TO gone")
    try:
        assert (await overhears(bot)).status == "ignored"
    finally:
        await rows("ALTER TABLE channel_settings RENAME COLUMN gone TO told")
    assert (await overhears(bot)).status == "working"


async def test_a_flood_is_not_answered_and_not_stored(bot: Bot):
    await sets(bot, mode="always")
    found = [(await overhears(bot, f"{CANARY} {n}", name=f"visitor{n}")).status for n in range(BURST + 3)]
    assert found == ["working"] * BURST + ["ignored"] * 3
    assert await traces(f"zebra {BURST}") == []
    assert await traces(f"visitor{BURST}") == [], "not even who wrote it"
    await rows("UPDATE channel_settings SET spare_at = spare_at - interval '10 seconds'")
    assert [(await overhears(bot, "again", name="p1")).status for _ in range(2)] == ["working", "ignored"]


async def test_who_may_not_talk_is_not_told_so_for_what_they_say_to_others(bot: Bot):
    await sets(bot, mode="always")
    await does(bot, command("deny", permission="chat", role="member"))
    assert (await overhears(bot, CANARY)).status == "ignored"
    assert await traces("xylophone") == []


async def test_other_channels_and_topics_are_not_heard(bot: Bot):
    await sets(bot, mode="always")
    assert (await overhears(bot, group="garden")).status == "ignored"
    event = done(TextMessage(text="hello", addressed=False))
    topic = event.conversation.model_copy(update={"thread_id": "7", "kind": "thread"})
    assert (await bot.router.dispatch(event.model_copy(update={"conversation": topic}))).status == "ignored"


async def test_what_is_said_aside_goes_to_the_persona_whatever_is_open(bot: Bot):
    await sets(bot, mode="always")
    await rows("UPDATE conversations SET mode = 'story' WHERE chat_id = 'den'")
    await does(bot, command("imagine"), name="ben", role="member")
    event = done(TextMessage(text="hello", addressed=False), name="ben", role="member")
    assert (await bot.router.dispatch(event)).status == "working"
    found = await row("SELECT type FROM jobs WHERE event_key = $1", event.key)
    assert found is not None
    assert found["type"] == "persona_reply"


@pytest.mark.parametrize(
    ("platform", "reads", "word"),
    [("telegram", False, "@BotFather"), ("discord", False, "DISCORD_MESSAGE_CONTENT"), ("console", None, "addressed")],
)
async def test_modes_are_offered_only_where_the_bot_can_read(bot: Bot, platform: str, reads: bool | None, word: str):
    event = await does(bot, command("channel set", mode="always"), platform=platform, reads=reads)
    assert word in await panel(bot, event)
    assert await rows("SELECT 1 FROM channel_settings") == []
    shown = await bot.reply(await does(bot, command("channel show"), platform=platform, reads=reads))
    assert word in shown.body
    assert [b.label for line in shown.buttons for b in line] == ["As in the whole place"]


async def test_the_mode_falls_back_when_the_right_is_taken_away(bot: Bot):
    await sets(bot, mode="always")
    event = await does(bot, BotMembership(change="demoted"))
    (told,) = await bot.answers(event)
    assert "from now on I answer only what is addressed to me" in told.body
    assert (await settings()).mode == "mention"
    assert (await overhears(bot)).status == "ignored"
    assert await bot.answers(await does(bot, BotMembership(change="demoted"))) == [], "said once"


async def test_the_mode_falls_back_at_the_next_event_that_says_so(bot: Bot):
    await sets(bot, mode="always")
    event = await does(bot, command("channel show"), reads=False)
    bodies = [message.body for message in await bot.answers(event)]
    assert len(bodies) == 2
    assert any("I am not shown any more" in body for body in bodies)
    assert (await settings()).mode == "mention"


async def test_where_it_was_removed_and_added_again_it_waits_to_be_asked(bot: Bot):
    await sets(bot, mode="always")
    await does(bot, BotMembership(change="removed"))
    await does(bot, BotMembership(change="added"))
    assert (await settings()).mode == "mention"
    assert (await overhears(bot)).status == "ignored"


async def test_buttons_choose_a_mode_and_everybody_is_told(bot: Bot):
    shown = await does(bot, command("channel show"))
    assert [b.label for line in (await bot.reply(shown)).buttons for b in line] == [
        "When addressed", "Now and then", "Always", "As in the whole place",
    ]  # fmt: skip
    found = await row("SELECT (payload ->> 'owner')::bigint AS owner, (payload ->> 'opened')::bigint AS opened "
                      "FROM outbox WHERE event_key = $1", shown.key)  # fmt: skip
    assert found is not None
    at = (found["owner"], found["opened"])
    pressed = await does(bot, press("ch_mode", *at, "always"))
    assert len(await announcements(pressed)) == 1
    assert (await settings()).mode == "always"
    unread = await does(bot, press("ch_mode", *at, "probability"), reads=None)
    assert (await settings()).mode == "always", "a forged menu does not say that the bot reads there"
    assert "Telegram shows me only" in (await bot.reply(unread)).body
    await does(bot, press("ch_mode", *at, "whatever"))
    await does(bot, press("ch_reset", *at))
    assert await rows("SELECT 1 FROM channel_settings") == []


async def test_a_private_chat_has_no_such_settings(bot: Bot):
    event = event_of(command("channel set", mode="always"))
    await bot.router.dispatch(event)
    assert "addressed to me" in (await bot.answer(event)).body
    pressed = event_of(press("ch_reset", 1, 1))
    await bot.router.dispatch(pressed)
    assert "addressed to me" in (await bot.answer(pressed)).body


async def test_everything_that_can_be_set_is_shown(bot: Bot):
    event = await sets(
        bot, mode="probability", chance="25", quiet="22:00-7:00", zone="europe/berlin", rating="sfw", language="de",
        keywords="lamp, Lamp, café",
    )  # fmt: skip
    body = await panel(bot, event)
    for part in ("25 of 100", "from 22:00 to 07:00 (Europe/Berlin)", "Language: German", "Keywords: Lamp, café"):
        assert part in body
    member = await panel(bot, await does(bot, command("channel show"), role="member"))
    assert "Keywords" not in member
    assert (await bot.reply(await does(bot, command("channel show"), role="member"))).buttons == ()


async def test_who_answers_only_when_called_waits_for_that(bot: Bot):
    for line in ("persona use: Ilse", "persona add: Vex", "persona remove: Ilse"):
        await does(bot, command(line))
    await does(bot, command("persona add: Vex", when="called"))
    await sets(bot, mode="always")
    assert [(await overhears(bot, text)).status for text in (CANARY, "Vex?")] == ["ignored", "working"]
    assert await traces("xylophone") == []


async def test_a_time_zone_that_was_chosen_stays(bot: Bot):
    await does(bot, command("help"))
    await rows("UPDATE users SET time_zone = 'Europe/Berlin'")
    await sets(bot, zone="+05:30")
    await sets(bot, quiet="22:00-07:00")
    assert (await settings()).quiet_zone == "+05:30"


async def test_without_values_everything_is_shown_and_nothing_told(bot: Bot):
    for line in ("persona use: Ilse", "persona add: Vex"):
        await does(bot, command(line))
    await does(bot, command("channel set", mode="always"))
    shown = await does(bot, command("channel set"))
    assert "Who talks here: Dr. Ilse Auerbach, Vex\n" in await panel(bot, shown)
    assert await announcements(shown) == []


async def test_a_persona_is_chosen_as_by_its_own_command(bot: Bot):
    event = await does(bot, command("channel set", persona="Marlow", mode="always"))
    kinds = sorted(each.kind for each in await outbox.of_event(event.key))
    assert kinds == ["channel_told", "greeting"]


async def test_the_channels_rating_and_language_go_before_the_places(bot: Bot):
    await does(bot, command("rating", level="suggestive"))
    await sets(bot, rating="sfw", language="fr")
    await does(bot, TextMessage(text="hello"), role="member")
    found = await row("SELECT parameters ->> 'allowance' AS allowance FROM jobs WHERE type = 'persona_reply'")
    assert found is not None
    assert found["allowance"] == "sfw"
    await does(bot, command("story new: a keeper finds a door"), role="member")
    story = await row("SELECT language FROM stories")
    assert story is not None
    assert story["language"] == "fr"
    refused = await sets(bot, rating="nsfw")
    assert (await settings()).rating == "sfw"
    assert await panel(bot, refused)


@pytest.mark.parametrize(
    ("text", "hours"),
    [("22:00-07:00", (1320, 420)), ("22 to 7", (1320, 420)), ("0:30–6:00", (30, 360)), ("20:00-24:00", (1200, 0)),
     ("off", (None, None)), ("25:00-26:00", None), ("22:60-7:00", None), ("at night", None), ("7-7", None),
     ("0:00-24:00", None)],
)  # fmt: skip
def test_hours(text: str, hours: tuple[int | None, int | None] | None):
    if hours is None:
        with pytest.raises(BadInput):
            read_hours(text)
    else:
        assert read_hours(text) == hours


@pytest.mark.parametrize(
    ("text", "zone"),
    [("europe/berlin", "Europe/Berlin"), ("UTC", "UTC"), ("+5:30", "+05:30"), ("UTC-3", "-03:00"), ("+15", None),
     ("-02:75", None), ("Atlantis", None)],
)  # fmt: skip
def test_zones(text: str, zone: str | None):
    if zone is None:
        with pytest.raises(BadInput):
            read_zone(text)
    else:
        assert read_zone(text) == zone


def test_keywords_are_few_and_short():
    assert read_keywords(" lamp ;Lamp,\n deep  sea,,") == ("Lamp", "deep sea")
    assert read_keywords("None") == ()
    for text in (",".join(f"w{n}" for n in range(21)), "x" * 61):
        with pytest.raises(BadInput):
            read_keywords(text)
