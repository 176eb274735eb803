"""Updates as neutral events.

Event ids are chat and message, or the callback query: update ids begin anew after a week of silence
(https://core.telegram.org/bots/api#update).
"""

import logging
import re
from dataclasses import dataclass
from typing import Final

from telegram import (
    Bot,
    CallbackQuery,
    Chat,
    ChatMemberUpdated,
    Message,
    MessageEntity,
    MessageReactionUpdated,
    ReactionType,
    ReactionTypeCustomEmoji,
    ReactionTypeEmoji,
    Update,
    User,
)
from telegram.constants import ChatType

from bot.actions.packing import FILL, BadButton, split
from bot.commands.base import CommandRegistry
from bot.events import (
    AccountRef,
    BotMembership,
    ButtonPress,
    Command,
    ConversationRef,
    Destination,
    EditedMessage,
    Event,
    Payload,
    Reaction,
    TextMessage,
    Unreadable,
    UserRef,
)
from bot.files import claimed
from bot.platforms.telegram.attached import attached, unreadable
from bot.platforms.telegram.commands import read_command
from bot.platforms.telegram.members import ANONYMOUS, GUEST, MEMBER, PRIVATE, Members, Membership, presence
from bot.platforms.telegram.render import PLACEHOLDER

log = logging.getLogger(__name__)

_GROUPS: Final = (ChatType.GROUP, ChatType.SUPERGROUP)
_ORPHAN_SECONDS: Final = 60.0
_SERVICE: Final = 777000
"""Telegram itself, the author of what it forwards from a channel into the channel's group."""
_ALBUMS: Final = 1000
"""How many of the last albums with a caption are remembered."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event, and for a button press the callback query to answer."""

    event: Event
    query_id: str = ""


