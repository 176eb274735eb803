"""Telegram's messages, chats and people as the parts of neutral events."""

from typing import Any, Final

from telegram import Chat, Message, ReactionType, ReactionTypeCustomEmoji, ReactionTypeEmoji, User
from telegram.constants import ChatType

from bot.events import AccountRef, ConversationRef, Destination, Event, Payload, UserRef
from bot.platforms.telegram.members import Membership

PLATFORM: Final = "telegram"
GROUPS: Final = (ChatType.GROUP, ChatType.SUPERGROUP)
_SERVICE: Final = 777000
"""Telegram itself, the author of what it forwards from a channel into the channel's group."""


def replied_to(message: Message) -> str:
    """Return the id of the message that a person chose to reply to.

    In a topic, and below a channel's post, Telegram says of every message that it replies to the first one.
    """
    replied = message.reply_to_message
    if replied is None or replied.forum_topic_created is not None or is_forwarded(replied):
        return ""
    return str(replied.message_id)


def author_of(message: Message) -> User | None:
    """Return the author of a message in a place where the bot answers; None for bots and other places."""
    user = message.from_user
    if (
        user is None
        or is_forwarded(message)
        or (user.is_bot and not is_anonymous_admin(message))
        or message.via_bot is not None
    ):
        return None
    return user if is_served(message.chat) else None


def is_forwarded(message: Message) -> bool:
    """Return whether it is a channel's post that Telegram itself forwarded into the channel's group."""
    service = message.from_user is not None and message.from_user.id == _SERVICE
    return bool(message.is_automatic_forward) or (service and message.sender_chat is not None)


def is_anonymous_admin(message: Message) -> bool:
    """Return whether an administrator wrote it who hides behind the group."""
    return message.sender_chat is not None and message.sender_chat.id == message.chat.id


def is_served(chat: Chat) -> bool:
    """Return whether the bot answers in a chat of this type."""
    return chat.type == ChatType.PRIVATE or chat.type in GROUPS


def emoji_of(reaction: ReactionType) -> str:
    """Return a reaction's emoji; ``custom:<id>`` for one of a set, ``paid`` for a star."""
    if isinstance(reaction, ReactionTypeEmoji):
        return str(reaction.emoji)
    return f"custom:{reaction.custom_emoji_id}" if isinstance(reaction, ReactionTypeCustomEmoji) else "paid"


def topic_of(message: object) -> str:
    """Return the topic's id; Telegram also gives thread ids to reply threads, which are not topics."""
    if isinstance(message, Message) and message.is_topic_message and message.message_thread_id is not None:
        return str(message.message_thread_id)
    return ""


def destination_of(chat: Chat, sender: User | Chat, thread: str) -> Destination:
    """Return where the answer to somebody in a chat goes; ``thread`` is the topic, or empty."""
    kind = "dm" if chat.type == ChatType.PRIVATE else "thread" if thread else "group"
    return Destination(chat_id=str(chat.id), thread_id=thread, user_id=str(sender.id), kind=kind)


def event_of(
    event_id: str,
    chat: Chat,
    sender: User | Chat,
    destination: Destination,
    payload: Payload,
    standing: Membership,
) -> Event:
    """Return an event. ``sender`` is a person, or the chat in whose name somebody writes who does not show themselves.

    An administrator who hides behind the group acts as the group: each group is somebody of its own.
    """
    private = chat.type == ChatType.PRIVATE
    name = (sender.full_name if isinstance(sender, User) else sender.title) or ""
    return Event(
        platform=PLATFORM,
        event_id=event_id,
        account=AccountRef(kind="dm", external_id=str(sender.id), name=name)
        if private
        else AccountRef(kind="group", external_id=str(chat.id), name=chat.title or ""),
        user=UserRef(
            external_id=str(sender.id),
            name=name,
            username=(sender.username or "") if isinstance(sender, User) else None,
            language=(sender.language_code or "") if isinstance(sender, User) else "",
            role=standing.role,
            roles=standing.roles,
            anonymous=isinstance(sender, Chat),
        ),
        conversation=ConversationRef(
            chat_id=destination.chat_id, thread_id=destination.thread_id, kind=destination.kind
        ),
        destination=destination,
        payload=payload,
    )


def is_said_in_group(update: dict[str, Any]) -> bool:
    """Return whether unvalidated data is the update of a new or edited message of a group."""
    body: Any = update.get("message") or update.get("edited_message")
    chat: Any = body.get("chat") if isinstance(body, dict) else None
    return isinstance(chat, dict) and chat.get("type") in GROUPS
