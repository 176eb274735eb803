"""A person with a Telegram client: says, taps, waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.doubles.telegram.entities import Formatted, find_entities, tidy, utf16_length
from tests.doubles.telegram.params import Upload
from tests.doubles.telegram.state import Answer, Button, Chat, Message, Query, User, World
from tests.doubles.telegram.updates import Updates

Json = dict[str, Any]


class NoSuchButtonError(LookupError):
    """The message has no such button (any more)."""


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap on a button; ``query.id`` is the callback query's id."""

    query: Query
    world: World

    @property
    def answer(self) -> Answer | None:
        """The bot's answer, None while the client still shows the spinner."""
        return self.query.answer

    async def answered(self, timeout: float = 30.0) -> Answer:
        """Waits for the answer; raises TimeoutError."""
        try:
            return await self.world.changed.until(lambda: self.query.answer, timeout)
        except TimeoutError:
            raise TimeoutError(f"no answer to the tap on {self.query.data!r} within {timeout} s") from None


class Person:
    """One person; made by ``TelegramServer.person``."""

    def __init__(self, user: User, world: World, updates: Updates) -> None:
        self.user = user
        self._world = world
        self._updates = updates

    @property
    def id(self) -> int:
        """The user id, also the id of the private chat."""
        return self.user.id

    @property
    def name(self) -> str:
        """The first name."""
        return self.user.name

    def chat(self) -> Chat:
        """The private chat with the bot; what is said first there starts the bot."""
        return self._world.chats[self.user.id]

    async def say(
        self, chat: Chat, text: str, reply_to: Message | None = None, thread: int | None = None
    ) -> Message:  # fmt: skip
        """Sends a text; raises ValueError for what a Telegram client would not send."""
        formatted = tidy(Formatted(text))
        if not 1 <= utf16_length(formatted.text) <= self._world.rules.text_length:
            raise ValueError("a text has 1 to 4096 UTF-16 units")
        formatted = Formatted(formatted.text, find_entities(formatted.text))
        return self._send(chat, formatted, reply_to, thread)

    async def send_document(
        self, chat: Chat, filename: str, content: bytes, caption: str = "", mime_type: str = "application/octet-stream",
        reply_to: Message | None = None,
    ) -> Message:  # fmt: skip
        """Sends a file."""
        file = self._world.add_file("document", Upload(filename, content, mime_type))
        formatted = tidy(Formatted(caption))
        return self._send(chat, Formatted(formatted.text, find_entities(formatted.text)), reply_to, None, file=file)

    async def send_photo(self, chat: Chat, content: bytes, caption: str = "") -> Message:
        """Sends a photo."""
        file = self._world.add_file("photo", Upload("photo.jpg", content, "image/jpeg"))
        formatted = tidy(Formatted(caption))
        return self._send(chat, Formatted(formatted.text, find_entities(formatted.text)), None, None, file=file)

    def _send(
        self, chat: Chat, formatted: Formatted, reply_to: Message | None, thread: int | None, **extra: Any
    ) -> Message:  # fmt: skip
        self._enter(chat)
        if reply_to is not None and (reply_to.chat is not chat or reply_to.deleted):
            raise ValueError("cannot reply to a message that is not in this chat")
        if thread is None and reply_to is not None:
            thread = reply_to.thread
        if thread is not None and thread not in chat.topics:
            raise ValueError(f"no topic {thread} in {chat.title}")
        chat.started = True
        message = self._world.add_message(chat, self.user, formatted, reply_to=reply_to, thread=thread, **extra)
        if self._world.bot_sees(message):
            self._updates.add("message", chat.id, message.to_json())
        return message

    async def edit(self, message: Message, text: str) -> None:
        """Edits an own message."""
        if message.sender != self.user or message.deleted:
            raise ValueError("only own messages can be edited")
        formatted = tidy(Formatted(text))
        formatted = Formatted(formatted.text, find_entities(formatted.text))
        self._world.revise(message, formatted, [], None)
        if self._world.bot_sees(message):
            self._updates.add("edited_message", message.chat.id, message.to_json())

    async def react(self, message: Message, *emoji: str) -> None:
        """Sets her reactions to a message, none to take them away; the bot hears of it if it asked to."""
        self._enter(message.chat)
        if message.deleted:
            raise ValueError("the message is deleted")
        before = message.reactions.get(self.id, [])
        message.reactions[self.id] = list(emoji)
        body: Json = {
            "chat": message.chat.to_json(), "message_id": message.id, "user": self.user.to_json(),
            "date": int(self._world.clock.now()),
            "old_reaction": [{"type": "emoji", "emoji": each} for each in before],
            "new_reaction": [{"type": "emoji", "emoji": each} for each in emoji],
        }  # fmt: skip
        self._updates.add("message_reaction", message.chat.id, body)

    async def tap(self, message: Message, button: str, *, stale: bool = False) -> Tap:
        """Taps a button by its label, else by its callback data.

        ``stale`` also finds buttons that edits have taken away, as a client that has not caught up shows them. Raises
        NoSuchButtonError, also for deleted messages.
        """
        self._enter(message.chat)
        keyboards = [message.buttons] + ([version.buttons for version in reversed(message.edits)] if stale else [])
        if message.deleted and not stale:
            raise NoSuchButtonError(f"the message is deleted: {message}")
        for keyboard in keyboards:
            buttons = [cell for row in keyboard for cell in row]
            found = next((b for b in buttons if b.text == button), None) or next(
                (b for b in buttons if b.data == button), None
            )
            if found is not None:
                return self._tap(message, found)
        raise NoSuchButtonError(f"no button {button!r} on {message}")

    def _tap(self, message: Message, button: Button) -> Tap:
        if button.data is None:
            raise NoSuchButtonError(f"{button.text!r} is a link or copies a text, it sends nothing to the bot")
        return self.forge(message, button.data)

    def forge(self, message: Message, data: str) -> Tap:
        """Sends a press of any data for any message that she sees, as clients of one's own making can."""
        self._enter(message.chat)
        query = self._world.add_query(self.user, message, data)
        body: Json = {
            "id": query.id, "from": self.user.to_json(), "message": message.to_json(), "data": data,
            "chat_instance": str(message.chat.id),
        }  # fmt: skip
        self._updates.add("callback_query", message.chat.id, body)
        return Tap(query, self._world)

    async def wait_for_message(
        self, chat: Chat, predicate: Callable[[Message], bool] | str | None = None, timeout: float = 30.0,
        *, after: Message | None = None,
    ) -> Message:  # fmt: skip
        """The newest message of the bot that satisfies, as it is now or becomes.

        ``predicate``: a function, or text that it contains, or None for any; ``after`` leaves out that and earlier
        ones. Raises TimeoutError with the transcript.
        """
        fits = _predicate(predicate)
        floor = 0 if after is None else after.id

        def look() -> Message | None:
            standing = (m for m in reversed(chat.messages[floor:]) if m.from_bot and not m.deleted)
            return next((message for message in standing if fits(message)), None)

        return await self._until(chat, look, timeout)

    async def wait_until(
        self, message: Message, predicate: Callable[[Message], bool] | str, timeout: float = 30.0
    ) -> Message:  # fmt: skip
        """Waits until one message satisfies (``lambda m: m.deleted``, or a text it contains)."""
        fits = _predicate(predicate)
        return await self._until(message.chat, lambda: message if fits(message) else None, timeout)

    async def _until(self, chat: Chat, look: Callable[[], Message | None], timeout: float) -> Message:
        self._enter(chat)
        try:
            return await self._world.changed.until(look, timeout)
        except TimeoutError:
            raise TimeoutError(f"not seen within {timeout} s; the chat:\n{chat.transcript()}") from None

    def block(self) -> None:
        """Stops the bot: it can no longer write to this person."""
        self._set_blocked(blocked=True)

    def unblock(self) -> None:
        """Starts the bot again."""
        self._set_blocked(blocked=False)

    def _set_blocked(self, *, blocked: bool) -> None:
        chat = self.chat()
        if chat.blocked != blocked:
            chat.blocked = blocked
            self._updates.add("my_chat_member", chat.id, membership(self._world, chat, self.user, present=not blocked))

    def _enter(self, chat: Chat) -> None:
        if self.user.id not in chat.members:
            raise ValueError(f"{self.name} is not in {chat.title}")
        if chat.kind == "private" and chat.blocked:
            raise ValueError(f"{self.name} has blocked the bot")


def _predicate(predicate: Callable[[Message], bool] | str | None) -> Callable[[Message], bool]:
    if predicate is None:
        return lambda _: True
    if isinstance(predicate, str):
        wanted = predicate
        return lambda message: wanted in message.text
    return predicate


def membership(world: World, chat: Chat, by: User, *, present: bool) -> Json:
    """A ChatMemberUpdated about the bot."""
    bot = world.bot.to_json()
    gone: Json = {"status": "kicked" if chat.kind == "private" else "left", "user": bot, "until_date": 0}
    there: Json = {"status": "member", "user": bot}
    return {
        "chat": chat.to_json(), "from": by.to_json(), "date": int(world.clock.now()),
        "old_chat_member": gone if present else there, "new_chat_member": there if present else gone,
    }  # fmt: skip