@dataclass(frozen=True, slots=True)
class GroupMigrated:
    """A group became a supergroup with another id."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Orphan:
    """A leftover placeholder that a person replied to."""

    destination: Destination
    message_id: str


class Translator:
    """Parses updates. ``bot`` must be initialised: its id and username decide whether a text is addressed to it."""

    def __init__(self, bot: Bot, registry: CommandRegistry) -> None:
        """``registry`` holds the commands."""
        self._bot = bot
        self._registry = registry
        self._members = Members(bot)
        self._captioned: dict[str, None] = {}
        self._mention = re.compile(rf"[ \t]*@{re.escape(bot.username)}\b", re.IGNORECASE)

    async def read(self, update: Update) -> list[Incoming | GroupMigrated | Orphan]:
        """Return the contents of an update; empty if it is not meant for this bot, or comes from a bot."""
        if update.callback_query is not None:
            return await self._press(update.callback_query)
        if update.message is not None:
            return await self._message(update.message)
        if update.edited_message is not None:
            return await self._edited(update.edited_message)
        if update.message_reaction is not None:
            return self._reactions(update.message_reaction)
        if update.my_chat_member is not None:
            return _presence(update.my_chat_member)
        return []

    async def _press(self, query: CallbackQuery) -> list[Incoming | GroupMigrated | Orphan]:
        message = query.message
        if message is None or query.data is None:
            return []
        destination = _destination(message.chat, query.from_user, _thread(message)).model_copy(
            update={
                "pressed_message": str(message.message_id),
                "handle": {"callback_id": query.id, "name": query.from_user.full_name},
            }
        )
        standing = await self._members.of(message.chat, query.from_user, fresh=self._opens_managing_form(query.data))
        payload = ButtonPress(data=query.data, offered=self._offered(query))
        event = _event(f"c{query.id}", message.chat, query.from_user, destination, payload, standing)
        return [Incoming(event, query.id)]

    def _offered(self, query: CallbackQuery) -> bool | None:
        """Return whether the pressed message is ours and has that button: a client may send any data for any message.

        None if Telegram shows the message no more, or if its buttons have been changed since it was shown.
        """
        message = query.message
        if not isinstance(message, Message):
            return None
        if not self._is_ours(message):
            return False
        rows = message.reply_markup.inline_keyboard if message.reply_markup is not None else ()
        return True if any(button.callback_data == query.data for row in rows for button in row) else None

    def _opens_managing_form(self, data: str) -> bool:
        try:
            verb, args = split(data)
        except BadButton:
            return False
        spec = self._registry.get(args[0]) if verb == FILL and args else None
        return spec is not None and spec.managing

    async def _message(self, message: Message) -> list[Incoming | GroupMigrated | Orphan]:
        chat = message.chat
        if message.migrate_to_chat_id is not None:
            return [GroupMigrated(str(chat.id), str(message.migrate_to_chat_id))]
        if message.migrate_from_chat_id is not None:
            # The first message of the supergroup: with it, everything is moved before what people say there.
            return [GroupMigrated(str(message.migrate_from_chat_id), str(chat.id))]
        user = _author(message)
        if user is None:
            return self._for_a_channel(message)
        text = message.text or message.caption or ""
        anonymous = _is_anonymous_admin(message)
        sender = chat if anonymous else user
        destination = _destination(chat, sender, _thread(message))
        if chat.type in _GROUPS:
            destination = destination.model_copy(update={"reply_to": str(message.message_id)})
        found: list[Incoming | GroupMigrated | Orphan] = []
        if orphan := self._orphan(message, destination):
            found.append(orphan)
        payload, manages = (
            self._payload(message, text) if text.strip() or message.document is not None else (None, False)
        )
        if payload is None and not text.strip() and self._is_to_us(message) and (kind := unreadable(message)):
            payload = Unreadable(kind=kind)
        event_id = self._event_id(message, captioned=bool(text.strip()))
        if payload is not None and event_id:
            standing = ANONYMOUS if anonymous else await self._members.of(chat, user, fresh=manages)
            if not isinstance(payload, Unreadable):
                payload = self._with_file(message, payload)
            found.append(Incoming(_event(event_id, chat, sender, destination, payload, standing)))
        return found

    def _event_id(self, message: Message, *, captioned: bool) -> str:
        """Return the event's id: the messages of an album are one, those with captions apart; empty if it has been."""
        album = message.media_group_id and f"{message.chat.id}.{message.media_group_id}"
        if not album:
            return f"m{message.chat.id}.{message.message_id}"
        if captioned:
            self._captioned[album] = None
            while len(self._captioned) > _ALBUMS:
                self._captioned.pop(next(iter(self._captioned)))
            return f"m{message.chat.id}.{message.message_id}"
        return "" if album in self._captioned else f"a{album}"

    def _for_a_channel(self, message: Message) -> list[Incoming | GroupMigrated | Orphan]:
        """Answer a message that was written in the name of a channel, if it is meant for the bot.

        Posts that a channel forwards into its own group are not.
        """
        chat, user, channel = message.chat, message.from_user, message.sender_chat
        text = message.text or message.caption or ""
        if _is_forwarded(message) or user is None or channel is None or channel.type != ChatType.CHANNEL:
            return []
        if chat.type not in _GROUPS or not text.strip() or self._payload(message, text)[0] is None:
            return []
        destination = _destination(chat, channel, _thread(message)).model_copy(
            update={"reply_to": str(message.message_id)}
        )
        event_id = f"m{chat.id}.{message.message_id}"
        return [Incoming(_event(event_id, chat, channel, destination, Unreadable(kind="channel"), GUEST))]

    async def _edited(self, message: Message) -> list[Incoming | GroupMigrated | Orphan]:
        """Parse an edited message; an edited command is not run again."""
        chat, user, text = message.chat, _author(message), message.text or message.caption or ""
        if user is None or not text.strip() or message.edit_date is None:
            return []
        sender = chat if _is_anonymous_admin(message) else user
        said, _ = self._payload(message, text)
        if said is None:
            return []
        text = said.text if isinstance(said, TextMessage) else text
        first = f"m{chat.id}.{message.message_id}"
        payload = EditedMessage(text=text, message_id=str(message.message_id), said=first)
        event_id = f"e{chat.id}.{message.message_id}.{int(message.edit_date.timestamp())}"
        destination = _destination(chat, sender, _thread(message))
        standing = ANONYMOUS if sender is chat else await self._members.of(chat, user)
        return [Incoming(_event(event_id, chat, sender, destination, payload, standing))]

    def _reactions(self, change: MessageReactionUpdated) -> list[Incoming | GroupMigrated | Orphan]:
        """Parse added and removed reactions. Telegram does not name the author of the message."""
        chat, user = change.chat, change.user
        if user is None or user.is_bot or not _is_served(chat):
            return []
        before, after = ([_emoji(r) for r in reactions] for reactions in (change.old_reaction, change.new_reaction))
        changes = [(e, False) for e in before if e not in after] + [(e, True) for e in after if e not in before]
        destination = _destination(chat, user, "")
        at = f"{chat.id}.{change.message_id}.{user.id}.{int(change.date.timestamp())}"
        known, number = self._members.known(chat, user), str(change.message_id)
        found: list[Incoming | GroupMigrated | Orphan] = []
        for emoji, added in changes:
            reaction = Reaction(emoji=emoji, message_id=number, added=added)
            event_id = f"r{at}.{'+' if added else '-'}{emoji}"
            found.append(Incoming(_event(event_id, chat, user, destination, reaction, known)))
        return found

    def _payload(self, message: Message, text: str) -> tuple[Command | TextMessage | None, bool]:
        """Return the message to the bot, and whether it takes more than members may by default."""
        group = message.chat.type in _GROUPS
        replied = message.reply_to_message
        to_us = replied is not None and self._is_ours(replied) and replied.forum_topic_created is None
        typed = read_command(text, self._registry, self._bot.username)
        if typed is not None:
            if typed.spec is None and group and not typed.bot and not to_us and typed.command.name != "cancel":
                return None, False
            command = typed.command.model_copy(update={"reply_to": _replied_to(message)})
            return command, typed.spec is not None and typed.spec.managing
        if text.startswith("/") and group and not to_us:
            return None, False  # a command for another bot
        mentioned = any(
            entity.type == MessageEntity.TEXT_MENTION and entity.user is not None and entity.user.id == self._bot.id
            for entity in (*message.entities, *message.caption_entities)
        )
        if self._mention.search(text):
            mentioned = True
            text = self._mention.sub("", text).lstrip(" ,:").strip()
        if group and not (mentioned or to_us):
            return None, False
        reply_to = str(replied.message_id) if replied is not None and to_us else ""
        return TextMessage(text=text, addressed=True, reply_to=reply_to), False

    def _with_file(self, message: Message, payload: Command | TextMessage) -> Command | TextMessage:
        """Return a command with the file attached or replied to, if it takes one; a text with its attachment."""
        if isinstance(payload, Command):
            spec = self._registry.get(payload.name)
            file = attached(message, message.reply_to_message)
            accepts = spec.file.accepts if spec is not None and spec.file is not None else None
        else:
            # A photo with a caption is about the caption.
            file, accepts = attached(message) if message.document is not None else None, "text"
        if file is None or accepts is None:
            return payload
        return payload.model_copy(update={"file": claimed(accepts, file.name, file.mime, file.size, file.id)})

    def _is_to_us(self, message: Message) -> bool:
        replied = message.reply_to_message
        to_us = replied is not None and self._is_ours(replied) and replied.forum_topic_created is None
        return to_us or message.chat.type == ChatType.PRIVATE

    def _is_ours(self, message: Message) -> bool:
        return message.from_user is not None and message.from_user.id == self._bot.id

    def _orphan(self, message: Message, destination: Destination) -> Orphan | None:
        replied = message.reply_to_message
        if replied is None or not self._is_ours(replied) or replied.text != PLACEHOLDER:
            return None
        old = (message.date - replied.date).total_seconds() > _ORPHAN_SECONDS
        return Orphan(destination, str(replied.message_id)) if old else None


