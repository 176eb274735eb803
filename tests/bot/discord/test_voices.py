"""Personas speak in guilds by the channel's webhook: under their name, with their picture, once."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from bot.events import ButtonPress, Event, TextMessage, Unreadable
from bot.messages import Button, Face, FileContent, Message, OutgoingPicture, Portrait, Progress
from bot.platforms.attempts import REFUSED, TRACEABLE, UNCLEAR, parts_of
from bot.platforms.base import Outcome, RetryLater
from tests.bot.discord.conftest import Connected, connecting
from tests.doubles.discord import DiscordServer, Fault
from tests.doubles.discord.messages import Message as Sent
from tests.doubles.discord.places import Channel
from tests.doubles.discord.webhooks import Webhook
from tests.effort import LONG

EXECUTE = "POST /webhooks/*/*"
MAKE = "POST /channels/*/webhooks"
PNG = b"\x89PNG\r\n\x1a\n"
AGAIN = ((Button("Answer again", "1.variant.7"),),)


def face(key: str = "12") -> Face:
    """The face of a persona whose picture has a key."""

    async def load(form: str) -> FileContent:
        return FileContent(PNG + key.encode(), "image/png", "portrait.png")

    async def portrait() -> Portrait:
        return Portrait(key, OutgoingPicture(load, "a face"))

    async def is_new() -> bool:
        return True

    return Face(portrait, is_new)


REPLY = Message("Good evening.", speaker="Marlow", face=face(), buttons=AGAIN)
PARTS = replace(REPLY, body="\n\n".join(f"Paragraph {n}. " + "word " * 60 for n in range(11)))


@pytest.fixture
def stage(server: DiscordServer) -> Channel:
    """A channel in which the bot may make webhooks."""
    channel = server.guild("Readers").text_channel("general")
    channel.grant("MANAGE_WEBHOOKS")
    return channel


@pytest.fixture
async def connected(server: DiscordServer, stage: Channel) -> AsyncGenerator[Connected]:
    async with connecting(server) as platform:
        yield platform


async def asked(connected: Connected, channel: Channel, text: str = "hello") -> Event:
    await connected.server.person("ann").say(channel, text, mention_bot=True)
    return await connected.notes.event()


async def deliver(connected: Connected, event: Event, message: Message = REPLY, row: int = 7, **changes: Any) -> None:
    """Deliver an answer as often as it takes; what is recorded survives."""
    connected.recorded = list(changes.pop("sent", []))
    first = int(changes.pop("attempt", 1))
    for attempt in range(first, first + 6):
        try:
            sent = list(connected.recorded)
            delivery = connected.delivery(event, row, sent=sent, attempt=attempt, **changes)
            await connected.platform.deliver(delivery, message)
        except RetryLater as e:
            await asyncio.sleep(min(e.delay or 0.1, 0.1))
        else:
            return
    raise AssertionError("it was never delivered")


async def allowed(connected: Connected, channel: Channel, *, manage_webhooks: bool) -> None:
    """Wait until the client knows whether the bot may make webhooks."""
    async with asyncio.timeout(10):
        while True:
            known: Any = connected.platform._client.get_channel(channel.id)
            if known is not None and known.permissions_for(known.guild.me).manage_webhooks is manage_webhooks:
                return
            await asyncio.sleep(0.01)


def shown(channel: Channel) -> list[Sent]:
    return [m for m in channel.messages.values() if m.author.bot]


def requests(connected: Connected, route: str) -> int:
    return len([r for r in connected.server.log.requests if f"{r.method} {r.route}" == route])


async def test_a_reply_has_the_personas_name_and_picture_also_after_a_restart(connected: Connected, stage: Channel):
    event = await asked(connected, stage)
    await deliver(connected, event)
    (first,) = shown(stage)
    (hook,) = stage.webhooks
    assert (first.author.name, first.content, first.webhook) == ("Marlow", "Good evening.", hook)
    assert (first.author.avatar, hook.picture, hook.name) == (hook.avatar, PNG + b"12", "Storyfork 12")
    assert connected.recorded == [TRACEABLE, str(first.id)]
    await deliver(connected, event, row=8)
    async with connecting(connected.server) as restarted:
        await deliver(restarted, event, row=9)
    assert [m.webhook for m in shown(stage)] == [hook] * 3
    assert requests(connected, "PATCH /webhooks/{webhook_id}") == 1
    assert requests(connected, "POST /channels/{channel_id}/webhooks") == 1


@pytest.mark.parametrize(
    ("kind", "message"),
    [("error_after", REPLY), ("drop_after", PARTS), ("error_before", PARTS), ("drop_before", REPLY)],
)
async def test_an_unclear_request_is_looked_up_before_another_try(
    connected: Connected, stage: Channel, kind: str, message: Message
):
    event = await asked(connected, stage)
    connected.server.faults.add(Fault(kind, EXECUTE))
    await deliver(connected, event, message)
    sent = shown(stage)
    assert parts_of(connected.recorded) == [str(m.id) for m in sent]
    assert len(sent) == (3 if message is PARTS else 1)
    assert len({m.content for m in sent}) == len(sent)
    assert {m.author.name for m in sent} == {"Marlow"}


async def test_a_crash_between_sending_and_recording_sends_nothing_twice(connected: Connected, stage: Channel):
    event = await asked(connected, stage)
    await deliver(connected, event, PARTS)
    sent = shown(stage)
    texts = [m.content for m in sent]
    for known in (2, 1, 0) if LONG else (2, 0):
        before = [entry for m in sent[:known] for entry in (TRACEABLE, str(m.id))]
        for later in shown(stage)[known + 1 :]:
            connected.server.world.delete_message(later)
        async with connecting(connected.server) as restarted:
            await deliver(restarted, event, PARTS, sent=[*before, TRACEABLE], attempt=2)
            assert parts_of(restarted.recorded) == [str(m.id) for m in shown(stage)]
        assert [m.content for m in shown(stage)] == texts
        assert shown(stage)[: known + 1] == sent[: known + 1]


async def test_what_cannot_be_looked_for_any_more_is_not_repeated(connected: Connected, stage: Channel):
    event = await asked(connected, stage)
    stage.deny("MANAGE_WEBHOOKS")
    await allowed(connected, stage, manage_webhooks=False)
    await deliver(connected, event, PARTS, sent=[TRACEABLE], attempt=2)
    assert connected.recorded[:2] == [TRACEABLE, UNCLEAR]
    assert shown(stage)[0].content.startswith("-# The part before this may be missing.\n")
    assert {m.webhook for m in shown(stage)} == {None}


async def test_a_deleted_webhook_is_made_again(connected: Connected, stage: Channel):
    event = await asked(connected, stage)
    await deliver(connected, event)
    stage.webhooks[0].delete()
    await deliver(connected, event, replace(REPLY, body="And again."), row=8)
    assert [m.content for m in shown(stage)] == ["Good evening.", "And again."]
    assert shown(stage)[-1].webhook is stage.webhooks[0]
    assert connected.recorded[1] == REFUSED
    stage.webhooks[0].delete()
    other = replace(REPLY, speaker="Juno", face=face("13"))
    await deliver(connected, event, other, row=9)
    assert (shown(stage)[-1].author.name, stage.webhooks[0].picture) == ("Juno", PNG + b"13")


async def test_there_is_one_webhook_also_if_it_is_unclear_whether_it_was_made(connected: Connected, stage: Channel):
    connected.server.faults.add(Fault("error_after", MAKE))
    await deliver(connected, await asked(connected, stage))
    assert len(stage.webhooks) == len(shown(stage)) == 1


async def test_surplus_webhooks_of_ours_go_and_others_stay(connected: Connected, stage: Channel):
    theirs, first, _ = (Webhook.made(stage, "x", ours=ours) for ours in (False, True, True))
    await deliver(connected, await asked(connected, stage))
    assert stage.webhooks == [theirs, first]
    assert shown(stage)[0].webhook is first


@pytest.mark.parametrize("missing", ["MANAGE_WEBHOOKS", "READ_MESSAGE_HISTORY", "room", "switched off"])
async def test_without_a_webhook_the_bot_speaks_under_the_personas_name(
    server: DiscordServer, stage: Channel, missing: str, monkeypatch: pytest.MonkeyPatch
):
    if missing == "room":
        for number in range(15):
            Webhook.made(stage, f"other {number}")
    elif missing != "switched off":
        stage.deny(missing)
    async with connecting(server) as connected:
        if missing == "switched off":
            monkeypatch.setattr(connected.platform._voices, "_enabled", False)
        for row in (7, 8):
            await deliver(connected, await asked(connected, stage), row=row)
        assert [(m.content, m.webhook, m.nonce) for m in shown(stage)] == [
            ("**Marlow**\n\nGood evening.", None, f"{row}-0") for row in (7, 8)
        ]
        assert requests(connected, "POST /channels/{channel_id}/webhooks") == (missing == "room")


async def test_a_thread_is_spoken_in_by_its_channels_webhook(connected: Connected, stage: Channel):
    thread = connected.server.guild("Readers").thread(stage, "The door")
    event = await asked(connected, thread)
    await connected.platform.place(connected.delivery(event), Progress("Writing …", speaker="Marlow", face=face()))
    (placeholder,) = connected.recorded
    await connected.platform.show_progress(event.destination, placeholder, Progress("Writing …", 50, text="Good"))
    assert "Good" in shown(thread)[0].content
    connected.server.faults.add(Fault("drop_after", EXECUTE))
    await deliver(connected, event, PARTS, placeholder=placeholder)
    sent = shown(thread)
    assert [m.webhook for m in sent] == [stage.webhooks[0]] * 3
    assert (str(sent[0].id), [bool(m.buttons) for m in sent]) == (placeholder, [False, False, True])
    assert shown(stage) == []
    thread.locked = True
    await deliver(connected, event, row=8)
    assert shown(thread)[-1].content == "**Marlow**\n\nGood evening."


async def placed(connected: Connected, stage: Channel) -> tuple[Event, str]:
    """An answer that is being written, and the id of its placeholder."""
    event = await asked(connected, stage)
    progress = Progress("Writing …", buttons=((Button("Cancel", "1.cancel.5"),),), speaker="Marlow", face=face())
    await connected.platform.place(connected.delivery(event, 6), progress)
    return event, connected.recorded[-1]


async def test_streaming_goes_on_after_a_restart(connected: Connected, stage: Channel):
    event, placeholder = await placed(connected, stage)
    async with connecting(connected.server) as restarted:
        await allowed(restarted, stage, manage_webhooks=True)
        for text in ("Good", "Good even"):
            await restarted.platform.show_progress(event.destination, placeholder, Progress("Writing …", 50, text=text))
        await deliver(restarted, event, placeholder=placeholder)
    (message,) = shown(stage)
    assert (message.content, message.author.name, len(message.edits)) == ("Good evening.", "Marlow", 3)
    assert [r.code for r in connected.server.log.refusals()] == [50005]


@pytest.mark.parametrize("kind", ["error_after", "error_before"])
async def test_a_placeholder_is_sent_once(connected: Connected, stage: Channel, kind: str):
    event = await asked(connected, stage)
    connected.server.faults.add(Fault(kind, EXECUTE))
    progress = Progress("Writing …", buttons=((Button("Cancel", "1.cancel.5"),),), speaker="Marlow", face=face())
    with pytest.raises(RetryLater):
        await connected.platform.place(connected.delivery(event, 6), progress)
    await connected.platform.place(connected.delivery(event, 6, attempt=2), progress)
    assert connected.recorded == [str(m.id) for m in shown(stage)]
    assert len(connected.recorded) == 1


@pytest.mark.parametrize("fate", ["webhook deleted", "message deleted", "permission taken", "permission and restart"])
async def test_what_happens_in_mid_stream_loses_and_doubles_nothing(connected: Connected, stage: Channel, fate: str):
    event, placeholder = await placed(connected, stage)
    if fate == "webhook deleted":
        stage.grant("MANAGE_MESSAGES")
        stage.webhooks[0].delete()
    elif fate == "message deleted":
        connected.server.world.delete_message(shown(stage)[0])
    else:
        stage.deny("MANAGE_WEBHOOKS")
        stage.grant("MANAGE_MESSAGES")
        await allowed(connected, stage, manage_webhooks=False)
    if fate == "permission and restart":
        async with connecting(connected.server) as restarted:
            await deliver(restarted, event, placeholder=placeholder)
    else:
        await deliver(connected, event, placeholder=placeholder)
    (message,) = shown(stage)
    named = fate == "permission and restart"
    assert message.content == ("**Marlow**\n\nGood evening." if named else "Good evening.")
    assert message.author.name == (connected.server.world.bot.name if named else "Marlow")


async def test_an_answer_is_rewritten_by_who_wrote_it(connected: Connected, stage: Channel):
    event = await asked(connected, stage)
    await deliver(connected, event, PARTS)
    edits = tuple(connected.recorded)
    async with connecting(connected.server) as restarted:
        await deliver(restarted, event, REPLY, row=8, edits=edits)
        assert parts_of(restarted.recorded) == parts_of(edits)[:1]
    assert [(m.content, m.author.name) for m in shown(stage)] == [("Good evening.", "Marlow")]
    stage.deny("MANAGE_WEBHOOKS")
    await allowed(connected, stage, manage_webhooks=False)
    await deliver(connected, event, row=9)
    await deliver(connected, event, replace(REPLY, body="Morning."), row=10, edits=tuple(connected.recorded))
    assert shown(stage)[-1].content == "**Marlow**\n\nMorning."


@pytest.mark.parametrize("status", ["working", "answered"])
async def test_a_press_is_answered_under_the_personas_name(connected: Connected, stage: Channel, status: str):
    await deliver(connected, await asked(connected, stage))
    connected.notes.outcome = Outcome(status)
    pressed = await connected.server.person("ann").click(shown(stage)[0], "Answer again")
    event = await connected.notes.event()
    assert event.payload == ButtonPress(data="1.variant.7", offered=True)
    if status == "working":
        await pressed.acknowledged()
        await connected.platform.show_progress(event.destination, "", Progress("Writing …", 40, text="Good"))
    await deliver(connected, event, replace(REPLY, body="Good night."), row=8)
    await pressed.acknowledged()
    assert [(m.author.name, m.content) for m in shown(stage)] == [
        ("Marlow", "Good evening."),
        ("Marlow", "Good night."),
    ]


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_command_is_answered_under_the_personas_name(connected: Connected, stage: Channel, restarts: bool):
    used = await connected.server.person("ann").slash(stage, "chat reset")
    event = await connected.notes.event()
    await used.acknowledged()
    await connected.platform.show_progress(
        event.destination, "", Progress("Writing …", text="Go", buttons=((Button("Cancel", "1.cancel.5"),),))
    )
    if restarts:
        async with connecting(connected.server) as restarted:
            await deliver(restarted, event)
    else:
        await deliver(connected, event)
    assert [(m.author.name, m.content) for m in shown(stage)] == [("Marlow", "Good evening.")]


async def test_a_greeting_at_once_leaves_no_sign_of_waiting(connected: Connected, stage: Channel):
    connected.notes.outcome = Outcome("answered")
    used = await connected.server.person("ann").slash(stage, "chat reset")
    await deliver(connected, await connected.notes.event())
    assert (await used.acknowledged()).ephemeral
    assert [m.author.name for m in shown(stage)] == ["Marlow"]


async def test_a_reply_to_a_persona_is_for_the_bot(connected: Connected, stage: Channel):
    await deliver(connected, await asked(connected, stage))
    ann, (said,) = connected.server.person("ann"), shown(stage)
    await ann.say(stage, "and you?", reply_to=said)
    assert (await connected.notes.event()).payload == Unreadable(kind="reply")
    await ann.say(stage, "and you?", mention_bot=True, reply_to=said)
    assert (await connected.notes.event()).payload == TextMessage(text="and you?", reply_to=str(said.id))
    other = Sent(connected.server.world.new_id(), stage, said.author, content="x", webhook=Webhook.made(stage, "x"))
    connected.server.world.add_message(other)
    await ann.say(stage, "not for the bot", reply_to=other)
    await ann.say(stage, "for the bot", mention_bot=True)
    assert (await connected.notes.event()).payload == TextMessage(text="for the bot")


async def test_nobody_bears_anothers_picture(connected: Connected, stage: Channel):
    event = await asked(connected, stage)
    juno = replace(REPLY, speaker="Juno", face=face("13"))
    await asyncio.gather(
        *(deliver(connected, event, who, row=row) for row, who in enumerate((REPLY, juno, REPLY, juno), 10))
    )
    of = {name: {m.author.avatar for m in shown(stage) if m.author.name == name} for name in ("Marlow", "Juno")}
    assert [len(avatars) for avatars in of.values()] == [1, 1]
    assert of["Marlow"] != of["Juno"]
    connected.server.faults.add(Fault("forbidden", "PATCH /webhooks/*"))
    last = shown(stage)[-1].author.name
    await deliver(connected, event, replace(REPLY, speaker="Vex", face=face("14")), row=20)
    vex = shown(stage)[-1]
    assert vex.author.name == "Vex" != last
    assert vex.author.avatar not in {avatar for avatars in of.values() for avatar in avatars}


async def test_a_persona_called_discord_speaks(connected: Connected, stage: Channel):
    await deliver(connected, await asked(connected, stage), replace(REPLY, speaker="Discordia of Clydeside"))
    assert shown(stage)[0].webhook is not None


async def test_a_message_is_found_whose_buttons_have_changed_meanwhile(connected: Connected, stage: Channel):
    event = await asked(connected, stage)
    await deliver(connected, event)
    later = replace(REPLY, buttons=((Button("◀", "1.swipe.4.previous"), *REPLY.buttons[0]),))
    async with connecting(connected.server) as restarted:
        await deliver(restarted, event, later, sent=[TRACEABLE], attempt=2)
        assert parts_of(restarted.recorded) == [str(m.id) for m in shown(stage)]
    assert len(shown(stage)) == 1


async def test_the_bot_s_own_answer_to_somebody_else_leaves_nothing_open(connected: Connected, stage: Channel):
    event = await asked(connected, stage)
    await connected.server.person("ben").slash(stage, "story new", premise="a door")
    await connected.notes.event()
    await stage.world.wait_until(lambda: shown(stage), 10, "the sign that it is being thought of")
    await deliver(connected, event, sent=[TRACEABLE], attempt=2)
    assert [m.content for m in shown(stage) if m.webhook] == ["Good evening."]
