"""The real client library against the server: the ways that a bot and people go."""

import asyncio
import io
from typing import Any

import discord
import pytest

from tests.doubles.discord import NotAcknowledged, Refused, Settings
from tests.doubles.discord.conftest import Rig, StartRig


def buttons(*labels: str, disabled: bool = False) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for label in labels:
        view.add_item(discord.ui.Button(label=label, custom_id=f"id:{label}", disabled=disabled))
    return view


class Form(discord.ui.Modal, title="Your action"):
    """A form with one field of each make."""

    action: discord.ui.TextInput[Any] = discord.ui.TextInput(label="What do you do?", max_length=50, custom_id="action")
    place: discord.ui.Label[Any] = discord.ui.Label(
        text="Where?", component=discord.ui.TextInput(custom_id="place", required=False)
    )


async def test_login_and_commands(start: StartRig) -> None:
    rig = await start(Settings(shards=2))
    assert {c["name"] for c in rig.server.commands} == {"story", "style", "Rewrite"}
    assert rig.bot.shard_count == 2
    assert rig.server.gateway.connected_shards() == {0, 1}
    rig.server.guild("Writers").text_channel("drafts")
    await rig.until(lambda: len(rig.bot.guilds) == 2 and rig.bot.guilds[1].text_channels)
    assert rig.bot.user is not None
    assert rig.bot.user.id == rig.server.world.bot.id


