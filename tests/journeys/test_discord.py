"""A person plays on Discord: the real bot, a real worker, a strict local Discord."""

import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bot.stack.home import StackUrls
from tests.doubles.discord import DiscordServer, Fault, Message, Person, Settings
from tests.doubles.discord.invocation import Attached
from tests.effort import LONG
from tests.journeys.processes import Program, bot, serving, worker

PREMISE = "a keeper finds a door under the sea"


def page(message: Message) -> bool:
    """Whether a message shows a page with open choices."""
    labels = [b.label for b in message.buttons if not b.disabled]
    return "1" in labels and "Retry" in labels


@dataclass(frozen=True)
class Service:
    """A bot that is connected to the platform, and a worker."""

    discord: DiscordServer
    bot: Program


@pytest.fixture(scope="module")
async def service(
    request: pytest.FixtureRequest, shared_urls: StackUrls, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Service]:
    home = tmp_path_factory.mktemp("home")
    async with DiscordServer(Settings(message_content=True)) as discord:
        settings = {
            "DISCORD_TOKEN": discord.token,
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
            "DISCORD_MESSAGE_CONTENT": "true",
        }
        program = bot(shared_urls, home, "discord", **settings)
        async with serving(request, worker(shared_urls, home), program):
            await discord.ready(timeout=60)
            await discord.commands_synced(timeout=60)
            yield Service(discord, program)


@pytest.fixture
def discord(service: Service) -> DiscordServer:
    """The platform of a service that runs."""
    return service.discord


async def test_a_story_from_the_first_page_to_an_own_action(discord: DiscordServer):
    ann = discord.person("ann")
    dm = ann.dm()
    begun = await ann.slash(dm, "story new", premise=PREMISE)
    assert (await begun.acknowledged()).latency < 3
    first = await ann.wait_for_message(dm, page, timeout=60)
    assert "keeper" in first.text
    first_text = first.text

    pressed = await ann.click(first, "2")
    assert (await pressed.acknowledged()).latency < 3
    second = await ann.wait_for_message(dm, page, timeout=60, after=first)
    await ann.wait_until(lambda: not first.buttons, timeout=10)
    assert "▸ **2.**" in first.text
    assert second.text != first_text

    went = await ann.click(second, "Back")
    await went.acknowledged()
    home = await ann.wait_for_message(dm, page, timeout=60, after=second)
    assert home.text == first_text

    old_button = home.button("1")
    assert old_button is not None
    await ann.click(home, "Retry")
    other = await ann.wait_for_message(dm, page, timeout=60, after=home)
    assert other.text != first_text

    asked = await ann.click(other, "Write your own")
    await asked.acknowledged()
    assert asked.modal is not None
    await ann.submit(asked, {"text": "I sing to the door until it hums back"})
    own = await ann.wait_for_message(dm, page, timeout=60, after=other)
    assert own.text != other.text

    told = await ann.press(home, old_button).answered()
    assert told.ephemeral
    assert "moved on" in told.text
    assert [b.label for b in told.buttons] == ["Go to the current page"]


async def test_a_story_in_a_guild_is_told_in_a_thread(discord: DiscordServer):
    ann, ben = discord.person("ann"), discord.person("ben")
    channel = discord.guild("Readers").text_channel("general")
    begun = await ann.slash(channel, "story new", premise=PREMISE)
    lead = await ann.wait_for_message(channel, lambda m: "📖" in m.text, timeout=60)
    assert lead.id == (await begun.answered()).id
    await ann.wait_until(lambda: lead.id in discord.world.channels, timeout=10)
    thread = discord.world.channels[lead.id]
    first = await ann.wait_for_message(thread, page, timeout=60)
    refused = await ben.click(first, "1")
    told = await refused.answered(timeout=10)
    assert told.ephemeral
    assert "Only the person who started" in told.text
    await ann.click(first, "1")
    await ann.wait_for_message(thread, page, timeout=60, after=first)