def _replied_to(message: Message) -> str:
    """Return the id of the message that a person chose to reply to.

    In a topic, and below a channel's post, Telegram says of every message that it replies to the first one.
    """
    replied = message.reply_to_message
    if replied is None or replied.forum_topic_created is not None or _is_forwarded(replied):
        return ""
    return str(replied.message_id)


def _author(message: Message) -> User | None:
    """Return the author of a message in a place where the bot answers; None for bots and other places."""
    user = message.from_user
    if (
        user is None
        or _is_forwarded(message)
        or (user.is_bot and not _is_anonymous_admin(message))
        or message.via_bot is not None
    ):
        return None
    return user if _is_served(message.chat) else None


def _is_forwarded(message: Message) -> bool:
    """Return whether it is a channel's post that Telegram itself forwarded into the channel's group."""
    service = message.from_user is not None and message.from_user.id == _SERVICE
    return bool(message.is_automatic_forward) or (service and message.sender_chat is not None)


def _is_anonymous_admin(message: Message) -> bool:
    return message.sender_chat is not None and message.sender_chat.id == message.chat.id


def _presence(change: ChatMemberUpdated) -> list[Incoming | GroupMigrated | Orphan]:
    """Return the event that the bot was added to a group or removed, or was unblocked or blocked in a private chat."""
    chat, became = change.chat, presence(change)
    if became is None or not _is_served(chat):
        return []
    # An administrator who hides behind the group is shown as a bot of Telegram's.
    sender = chat if change.from_user.is_bot else change.from_user
    standing = PRIVATE if chat.type == ChatType.PRIVATE else MEMBER
    event_id = f"b{chat.id}.{int(change.date.timestamp())}.{became}"
    payload = BotMembership(change=became)
    return [Incoming(_event(event_id, chat, sender, _destination(chat, sender, ""), payload, standing))]


def _is_served(chat: Chat) -> bool:
    return chat.type == ChatType.PRIVATE or chat.type in _GROUPS


def _emoji(reaction: ReactionType) -> str:
    """Return a reaction's emoji; ``custom:<id>`` for one of a set, ``paid`` for a star."""
    if isinstance(reaction, ReactionTypeEmoji):
        return str(reaction.emoji)
    return f"custom:{reaction.custom_emoji_id}" if isinstance(reaction, ReactionTypeCustomEmoji) else "paid"


def _thread(message: object) -> str:
    """Return the topic's id; Telegram also gives thread ids to reply threads, which are not topics."""
    if isinstance(message, Message) and message.is_topic_message and message.message_thread_id is not None:
        return str(message.message_thread_id)
    return ""


def _destination(chat: Chat, sender: User | Chat, thread: str) -> Destination:
    kind = "dm" if chat.type == ChatType.PRIVATE else "thread" if thread else "group"
    return Destination(chat_id=str(chat.id), thread_id=thread, user_id=str(sender.id), kind=kind)


def _event(
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
        platform="telegram",
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
