"""Users, guilds and channels, and the objects by which the API describes them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.doubles.discord import rules
from tests.doubles.discord.rules import Json

if TYPE_CHECKING:
    from tests.doubles.discord.messages import Message
    from tests.doubles.discord.state import World
    from tests.doubles.discord.webhooks import Webhook

DISCORD_EPOCH = 1420070400000
TEXT, DM, GROUP_DM, PUBLIC_THREAD, PRIVATE_THREAD = 0, 1, 3, 11, 12


@dataclass(slots=True, frozen=True)
class Event:
    """A gateway event and whom it concerns."""

    name: str
    data: Json
    guild_id: int | None = None
    intents: int = 0
    """A session gets it if it asked for any of these; 0: every session does."""
    redacted: Json | None = None
    """What a session without the message content intent gets instead."""


@dataclass(eq=False)
class User:
    """An account: a person's or the bot's."""

    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"
    dms_open: bool = True
    avatar: str | None = None

    def payload(self) -> Json:
        """The user object of the API."""
        return {
            "id": str(self.id),
            "username": self.name,
            "global_name": None if self.bot else self.name.capitalize(),
            "discriminator": "0",
            "avatar": self.avatar,
            "bot": self.bot,
            "public_flags": 0,
        }


@dataclass(eq=False)
class Channel:
    """A text channel, a thread or direct messages."""

    id: int
    world: "World"
    type: int
    name: str
    guild: "Guild | None" = None
    parent: "Channel | None" = None
    recipient: User | None = None
    owner: User | None = None
    messages: "dict[int, Message]" = field(default_factory=dict)
    denied: set[str] = field(default_factory=set[str])
    granted: set[str] = field(default_factory=set[str])
    webhooks: "list[Webhook]" = field(default_factory=list)
    archived: bool = False
    locked: bool = False
    deleted: bool = False
    nsfw: bool = False
    topic: str | None = None
    auto_archive: int = 1440
    typing: list[float] = field(default_factory=list[float])
    """``time.monotonic()`` of each typing indicator of the bot."""
    bot_joined: bool = True

    @property
    def context(self) -> int:
        """Where interactions happen: 0 in a guild, 1 with the bot itself, 2 in other private chats."""
        return 0 if self.guild is not None else 1 if self.recipient is not None else 2

    @property
    def is_thread(self) -> bool:
        """It is a thread."""
        return self.type in (PUBLIC_THREAD, PRIVATE_THREAD)

    def deny(self, *permissions: str) -> None:
        """Take permissions (names as in Discord's documentation) from the bot in this channel."""
        self.denied.update(self._known(permissions))
        self.granted.difference_update(permissions)
        self._updated()

    def grant(self, *permissions: str) -> None:
        """Give permissions to the bot that not everybody has."""
        self.granted.update(self._known(permissions))
        self.denied.difference_update(permissions)
        self._updated()

    def allow(self, *permissions: str) -> None:
        """Give permissions back to the bot."""
        self.denied.difference_update(self._known(permissions))
        self._updated()

    def _known(self, permissions: Iterable[str]) -> list[str]:
        names = list(permissions)
        unknown = [name for name in names if name not in rules.PERMISSIONS]
        if unknown:
            raise KeyError(f"unknown permissions: {unknown}")
        return names

    def _updated(self) -> None:
        if self.guild is not None:
            name = "THREAD_UPDATE" if self.is_thread else "CHANNEL_UPDATE"
            self.world.publish(Event(name, self.payload(), self.guild.id, rules.GUILDS))

    def update(self) -> None:
        """Tell the bot that the channel has changed."""
        self._updated()
        self.world.touch()

    def bot_permissions(self) -> int:
        """The bot's permissions here as a bit field."""
        bits = rules.EVERYONE if self.guild is None else self.guild.permissions(self.world.bot)
        for channel in (self, self.parent):
            if channel is not None:
                for name in channel.denied:
                    bits &= ~rules.PERMISSIONS[name]
                for name in channel.granted:
                    bits |= rules.PERMISSIONS[name]
        return bits

    def bot_may(self, permission: str) -> bool:
        """Whether the bot has this permission here; direct messages know none."""
        return self.guild is None or bool(self.bot_permissions() & rules.PERMISSIONS[permission])

    def delete(self) -> None:
        """Somebody deletes the channel."""
        self.deleted = True
        if self.guild is not None:
            self.guild.channels.pop(self.id, None)
            name = "THREAD_DELETE" if self.is_thread else "CHANNEL_DELETE"
            self.world.publish(Event(name, self.payload(), self.guild.id, rules.GUILDS))
        self.world.touch()

    def payload(self) -> Json:
        """The channel object of the API."""
        last = next(reversed(self.messages), None)
        data: Json = {
            "id": str(self.id),
            "type": self.type,
            "last_message_id": None if last is None else str(last),
            "flags": 0,
        }
        if self.recipient is not None:
            return data | {"recipients": [self.recipient.payload()]}
        if self.guild is None:
            return data | {"recipients": [], "name": self.name, "icon": None}
        data |= {"guild_id": str(self.guild.id), "name": self.name, "nsfw": self.nsfw, "rate_limit_per_user": 0}
        if not self.is_thread:
            denied = sum(rules.PERMISSIONS[name] for name in self.denied)
            granted = sum(rules.PERMISSIONS[name] for name in self.granted)
            overwrite: Json = {"id": str(self.world.bot.id), "type": 1, "allow": str(granted), "deny": str(denied)}
            return data | {
                "position": 0,
                "topic": self.topic,
                "parent_id": None,
                "permission_overwrites": [overwrite] if denied or granted else [],
            }
        created = datetime.fromtimestamp(((self.id >> 22) + DISCORD_EPOCH) / 1000, UTC).isoformat()
        data |= {
            "parent_id": str(self.parent.id if self.parent else 0),
            "owner_id": str(self.owner.id if self.owner else self.world.bot.id),
            "message_count": len(self.messages),
            "total_message_sent": len(self.messages),
            "member_count": 1,
            "thread_metadata": {
                "archived": self.archived,
                "locked": self.locked,
                "auto_archive_duration": self.auto_archive,
                "archive_timestamp": created,
                "create_timestamp": created,
            },
        }
        if self.bot_joined:
            data["member"] = {
                "id": str(self.id),
                "user_id": str(self.world.bot.id),
                "join_timestamp": created,
                "flags": 0,
            }
        return data


@dataclass(eq=False)
class Guild:
    """A server in the sense of Discord's users."""

    id: int
    name: str
    world: "World"
    channels: dict[int, Channel] = field(default_factory=dict[int, Channel])
    installed: bool = True
    """The bot is a member; else only people have installed the app, and it reaches nothing but their interactions."""
    file_bytes: int = rules.FILE
    """The largest file in answers to interactions, by the guild's boosts."""
    outage: bool = False
    """Sessions list it as unavailable, and hear no more of it."""
    members: dict[int, User] = field(default_factory=dict[int, User])
    admins: set[int] = field(default_factory=set[int])
    roles: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    """By id: who has the role, and its permissions."""
    joined_at: str = "2024-01-01T00:00:00+00:00"
    """When the bot joined."""

    def add_bot(self) -> None:
        """Somebody adds the bot, with the channels as they are."""
        self.joined_at = datetime.now(UTC).isoformat()
        data = self.payload()
        del data["unavailable"]  # only of guilds that a session begins with
        self.world.publish(Event("GUILD_CREATE", data, self.id, rules.GUILDS))

    def remove_bot(self) -> None:
        """Somebody removes the bot."""
        self.world.guilds.pop(self.id, None)
        self.world.publish(Event("GUILD_DELETE", {"id": str(self.id)}, self.id, rules.GUILDS))

    def text_channel(self, name: str) -> Channel:
        """The text channel of this name, made if there is none."""
        for channel in self.channels.values():
            if channel.name == name and channel.type == TEXT:
                return channel
        channel = Channel(self.world.new_id(), self.world, TEXT, name, guild=self)
        self.world.add_channel(channel)
        self.world.publish(Event("CHANNEL_CREATE", channel.payload(), self.id, rules.GUILDS))
        return channel

    def thread(self, parent: Channel, name: str, owner: User | None = None, *, private: bool = False) -> Channel:
        """Make a thread in a channel."""
        return self.add_thread(self.world.new_id(), parent, name, owner, private=private)

    def add_thread(
        self, thread_id: int, parent: Channel, name: str, owner: User | None, *, private: bool = False
    ) -> Channel:
        """Make a thread with a given id (a thread from a message bears the message's)."""
        kind = PRIVATE_THREAD if private else PUBLIC_THREAD
        thread = Channel(thread_id, self.world, kind, name, guild=self, parent=parent, owner=owner)
        self.world.add_channel(thread)
        self.world.publish(Event("THREAD_CREATE", thread.payload() | {"newly_created": True}, self.id, rules.GUILDS))
        return thread

    def make_admin(self, person: object) -> None:
        """Give a person every permission in the guild."""
        user = person if isinstance(person, User) else getattr(person, "user", None)
        if not isinstance(user, User):
            raise TypeError("a person or a user is needed")
        self.members[user.id] = user
        self.admins.add(user.id)

    def add_role(self, person: object, *permissions: str) -> int:
        """Give a person a new role with these permissions; its id. Clients know roles that were there before them."""
        user = person if isinstance(person, User) else getattr(person, "user", None)
        if not isinstance(user, User):
            raise TypeError("a person or a user is needed")
        role = self.world.new_id()
        self.roles[role] = (user.id, sum(rules.PERMISSIONS[name] for name in permissions))
        return role

    def permissions(self, user: User) -> int:
        """A member's permissions as a bit field."""
        if user is self.world.bot and not self.installed:
            return 0
        if user.id in self.admins:
            return rules.ALL_PERMISSIONS
        held = rules.EVERYONE
        for holder, permissions in self.roles.values():
            held |= permissions if holder == user.id else 0
        return held

    def member(self, user: User, *, with_user: bool = True, permissions: bool = False) -> Json:
        """The member object of the API."""
        data: Json = {
            "nick": None,
            "avatar": None,
            "roles": [str(role) for role, (holder, _) in self.roles.items() if holder == user.id],
            "joined_at": "2024-01-01T00:00:00+00:00",
            "premium_since": None,
            "deaf": False,
            "mute": False,
            "pending": False,
            "flags": 0,
            "communication_disabled_until": None,
        }
        if with_user:
            data["user"] = user.payload()
        if permissions:
            data["permissions"] = str(self.permissions(user))
        return data

    def payload(self) -> Json:
        """The guild object, as in GUILD_CREATE."""
        roles = [
            _role(self.id, "@everyone", rules.EVERYONE),
            *(_role(role, f"role {role}", permissions) for role, (_, permissions) in self.roles.items()),
        ]
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(next(iter(self.admins), self.world.bot.id + 1)),
            "roles": roles,
            "emojis": [],
            "stickers": [],
            "features": [],
            "channels": [c.payload() for c in self.channels.values() if not c.is_thread],
            "threads": [c.payload() for c in self.channels.values() if c.is_thread and not c.archived],
            "members": [self.member(self.world.bot) | {"joined_at": self.joined_at}],
            "member_count": len(self.members) + 1,
            "presences": [],
            "voice_states": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
            "large": False,
            "unavailable": False,
            "joined_at": self.joined_at,
            "preferred_locale": "en-US",
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "premium_tier": 0,
            "system_channel_flags": 0,
            "afk_timeout": 300,
            "afk_channel_id": None,
            "system_channel_id": None,
            "icon": None,
            "banner": None,
            "description": None,
        }


def _role(role_id: int, name: str, permissions: int) -> Json:
    return {
        "id": str(role_id),
        "name": name,
        "permissions": str(permissions),
        "position": 0,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }
