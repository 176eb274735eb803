"""What people say to each other in a channel: taken in if it is to be answered, where Discord shows it to the bot."""

import asyncio

from bot.events import EditedMessage, TextMessage
from tests.bot.discord.conftest import connecting
from tests.doubles.discord import DiscordServer, Settings


async def test_only_what_is_to_be_answered_is_taken_in():
    async with (
        DiscordServer(Settings(message_content=True)) as server,
        connecting(server, message_content=True) as connected,
    ):
        notes = connected.notes
        notes.hears.add("a lamp")
        ann = server.person("ann")
        channel = server.guild("Readers").text_channel("table")
        first = await ann.say(channel, "between us")
        await ann.edit(first, "just between us")
        robot = server.person("robot")
        robot.user.bot = True
        await robot.say(channel, "a lamp")
        said = await ann.say(channel, "a lamp")
        event = await notes.event()
        assert event.payload == TextMessage(text="a lamp", addressed=False)
        assert event.reads_all is True
        assert [heard.text for heard in notes.overheard] == ["between us", "just between us", "a lamp"]
        assert len(notes.events) == 1
        notes.hears.add("two lamps")
        await ann.edit(said, "two lamps")
        edited = (await notes.event()).payload
        assert edited == EditedMessage(text="two lamps", message_id=str(said.id), said=event.event_id, addressed=False)


async def test_without_the_intent_nothing_is_overheard():
    async with DiscordServer() as server, connecting(server) as connected:
        ann = server.person("ann")
        channel = server.guild("Readers").text_channel("table")
        connected.notes.hears.add("a lamp")
        await ann.say(channel, "a lamp")
        await ann.slash(channel, "channel show")
        event = await asyncio.wait_for(connected.notes.event(), 10)
        assert event.reads_all is False
        assert connected.notes.overheard == []
