"""Where the bot cannot write: the interaction's token, the channel of a thread, a direct message; never silence."""

import asyncio
from dataclasses import replace

import pytest

from bot.messages import Attachment, Button, Message
from bot.platforms.attempts import INTENT, UNCLEAR, parts_of
from bot.platforms.base import FileTooLarge, Outcome, RetryLater
from bot.platforms.discord.api import REQUEST_BYTES
from bot.platforms.discord.followups import LIMIT
from tests.bot.discord.conftest import Connected, connecting
from tests.doubles.discord import Fault
from tests.doubles.discord.messages import Message as Sent
from tests.doubles.discord.places import Channel

BUTTONS = ((Button("1", "1.choose.1.0.1"), Button("2", "1.choose.1.0.2")),)
LONG = Message("\n\n".join(f"Paragraph {n}. " + "word " * 60 for n in range(11)), title="Door", buttons=BUTTONS)
SPLIT = 3
FOLLOW_UP = "POST /webhooks/*/*"


def stranger(connected: Connected) -> Channel:
    """A channel of a guild that the bot has not joined."""
    return connected.server.guild("Elsewhere", installed=False).text_channel("general")


def shown(connected: Connected, channel: Channel) -> list[Sent]:
    return [m for m in connected.server.person("ann").messages(channel) if m.author.bot]


async def deliver(connected: Connected, row: int, message: Message, **changes: object) -> None:
    """Deliver an answer to the latest event as often as it takes; what is recorded survives."""
    event = connected.notes.events[-1]
    connected.recorded = list[str](changes.pop("sent", []))  # type: ignore[call-overload]
    for attempt in range(1, 6):
        try:
            sent = list(connected.recorded)
            delivery = connected.delivery(event, row, sent=sent, attempt=attempt, **changes)
            await connected.platform.deliver(delivery, message)
            break
        except RetryLater:
            await asyncio.sleep(0.1)


async def begun(connected: Connected, channel: Channel, message: Message = LONG) -> list[Sent]:
    ann = connected.server.person("ann")
    asked = await ann.slash(channel, "story new", premise="a door")
    await connected.notes.event()
    await asked.acknowledged()
    await deliver(connected, 1, message)
    return shown(connected, channel)


@pytest.mark.parametrize("thread", ["", "The door"])
async def test_an_app_that_only_a_person_has_installed_answers_by_its_token(connected: Connected, thread: str):
    ann, channel = connected.server.person("ann"), stranger(connected)
    page = await begun(connected, channel, replace(LONG, thread=thread))
    assert len(page) == SPLIT + bool(thread)
    assert [bool(m.buttons) for m in page] == [False] * (len(page) - 1) + [True]
    assert [str(m.id) for m in page] == parts_of(connected.recorded)
    assert shown(connected, ann.dm()) == []

    pressed = await ann.click(page[-1], "2")
    await connected.notes.event()
    await pressed.acknowledged()
    last = Message(LONG.body, title="Door", footer="You: 2")
    await deliver(connected, 2, last, kind="mark", edit=str(page[-1].id))
    assert page[-1].buttons == []
    assert page[-1].content.endswith("-# You: 2")
    await deliver(connected, 3, replace(LONG, title="Next"))
    answer = shown(connected, channel)[len(page) :]
    assert len(answer) == SPLIT
    assert answer[0].content.startswith("**Next**")
    assert answer[-1].buttons
    assert shown(connected, ann.dm()) == []


async def test_an_instant_page_is_marked_too(connected: Connected):
    ann, channel = connected.server.person("ann"), stranger(connected)
    (page,) = await begun(connected, channel, Message("Short.", buttons=BUTTONS))
    connected.notes.outcome = Outcome("answered")
    pressed = await ann.click(page, "1")
    await connected.notes.event()
    await asyncio.gather(
        deliver(connected, 2, Message("Short.", footer="You: 1"), kind="mark", edit=str(page.id)),
        deliver(connected, 3, Message("Next.", buttons=BUTTONS)),
    )
    assert (await pressed.acknowledged()).type == 6
    assert [m.content for m in shown(connected, channel)] == ["Short.\n\n-# You: 1", "Next."]