async def test_slash_deferred_then_edited(start: StartRig) -> None:
    rig = await start()

    async def act(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.edit_original_response(content="Page one", view=buttons("Go"))

    rig.bot.on_interaction_do = act
    interaction = await rig.alice.slash(rig.channel, "story new", premise="a door")
    ack = await interaction.acknowledged()
    assert ack.type == 5
    assert ack.latency < 1
    message = await interaction.answered()
    assert message.content == "Page one"
    assert [b.label for b in message.buttons] == ["Go"]
    assert rig.alice.messages(rig.channel) == [message]
    arrived = rig.bot.interactions[0]
    assert arrived.user.name == "alice"
    assert isinstance(arrived.channel, discord.TextChannel)
    assert arrived.data == interaction.data
    assert rig.server.log.ack_latencies() == [ack.latency]


async def test_button_updates_its_message(start: StartRig) -> None:
    rig = await start()

    async def act(interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(content="chosen", view=buttons("Go", "Stay", disabled=True))
        await interaction.followup.send("next page", wait=True)

    rig.bot.on_interaction_do = act
    await rig.text_channel.send("choose", view=buttons("Go", "Stay"))
    message = await rig.alice.wait_for_message(rig.channel)
    interaction = await rig.alice.click(message, "Go")
    assert (await interaction.acknowledged()).type == 7
    assert await interaction.answered() is message
    assert message.content == "chosen"
    assert [e.content for e in message.edits] == ["chosen"]
    following = await rig.alice.wait_for_message(rig.channel, after=message)
    assert following.content == "next page"
    assert interaction.followups == [following]
    with pytest.raises(Refused, match="disabled"):
        await rig.alice.click(message, "Stay")
    with pytest.raises(Refused, match="no button"):
        await rig.alice.click(message, "Fly")


async def test_deferred_update_is_answered_by_an_edit(start: StartRig) -> None:
    rig = await start()

    async def act(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(content="two")

    rig.bot.on_interaction_do = act
    await rig.text_channel.send("one", view=buttons("Go"))
    message = await rig.alice.wait_for_message(rig.channel)
    interaction = await rig.alice.click(message, "id:Go")
    assert (await interaction.answered()).content == "two"
    assert interaction.ack is not None
    assert interaction.ack.type == 6


async def test_modal(start: StartRig) -> None:
    rig = await start()
    values: list[Any] = []

    async def act(interaction: discord.Interaction) -> None:
        if interaction.type is discord.InteractionType.modal_submit:
            values.append(interaction.data)
            await interaction.response.send_message("done", ephemeral=True)
        else:
            await interaction.response.send_modal(Form())

    rig.bot.on_interaction_do = act
    await rig.text_channel.send("page", view=buttons("Write"))
    interaction = await rig.alice.click(await rig.alice.wait_for_message(rig.channel), "Write")
    assert (await interaction.acknowledged()).type == 9
    with pytest.raises(Refused, match="must be filled in"):
        await rig.alice.submit(interaction, {"Where?": "x"})
    with pytest.raises(Refused, match="allowed are"):
        await rig.alice.submit(interaction, {"action": "x" * 51})
    with pytest.raises(Refused, match="no field"):
        await rig.alice.submit(interaction, {"action": "x", "When?": "now"})
    sent = await rig.alice.submit(interaction, {"What do you do?": "I run", "Where?": "home"})
    answer = await sent.answered()
    assert answer.ephemeral
    assert sent.ephemeral
    bob = rig.server.person("bob")
    assert answer in rig.alice.messages(rig.channel)
    assert answer not in bob.messages(rig.channel)
    assert values[0]["components"][0]["components"][0]["value"] == "I run"
    assert values[0]["components"][1]["component"]["value"] == "home"


async def test_select_menu(start: StartRig) -> None:
    rig = await start()
    view = discord.ui.View(timeout=None)
    view.add_item(
        discord.ui.Select(
            custom_id="tone",
            max_values=2,
            options=[discord.SelectOption(label=x, value=x[0]) for x in ("Bold", "Calm")],
        )
    )

    async def act(interaction: discord.Interaction) -> None:
        assert interaction.data is not None
        await interaction.response.send_message(" ".join(interaction.data.get("values", [])))

    rig.bot.on_interaction_do = act
    await rig.text_channel.send("tone?", view=view)
    message = await rig.alice.wait_for_message(rig.channel)
    interaction = await rig.alice.select(message, "tone", ["Calm", "B"])
    assert (await interaction.answered()).content == "C B"
    with pytest.raises(Refused, match="not in the menu"):
        await rig.alice.select(message, "tone", ["Dull"])


async def test_autocomplete(start: StartRig) -> None:
    rig = await start()
    choices = await rig.alice.autocomplete(rig.alice.dm(), "story continue", "story", "ab")
    assert [(c.name, c.value) for c in choices] == [("ab0", "0"), ("ab1", "1"), ("ab2", "2")]
    with pytest.raises(Refused, match="no suggestions"):
        await rig.alice.autocomplete(rig.channel, "story new", "premise", "x")


@pytest.mark.parametrize(
    ("command", "options", "why"),
    [
        ("story old", {}, "no such command"),
        ("tale", {}, "no such command"),
        ("story", {}, "not complete"),
        ("story new", {}, "requires"),
        ("story new", {"premise": "x" * 201}, "allowed are"),
        ("story new", {"premise": "x", "mood": "y"}, "no option"),
        ("story new", {"premise": 5}, "no text"),
        ("style", {"style": "oil"}, "is not one of"),
        ("style", {"style": "Ink", "strength": "high"}, "no such number"),
    ],
)
async def test_commands_that_discord_refuses(start: StartRig, command: str, options: dict[str, Any], why: str) -> None:
    rig = await start()
    with pytest.raises(Refused, match=why):
        await rig.alice.slash(rig.channel, command, **options)
    assert rig.server.interactions == []


async def test_command_not_for_direct_messages(start: StartRig) -> None:
    rig = await start()
    with pytest.raises(Refused, match="cannot be used"):
        await rig.alice.slash(rig.alice.dm(), "style", style="Ink")


async def test_context_menu(start: StartRig) -> None:
    rig = await start()

    async def act(interaction: discord.Interaction) -> None:
        data: Any = interaction.data
        target = data["resolved"]["messages"][data["target_id"]]
        await interaction.response.send_message(target["content"].upper())

    rig.bot.on_interaction_do = act
    message = await rig.alice.say(rig.channel, "make it louder")
    interaction = await rig.alice.message_command(rig.channel, "Rewrite", message)
    assert (await interaction.answered()).content == "MAKE IT LOUDER"


async def test_direct_messages_and_mentions(start: StartRig) -> None:
    rig = await start()
    await rig.alice.say(rig.alice.dm(), "hello")
    await rig.alice.say(rig.channel, "secret")
    question = await rig.alice.say(rig.channel, "and you?", mention_bot=True)
    await rig.until(lambda: len(rig.bot.seen) == 3)
    direct, hidden, mention = rig.bot.seen
    assert direct.content == "hello"
    assert isinstance(direct.channel, discord.DMChannel)
    assert hidden.content == ""
    assert mention.content.endswith("and you?")
    assert mention.mentions == [rig.bot.user]
    assert (await rig.text_channel.fetch_message(hidden.id)).content == ""
    await mention.reply("me?", mention_author=True)
    answer = await rig.alice.wait_for_message(rig.channel)
    assert answer.reference is question
    assert answer.pings == {rig.alice.id}
    follow = await rig.alice.say(rig.channel, "yes", reply_to=answer)
    await rig.until(lambda: rig.bot.seen[-1].id == follow.id)
    assert rig.bot.seen[-1].content == "yes"


async def test_message_content_intent(start: StartRig) -> None:
    intents = discord.Intents(guilds=True, guild_messages=True, message_content=True)
    rig = await start(Settings(message_content=True), intents=intents)
    await rig.alice.say(rig.channel, "open")
    await rig.alice.say(rig.alice.dm(), "not asked for")
    await rig.until(lambda: rig.bot.seen)
    assert [m.content for m in rig.bot.seen] == ["open"]


async def test_bot_opens_a_direct_conversation(start: StartRig) -> None:
    rig = await start()
    user = await rig.bot.fetch_user(rig.alice.id)
    await user.send("psst", nonce="n1")
    assert (await rig.alice.wait_for_message(rig.alice.dm())).nonce == "n1"
    rig.alice.dms_open = False
    with pytest.raises(discord.Forbidden) as refused:
        await user.send("again")
    assert refused.value.code == 50007


async def test_nonce_is_enforced(start: StartRig) -> None:
    rig = await start(Settings(nonce_memory=0.5))
    first = await rig.text_channel.send("once", nonce="outbox-1")
    second = await rig.text_channel.send("once", nonce="outbox-1")
    assert first.id == second.id
    assert second.nonce == "outbox-1"
    assert rig.server.log.deduplicated == 1
    assert len(rig.server.log.bot_messages(rig.channel)) == 1
    found = [m async for m in rig.text_channel.history(limit=5)]
    assert [m.nonce for m in found] == [None]
    await asyncio.sleep(0.6)
    third = await rig.text_channel.send("once", nonce="outbox-1")
    assert third.id != first.id
    assert [len(same) for same in rig.server.log.duplicates().values()] == [2]


async def test_history(start: StartRig) -> None:
    rig = await start()
    sent = [await rig.alice.say(rig.alice.dm(), str(n)) for n in range(7)]
    user = await rig.bot.fetch_user(rig.alice.id)
    channel = await user.create_dm()
    newest = [m.content async for m in channel.history(limit=3)]
    assert newest == ["6", "5", "4"]
    later = [m.content async for m in channel.history(after=discord.Object(sent[3].id), oldest_first=True)]
    assert later == ["4", "5", "6"]
    earlier = [m.content async for m in channel.history(before=discord.Object(sent[2].id))]
    assert earlier == ["1", "0"]


async def test_threads(start: StartRig) -> None:
    rig = await start()
    message = await rig.text_channel.send("A story begins")
    thread = await message.create_thread(name="The door")
    assert thread.id == message.id
    await thread.send("page one")
    seen = rig.server.world.channels[thread.id]
    assert (await rig.alice.wait_for_message(seen)).content == "page one"
    await rig.alice.say(seen, "go", mention_bot=True)
    await rig.until(lambda: rig.bot.seen and rig.bot.seen[-1].author.name == "alice")
    assert isinstance(rig.bot.seen[-1].channel, discord.Thread)
    own = await rig.text_channel.create_thread(name="Apart", type=discord.ChannelType.public_thread)
    await own.edit(archived=True)
    assert rig.server.world.channels[own.id].archived
    with pytest.raises(discord.HTTPException) as refused:
        await message.create_thread(name="Again")
    assert refused.value.code == 160004


async def test_files_and_layout(start: StartRig) -> None:
    rig = await start()
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.TextDisplay("# The door"))
    view.add_item(discord.ui.MediaGallery(discord.MediaGalleryItem("attachment://door.png")))
    view.add_item(discord.ui.ActionRow(discord.ui.Button(label="Open", custom_id="open")))
    await rig.text_channel.send(view=view, file=discord.File(io.BytesIO(b"png"), "door.png"))
    message = await rig.alice.wait_for_message(rig.channel)
    assert message.text == "# The door"
    assert message.button("Open") is not None
    assert [(a.filename, a.data) for a in message.attachments] == [("door.png", b"png")]
    fetched = await rig.text_channel.fetch_message(message.id)
    assert await fetched.attachments[0].read() == b"png"


async def test_no_acknowledgement(start: StartRig) -> None:
    rig = await start(Settings(ack_window=0.3))

    async def act(interaction: discord.Interaction) -> None:
        await asyncio.sleep(0.5)
        await interaction.response.defer()

    rig.bot.on_interaction_do = act
    interaction = await rig.alice.slash(rig.channel, "story new", premise="x")
    with pytest.raises(NotAcknowledged):
        await interaction.acknowledged()
    assert interaction.failed
    await rig.until(lambda: rig.bot.failures)
    assert [getattr(f, "code", None) for f in rig.bot.failures] == [10062]


async def _codes(rig: Rig, act: Any, *, times: int = 1) -> list[int]:
    done: list[discord.Interaction] = []

    async def run(interaction: discord.Interaction) -> None:
        try:
            await act(interaction)
        finally:
            done.append(interaction)

    rig.bot.on_interaction_do = run
    for _ in range(times):
        await rig.alice.slash(rig.channel, "story new", premise="x")
    await rig.until(lambda: len(done) == times)
    await asyncio.sleep(0)
    return [int(getattr(f, "code", 0)) for f in rig.bot.failures]


async def test_second_acknowledgement(start: StartRig) -> None:
    rig = await start()

    async def act(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        data: Any = rig.server.interactions[0].payload()
        again = discord.Interaction(data=data, state=rig.bot._connection)
        await again.response.defer()

    assert await _codes(rig, act) == [40060]


async def test_edit_before_acknowledgement(start: StartRig) -> None:
    rig = await start()

    async def act(interaction: discord.Interaction) -> None:
        await interaction.edit_original_response(content="early")

    assert await _codes(rig, act) == [10015]


async def test_expired_token(start: StartRig) -> None:
    rig = await start()

    async def act(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        rig.server.interactions[0].expire()
        await interaction.edit_original_response(content="late")

    assert await _codes(rig, act) == [50027]
    placeholder = rig.server.interactions[0].response
    assert placeholder is not None
    assert placeholder.loading


async def test_first_follow_up_fills_the_placeholder(start: StartRig) -> None:
    rig = await start()

    async def act(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True)
        await interaction.followup.send("filled")

    assert await _codes(rig, act) == []
    answer = await rig.server.interactions[0].answered()
    assert (answer.content, answer.ephemeral) == ("filled", True)
    assert rig.server.interactions[0].followups == []
