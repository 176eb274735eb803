"""Webhooks of channels: what posts messages under names of its own."""

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.doubles.discord.rules import Json

if TYPE_CHECKING:
    from tests.doubles.discord.places import Channel


@dataclass(eq=False, slots=True)
class Webhook:
    """A webhook of a channel; ``ours``: the bot's application made it."""

    id: int
    channel: "Channel"
    name: str
    ours: bool = True
    avatar: str | None = None
    picture: bytes = b""
    """The avatar's file."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @classmethod
    def made(cls, channel: "Channel", name: str, *, ours: bool = False) -> "Webhook":
        """Somebody makes a webhook in a channel."""
        world = channel.world
        hook = cls(world.new_id(), channel, name, ours)
        channel.webhooks.append(hook)
        world.webhooks[hook.id] = hook
        world.touch()
        return hook

    def delete(self) -> None:
        """Somebody deletes it; its messages stay."""
        self.channel.webhooks.remove(self)
        del self.channel.world.webhooks[self.id]
        self.channel.world.touch()

    def payload(self, *, token: bool = True) -> Json:
        """The webhook object of the API; the token is shown to the application that made it."""
        world, guild = self.channel.world, self.channel.guild
        data: Json = {
            "id": str(self.id),
            "type": 1,
            "name": self.name,
            "avatar": self.avatar,
            "channel_id": str(self.channel.id),
            "guild_id": None if guild is None else str(guild.id),
            "application_id": str(world.bot.id) if self.ours else None,
        }
        if self.ours:
            data["user"] = world.bot.payload()
            if token:
                data["token"] = self.token
        return data