async def test_after_a_restart_the_pressed_message_is_not_taken_for_the_answer(connected: Connected):
    ann, channel = connected.server.person("ann"), stranger(connected)
    (page,) = await begun(connected, channel, Message("Short.", buttons=BUTTONS))
    pressed = await ann.click(page, "1")
    event = await connected.notes.event()
    await pressed.acknowledged()
    async with connecting(connected.server) as restarted, asyncio.timeout(30):
        while await restarted.platform.check_ready():
            await asyncio.sleep(0.05)
        mark = restarted.delivery(event, 2, kind="mark", edit=str(page.id))
        await restarted.platform.deliver(mark, Message("Short.", footer="You: 1"))
        await restarted.platform.deliver(restarted.delivery(event, 3), Message("Next.", buttons=BUTTONS))
    assert [m.content for m in shown(connected, channel)] == ["Short.\n\n-# You: 1", "Next."]


async def test_a_member_that_may_not_write_answers_by_its_token(connected: Connected):
    ann = connected.server.person("ann")
    channel = connected.server.guild("Readers").text_channel("general")
    channel.deny("SEND_MESSAGES", "SEND_MESSAGES_IN_THREADS", "CREATE_PUBLIC_THREADS")
    page = await begun(connected, channel, replace(LONG, thread="The door"))
    assert len(page) == SPLIT + 1
    assert shown(connected, ann.dm()) == []
    channel.allow("SEND_MESSAGES")
    await ann.slash(channel, "story new", premise="a door")
    await connected.notes.event()
    await deliver(connected, 2, LONG)
    assert [m.nonce for m in shown(connected, channel)[-2:]] == ["2-1", "2-2"]


@pytest.mark.parametrize("kind", ["error_after", "drop_after", "error_before", "drop_before"])
async def test_an_unclear_follow_up_is_never_repeated_and_the_next_part_says_so(connected: Connected, kind: str):
    channel = stranger(connected)
    connected.server.faults.add(Fault(kind, FOLLOW_UP))
    page = await begun(connected, channel)
    arrived = kind.endswith("after")
    assert len(page) == SPLIT - (not arrived)
    assert "may be missing" in page[-1].content
    assert page[-1].buttons
    assert len({m.content for m in page}) == len(page)
    assert parts_of(connected.recorded)[1] == ""
    assert len([r for r in connected.server.log.requests if r.route.endswith("{webhook_token}")]) == SPLIT - 1


@pytest.mark.parametrize("kind", ["error_after", "drop_after"])
async def test_an_unclear_follow_up_is_looked_up_where_the_channel_can_be_read(connected: Connected, kind: str):
    channel = connected.server.guild("Readers").text_channel("general")
    channel.deny("SEND_MESSAGES")
    connected.server.faults.add(Fault(kind, FOLLOW_UP))
    page = await begun(connected, channel)
    assert parts_of(connected.recorded) == [str(m.id) for m in page]
    assert len(page) == SPLIT
    assert not any("may be missing" in m.content for m in page)


async def test_if_the_last_part_is_unclear_a_note_carries_the_buttons(connected: Connected):
    channel = stranger(connected)
    connected.server.faults.add(Fault("drop_before", FOLLOW_UP, skip=1))
    page = await begun(connected, channel)
    assert page[-1].content.startswith("-# The part before this may be missing. /story continue")
    assert page[-1].buttons
    again = len(page)
    await deliver(connected, 1, LONG, sent=list(connected.recorded))
    assert len(shown(connected, channel)) == again


async def test_after_a_crash_within_a_follow_up_the_next_part_says_so(connected: Connected):
    channel = stranger(connected)
    page = await begun(connected, channel)
    await deliver(connected, 1, LONG, sent=[str(page[0].id), INTENT])
    assert connected.recorded[:3] == [str(page[0].id), INTENT, UNCLEAR]
    assert "may be missing" in shown(connected, channel)[-1].content


async def test_a_short_rate_limit_is_waited_for_and_a_refused_follow_up_becomes_a_direct_message(connected: Connected):
    ann, channel = connected.server.person("ann"), stranger(connected)
    connected.server.faults.add(Fault("rate_limit", FOLLOW_UP, retry_after=0.2))
    assert len(await begun(connected, channel)) == SPLIT
    assert shown(connected, ann.dm()) == []
    many = Message("\n\n".join(f"{n} " + "word " * 300 for n in range(LIMIT + 3)))
    await begun(connected, channel, many)
    assert len(shown(connected, channel)) == SPLIT + 1 + LIMIT
    assert [m.content[0] for m in shown(connected, ann.dm())] == ["6", "7"]


