"""Discord: acknowledged in time, sent once, however it goes wrong on the way."""

import asyncio

import pytest

from bot.actions.packing import pack
from bot.events import ButtonPress, Command, Submit, TextMessage
from bot.messages import Button, Field, Form, Message, Progress
from bot.platforms.base import Outcome, RetryLater, Undeliverable
from bot.platforms.discord.commands import LEFT_OUT
from tests.bot.discord.conftest import Connected
from tests.doubles.discord import Fault
from tests.topics import product_topics

PAGE = Message(
    "It was *there*.",
    title="The door",
    choices=("Open it", "Listen"),
    footer="Page 1",
    buttons=((Button("1", "1.choose.1.0.1", "1"), Button("2", "1.choose.1.0.2", "2")),),
)


async def test_commands_are_derived_from_the_registry(connected: Connected):
    ann = connected.server.person("ann")
    await ann.slash(ann.dm(), "story new", premise="a door", genre="Horror")
    event = await connected.notes.event()
    assert event.payload == Command(name="story new", values={"premise": "a door", "genre": "horror"})
    assert (event.account.kind, event.conversation.kind, event.user.role) == ("dm", "dm", "owner")
    assert event.user.username == "ann"
    names = {c["name"] for c in connected.server.commands}
    assert names == {spec.name.split()[0] for spec in product_topics().commands} - LEFT_OUT
    (operator,) = (c for c in connected.server.commands if c["name"] == "operator")
    assert operator["default_member_permissions"] == "0", "guilds show it to their administrators only"


async def test_work_is_deferred_then_fills_the_response(connected: Connected):
    ann = connected.server.person("ann")
    asked = await ann.slash(ann.dm(), "story new", premise="a door")
    event = await connected.notes.event()
    ack = await asked.acknowledged()
    assert ack.type == 5
    await connected.platform.show_progress(event.destination, "", Progress("Writing …", 40, text="It was"))
    await connected.platform.deliver(connected.delivery(event), PAGE)
    message = await asked.answered()
    assert message.content == "**The door**\n\nIt was *there*.\n\n**1.** Open it\n**2.** Listen\n\n-# Page 1"
    assert [b.label for b in message.buttons] == ["1", "2"]
    assert connected.recorded == [str(message.id)]
    await connected.platform.deliver(connected.delivery(event), PAGE)
    assert len(connected.server.log.bot_messages()) == 1


async def test_progress_is_shown_in_what_another_process_deferred(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
):
    asked = await (ann := connected.server.person("ann")).slash(ann.dm(), "story new", premise="a door")
    event = await connected.notes.event()
    await asked.acknowledged()
    monkeypatch.setattr("bot.platforms.discord.responses.RESPONSE_SECONDS", 0.0)
    monkeypatch.setattr(connected.platform._acks, "_acks", {})
    await connected.platform.show_progress(event.destination, "", Progress("Writing …", 40, text="It was"))
    assert "It was" in (await asked.answered()).content
    # Not in a message whose button was pressed, nor by a token that has ended.
    pressed = event.destination.model_copy(update={"pressed_message": "1"})
    await connected.platform.show_progress(pressed, "", Progress("Writing …", 50, text="It was not"))
    monkeypatch.setattr("bot.platforms.discord.responses.TOKEN_SECONDS", 0.0)
    await connected.platform.show_progress(event.destination, "", Progress("Writing …", 60, text="It was not"))
    assert "It was not" not in (await asked.answered()).content


async def test_a_second_row_of_an_event_does_not_overwrite_its_answer(connected: Connected):
    ann = connected.server.person("ann")
    asked = await ann.slash(ann.dm(), "help")
    event = await connected.notes.event()
    await asked.acknowledged()
    await connected.platform.deliver(connected.delivery(event, 1), Message("First."))
    await connected.platform.deliver(connected.delivery(event, 2), Message("Second."))
    await connected.platform.deliver(connected.delivery(event, 1, attempt=2), Message("First."))
    assert [m.content for m in ann.messages(ann.dm()) if m.author.bot] == ["First.", "Second."]


async def test_an_answer_that_is_there_is_the_response_itself(connected: Connected):
    connected.notes.outcome = Outcome("answered")
    ann = connected.server.person("ann")
    asked = await ann.slash(ann.dm(), "help")
    event = await connected.notes.event()
    await connected.platform.deliver(connected.delivery(event), Message("Here.", private=True))
    ack = await asked.acknowledged()
    assert (ack.type, ack.ephemeral) == (4, True)
    assert (await asked.answered()).content == "Here."


async def test_an_answer_that_is_late_is_deferred_in_time(connected: Connected):
    connected.notes.outcome = Outcome("answered")
    ann = connected.server.person("ann")
    asked = await ann.slash(ann.dm(), "help")
    event = await connected.notes.event()
    ack = await asked.acknowledged()
    assert ack.type == 5
    assert ack.latency < 2.5
    await connected.platform.deliver(connected.delivery(event), Message("Here."))
    assert (await asked.answered()).content == "Here."


async def test_presses_dialogs_and_refusals(connected: Connected):
    ann = connected.server.person("ann")
    await ann.slash(ann.dm(), "story new", premise="a door")
    event = await connected.notes.event()
    await connected.platform.deliver(connected.delivery(event), PAGE)
    page = await ann.wait_for_message(ann.dm(), lambda m: bool(m.buttons))
    pressed = await ann.click(page, "2")
    event = await connected.notes.event()
    assert event.payload == ButtonPress(data="1.choose.1.0.2", offered=True)
    assert event.destination.pressed_message == str(page.id)
    await pressed.acknowledged()

    own = pack("own", 1, 0)
    connected.notes.direct = Form("What do you do?", own, (Field("text", "Your action", multiline=True),))
    asked = await ann.click(page, "1")
    await asked.acknowledged()
    assert asked.modal is not None
    await ann.submit(asked, {"text": "I sing"})
    event = await connected.notes.event()
    assert event.payload == Submit(form=own, values={"text": "I sing"}, offered=True)
    assert event.destination.pressed_message == str(page.id)

    connected.notes.direct = Message("The story has moved on.", private=True)
    refused = await ann.click(page, "1")
    told = await refused.answered()
    assert (told.content, told.ephemeral) == ("The story has moved on.", True)

    connected.notes.direct, connected.notes.outcome = None, Outcome("refused", "Busy.")
    busy = await (await ann.click(page, "1")).answered()
    assert (busy.content, busy.ephemeral) == ("Busy.", True)


