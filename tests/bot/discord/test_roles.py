"""Roles by Discord's permissions, and presses of messages that are not the bot's."""

from bot.events import ButtonPress
from tests.bot.discord.conftest import Connected, connecting
from tests.doubles.discord import DiscordServer


async def test_roles_follow_the_permissions_of_the_server(server: DiscordServer):
    guild = server.guild("Readers")
    channel = guild.text_channel("general")
    people = {name: server.person(name) for name in ("olga", "adam", "mona", "theo", "mia")}
    for person in people.values():
        guild.members[person.user.id] = person.user
    guild.make_admin(people["olga"])
    roles = {
        "adam": guild.add_role(people["adam"], "MANAGE_GUILD"),
        "mona": guild.add_role(people["mona"], "MANAGE_MESSAGES"),
        "theo": guild.add_role(people["theo"]),
    }
    expected = {"olga": "owner", "adam": "admin", "mona": "moderator", "theo": "member", "mia": "member"}
    async with connecting(server) as connected:
        for name, person in people.items():
            for act in ("interaction", "message"):
                if act == "interaction":
                    await person.slash(channel, "help")
                else:
                    await person.say(channel, "hello", mention_bot=True)
                user = (await connected.notes.event()).user
                assert user.role == expected[name], (name, act)
                assert (name not in roles) or str(roles[name]) in user.roles, (name, act)
        assert (await _alone(connected)) == "owner"


async def _alone(connected: Connected) -> str:
    ann = connected.server.person("ann")
    await ann.slash(ann.dm(), "help")
    return (await connected.notes.event()).user.role


async def test_who_brings_the_bot_along_is_a_guest(connected: Connected):
    elsewhere = connected.server.guild("Elsewhere", installed=False)
    ann = connected.server.person("ann")
    elsewhere.make_admin(ann)
    await ann.slash(elsewhere.text_channel("general"), "help")
    assert (await connected.notes.event()).user.role == "guest"


async def test_a_thread_has_the_rules_of_its_channel(connected: Connected):
    guild = connected.server.guild("Readers")
    channel = guild.text_channel("general")
    ann = connected.server.person("ann")
    await ann.say(channel, "hello", mention_bot=True)
    await connected.notes.event()
    thread = guild.thread(channel, "The door")
    await ann.slash(thread, "help")
    assert (await connected.notes.event()).channels == (str(thread.id), str(channel.id))


async def test_a_button_of_another_bots_message_is_not_ours(connected: Connected):
    ann, bob = connected.server.person("ann"), connected.server.person("bob")
    channel = connected.server.guild("Readers").text_channel("general")
    said = await bob.say(channel, "a button of mine")
    await ann.say(channel, "hello", mention_bot=True)
    await connected.notes.event()
    ann.forge(said, "1.erase.1")
    event = await connected.notes.event()
    assert event.payload == ButtonPress(data="1.erase.1", offered=False)
