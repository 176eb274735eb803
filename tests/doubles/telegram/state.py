"""What Telegram remembers: people, chats, messages, callback queries, files, and their form in the Bot API."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.telegram.clock import Clock, Signal
from tests.doubles.telegram.entities import Entity, Formatted
from tests.doubles.telegram.params import Upload
from tests.doubles.telegram.rules import Rules

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class User:
    """A person or the bot."""

    id: int
    name: str
    username: str
    language: str = "en"
    is_bot: bool = False

    def to_json(self) -> Json:
        """The Bot API's User."""
        data: Json = {"id": self.id, "is_bot": self.is_bot, "first_name": self.name, "username": self.username}
        return data if self.is_bot else {**data, "language_code": self.language}


@dataclass(frozen=True, slots=True)
class Button:
    """One button of an inline keyboard; ``data`` is what a tap sends, ``copies`` what it puts into the clipboard."""

    text: str
    data: str | None = None
    url: str | None = None
    copies: str | None = None


@dataclass(frozen=True, slots=True)
class ForceReply:
    """A reply asked of the person."""

    placeholder: str | None = None
    selective: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """An uploaded file; ``kind`` is photo, document or audio."""

    id: str
    kind: str
    filename: str
    content: bytes = field(repr=False)
    mime_type: str = "application/octet-stream"

    @property
    def path(self) -> str:
        """Where ``/file/bot<token>/`` serves it."""
        return f"{self.kind}s/{self.id}"

    def to_json(self) -> Json:
        """The Bot API's Document or list of PhotoSize (dimensions are not read)."""
        data: Json = {"file_id": self.id, "file_unique_id": self.id[-12:], "file_size": len(self.content)}
        if self.kind == "photo":
            return {"photo": [{**data, "width": 1024, "height": 1024}]}
        if self.kind == "audio":
            return {"audio": {**data, "duration": 1, "file_name": self.filename, "mime_type": self.mime_type}}
        return {"document": {**data, "file_name": self.filename, "mime_type": self.mime_type}}


@dataclass(frozen=True, slots=True)
class Version:
    """What a message was before an edit; ``at`` (monotonic seconds) is when it became so."""

    text: str
    entities: tuple[Entity, ...]
    buttons: list[list[Button]]
    at: float


@dataclass(slots=True, eq=False)
class Chat:
    """A private chat with the bot (``id`` is the person's) or a supergroup."""

    id: int
    kind: str
    title: str
    members: dict[int, User]
    privacy: bool = False
    is_forum: bool = False
    messages: list[Message] = field(default_factory=list["Message"])
    topics: dict[int, str] = field(default_factory=dict[int, str])
    closed: set[int | None] = field(default_factory=set[int | None])
    """Topics in which only administrators may write; None is "General"."""
    started: bool = True
    blocked: bool = False
    standing: dict[int, Json] = field(default_factory=dict[int, Json])
    """What getChatMember says of people who are no plain members."""

    def find(self, message_id: int | None) -> Message | None:
        """The standing message with that id."""
        if message_id is None or not 0 < message_id <= len(self.messages):
            return None
        message = self.messages[message_id - 1]
        return None if message.deleted else message

    def to_json(self) -> Json:
        """The Bot API's Chat."""
        if self.kind == "private":
            person = next(iter(self.members.values()))
            return {"id": self.id, "type": "private", "first_name": person.name, "username": person.username}
        data: Json = {"id": self.id, "type": self.kind, "title": self.title}
        return {**data, "is_forum": True} if self.is_forum else data

    def transcript(self) -> str:
        """What stands in the chat, for messages of failed waits."""
        return "\n".join(str(message) for message in self.messages[-20:]) or "(no messages)"


@dataclass(slots=True, eq=False)
class Message:
    """One message as it is now; message ids count up per chat."""

    id: int
    chat: Chat
    sender: User
    text: str
    date: float
    at: float
    entities: tuple[Entity, ...] = ()
    buttons: list[list[Button]] = field(default_factory=list[list[Button]])
    markup: Json | None = None
    edits: list[Version] = field(default_factory=list[Version])
    edited: float | None = None
    force_reply: ForceReply | None = None
    reply_to: Message | None = None
    thread: int | None = None
    file: File | None = None
    hidden: bool = False
    album: str = ""
    reactions: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    service: Json | None = None
    fixed: bool = False
    deleted: bool = False
    since: float = 0.0

    def __post_init__(self) -> None:
        self.since = self.at

    @property
    def from_bot(self) -> bool:
        """True for messages of the bot."""
        return self.sender.is_bot

    @property
    def labels(self) -> list[str]:
        """Texts of all buttons, row by row."""
        return [button.text for row in self.buttons for button in row]

    @property
    def formatted(self) -> Formatted:
        """Text with entities."""
        return Formatted(self.text, self.entities)

    def __str__(self) -> str:
        state = " (deleted)" if self.deleted else f" (edited {len(self.edits)}x)" if self.edits else ""
        buttons = f" {self.labels}" if self.buttons else ""
        return f"#{self.id} {self.sender.name}{state}: {self.text[:200]!r}{buttons}"

    def to_json(self, *, nested: bool = False) -> Json:
        """The Bot API's Message; a nested one omits what it replies to."""
        data: Json = {
            "message_id": self.id, "date": int(self.date), "chat": self.chat.to_json(), "from": self.sender.to_json(),
        }  # fmt: skip
        if self.service is not None:
            data.update(self.service)
        elif self.file is not None:
            data.update(self.file.to_json())
            if self.text:
                data.update(caption=self.text, caption_entities=self._entities())
        else:
            data["text"] = self.text
            if self.entities:
                data["entities"] = self._entities()
        if self.thread is not None:
            data.update(message_thread_id=self.thread, is_topic_message=True)
        if self.album:
            data["media_group_id"] = self.album
        if self.edited is not None:
            data["edit_date"] = int(self.edited)
        if self.markup is not None and self.buttons:
            data["reply_markup"] = self.markup
        replied = self.reply_to
        if replied is None and self.thread is not None and self.service is None:
            # In a topic, a message that answers nothing answers the topic's creation.
            replied = self.chat.find(self.thread)
        if replied is not None and not nested:
            data["reply_to_message"] = replied.to_json(nested=True)
        return data

    def _entities(self) -> list[Json]:
        people = self.chat.members
        return [
            {**entity.to_json(), "user": people[entity.user].to_json()} if entity.user in people else entity.to_json()
            for entity in self.entities
        ]