async def test_suggestions(connected: Connected):
    ann = connected.server.person("ann")
    choices = await ann.autocomplete(ann.dm(), "story continue", "story", "do")
    assert [(c.name, c.value) for c in choices] == [("story:do", "#1")]


async def test_the_mark_shows_the_choice_and_takes_the_buttons_away(connected: Connected):
    ann = connected.server.person("ann")
    await ann.slash(ann.dm(), "story new", premise="a door")
    event = await connected.notes.event()
    await connected.platform.deliver(connected.delivery(event), PAGE)
    page = await ann.wait_for_message(ann.dm(), lambda m: bool(m.buttons))
    taken = Message(PAGE.body, title=PAGE.title, choices=PAGE.choices, taken=2)
    await connected.platform.deliver(connected.delivery(event, 8, edit=str(page.id)), taken)
    assert "▸ **2.** **Listen**" in page.content
    assert page.buttons == []
    await connected.platform.deliver(connected.delivery(event, 8, edit="1"), taken)


async def test_a_long_page_is_split_and_a_crash_in_between_repeats_nothing(connected: Connected):
    ann = connected.server.person("ann")
    await ann.slash(ann.dm(), "story new", premise="a door")
    event = await connected.notes.event()
    long = Message("\n\n".join(f"Paragraph {n}. " + "word " * 80 for n in range(12)), buttons=PAGE.buttons)
    await connected.platform.deliver(connected.delivery(event), long)
    sent = connected.server.log.bot_messages()
    assert len(sent) == len(connected.recorded) > 2
    assert all(len(m.content) <= 2000 for m in sent)
    assert [bool(m.buttons) for m in sent] == [False] * (len(sent) - 1) + [True]
    await connected.platform.deliver(connected.delivery(event, sent=connected.recorded[:2]), long)
    assert len(connected.server.log.bot_messages()) == len(sent)


async def test_after_fifteen_minutes_the_channel_is_used_and_without_it_a_direct_message(connected: Connected):
    ann = connected.server.person("ann")
    channel = connected.server.guild("Readers").text_channel("general")
    asked = await ann.slash(channel, "story list")
    event = await connected.notes.event()
    await asked.acknowledged()
    asked.expire()
    await connected.platform.deliver(connected.delivery(event, 7), Message("Late."))
    assert (await ann.wait_for_message(channel, lambda m: m.content == "Late.")).nonce == "7-0"
    channel.deny("SEND_MESSAGES")
    await connected.platform.deliver(connected.delivery(event, 8), Message("Later."))
    await ann.wait_for_message(ann.dm(), lambda m: m.content == "Later.")
    await connected.platform.deliver(connected.delivery(event, 9), Message("Secret.", private=True))
    await ann.wait_for_message(ann.dm(), lambda m: m.content == "Secret.")
    ann.dms_open = False
    with pytest.raises(Undeliverable):
        await connected.platform.deliver(connected.delivery(event, 10), Message("Never."))


async def test_plain_text_gets_a_placeholder_that_becomes_the_answer(connected: Connected):
    ann = connected.server.person("ann")
    said = await ann.say(ann.dm(), "hello")
    event = await connected.notes.event()
    assert event.payload == TextMessage(text="hello")
    assert (event.event_id, event.deferred) == (f"m{said.id}", False)
    await connected.platform.place(connected.delivery(event), Progress("Writing …"))
    (placeholder,) = connected.recorded
    await connected.platform.show_progress(event.destination, placeholder, Progress("Writing …", 50, text="Good"))
    await connected.platform.deliver(
        connected.delivery(event, 8, placeholder=placeholder), Message("Good evening.", speaker="Marlow")
    )
    (message,) = connected.server.log.bot_messages()
    assert message.content == "**Marlow**\n\nGood evening."


async def test_in_a_guild_only_what_is_meant_for_the_bot_is_heard(connected: Connected):
    ann = connected.server.person("ann")
    channel = connected.server.guild("Readers").text_channel("general")
    await ann.say(channel, "not for the bot")
    await ann.say(channel, "what now?", mention_bot=True)
    event = await connected.notes.event()
    assert isinstance(event.payload, TextMessage)
    assert event.payload.text == "what now?"
    assert (event.account.kind, event.conversation.kind, event.user.role) == ("guild", "group", "member")
    assert len(connected.notes.events) == 1


@pytest.mark.parametrize("kind", ["error_after", "drop_after", "error_before", "drop_before"])
async def test_a_fault_on_the_way_costs_no_duplicate(connected: Connected, kind: str):
    ann = connected.server.person("ann")
    await ann.say(ann.dm(), "hello")
    event = await connected.notes.event()
    connected.server.faults.add(Fault(kind, route="POST /channels/*/messages", times=1))  # type: ignore[arg-type]
    for attempt in (1, 2, 3):
        try:
            await connected.platform.deliver(connected.delivery(event, attempt=attempt), Message("Once."))
            break
        except RetryLater:
            await asyncio.sleep(0.1)
    assert [m.content for m in connected.server.log.bot_messages()] == ["Once."]
