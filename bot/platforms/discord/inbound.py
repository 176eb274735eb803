"""Conversion of discord.py's objects to neutral events; nothing is decided here."""

import re
import uuid
from dataclasses import dataclass
from typing import Any, Final

import discord
from pydantic import JsonValue

from bot.commands.base import CommandSpec
from bot.events import (
    AccountRef,
    ButtonPress,
    Command,
    ConversationRef,
    Destination,
    EditedMessage,
    Event,
    MenuPick,
    Payload,
    Reaction,
    Submit,
    TextMessage,
    Unreadable,
    UserRef,
)
from bot.platforms.discord.api import FILE_BYTES, REQUEST_BYTES
from bot.platforms.discord.attached import picture_of, unreadable_of
from bot.platforms.discord.commands import read
from bot.platforms.discord.controls import KEPT
from bot.platforms.discord.voices import unmarked
from db.permissions import Role

_THREADS: Final = frozenset({10, 11, 12})
_TEXT: Final = 0


def interaction_event(interaction: discord.Interaction[Any]) -> Event | None:
    """Return the event of a command, a button press, a menu entry or a dialog; None for ignored kinds."""
    payload = _payload(interaction)
    if payload is None or interaction.channel_id is None:
        return None
    user, guild_id = interaction.user, interaction.guild_id
    conversation = _conversation(interaction)
    # A dialog opened by a button comes with the button's message.
    pressed = str(interaction.message.id) if interaction.message and isinstance(payload, ButtonPress | Submit) else ""
    return Event(
        platform="discord",
        event_id=f"i{interaction.id}",
        account=_account(
            guild_id, interaction.guild.name if interaction.guild is not None else "", user, _group_dm(interaction)
        ),
        user=_user(
            user,
            language=interaction.locale.value,
            role=_role(interaction),
        ),
        conversation=conversation,
        destination=Destination(
            chat_id=conversation.chat_id,
            user_id=str(user.id),
            kind=conversation.kind,
            pressed_message=pressed,
            handle={
                "interaction": str(interaction.id),
                "token": interaction.token,
                "application": str(interaction.application_id),
                "text_channel": _channel_type(interaction) == _TEXT,
                **_parent(interaction.channel),
            },
        ),
        payload=payload,
        deferred=True,
        file_bytes=_file_bytes(interaction, conversation.kind),
    )


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A command's attachment: its metadata and URL, as given by Discord. ``size`` in bytes."""

    name: str
    mime: str
    size: int
    url: str


def attached_file(interaction: discord.Interaction[Any], command: Command, spec: CommandSpec) -> AttachedFile | None:
    """Return the file that a person attached to a command, if there is one."""
    if spec.file is None or spec.file.name not in command.values:
        return None
    found = (_resolved(interaction).get("attachments") or {}).get(command.values[spec.file.name])
    if not found:
        return None
    return AttachedFile(
        str(found.get("filename", "")),
        str(found.get("content_type") or ""),
        int(found.get("size", 0)),
        str(found.get("url", "")),
    )


def message_event(message: discord.Message, me: discord.ClientUser, application: int | None = None) -> Event | None:
    """Return the event of a person's message; None for bots and for empty messages.

    ``application`` is the bot's, whose webhooks' messages are its own.
    """
    if message.author.bot or message.webhook_id is not None or message.type not in _SAID:
        return None
    replied = message.reference
    resolved = replied.resolved if replied is not None else None
    answered = resolved if isinstance(resolved, discord.Message) else None
    to_persona = answered is not None and answered.webhook_id is not None and answered.application_id == application
    to_us = to_persona or (answered is not None and answered.author.id == me.id)
    addressed = message.guild is None or me in message.mentions or to_us
    text = re.sub(rf"<@!?{me.id}>", "", message.content).strip()
    picture = picture_of(message) if addressed else None
    unreadable = None if text or picture is not None or not addressed else unreadable_of(message)
    if to_persona and not text and unreadable is None:
        # Discord shows a bot without the intent what replies to its own messages say, not to those of its webhooks.
        unreadable = Unreadable(kind="reply")
    if not text and picture is None and unreadable is None:
        return None
    thread = isinstance(message.channel, discord.Thread)
    chat_id = str(message.channel.id)
    group_dm = chat_id if isinstance(message.channel, discord.GroupChannel) else ""
    kind = "thread" if thread else "group" if message.guild is not None or group_dm else "dm"
    return Event(
        platform="discord",
        event_id=f"m{message.id}",
        account=_account(
            message.guild.id if message.guild is not None else None,
            message.guild.name if message.guild is not None else "",
            message.author,
            group_dm,
        ),
        user=_user(message.author, language="", role=_role_of(message)),
        conversation=ConversationRef(
            chat_id=chat_id,
            kind=kind,
            adult=message.guild is not None and _is_adult(message.channel),
            parent=_parent_id(message.channel),
        ),
        destination=Destination(
            chat_id=chat_id,
            user_id=str(message.author.id),
            kind=kind,
            reply_to=str(message.id),
            handle=_parent(message.channel),
        ),
        payload=unreadable
        or TextMessage(
            text=text,
            addressed=addressed,
            file=picture,
            reply_to=str(replied.message_id) if replied is not None and replied.message_id is not None else "",
        ),
    )