async def read_under_another_name(discord: DiscordServer, person: Person, name: str, other: str) -> dict[str, Any]:
    """Have a persona written into a file, its name replaced, and the file read; the card, as it was written."""
    dm = person.dm()
    await person.slash(dm, "persona export", name=name, form="json")
    sent = await person.wait_for_message(dm, lambda m: [a.filename for a in m.attachments] == [f"{name}.json"])
    (card,) = sent.attachments
    written = card.data
    card.upload = replace(card.upload, data=written.replace(name.encode(), other.encode()))
    url = f"{discord.base_url}/attachments/{dm.id}/{card.id}/{card.filename}"
    given = Attached(card.id, "card.json", url, len(card.data), "application/json")
    await person.slash(dm, "persona import", file=given)
    await person.wait_for_message(dm, lambda m: f"“{other}” is here." in m.text)
    return json.loads(written.replace(name.encode(), b"Mira"))


async def test_a_persona_is_made_talked_with_and_read_again_and_a_restart_loses_nothing(service: Service):
    discord, program = service.discord, service.bot
    cleo = discord.person("cleo")
    dm = cleo.dm()
    await (await cleo.slash(dm, "persona create", name="Mira", about="A keeper of clocks on the coast.")).answered()
    await (await cleo.slash(dm, "persona use", name="Mira")).answered()
    await cleo.say(dm, "Hello! I am tired of the rain.")
    reply = await cleo.wait_for_message(dm, lambda m: any(b.label == "Answer again" for b in m.buttons), timeout=60)
    before = reply.text
    await cleo.click(reply, "Answer again")
    await cleo.wait_until(lambda: any(b.label == "2/2 ▶" for b in reply.buttons), timeout=60)
    assert reply.text != before
    await cleo.click(reply, "◀")
    await cleo.wait_until(lambda: reply.text == before, timeout=30)
    panel = await (await cleo.message_command(dm, "Storyfork…", reply)).answered(timeout=30)
    assert panel.ephemeral
    await cleo.click(panel, "Hide")
    await cleo.wait_until(lambda: "nobody is told of it" in reply.text, timeout=30)
    await cleo.click(reply, "Show again")
    await cleo.wait_until(lambda: reply.text == before, timeout=30)
    asked = await cleo.click(reply, "Edit")
    await asked.acknowledged()
    await cleo.submit(asked, {"text": "The rain is over."})
    await cleo.wait_until(lambda: "The rain is over." in reply.text, timeout=30)
    await cleo.click(reply, "Undo")
    await cleo.wait_until(lambda: "Taken back" in reply.text, timeout=30)
    made = await read_under_another_name(discord, cleo, "Mira", "Juno")
    assert made["data"]["description"] == "A keeper of clocks on the coast."
    assert await read_under_another_name(discord, cleo, "Juno", "Mira") == made
    assert await program.stop(patience=15) == 0
    missed = await cleo.say(dm, "Are you still there?")
    await program.start()
    answer = await cleo.wait_for_message(dm, lambda m: bool(m.buttons), timeout=30, after=missed)
    assert answer.text != before
    assert discord.log.duplicates() == {}


async def test_a_channel_in_which_the_bot_speaks_by_itself(discord: DiscordServer):
    ann, ben = discord.person("ann"), discord.person("ben")
    guild = discord.guild("Talkers")
    guild.admins.add(ann.user.id)
    channel = guild.text_channel("table")
    await ben.say(channel, "Between us: the tide is late.")
    await ann.slash(channel, "channel set", mode="always", quiet="off")
    told = await ann.wait_for_message(channel, lambda m: "From now on I read" in m.text, timeout=60)
    shown = await (await ann.slash(channel, "channel show")).answered()
    assert "everything" in shown.text
    said = await ben.say(channel, "Hello! I am tired of the rain.")
    reply = await ben.wait_for_message(channel, lambda m: bool(m.buttons), timeout=60, after=said)
    assert told.id < said.id < reply.id
    assert [m.id for m in ben.messages(channel) if m.author.bot and m.id < told.id] == []


