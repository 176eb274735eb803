"""A server and the real client library connected to it."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio
import yarl

with warnings.catch_warnings():
    # The library imports audioop for voice, which Python 3.11 and 3.12 announce as deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    import discord
    import discord.gateway
    import discord.http
    from discord import app_commands

from tests.doubles.discord import DiscordServer, Settings


class Bot(discord.AutoShardedClient):
    """A small bot; what it does on an interaction or a message is set by each test."""

    def __init__(self, intents: discord.Intents, changed: Callable[[], None]) -> None:
        super().__init__(intents=intents)
        self.changed = changed
        self.tree = app_commands.CommandTree(self)
        self.seen: list[discord.Message] = []
        self.interactions: list[discord.Interaction] = []
        self.on_interaction_do: Callable[[discord.Interaction], Awaitable[object]] | None = None
        self.resumes = 0
        self.failures: list[BaseException] = []

    async def setup_hook(self) -> None:
        add_commands(self.tree)
        await self.tree.sync()

    async def on_socket_event_type(self, event_type: str) -> None:
        self.changed()

    async def on_message(self, message: discord.Message) -> None:
        self.seen.append(message)
        self.changed()

    async def on_shard_resumed(self, shard_id: int) -> None:
        self.resumes += 1
        self.changed()

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        self.interactions.append(interaction)
        if self.on_interaction_do is not None:
            try:
                await self.on_interaction_do(interaction)
            except discord.DiscordException as failure:
                self.failures.append(failure)
        self.changed()


def add_commands(tree: app_commands.CommandTree) -> None:
    """Declare commands of every form."""
    story = app_commands.Group(name="story", description="Stories")

    @story.command(name="new", description="Begin a story")
    async def new(interaction: discord.Interaction, premise: app_commands.Range[str, 1, 200]) -> None:
        """Left to the test."""

    @story.command(name="continue", description="Go on")
    async def go_on(interaction: discord.Interaction, story: str) -> None:
        """Left to the test."""

    @go_on.autocomplete("story")
    async def suggest(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{current}{n}", value=str(n)) for n in range(3)]

    @app_commands.command(name="style", description="Choose a style")
    @app_commands.choices(style=[app_commands.Choice(name="Ink", value="ink")])
    @app_commands.guild_only()
    async def style(interaction: discord.Interaction, style: str, strength: int = 3) -> None:
        """Left to the test."""

    @app_commands.context_menu(name="Rewrite")
    async def rewrite(interaction: discord.Interaction, message: discord.Message) -> None:
        """Left to the test."""

    for command in (story, style, rewrite):
        tree.add_command(command)


class Rig:
    """A server and a bot."""

    def __init__(self, server: DiscordServer, bot: Bot) -> None:
        self.server = server
        self.bot = bot
        self.alice = server.person("alice")
        self.channel = server.guild("Readers").text_channel("general")

    async def until(self, look: Callable[[], object], timeout: float = 30.0) -> None:
        """Wait until ``look`` returns something true, looking whenever bot or server change."""
        await self.server.wait_until(look, timeout)

    @property
    def text_channel(self) -> discord.TextChannel:
        """The channel as the bot has it."""
        channel = self.bot.get_channel(self.channel.id)
        assert isinstance(channel, discord.TextChannel)
        return channel


StartRig = Callable[..., Awaitable[Rig]]


@pytest_asyncio.fixture
async def start() -> AsyncIterator[StartRig]:
    """Start servers with a connected bot; both end with the test."""
    open_rigs: list[tuple[DiscordServer, Bot, asyncio.Task[None]]] = []
    base, gateway = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY

    async def begin(settings: Settings | None = None, *, intents: discord.Intents | None = None) -> Rig:
        server = DiscordServer(settings)
        await server.start()
        server.guild("Readers").text_channel("general")
        discord.http.Route.BASE = server.api_url
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.gateway_url)
        wanted = intents or discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
        bot = Bot(wanted, server.world.touch)
        task = asyncio.create_task(bot.start(server.token))
        open_rigs.append((server, bot, task))
        await server.ready(10)
        await server.commands_synced(10)
        await server.wait_until(lambda: len(bot.guilds) == len(server.world.guilds) and not bot.guilds[0].unavailable)
        return Rig(server, bot)

    yield begin
    for server, bot, task in open_rigs:
        await bot.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.stop()
    discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = base, gateway
