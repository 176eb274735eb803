"""From discord.py's objects to neutral events; nothing is decided here."""

import re
from typing import Any, Final

import discord

from bot.commands.registry import CommandSpec
from bot.events import (
    AccountRef,
    ButtonPress,
    Command,
    ConversationRef,
    Destination,
    Event,
    Payload,
    Submit,
    TextMessage,
    UserRef,
)
from bot.platforms.discord.commands import read

_THREADS: Final = frozenset({10, 11, 12})
_TEXT: Final = 0


def interaction_event(interaction: discord.Interaction[Any]) -> Event | None:
    """Return the event of a command, a press or a dialog; None for what the bot has no use for."""
    data: dict[str, Any] = dict(interaction.data or {})  # type: ignore[arg-type]
    payload = _payload(interaction.type, data)
    if payload is None or interaction.channel_id is None:
        return None
    user, guild_id = interaction.user, interaction.guild_id
    conversation = _conversation(interaction)
    # A dialog that a button opened comes with the button's message.
    pressed = str(interaction.message.id) if interaction.message and isinstance(payload, ButtonPress | Submit) else ""
    return Event(
        platform="discord",
        event_id=f"i{interaction.id}",
        account=_account(guild_id, interaction.guild.name if interaction.guild is not None else "", user),
        user=_user(
            user,
            language=interaction.locale.value,
            is_admin=guild_id is None or interaction.permissions.manage_guild,
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
            },
        ),
        payload=payload,
        deferred=True,
    )


def attached_url(interaction: discord.Interaction[Any], command: Command, spec: CommandSpec | None) -> tuple[str, int]:
    """Return the address and the size of the file that a person attached to a command; empty if there is none."""
    if spec is None or spec.file is None or spec.file.name not in command.values:
        return "", 0
    data: dict[str, Any] = dict(interaction.data or {})  # type: ignore[arg-type]
    found = ((data.get("resolved") or {}).get("attachments") or {}).get(command.values[spec.file.name]) or {}
    return str(found.get("url", "")), int(found.get("size", 0))


def message_event(message: discord.Message, me: discord.ClientUser) -> Event | None:
    """Return the event of a person's message; None for bots, and for empty ones."""
    if message.author.bot or message.webhook_id is not None or message.type not in _SAID:
        return None
    replied = message.reference
    resolved = replied.resolved if replied is not None else None
    to_us = isinstance(resolved, discord.Message) and resolved.author.id == me.id
    addressed = message.guild is None or me in message.mentions or to_us
    text = re.sub(rf"<@!?{me.id}>", "", message.content).strip()
    if not text:
        return None
    thread = isinstance(message.channel, discord.Thread)
    kind = "dm" if message.guild is None else "thread" if thread else "group"
    chat_id = str(message.channel.id)
    return Event(
        platform="discord",
        event_id=f"m{message.id}",
        account=_account(
            message.guild.id if message.guild is not None else None,
            message.guild.name if message.guild is not None else "",
            message.author,
        ),
        user=_user(message.author, language="", is_admin=message.guild is None),
        conversation=ConversationRef(
            chat_id=chat_id, kind=kind, adult=message.guild is not None and _is_adult(message.channel)
        ),
        destination=Destination(chat_id=chat_id, user_id=str(message.author.id), kind=kind, reply_to=str(message.id)),
        payload=TextMessage(
            text=text,
            addressed=addressed,
            reply_to=str(replied.message_id)
            if replied is not None and replied.message_id is not None and to_us
            else "",
        ),
    )


_SAID: Final = frozenset({discord.MessageType.default, discord.MessageType.reply})


def _payload(kind: discord.InteractionType, data: dict[str, Any]) -> Payload | None:
    if kind in (discord.InteractionType.application_command, discord.InteractionType.autocomplete):
        if data.get("type", 1) != 1:
            return None
        name, values, _ = read(data)
        return Command(name=name, values=values)
    if kind is discord.InteractionType.component:
        return ButtonPress(data=str(data["custom_id"]))
    if kind is discord.InteractionType.modal_submit:
        return Submit(form=str(data["custom_id"]), values=_fields(data.get("components") or []))
    return None


def _fields(components: list[dict[str, Any]]) -> dict[str, str]:
    """Return the values of a dialog, whatever its inputs are wrapped in."""
    found: dict[str, str] = {}
    for component in components:
        if "custom_id" in component and "value" in component:
            found[str(component["custom_id"])] = str(component["value"])
        inner = component.get("components") or ([component["component"]] if "component" in component else [])
        found |= _fields(inner)
    return found


def _account(guild_id: int | None, guild: str, user: discord.abc.User) -> AccountRef:
    if guild_id is None:
        return AccountRef(kind="dm", external_id=str(user.id), name=user.display_name)
    return AccountRef(kind="guild", external_id=str(guild_id), name=guild)


def _user(user: discord.abc.User, *, language: str, is_admin: bool) -> UserRef:
    return UserRef(external_id=str(user.id), name=user.display_name, language=language, is_admin=is_admin)


def _conversation(interaction: discord.Interaction[Any]) -> ConversationRef:
    chat_id = str(interaction.channel_id)
    if interaction.guild_id is None:
        return ConversationRef(chat_id=chat_id, kind="dm", adult=False)
    kind = "thread" if _channel_type(interaction) in _THREADS else "group"
    return ConversationRef(chat_id=chat_id, kind=kind, adult=_is_adult(interaction.channel))


def _is_adult(channel: Any) -> bool:
    """Return whether Discord keeps minors out of a channel; a thread is as its channel is."""
    asked = getattr(channel, "is_nsfw", None)
    return bool(asked()) if asked is not None else False


def _channel_type(interaction: discord.Interaction[Any]) -> int:
    channel: Any = interaction.channel
    return channel.type.value if channel is not None else -1
