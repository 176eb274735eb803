"""What Discord can send besides commands, presses and messages; and that every kind is decided on."""

import discord
import pytest
from discord.state import ConnectionState

from bot.context import Context
from bot.events import Command, EditedMessage, MenuPick, Reaction, TextMessage, Unreadable
from bot.menus import MenuSpec
from bot.messages import Message
from bot.platforms.discord import kinds
from db.permissions import EVERYBODY
from tests.bot.discord.conftest import Connected, connecting
from tests.doubles.discord import DiscordServer
from tests.doubles.discord.bodies import Upload
from tests.doubles.discord.invocation import Attached


async def retell(context: Context, picked: MenuPick) -> None:
    """Nothing is done here."""


MENU = MenuSpec("Continue from here", retell, permission=EVERYBODY)


@pytest.mark.parametrize(
    ("known", "handled", "ignored"),
    [
        (
            {name[6:].upper() for name in dir(ConnectionState) if name.startswith("parse_")},
            kinds.HANDLED_GATEWAY,
            kinds.IGNORED_GATEWAY,
        ),
        ({k.name for k in discord.InteractionType}, kinds.HANDLED_INTERACTIONS, kinds.IGNORED_INTERACTIONS),
        ({k.name for k in discord.AppCommandType}, kinds.HANDLED_COMMANDS, kinds.IGNORED_COMMANDS),
    ],
    ids=["gateway events", "interactions", "commands"],
)
def test_every_kind_is_handled_or_ignored_for_a_reason(
    known: set[str], handled: frozenset[str], ignored: dict[str, str]
):
    assert known == handled | set(ignored)
    assert not handled & set(ignored)
    assert all(ignored.values())


async def test_an_entry_of_a_messages_menu_is_an_event_and_is_acknowledged(server: DiscordServer):
    async with connecting(server, (MENU,)) as connected:
        assert {c["name"] for c in server.commands if c["type"] == 3} == {MENU.name}
        ann = server.person("ann")
        await ann.slash(ann.dm(), "help")
        event = await connected.notes.event()
        await connected.platform.deliver(connected.delivery(event), Message("Here it *is*."))
        ours = await ann.wait_for_message(ann.dm())
        hers = await ann.say(ann.dm(), "A door")
        await connected.notes.event()
        for message, is_bot in ((ours, True), (hers, False)):
            picked = await ann.message_command(ann.dm(), MENU.name, message)
            payload = (await connected.notes.event()).payload
            assert payload == MenuPick(
                name=MENU.name, message_id=str(message.id), author_is_bot=is_bot, text=message.content
            )
            await picked.acknowledged()


async def test_edits_of_what_was_said_to_the_bot_are_events(connected: Connected):
    ann = connected.server.person("ann")
    guild = connected.server.guild("Readers")
    general = guild.text_channel("general")
    asked = await ann.say(general, "a door", mention_bot=True)
    await connected.notes.event()
    others = await ann.say(general, "not for the bot")
    await ann.edit(others, "still not for the bot")
    await ann.edit(asked, f"<@{connected.server.world.bot.id}> a red door")
    event = await connected.notes.event()
    assert event.payload == EditedMessage(text="a red door", message_id=str(asked.id), said=f"m{asked.id}")
    assert (event.account.kind, event.conversation.kind) == ("guild", "group")
    assert len(connected.notes.events) == 2


async def test_reactions_to_our_messages_are_events(connected: Connected):
    ann = connected.server.person("ann")
    guild = connected.server.guild("Readers")
    general = guild.text_channel("general")
    await ann.slash(general, "help")
    event = await connected.notes.event()
    await connected.platform.deliver(connected.delivery(event), Message("Here."))
    ours = await ann.wait_for_message(general)
    hers = await ann.say(general, "nice")
    await ann.react(hers, "🎉")
    await ann.react(ours, "👍")
    event = await connected.notes.event()
    assert event.payload == Reaction(emoji="👍", message_id=str(ours.id), added=True)
    assert (event.account.external_id, event.user.external_id) == (str(guild.id), str(ann.id))
    await ann.unreact(ours, "👍")
    event = await connected.notes.event()
    assert event.payload == Reaction(emoji="👍", message_id=str(ours.id), added=False)
    assert len(connected.notes.events) == 3


async def test_reactions_in_direct_messages(connected: Connected):
    ann = connected.server.person("ann")
    await ann.slash(ann.dm(), "help")
    event = await connected.notes.event()
    await connected.platform.deliver(connected.delivery(event), Message("Here."))
    await ann.react(await ann.wait_for_message(ann.dm()), "👍")
    event = await connected.notes.event()
    assert isinstance(event.payload, Reaction)
    assert (event.account.kind, event.account.external_id, event.conversation.kind) == ("dm", str(ann.id), "dm")


async def test_a_file_of_the_wrong_kind_is_not_downloaded(connected: Connected):
    ann = connected.server.person("ann")
    missing = Attached(
        900, "story.exe", f"{connected.server.base_url}/attachments/1/2/story.exe", 5, "application/x-exe"
    )
    await ann.slash(ann.dm(), "imagine", prompt="at night", picture=missing)
    payload = (await connected.notes.event()).payload
    assert isinstance(payload, Command)
    assert payload.file is not None
    assert (payload.file.problem, payload.file.name) == ("attachment.wrong_type", "story.exe")
    assert "PNG" in str(payload.file.values["expected"])


@pytest.mark.parametrize(
    ("mime", "voice", "kind"),
    [
        ("audio/ogg", True, "voice"),
        ("image/tiff", False, "picture"),
        ("video/mp4", False, "video"),
        ("application/pdf", False, "file"),
    ],
)
async def test_what_cannot_be_read_in_a_direct_message_is_an_event(
    connected: Connected, mime: str, voice: bool, kind: str
):
    ann = connected.server.person("ann")
    general = connected.server.guild("Readers").text_channel("general")
    await ann.send_files(general, Upload("a", b"x", mime), voice=voice)
    await ann.send_files(ann.dm(), Upload("a", b"x", mime), Upload("b", b"x", mime), voice=voice)
    assert (await connected.notes.event()).payload == Unreadable(kind=kind)  # type: ignore[arg-type]
    await ann.send_files(ann.dm(), Upload("a", b"x", mime), text="look")
    assert (await connected.notes.event()).payload == TextMessage(text="look")
    assert len(connected.notes.events) == 2


async def test_the_first_picture_of_a_message_is_fetched_later(connected: Connected):
    ann = connected.server.person("ann")
    await ann.send_files(ann.dm(), Upload("a.txt", b"x", "text/plain"), Upload("b.png", b"x", "image/png"))
    payload = (await connected.notes.event()).payload
    assert isinstance(payload, TextMessage)
    assert payload.file is not None
    assert (payload.text, payload.file.name, payload.file.awaited) == ("", "b.png", True)


async def test_a_private_chat_of_several_people_is_a_group(connected: Connected):
    ann, ben = connected.server.person("ann"), connected.server.person("ben")
    club = connected.server.group_chat("club")
    for person in (ann, ben):
        await person.slash(club, "rating", level="Adults only")
        event = await connected.notes.event()
        assert (event.account.kind, event.account.external_id) == ("group", str(club.id))
        assert (event.conversation.kind, event.conversation.adult) == ("group", False)
        connected.notes.events.clear()