def edited_event(message: discord.Message, me: discord.ClientUser, application: int | None = None) -> Event | None:
    """Return the event of an edited message of a person. Discord also reports link previews as edits."""
    event = message_event(message, me, application)
    if event is None or message.edited_at is None or not isinstance(event.payload, TextMessage):
        return None
    payload = EditedMessage(
        text=event.payload.text, message_id=str(message.id), said=event.event_id, addressed=event.payload.addressed
    )
    event_id = f"e{message.id}.{message.edited_at.timestamp():.3f}"
    return event.model_copy(update={"event_id": event_id, "payload": payload})


def reaction_event(reaction: discord.RawReactionActionEvent, channel: Any, me: discord.ClientUser) -> Event | None:
    """Return the event of a reaction; None for the bot's own, and for those on messages known to be others'.

    Discord names neither the author of a message when a reaction is removed, nor the person in a direct message.
    """
    author, added = reaction.message_author_id, reaction.event_type == "REACTION_ADD"
    if reaction.user_id == me.id or (author is not None and author != me.id):
        return None
    guild_id, user_id = reaction.guild_id, str(reaction.user_id)
    guild = getattr(channel, "guild", None)
    kind = "dm" if guild_id is None else "thread" if isinstance(channel, discord.Thread) else "group"
    chat_id = str(reaction.channel_id)
    account_id = user_id if guild_id is None else str(guild_id)
    member = reaction.member
    return Event(
        platform="discord",
        # A reaction can be added and removed any number of times, and has no id: each event is new.
        event_id=f"r{uuid.uuid4().hex}",
        account=AccountRef(
            kind="dm" if guild_id is None else "guild", external_id=account_id, name=guild.name if guild else ""
        ),
        user=UserRef(
            external_id=user_id,
            name=member.display_name if member is not None else "",
            role="owner" if guild_id is None else "member",
        ),
        conversation=ConversationRef(chat_id=chat_id, kind=kind, adult=_is_adult(channel)),
        destination=Destination(chat_id=chat_id, user_id=user_id, kind=kind),
        payload=Reaction(emoji=str(reaction.emoji), message_id=str(reaction.message_id), added=added),
    )


_SAID: Final = frozenset({discord.MessageType.default, discord.MessageType.reply})
_COMMAND, _MESSAGE_MENU = discord.AppCommandType.chat_input.value, discord.AppCommandType.message.value
_STRING_SELECT = discord.ComponentType.select.value


def _file_bytes(interaction: discord.Interaction[Any], kind: str) -> int | None:
    """Return the largest file that an answer by the interaction's token may carry: Discord's word, which knows the
    guild's boost tier and the person's own. In direct messages the bot itself writes, which that does not concern.
    """
    limit = interaction.filesize_limit - REQUEST_BYTES
    return limit if kind != "dm" and limit > FILE_BYTES else None


def _payload(interaction: discord.Interaction[Any]) -> Payload | None:
    data: dict[str, Any] = dict(interaction.data or {})  # type: ignore[arg-type]
    kind = interaction.type
    if kind in (discord.InteractionType.application_command, discord.InteractionType.autocomplete):
        if data.get("type", _COMMAND) == _MESSAGE_MENU:
            return _menu_pick(interaction, data)
        if data.get("type", _COMMAND) != _COMMAND:
            return None
        name, values, _ = read(data)
        return Command(name=name, values=values)
    if kind is discord.InteractionType.component:
        chosen: list[Any] = data.get("values") or []
        offered = _of_ours(interaction)
        if data.get("component_type") == _STRING_SELECT:
            return ButtonPress(data=str(chosen[0]), offered=offered) if chosen else None
        return ButtonPress(data=unmarked(str(data["custom_id"])), offered=offered)
    if kind is discord.InteractionType.modal_submit:
        values = _fields(data.get("components") or [])
        return Submit(form=str(data["custom_id"]), values=values, offered=_of_ours(interaction))
    return None


def _menu_pick(interaction: discord.Interaction[Any], data: dict[str, Any]) -> MenuPick | None:
    message = (_resolved(interaction).get("messages") or {}).get(str(data.get("target_id")))
    if not message:
        return None
    return MenuPick(
        name=str(data["name"]),
        message_id=str(message["id"]),
        author_is_bot=_is_ours(interaction, message),
        text=str(message.get("content") or ""),
    )