@dataclass(frozen=True, slots=True)
class Answer:
    """The bot's answer to a tap; ``latency`` in seconds since the tap."""

    text: str | None
    show_alert: bool
    url: str | None
    latency: float


@dataclass(slots=True)
class Query:
    """A callback query waiting for its answer."""

    id: str
    sender: User
    message: Message
    data: str
    at: float
    answer: Answer | None = None


class World:
    """All of it, for one bot."""

    def __init__(self, token: str, bot_name: str, username: str, rules: Rules) -> None:
        self.token = token
        self.rules = rules
        self.clock = Clock()
        self.changed = Signal()
        self.bot = User(int(token.split(":")[0]), bot_name, username, is_bot=True)
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self.upgraded: dict[int, int] = {}
        self.messages: list[Message] = []
        self.queries: dict[str, Query] = {}
        self.files: dict[str, File] = {}
        self.commands: dict[tuple[str, str], list[Json]] = {}
        self.chat_actions: list[tuple[int, str, float]] = []
        self._user_ids = itertools.count(1_000_001)
        self._group_ids = itertools.count(1_000_000_000_001)
        self._query_ids = itertools.count(secrets.randbelow(1 << 48))

    def add_user(self, name: str, language: str) -> User:
        """A new person and the (not yet started) private chat with the bot."""
        username = "".join(character for character in name.lower() if character.isalnum()) or "person"
        user = User(next(self._user_ids), name, username, language)
        self.users[user.id] = user
        self.chats[user.id] = Chat(user.id, "private", name, {user.id: user}, started=False)
        return user

    def add_group(self, title: str, members: list[User], *, topics: bool, privacy: bool) -> Chat:
        """A supergroup with the bot in it; without privacy the bot reads everything, as an administrator does."""
        people = {user.id: user for user in [*members, self.bot]}
        chat = Chat(-next(self._group_ids), "supergroup", title, people, privacy=privacy, is_forum=topics)
        self.chats[chat.id] = chat
        return chat

    def add_message(self, chat: Chat, sender: User, formatted: Formatted, **extra: Any) -> Message:
        """A new message at the end of a chat."""
        message = Message(
            id=len(chat.messages) + 1, chat=chat, sender=sender, text=formatted.text, entities=formatted.entities,
            date=self.clock.now(), at=self.clock.monotonic(), **extra,
        )  # fmt: skip
        chat.messages.append(message)
        self.messages.append(message)
        self.changed.pulse()
        return message

    def add_file(self, kind: str, upload: Upload) -> File:
        """Stores an upload under a new file id."""
        file_id = f"{kind}-{secrets.token_hex(16)}"
        self.files[file_id] = File(file_id, kind, upload.filename, upload.content, upload.mime_type)
        return self.files[file_id]

    def add_query(self, sender: User, message: Message, data: str) -> Query:
        """A tap's callback query."""
        query = Query(str(next(self._query_ids)), sender, message, data, self.clock.monotonic())
        self.queries[query.id] = query
        return query

    def revise(self, message: Message, formatted: Formatted, buttons: list[list[Button]], markup: Json | None) -> None:
        """An edit: the old state goes to the history."""
        message.edits.append(Version(message.text, message.entities, message.buttons, message.since))
        message.text, message.entities = formatted.text, formatted.entities
        message.buttons, message.markup = buttons, markup
        message.edited, message.since = self.clock.now(), self.clock.monotonic()
        self.changed.pulse()

    def bot_sees(self, message: Message) -> bool:
        """Whether an update goes to the bot: always in private chats, in groups by privacy mode."""
        if not message.chat.privacy or message.service is not None:
            return True
        if message.reply_to is not None and message.reply_to.from_bot:
            return True
        handle = f"@{self.bot.username}".lower()
        for entity in message.entities:
            words = message.formatted.of(entity).lower()
            if entity.type == "bot_command" and ("@" not in words or words.endswith(handle)):
                return True
            if (entity.type == "mention" and words == handle) or entity.user == self.bot.id:
                return True
        return False
