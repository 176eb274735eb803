"""What the server knows as a whole; and who is told when it changes."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

from tests.doubles.discord import rules
from tests.doubles.discord.log import Log
from tests.doubles.discord.messages import Edit, Message
from tests.doubles.discord.places import DISCORD_EPOCH, DM, Channel, Event, Guild, User
from tests.doubles.discord.rules import Json
from tests.doubles.discord.webhooks import Webhook

T = TypeVar("T")


class World:
    """All places, users and messages."""

    def __init__(self, log: Log) -> None:
        self._last_id = 0
        self.log = log
        self.base_url = ""
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.bot = self.add_user("storyteller", bot=True)
        self.webhooks: dict[int, Webhook] = {}
        self.listeners: list[Callable[[Event], None]] = []
        self._waiting: set[asyncio.Future[None]] = set()
        self._counter = itertools.count()

    def new_id(self) -> int:
        """A fresh snowflake, greater than every one before."""
        now = (int(time.time() * 1000) - DISCORD_EPOCH) << 22
        self._last_id = max(self._last_id + 1, now)
        return self._last_id

    def add_user(self, name: str, *, bot: bool = False) -> User:
        """Open an account."""
        user = User(self.new_id(), name, bot=bot)
        self.users[user.id] = user
        return user

    def add_guild(self, name: str, *, installed: bool = True) -> Guild:
        """Found a guild, with the bot in it if it is ``installed``."""
        # Ids differ in the bits that choose the shard, however fast guilds are founded.
        guild = Guild(self.new_id() + (next(self._counter) << 22), name, self, installed=installed)
        self._last_id = guild.id
        self.guilds[guild.id] = guild
        self.publish(Event("GUILD_CREATE", guild.payload(), guild.id, rules.GUILDS))
        return guild

    def add_channel(self, channel: Channel) -> None:
        """Open a channel."""
        self.channels[channel.id] = channel
        if channel.guild is not None:
            channel.guild.channels[channel.id] = channel

    def dm_channel(self, user: User) -> Channel:
        """The direct messages between the bot and a user."""
        for channel in self.channels.values():
            if channel.recipient is user:
                return channel
        channel = Channel(self.new_id(), self, DM, f"@{user.name}", recipient=user)
        self.add_channel(channel)
        return channel

    def users_of(self, ids: Iterable[int]) -> list[User]:
        """The users with these ids, unknown ones left out."""
        return [self.users[user_id] for user_id in sorted(ids) if user_id in self.users]

    def publish(self, event: Event) -> None:
        """Hand an event to the gateway and wake whoever waits for a change."""
        guild = self.guilds.get(event.guild_id or 0)
        if guild is None or guild.installed or event.name == "INTERACTION_CREATE":
            for listener in self.listeners:
                listener(event)
        self.touch()

    def add_message(self, message: Message) -> None:
        """Post a message and tell the bot; one that only a person sees is not told."""
        message.channel.messages[message.id] = message
        self.log.messages.append(message)
        self._publish_message("MESSAGE_CREATE", message)

    def edited(self, message: Message, *, silent: bool = False) -> None:
        """Record that a message was changed; ``silent`` records no edit (a first answer fills a placeholder)."""
        message.edited_at = datetime.now(UTC)
        if not silent:
            message.edits.append(
                Edit(time.monotonic(), message.content, list(message.raw_components), list(message.embeds))
            )
        self._publish_message("MESSAGE_UPDATE", message)

    def delete_message(self, message: Message) -> None:
        """Delete a message and tell the bot."""
        message.deleted = True
        message.channel.messages.pop(message.id, None)
        if message.ephemeral:
            self.touch()
            return
        data: Json = {"id": str(message.id), "channel_id": str(message.channel.id)}
        guild = message.channel.guild
        if guild is not None:
            data["guild_id"] = str(guild.id)
        intent = rules.GUILD_MESSAGES if guild else rules.DIRECT_MESSAGES
        self.publish(Event("MESSAGE_DELETE", data, guild.id if guild else None, intent))

    def _publish_message(self, name: str, message: Message) -> None:
        channel = message.channel
        if message.ephemeral or not channel.bot_may("VIEW_CHANNEL"):
            self.touch()
            return
        guild_id = channel.guild.id if channel.guild else None
        redacted = None
        if self.hides_content(message):
            redacted = message.payload(base_url=self.base_url, gateway=True, redacted=True)
        self.publish(
            Event(
                name,
                message.payload(base_url=self.base_url, gateway=True),
                guild_id,
                rules.GUILD_MESSAGES if guild_id else rules.DIRECT_MESSAGES,
                redacted,
            )
        )

    def hides_content(self, message: Message) -> bool:
        """Whether a bot without the message content intent sees nothing in this message."""
        return not (
            message.channel.guild is None
            or message.author is self.bot
            or self.bot.id in message.pings
            or message.interaction is not None
        )

    def touch(self) -> None:
        """Wake whoever waits for a change."""
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait_until(self, look: Callable[[], T | None], timeout: float, what: str = "the condition") -> T:
        """Wait until ``look`` returns something true, looking whenever something changes.

        Raises:
            TimeoutError: nothing true came within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = look()
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{what} did not come about within {timeout:g} s")
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await asyncio.wait([future], timeout=left)
            finally:
                self._waiting.discard(future)