@pytest.mark.parametrize("fate", ["locked", "deleted", "forbidden"])
@pytest.mark.parametrize("typed", [False, True])
async def test_a_thread_that_closes_while_a_page_is_written(connected: Connected, fate: str, typed: bool):
    ann = connected.server.person("ann")
    guild = connected.server.guild("Readers")
    channel = guild.text_channel("general")
    thread = guild.thread(channel, "The door")
    if typed:
        await ann.say(thread, "I open it", mention_bot=True)
    else:
        await ann.slash(thread, "story continue")
    await connected.notes.event()
    if not typed:
        await connected.server.interactions[-1].acknowledged()
    if fate == "locked":
        thread.archived = thread.locked = True
    elif fate == "deleted":
        thread.delete()
    else:
        thread.deny("VIEW_CHANNEL")
        for interaction in connected.server.interactions:
            interaction.expire()
    await deliver(connected, 1, LONG)
    assert len(shown(connected, channel)) == SPLIT
    channel.deny("SEND_MESSAGES")
    await deliver(connected, 2, Message("Once more."))
    assert [m.content for m in shown(connected, ann.dm())] == ["Once more."]


async def test_a_thread_of_a_new_story_that_is_deleted_meanwhile(connected: Connected):
    channel = connected.server.guild("Readers").text_channel("general")
    await begun(connected, channel, Message("Short.", thread="The door"))
    (thread,) = [c for c in connected.server.channels if c.is_thread]
    sent = list(connected.recorded)
    thread.delete()
    await deliver(connected, 1, replace(LONG, thread="The door"), sent=sent)
    assert shown(connected, channel)[-1].buttons


def test_what_is_recorded_is_read_as_parts():
    assert parts_of([]) == []
    assert parts_of(["1", "sending", "2", "sending", "unclear", "5"]) == ["1", "2", "", "5"]
    assert parts_of(["sending", "refused", "sending", "7", "sending"]) == ["7", ""]


def archive(size: int) -> Message:
    """A part of an export."""
    return Message("", attachments=(Attachment.of(b"x" * size, "application/zip", "data.zip"),), private=True)


async def exported(connected: Connected, channel: Channel, size: int) -> None:
    """Answer a command of ann's, and send an archive after the answer."""
    asked = await connected.server.person("ann").slash(channel, "data export")
    await connected.notes.event()
    await asked.acknowledged()
    await deliver(connected, 1, Message("Here is your data.", private=True))
    await deliver(connected, 2, archive(size))


async def test_a_boosted_server_says_how_large_a_file_may_be(connected: Connected):
    ann, guild = connected.server.person("ann"), connected.server.guild("Readers")
    guild.file_bytes = 50 * 1024 * 1024
    for channel, limit in ((guild.text_channel("general"), 50 * 1024 * 1024), (ann.dm(), None)):
        await ann.slash(channel, "data export")
        said = (await connected.notes.event()).file_bytes
        assert said == (None if limit is None else limit - REQUEST_BYTES)
    guild.file_bytes = 10 * 1024 * 1024
    await ann.slash(guild.text_channel("general"), "data export")
    assert (await connected.notes.event()).file_bytes is None, "as everywhere"


async def test_a_large_file_goes_by_the_token_for_one_person_alone(connected: Connected):
    ann, guild = connected.server.person("ann"), connected.server.guild("Readers")
    guild.file_bytes = 50 * 1024 * 1024
    channel = guild.text_channel("general")
    await exported(connected, channel, 12_000_000)
    sent = shown(connected, channel)[-1]
    assert (sent.ephemeral, [a.filename for a in sent.attachments]) == (True, ["data.zip"])
    assert shown(connected, ann.dm()) == []


async def test_a_small_file_goes_to_the_private_chat_once(connected: Connected):
    ann, channel = connected.server.person("ann"), connected.server.guild("Readers").text_channel("general")
    await exported(connected, channel, 1_000)
    assert [len(m.attachments) for m in shown(connected, ann.dm())] == [1]


@pytest.mark.parametrize("way", ["refused", "unclear", "late"])
async def test_a_large_file_that_the_token_does_not_carry_is_too_large(
    connected: Connected, way: str, monkeypatch: pytest.MonkeyPatch
):
    ann, guild = connected.server.person("ann"), connected.server.guild("Readers")
    channel = guild.text_channel("general")
    guild.file_bytes = (10 if way == "refused" else 50) * 1024 * 1024
    if way == "unclear":
        connected.server.faults.add(Fault("drop_before", FOLLOW_UP))
    elif way == "late":
        monkeypatch.setattr("bot.platforms.discord.send.TOKEN_SECONDS", -1.0)
    with pytest.raises(FileTooLarge):
        await exported(connected, channel, 12_000_000)
    assert shown(connected, ann.dm()) == []