async def test_three_people_and_two_personas_and_a_bot_that_dies_between_two_answers(service: Service):
    discord, program = service.discord, service.bot
    ann, ben, cleo = (discord.person(name) for name in ("ann", "ben", "cleo"))
    guild = discord.guild("Company")
    guild.admins.add(ann.user.id)
    channel = guild.text_channel("salon")
    channel.grant("MANAGE_WEBHOOKS")

    def answer_of(name: str) -> Callable[[Message], bool]:
        return lambda m: m.author.name == name and any(b.label == "Answer again" for b in m.buttons)

    await (await ann.slash(channel, "persona use", name="Vex")).acknowledged()
    await ann.slash(channel, "persona add", name="Marlow")
    told = await ann.wait_for_message(channel, lambda m: "Now here: Vex, Marlow Finch." in m.text, timeout=60)
    said = await ann.say(channel, "Good evening, everybody!", mention_bot=True)
    for name in ("Vex", "Marlow Finch"):
        await ann.wait_for_message(channel, answer_of(name), timeout=60, after=said)
    said = await ben.say(channel, "Vex and Marlow, tell me of the sea.", mention_bot=True)
    await ben.wait_for_message(channel, answer_of("Vex"), timeout=60, after=said)
    await program.kill()
    await discord.wait_until(lambda: not discord.gateway.connected_shards())
    await program.start()
    await discord.ready(timeout=60)
    other = await ben.wait_for_message(channel, answer_of("Marlow Finch"), timeout=60, after=said)
    said = await cleo.say(channel, "Why is that?", reply_to=other)
    await cleo.wait_for_message(channel, answer_of("Marlow Finch"), timeout=60, after=said)
    answers = [m.author.name for m in ann.messages(channel) if m.id > told.id and m.author.bot and m.buttons]
    assert sorted(answers[:2]) == sorted(answers[2:4]) == ["Marlow Finch", "Vex"]
    assert answers[4:] == ["Marlow Finch"]
    assert discord.log.duplicates() == {}


@pytest.mark.slow
async def test_a_persona_in_a_guild_speaks_under_its_own_name_once_whatever_dies(service: Service):
    discord, program = service.discord, service.bot
    ann, channel = discord.person("ann"), discord.guild("Readers").text_channel("parlour")
    channel.grant("MANAGE_WEBHOOKS")

    def again(message: Message) -> bool:
        return any(b.label == "Answer again" for b in message.buttons)

    said = await ann.say(channel, "Hello! I am tired of the rain.", mention_bot=True)
    reply = await ann.wait_for_message(channel, again, timeout=60, after=said)
    assert reply.author.name != discord.world.bot.name
    assert reply.webhook is channel.webhooks[0]
    if LONG:
        # The message is there, and nobody has recorded it.
        discord.faults.add(Fault("delay_after", "POST /webhooks/*/*", seconds=2.0))
        said = await ann.say(channel, "Are you still there?", mention_bot=True)
        await ann.wait_until(lambda: any(m.webhook and m.id > said.id for m in discord.log.messages), timeout=60)
        await program.kill()
        await discord.wait_until(lambda: not discord.gateway.connected_shards())
        await program.start()
        await discord.ready()
        reply = await ann.wait_for_message(channel, again, timeout=60, after=said)
    before = len(reply.edits)
    await (await ann.click(reply, "Answer again")).acknowledged()
    await ann.wait_until(lambda: len(reply.edits) > before and again(reply), timeout=60)
    # The sign that an answer is being written goes after it.
    said_so_far = channel.webhooks * (2 if LONG else 1)
    await ann.wait_until(lambda: [m.webhook for m in ann.messages(channel) if m.author.bot] == said_so_far, timeout=20)
