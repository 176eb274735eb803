"""The Discord client: connects, registers commands, acknowledges interactions, catches up after a restart."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot import locales
from bot.commands.base import CommandRegistry
from bot.events import Destination, Event
from bot.hearing import heard_in, is_unaddressed
from bot.menus import MenuSpec
from bot.messages import Message, Progress
from bot.platforms.base import (
    ALWAYS_LEADS,
    Capabilities,
    Delivery,
    FileTooBig,
    Inbound,
    Outcome,
    PlatformRefused,
    RetryLater,
    TokenRefused,
    Turns,
)
from bot.platforms.discord import api
from bot.platforms.discord.acks import Acks
from bot.platforms.discord.api import DiscordApi
from bot.platforms.discord.catchup import CatchUp
from bot.platforms.discord.commands import application_commands, same
from bot.platforms.discord.gateway import CLOSED_FOR_GOOD, make_client, trouble_of
from bot.platforms.discord.guilds import guild_event, is_new
from bot.platforms.discord.inbound import edited_event, message_event, reaction_event
from bot.platforms.discord.interactions import Interactions
from bot.platforms.discord.presence import GuildPresence
from bot.platforms.discord.refusals import refuse
from bot.platforms.discord.send import DiscordSender
from bot.platforms.discord.underway import Underway
from bot.platforms.discord.voices import Voices
from db.loops import forever

RECONNECT_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 5.0
HANG_UP_SECONDS: Final = 1.0
FINISH_SECONDS: Final = 2.5
"""Maximum wait for events that were received before; the router takes about 2 s for one at most."""
_log = logging.getLogger(__name__)


class DiscordPlatform:
    """Discord as a `bot.platforms.base.Platform`."""

    name = "discord"
    capabilities = Capabilities(
        forms=True,
        placeholder_delay=1.5,
        progress_interval=1.5,
        file_bytes=api.FILE_BYTES,
    )

    def __init__(
        self,
        token: str,
        registry: CommandRegistry,
        *,
        api_url: str,
        gateway_url: str | None = None,
        message_content: bool = False,
        webhooks: bool = True,
        menus: Iterable[MenuSpec] = (),
        shard_ids: Sequence[int] | None = None,
        shard_count: int | None = None,
    ) -> None:
        """``api_url`` is the versioned root of the REST API; ``gateway_url`` overrides the gateway URL that it returns.

        ``webhooks``: personas speak by webhooks where the bot may make them.
        ``menus`` are the entries of messages' context menus. ``shard_ids`` are those of this process (None: all) of
        ``shard_count`` (None: as many as Discord recommends).
        """
        Route.BASE = api_url.rstrip("/")
        if gateway_url:
            DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
        self._token, self._registry, self._menus = token, registry, tuple(menus)
        intents = discord.Intents.none()
        intents.guilds = intents.guild_messages = intents.dm_messages = True
        intents.guild_reactions = intents.dm_reactions = True
        intents.message_content = message_content
        self._message_content = message_content
        self._client = make_client(self, intents, shard_ids, shard_count)
        self._problem = ""
        self._api = DiscordApi(self._client)
        self._acks = Acks()
        self._voices = Voices(self._client, self._api, enabled=webhooks)
        self._sender = DiscordSender(self._api, self._acks, self._voices)
        self._interactions = Interactions(self._api, self._acks, registry, message_content=message_content)
        self._inbound: Inbound | None = None
        self._turns: Turns = ALWAYS_LEADS
        self.underway = Underway()
        self._catch_up = CatchUp(self._client, self._said_event)
        self._presence = GuildPresence(self._client, self._api, self.name)
        self._ready = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether messages can be sent; that needs no gateway session."""
        return self._client.application_id is not None and not self._client.is_closed()

    async def run(self, inbound: Inbound, turns: Turns = ALWAYS_LEADS) -> None:
        """Log in, and keep a gateway session while this process leads, until cancelled. Raises `PlatformRefused`."""
        self._inbound, self._turns = inbound, turns
        try:
            await self._log_in()
            await turns.while_leading(self._listen)
        except discord.LoginFailure:
            raise TokenRefused("Discord refuses the token: check DISCORD_TOKEN") from None
        except discord.ConnectionClosed as e:
            if e.code not in CLOSED_FOR_GOOD:
                raise
            raise PlatformRefused(CLOSED_FOR_GOOD[e.code]) from None
        except discord.PrivilegedIntentsRequired:
            raise TokenRefused(
                "Discord refuses the message-content intent: enable it in the developer portal, "
                "or unset DISCORD_MESSAGE_CONTENT"
            ) from None
        finally:
            await self._close()

    async def _close(self) -> None:
        # During a reconnection the library's close may never return.
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._client.close()

    async def _log_in(self) -> None:
        """Log in and register the commands; retries while Discord is away. Raises discord.py's `LoginFailure`."""
        while True:
            if self._client.is_closed():
                await self._client.reopen()
            try:
                await self._client.login(self._token)
            except discord.LoginFailure:
                raise
            except api.TROUBLE as e:
                self._problem = f"Discord cannot be reached: {e}"
                _log.warning("Discord cannot be reached, trying again: %s", e)
                await self._close()  # each try opens a session
                await asyncio.sleep(RECONNECT_SECONDS)
            else:
                self._problem = ""
                return

    async def _listen(self) -> None:
        """Keep a gateway session until cancelled; the client can send after that, too."""
        self._ready.clear()
        self._catch_up.begin()
        beside = [
            asyncio.create_task(forever("the guilds of Discord", lambda: self._once_ready(self._presence.keep))),
            asyncio.create_task(forever("catching up with Discord", lambda: self._once_ready(self._catch_up.run))),
        ]
        try:
            await self._client.connect(reconnect=True)
            raise ConnectionError("Discord ended the session")
        finally:
            for task in beside:
                task.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(HANG_UP_SECONDS):
                    await asyncio.gather(*(shard.disconnect() for shard in self._client.shards.values()))
            # Who is refused now is told so by this process, or by nobody.
            await self.underway.ended(FINISH_SECONDS)

    async def _once_ready(self, step: Callable[[Inbound], Awaitable[None]]) -> None:
        """Do what needs the guilds, once the first session has begun."""
        assert self._inbound is not None
        await self._ready.wait()
        await step(self._inbound)

    async def deliver(self, delivery: Delivery, message: Message) -> None:
        """Deliver the message once."""
        self._check_logged_in()
        await self._sender.deliver(delivery, message)

    async def place(self, delivery: Delivery, progress: Progress) -> None:
        """Send a placeholder."""
        self._check_logged_in()
        await self._sender.place(delivery, progress)

    async def show_progress(self, destination: Destination, placeholder: str, progress: Progress) -> None:
        """Show progress."""
        await self._sender.show_progress(destination, placeholder, progress)

    async def retract(self, destination: Destination, message_id: str) -> None:
        """Delete a placeholder."""
        try:
            await self._sender.retract(destination, message_id)
        except api.TROUBLE as e:
            _log.info("a placeholder could not be deleted: %s", e)

    async def leave(self, place: str) -> None:
        """See `bot.platforms.base.Leaver.leave`."""
        self._check_logged_in()
        try:
            await self._client.http.leave_guild(int(place))
        except discord.NotFound:
            _log.info("the bot is not in guild %s any more", place)
        except api.TROUBLE as e:
            raise api.translated(e) from e

    async def fetch(self, source: str, limit: int) -> bytes:
        """See `bot.platforms.base.FileSource.fetch`."""
        self._check_logged_in()
        data = await self._api.download(source)
        if len(data) > limit:
            raise FileTooBig(source)
        return data

    async def check_ready(self) -> str:
        """See `bot.platforms.base.Platform.check_ready`."""
        if self._problem or not self._client.is_ready():
            return self._problem or "not connected to Discord yet"
        return trouble_of(self._client.shards)

    def _check_logged_in(self) -> None:
        if self._client.application_id is None:
            raise RetryLater("not logged in yet", 0.5)

    async def logged_in(self) -> None:
        """Register the commands if they changed."""
        assert self._client.user is not None
        assert self._client.application_id is not None
        self._sender.me = str(self._client.user.id)
        self._voices.log_in()
        application = str(self._client.application_id)
        wanted = application_commands(self._registry, self._menus)
        known = {(c.get("type", 1), c["name"]): c for c in await self._api.commands(application)}
        keys = [(c["type"], c["name"]) for c in wanted]
        if known.keys() != set(keys) or not all(same(c, known[key]) for c, key in zip(wanted, keys, strict=True)):
            await self._api.put_commands(application, wanted)
            _log.info("Discord: %d commands registered", len(wanted))

    async def session_began(self) -> None:
        """On a new session: list the chats that may have unread messages, before handling any new one."""
        assert self._inbound is not None
        _log.info("Discord: connected as %s", self._client.user)
        await self._catch_up.expect(self._inbound, self.name)

    async def ready(self) -> None:
        """Welcome the guilds, and begin to read what was missed."""
        assert self._client.user is not None
        for guild in self._client.guilds:
            if is_new(guild, self._client.user.id):
                await self.guild_changed(guild, "added")
        self._ready.set()

    async def said(self, message: discord.Message) -> None:
        """Pass a message on; messages of one chat keep their order. Nothing is kept of what is not to be answered."""
        assert self._inbound is not None
        if (event := self._event(message)) is None:
            return
        if is_unaddressed(event):
            await self._overheard(message, event)
        elif not self._catch_up.postpone(message):
            async with self._catch_up.ordered(self._inbound, message) as in_turn:
                if not await self._take(event, message.id, in_turn=in_turn):
                    self._catch_up.leave(message)

    async def _overheard(self, message: discord.Message, event: Event) -> None:
        """Pass on a message that nobody addressed to the bot, if it is to be answered and its chat is not behind."""
        assert self._inbound is not None
        if self._catch_up.is_behind(message) or not await self._inbound.overhears(heard_in(event)):
            return
        async with self._catch_up.ordered(self._inbound, message) as in_turn:
            if in_turn:
                await self._dispatch(event)

    def _event(self, message: discord.Message) -> Event | None:
        assert self._client.user is not None
        event = message_event(message, self._client.user, self._client.application_id)
        if event is None or message.guild is None:
            return event
        return event.model_copy(update={"reads_all": self._message_content})

    def _said_event(self, message: discord.Message) -> Event | None:
        event = self._event(message)
        return None if event is None or is_unaddressed(event) else event

    async def edited(self, message: discord.Message) -> None:
        """Pass on an edited message, after the messages that precede it."""
        assert self._client.user is not None
        if (event := edited_event(message, self._client.user, self._client.application_id)) is None:
            return
        if is_unaddressed(event):
            await self._overheard(message, event)
            return
        assert self._inbound is not None
        async with self._catch_up.ordered(self._inbound, message) as in_turn:
            if in_turn:
                await self._dispatch(event)

    async def reacted(self, reaction: discord.RawReactionActionEvent) -> None:
        """Pass on a reaction that was added or removed."""
        assert self._client.user is not None
        channel = self._client.get_channel(reaction.channel_id)
        if (event := reaction_event(reaction, channel, self._client.user)) is not None:
            await self._dispatch(event)

    async def guild_changed(self, guild: discord.Guild, change: Literal["added", "removed"]) -> None:
        """Pass on that a guild has added or removed the bot."""
        assert self._client.user is not None
        if (event := guild_event(guild, self._client.user.id, change)) is not None:
            await self._dispatch(event)

    async def interact(self, interaction: discord.Interaction[Any]) -> None:
        """Pass on a command, a button press, a menu entry or a dialog, and acknowledge it in time."""
        assert self._inbound is not None
        await self._interactions.take(interaction, self._inbound)

    async def _dispatch(self, event: Event) -> None:
        """Pass on an event that needs no acknowledgement."""
        assert self._inbound is not None
        outcome = await self._inbound.dispatch(event)
        if outcome.status == "refused":
            _log.warning("event %s is lost: nothing was committed", event.key)

    async def _take(self, event: Event, message_id: int, *, in_turn: bool) -> bool:
        """Dispatch a message, or refuse it out of turn; False if it is neither committed nor refused in words."""
        assert self._inbound is not None
        if in_turn:
            outcome = await self._inbound.dispatch(event)
        else:
            outcome = Outcome("refused", locales.text("router.busy", language=event.user.language))
        if outcome.status != "refused":
            return outcome.done
        if not self._turns.proof_left():
            # Whoever leads by now reads the message from the history, and may have taken it.
            return False
        return await refuse(self._api, event, message_id, outcome.notice)
