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
    Update,
)
from telegram.constants import ChatType

from bot.actions.packing import FILL, BadButton, split
from bot.commands.base import CommandRegistry
from bot.events import (
    BotMembership,
    ButtonPress,
    Command,
    Destination,
    EditedMessage,
    Event,
    Reaction,
    TextMessage,
    Unreadable,
)
from bot.files import claimed
from bot.hearing import Overheard
from bot.platforms.telegram.attached import attached, said_with, unreadable
from bot.platforms.telegram.commands import read_command
from bot.platforms.telegram.members import ANONYMOUS, GUEST, MEMBER, PRIVATE, Members, presence
from bot.platforms.telegram.neutral import (
    GROUPS,
    PLATFORM,
    author_of,
    destination_of,
    emoji_of,
    event_of,
    is_anonymous_admin,
    is_forwarded,
    is_served,
    replied_to,
    topic_of,
)
from bot.platforms.telegram.render import PLACEHOLDER

log = logging.getLogger(__name__)

_ORPHAN_SECONDS: Final = 60.0
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
            return _presence(update.my_chat_member, reads_all=bool(self._bot.can_read_all_group_messages))
        return []

    def overheard(self, update: Update) -> Overheard | bool:
        """Return whether an update concerns the bot, or what it overhears: a message that nobody addressed to it.

        Asks nobody, and keeps nothing.
        """
        message = update.message or update.edited_message
        if message is None or message.chat.type not in GROUPS:
            return True
        if message.migrate_to_chat_id is not None or message.migrate_from_chat_id is not None:
            return True
        text = message.text or message.caption or ""
        payload = self._payload(message, text)[0] if text.strip() else None
        if payload is None:
            return self._is_to_us(message)
        if isinstance(payload, Command) or payload.addressed:
            return True
        if author_of(message) is None:
            return False
        at, edited = f"m{message.chat.id}.{message.message_id}", update.message is None
        return Overheard(PLATFORM, str(message.chat.id), topic_of(message), at, payload.text, edited)

    async def _press(self, query: CallbackQuery) -> list[Incoming | GroupMigrated | Orphan]:
        message = query.message
        if message is None or query.data is None:
            return []
        destination = destination_of(message.chat, query.from_user, topic_of(message)).model_copy(
            update={
                "pressed_message": str(message.message_id),
                "handle": {"callback_id": query.id, "name": query.from_user.full_name},
            }
        )
        standing = await self._members.of(message.chat, query.from_user, fresh=self._opens_managing_form(query.data))
        payload = ButtonPress(data=query.data, offered=self._offered(query))
        event = event_of(f"c{query.id}", message.chat, query.from_user, destination, payload, standing)
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
        user = author_of(message)
        if user is None:
            return self._for_a_channel(message)
        text = message.text or message.caption or ""
        anonymous = is_anonymous_admin(message)
        sender = chat if anonymous else user
        destination = destination_of(chat, sender, topic_of(message))
        if chat.type in GROUPS:
            destination = destination.model_copy(update={"reply_to": str(message.message_id)})
        found: list[Incoming | GroupMigrated | Orphan] = []
        if orphan := self._orphan(message, destination):
            found.append(orphan)
        payload, manages = (
            self._payload(message, text) if text.strip() or said_with(message)[0] is not None else (None, False)
        )
        if payload is None and not text.strip() and self._is_to_us(message):
            payload = unreadable(message)
        event_id = self._event_id(message, captioned=bool(text.strip()))
        if payload is not None and event_id:
            standing = ANONYMOUS if anonymous else await self._members.of(chat, user, fresh=manages)
            if not isinstance(payload, Unreadable):
                payload = self._with_file(message, payload)
            event = event_of(event_id, chat, sender, destination, payload, standing)
            found.append(Incoming(await self._with_reading(event, chat)))
        return found

    async def _with_reading(self, event: Event, chat: Chat) -> Event:
        """Return an event with what the bot may read there, if its command asks for that."""
        spec = self._registry.get(event.payload.name) if isinstance(event.payload, Command) else None
        if spec is None or not spec.about_reading or chat.type not in GROUPS:
            return event
        return event.model_copy(update={"reads_all": await self._members.reads_all(chat)})

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
        if is_forwarded(message) or user is None or channel is None or channel.type != ChatType.CHANNEL:
            return []
        if chat.type not in GROUPS or not text.strip():
            return []
        payload = self._payload(message, text)[0]
        if payload is None or (isinstance(payload, TextMessage) and not payload.addressed):
            return []
        destination = destination_of(chat, channel, topic_of(message)).model_copy(
            update={"reply_to": str(message.message_id)}
        )
        event_id = f"m{chat.id}.{message.message_id}"
        return [Incoming(event_of(event_id, chat, channel, destination, Unreadable(kind="channel"), GUEST))]

    async def _edited(self, message: Message) -> list[Incoming | GroupMigrated | Orphan]:
        """Parse an edited message; an edited command is not run again."""
        chat, user, text = message.chat, author_of(message), message.text or message.caption or ""
        if user is None or not text.strip() or message.edit_date is None:
            return []
        sender = chat if is_anonymous_admin(message) else user
        said, _ = self._payload(message, text)
        if said is None:
            return []
        addressed = isinstance(said, Command) or said.addressed
        text = said.text if isinstance(said, TextMessage) else text
        first = f"m{chat.id}.{message.message_id}"
        payload = EditedMessage(text=text, message_id=str(message.message_id), said=first, addressed=addressed)
        event_id = f"e{chat.id}.{message.message_id}.{int(message.edit_date.timestamp())}"
        destination = destination_of(chat, sender, topic_of(message))
        standing = ANONYMOUS if sender is chat else await self._members.of(chat, user)
        return [Incoming(event_of(event_id, chat, sender, destination, payload, standing))]

    def _reactions(self, change: MessageReactionUpdated) -> list[Incoming | GroupMigrated | Orphan]:
        """Parse added and removed reactions. Telegram does not name the author of the message."""
        chat, user = change.chat, change.user
        if user is None or user.is_bot or not is_served(chat):
            return []
        before, after = ([emoji_of(r) for r in reactions] for reactions in (change.old_reaction, change.new_reaction))
        changes = [(e, False) for e in before if e not in after] + [(e, True) for e in after if e not in before]
        destination = destination_of(chat, user, "")
        at = f"{chat.id}.{change.message_id}.{user.id}.{int(change.date.timestamp())}"
        known, number = self._members.known(chat, user), str(change.message_id)
        found: list[Incoming | GroupMigrated | Orphan] = []
        for emoji, added in changes:
            reaction = Reaction(emoji=emoji, message_id=number, added=added)
            event_id = f"r{at}.{'+' if added else '-'}{emoji}"
            found.append(Incoming(event_of(event_id, chat, user, destination, reaction, known)))
        return found

    def _payload(self, message: Message, text: str) -> tuple[Command | TextMessage | None, bool]:
        """Return what a message says, and whether it takes more than members may by default; None for other bots'."""
        group = message.chat.type in GROUPS
        replied = message.reply_to_message
        to_us = replied is not None and self._is_ours(replied) and replied.forum_topic_created is None
        typed = read_command(text, self._registry, self._bot.username)
        if typed is not None:
            if typed.spec is None and group and not typed.bot and not to_us and typed.command.name != "cancel":
                return None, False
            command = typed.command.model_copy(update={"reply_to": replied_to(message)})
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
            return (TextMessage(text=text, addressed=False) if text.strip() else None), False
        reply_to = str(replied.message_id) if replied is not None and to_us else ""
        return TextMessage(text=text, addressed=True, reply_to=reply_to), False

    def _with_file(self, message: Message, payload: Command | TextMessage) -> Command | TextMessage:
        """Return a command with the file attached or replied to, if it takes one; a text with its attachment."""
        if isinstance(payload, TextMessage) and not payload.addressed:
            return payload
        if isinstance(payload, Command):
            spec = self._registry.get(payload.name)
            file = attached(message, message.reply_to_message)
            accepts = spec.file.accepts if spec is not None and spec.file is not None else None
        else:
            file, accepts = said_with(message)
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


def _presence(change: ChatMemberUpdated, *, reads_all: bool) -> list[Incoming | GroupMigrated | Orphan]:
    """Return the event that the bot was added to a group or removed, or was unblocked or blocked in a private chat.

    ``reads_all``: it need not be an administrator to be shown everything.
    """
    chat, became = change.chat, presence(change)
    if became is None or not is_served(chat) or (became == "demoted" and reads_all):
        return []
    # An administrator who hides behind the group is shown as a bot of Telegram's.
    sender = chat if change.from_user.is_bot else change.from_user
    standing = PRIVATE if chat.type == ChatType.PRIVATE else MEMBER
    event_id = f"b{chat.id}.{int(change.date.timestamp())}.{became}"
    payload = BotMembership(change=became)
    return [Incoming(event_of(event_id, chat, sender, destination_of(chat, sender, ""), payload, standing))]