def _is_ours(interaction: discord.Interaction[Any], message: dict[str, Any]) -> bool:
    """Return whether the bot wrote a message, or one of its webhooks did."""
    me = interaction.client.user
    author = str((message.get("author") or {}).get("id"))
    application = str(message.get("application_id") or "")
    return (me is not None and author == str(me.id)) or application == str(interaction.application_id)


def _of_ours(interaction: discord.Interaction[Any]) -> bool | None:
    """Return whether a press belongs to a message of the bot; Discord sees to it that the message has that button."""
    message, me = interaction.message, interaction.client.user
    if message is None:
        return None
    return message.application_id == interaction.application_id or (me is not None and message.author.id == me.id)


def _resolved(interaction: discord.Interaction[Any]) -> dict[str, Any]:
    data: dict[str, Any] = dict(interaction.data or {})  # type: ignore[arg-type]
    return data.get("resolved") or {}


def _fields(components: list[dict[str, Any]]) -> dict[str, str]:
    """Return the values of a dialog, whatever components its inputs are nested in."""
    found: dict[str, str] = {}
    for component in components:
        if "custom_id" in component and "value" in component:
            name, value = str(component["custom_id"]), str(component["value"])
            if value or not name.endswith(KEPT):
                found[name.removesuffix(KEPT)] = value
        inner = component.get("components") or ([component["component"]] if "component" in component else [])
        found |= _fields(inner)
    return found


def _group_dm(interaction: discord.Interaction[Any]) -> str:
    """Return the id of a private chat of people in which somebody uses the bot; "" for the bot's own chats."""
    group = interaction.guild_id is None and (
        interaction.context.private_channel or isinstance(interaction.channel, discord.GroupChannel)
    )
    return str(interaction.channel_id) if group else ""


def _account(guild_id: int | None, guild: str, user: discord.abc.User, group_dm: str = "") -> AccountRef:
    if group_dm:
        return AccountRef(kind="group", external_id=group_dm)
    if guild_id is None:
        return AccountRef(kind="dm", external_id=str(user.id), name=user.display_name)
    return AccountRef(kind="guild", external_id=str(guild_id), name=guild)


def _user(user: discord.abc.User, *, language: str, role: Role) -> UserRef:
    roles = tuple(str(each.id) for each in user.roles) if isinstance(user, discord.Member) else ()
    return UserRef(
        external_id=str(user.id),
        name=user.display_name,
        username=user.name,
        language=language,
        role=role,
        roles=roles,
    )


def _role(interaction: discord.Interaction[Any]) -> Role:
    """Return the person's role. Where the bot is no member, everybody who brought it along is a guest."""
    if _group_dm(interaction):
        channel = interaction.channel
        owner = isinstance(channel, discord.GroupChannel) and channel.owner_id == interaction.user.id
        return "owner" if owner else "member"
    if interaction.guild_id is None:
        return "owner"
    if not interaction.is_guild_integration():
        return "guest"
    guild = interaction.guild
    if guild is not None and guild.owner_id == interaction.user.id:
        return "owner"
    return _role_by(interaction.permissions)


def _role_of(message: discord.Message) -> Role:
    author, guild = message.author, message.guild
    if guild is None or guild.owner_id == author.id:
        return "owner"
    # Messages that are read from the history do not say more.
    if not isinstance(author, discord.Member):
        return "member"
    return _role_by(message.channel.permissions_for(author))


def _role_by(permissions: discord.Permissions) -> Role:
    if permissions.administrator or permissions.manage_guild:
        return "admin"
    return "moderator" if permissions.manage_messages or permissions.moderate_members else "member"


def _conversation(interaction: discord.Interaction[Any]) -> ConversationRef:
    chat_id = str(interaction.channel_id)
    if interaction.guild_id is None:
        return ConversationRef(chat_id=chat_id, kind="group" if _group_dm(interaction) else "dm", adult=False)
    kind = "thread" if _channel_type(interaction) in _THREADS else "group"
    return ConversationRef(
        chat_id=chat_id, kind=kind, adult=_is_adult(interaction.channel), parent=_parent_id(interaction.channel)
    )


def _parent(channel: Any) -> dict[str, JsonValue]:
    """Return the channel of a thread, for answers when the thread is locked or gone."""
    parent = _parent_id(channel)
    return {"parent": parent} if parent else {}


def _parent_id(channel: Any) -> str:
    return str(channel.parent_id) if isinstance(channel, discord.Thread) else ""


def _is_adult(channel: Any) -> bool:
    """Return whether Discord keeps minors out of a channel; a thread inherits from its channel."""
    asked = getattr(channel, "is_nsfw", None)
    return bool(asked()) if asked is not None else False


def _channel_type(interaction: discord.Interaction[Any]) -> int:
    channel: Any = interaction.channel
    return channel.type.value if channel is not None else -1
