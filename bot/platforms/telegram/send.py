"""Delivery: neutral messages made visible in Telegram, once each.

``sendMessage`` has no idempotency key. So what is sent is a bare placeholder, whose id is recorded before anything
else; the content comes by ``editMessageText``, which may be repeated at will. If a crash or a lost answer falls between
sending and recording, an empty placeholder is left over, never a second reply; it is removed when somebody replies to
it. The one exception is a question with ForceReply, which no edit can add: it is sent as it is, and a lost answer there
may show it twice.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from telegram import (
    Bot,
    ForceReply,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    LinkPreviewOptions,
    MessageEntity,
    ReplyParameters,
    User,
)
from telegram import Message as Sent
from telegram.error import BadRequest

from bot.events import Destination
from bot.messages import FileContent, Message, Progress
from bot.platforms.base import Delivery, DeliveryError, RetryLater, Undeliverable
from bot.platforms.telegram.api import TelegramApi, Unanswered, says
from bot.platforms.telegram.queries import ANSWER_LIMIT, Queries
from bot.platforms.telegram.render import (
    PLACEHOLDER,
    Part,
    caption,
    clean,
    keyboard,
    plain,
    render,
    render_progress,
)
from bot.text.splitting import utf16_length

log = logging.getLogger(__name__)

FIELD_PLACEHOLDER_LIMIT: Final = 64  # Bot API, ForceReply.input_field_placeholder
_GROUP_EDIT_SECONDS: Final = 3.5  # observed: more than about 20 messages and edits a minute flood a group
_FRESH_SECONDS: Final = 30.0
_PLACEHOLDERS_KEPT: Final = 2000
_ANSWERED: Final = "query:"
_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)
_GONE: Final = ("message to edit not found", "message can't be edited", "message_id_invalid", "message identifier")
_SAME: Final = ("message is not modified",)
_ENTITIES: Final = ("can't parse entities", "entity", "entities")
_NO_THREAD: Final = ("message thread not found", "topic_deleted", "topic_id_invalid")


@dataclass(slots=True)
class _Placeholder:
    """A placeholder of this process: whether its answer has begun, and the lock of edits under way."""

    final: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class TelegramSender:
    """Sends, edits and removes messages."""

    def __init__(self, bot: Callable[[], Bot], api: TelegramApi, queries: Queries) -> None:
        """``bot`` returns the connected client or raises `RetryLater`."""
        self._bot = bot
        self._api = api
        self._queries = queries
        self._placeholders: dict[tuple[str, str], _Placeholder] = {}
        self._quiet: dict[str, float] = {}
        self.possible_orphans = 0

    async def deliver(self, delivery: Delivery, message: Message) -> None:
        """See `bot.platforms.base.Platform.deliver`."""
        try:
            if delivery.edit:
                await self._change(delivery, message)
            elif not await self._pop_up(delivery, message):
                await self._send(delivery, message)
        except BadRequest as e:
            raise Undeliverable(e.message) from e

    async def place(self, delivery: Delivery, progress: Progress) -> None:
        """See `bot.platforms.base.Platform.place`."""
        if delivery.sent or delivery.placeholder:
            return
        self._settle_query(delivery)
        try:
            await self._post(delivery, render_progress(progress), markup=keyboard(progress.buttons))
        except BadRequest as e:
            raise Undeliverable(e.message) from e

    async def show_progress(self, destination: Destination, placeholder: str, progress: Progress) -> None:
        """See `bot.platforms.base.Platform.show_progress`. In groups, edits are spaced out further."""
        shown = self._placeholder(destination, placeholder)
        now = time.monotonic()
        if not placeholder or shown.final or shown.lock.locked() or self._quiet.get(destination.chat_id, 0.0) > now:
            return
        if destination.kind != "dm":
            self._quiet[destination.chat_id] = now + _GROUP_EDIT_SECONDS
        async with shown.lock:
            try:
                await self._edit(destination, placeholder, render_progress(progress), keyboard(progress.buttons))
            except RetryLater as e:
                self._quiet[destination.chat_id] = now + (e.delay or 2.0)
            except (DeliveryError, BadRequest) as e:
                log.debug("Progress was not shown: %s", e)

    async def retract(self, destination: Destination, message_id: str) -> None:
        """See `bot.platforms.base.Platform.retract`. What is too old to be deleted is emptied."""
        self._placeholder(destination, message_id).final = True
        with contextlib.suppress(DeliveryError, BadRequest):
            try:
                await self._delete(destination, message_id)
            except BadRequest as e:
                if not says(e, "message to delete not found"):
                    await self._edit(destination, message_id, Part("✕"), None)

    async def _change(self, delivery: Delivery, message: Message) -> None:
        """Render an existing message again; for a long one, its last part, where the buttons stood."""
        self._settle_query(delivery)
        marked = message.taken is not None or delivery.kind == "mark"
        rows = None if marked else keyboard(message.buttons)
        if not await self._edit(delivery.destination, delivery.edit, render(message)[-1], rows):
            log.info("Telegram message %s, to be changed, is gone", delivery.edit)

    async def _pop_up(self, delivery: Delivery, message: Message) -> bool:
        """Answer the press itself, if that can carry the message; False if a message must be sent."""
        query = _query_of(delivery.destination)
        if not query:
            return False
        if any(sent.startswith(_ANSWERED) for sent in delivery.sent):
            return True
        text = plain(message)
        short = max(len(text), utf16_length(text)) <= ANSWER_LIMIT
        bare = (
            message.asks is None
            and not message.pictures
            and not message.attachments
            and keyboard(message.buttons) is None
        )
        fits = message.private and short and bare
        if not fits or delivery.placeholder or delivery.sent or not self._queries.reserve(query):
            self._settle_query(delivery)
            return False
        try:
            await self._queries.tell(query, text)
        except BadRequest as e:
            log.info("A press could not be answered (%s): a message is sent instead", e.message)
            return False
        await delivery.record(f"{_ANSWERED}{query}")
        return True

    async def _send(self, delivery: Delivery, message: Message) -> None:
        if message.pictures or message.attachments:
            await self._send_picture(delivery, message)
            return
        destination, parts, sent = delivery.destination, render(message), list(delivery.sent)
        asked = message.asks is not None
        usable = delivery.placeholder if not (asked and len(parts) == 1) else ""
        if usable and not sent:
            await delivery.record(usable)
            sent.append(usable)
        replaced = sent[len(parts) :]
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            if last and asked:
                if len(sent) <= number:
                    await self._ask(delivery, message, part, first=number == 0)
                continue
            if len(sent) <= number:
                sent.append(await self._post(delivery, Part(PLACEHOLDER), first=number == 0))
            rows = keyboard(message.buttons) if last else None
            while not await self._edit(destination, sent[number], part, rows, final=True):
                sent[number] = replaced.pop() if replaced else await self._post(delivery, Part(PLACEHOLDER))
        if delivery.placeholder and not usable:
            await self.retract(destination, delivery.placeholder)

    async def _send_picture(self, delivery: Delivery, message: Message) -> None:
        """Put a picture into the placeholder: like text it is edited in, so that it is there once."""
        destination = delivery.destination
        if not delivery.sent:
            placeholder = delivery.placeholder or await self._post(delivery, Part(PLACEHOLDER))
            if placeholder == delivery.placeholder:
                await delivery.record(placeholder)
            delivery.sent.append(placeholder)
        file = await (message.pictures[0].load("photo") if message.pictures else message.attachments[0].load())
        while not await self._edit_picture(destination, delivery.sent[-1], message, file):
            delivery.sent.append(await self._post(delivery, Part(PLACEHOLDER)))

    async def _edit_picture(
        self, destination: Destination, message_id: str, message: Message, file: FileContent
    ) -> bool:
        """Turn a message of ours into a picture; False if it is gone."""
        shown = self._placeholder(destination, message_id)
        shown.final = True
        async with shown.lock:  # lets a progress edit under way end first
            pass
        text, rows = caption(message), keyboard(message.buttons)

        async def edit() -> object:
            about: dict[str, Any] = {
                "caption": text.text, "caption_entities": text.entities, "filename": file.name,
            }  # fmt: skip
            media = (
                InputMediaPhoto(file.data, has_spoiler=message.pictures[0].hidden, **about)
                if message.pictures
                else InputMediaDocument(file.data, **about)
            )
            return await self._bot().edit_message_media(
                media, self._api.chat_id(destination.chat_id), int(message_id), reply_markup=rows
            )

        try:
            await self._api.call(destination.chat_id, edit, idempotent=True)
        except BadRequest as e:
            if says(e, *_GONE):
                return False
            if not says(e, *_SAME):
                raise
        return True

    async def _ask(self, delivery: Delivery, message: Message, part: Part, *, first: bool) -> None:
        destination, hint = delivery.destination, message.asks.placeholder if message.asks else ""
        if destination.kind != "dm" and not destination.reply_to:
            # Selective ForceReply reaches whom the text mentions, or whose message is replied to; a press has neither.
            part = _mentioning(part, destination)
        reply = ForceReply(selective=True, input_field_placeholder=hint[:FIELD_PLACEHOLDER_LIMIT] or None)
        await self._post(delivery, part, markup=reply, first=first)

    async def _post(
        self,
        delivery: Delivery,
        part: Part,
        *,
        markup: InlineKeyboardMarkup | ForceReply | None = None,
        first: bool = True,
    ) -> str:
        """Send a new message and record it; the first one replies to the person's and rings."""
        destination = delivery.destination
        try:
            message = await self._send_message(destination, part, markup, first=first)
        except Unanswered:
            self.possible_orphans += 1
            raise
        message_id = str(message.message_id)
        try:
            await delivery.record(message_id)
        except Exception:
            # Somebody else holds the row now (or the database is away): this message would never get its content.
            await self.retract(destination, message_id)
            raise
        return message_id

    async def _send_message(
        self, destination: Destination, part: Part, markup: InlineKeyboardMarkup | ForceReply | None, *, first: bool
    ) -> Sent:
        entities: list[MessageEntity] | None = part.entities
        thread = int(destination.thread_id) if destination.thread_id else None
        reply = (
            ReplyParameters(int(destination.reply_to), allow_sending_without_reply=True)
            if first and destination.reply_to
            else None
        )

        async def send() -> Sent:
            return await self._bot().send_message(
                self._api.chat_id(destination.chat_id),
                part.text,
                entities=entities,
                message_thread_id=thread,
                reply_parameters=reply,
                reply_markup=markup,
                link_preview_options=_NO_PREVIEW,
                disable_notification=not first,
            )

        while True:
            try:
                return await self._api.call(destination.chat_id, send)
            except BadRequest as e:
                if thread is not None and says(e, *_NO_THREAD):
                    thread = None
                elif entities and says(e, *_ENTITIES):
                    entities = None
                else:
                    raise

    async def _edit(
        self,
        destination: Destination,
        message_id: str,
        part: Part,
        rows: InlineKeyboardMarkup | None,
        *,
        final: bool = False,
    ) -> bool:
        """Bring a message of ours into this state; False if it is gone."""
        if final:
            shown = self._placeholder(destination, message_id)
            shown.final = True
            async with shown.lock:  # lets a progress edit under way end first
                pass
        entities: list[MessageEntity] | None = part.entities

        async def edit() -> object:
            return await self._bot().edit_message_text(
                part.text,
                self._api.chat_id(destination.chat_id),
                int(message_id),
                entities=entities,
                reply_markup=rows,
                link_preview_options=_NO_PREVIEW,
            )

        while True:
            try:
                await self._api.call(destination.chat_id, edit, idempotent=True)
            except BadRequest as e:
                if says(e, *_GONE):
                    return False
                if entities and says(e, *_ENTITIES):
                    entities = None
                    continue
                if not says(e, *_SAME):
                    raise
            return True

    async def _delete(self, destination: Destination, message_id: str) -> None:
        async def delete() -> bool:
            return await self._bot().delete_message(self._api.chat_id(destination.chat_id), int(message_id))

        await self._api.call(destination.chat_id, delete, idempotent=True)

    def _placeholder(self, destination: Destination, message_id: str) -> _Placeholder:
        if len(self._placeholders) > _PLACEHOLDERS_KEPT:
            for key in list(self._placeholders)[: _PLACEHOLDERS_KEPT // 2]:
                del self._placeholders[key]
        return self._placeholders.setdefault((destination.chat_id, message_id), _Placeholder())

    def _settle_query(self, delivery: Delivery) -> None:
        """Stop the pressed button's spinner, if that can still be."""
        query = _query_of(delivery.destination)
        if query and (self._queries.known(query) or delivery.age < _FRESH_SECONDS):
            self._queries.settle(query)


def _query_of(destination: Destination) -> str:
    query = destination.handle.get("callback_id")
    return query if isinstance(query, str) else ""


def _mentioning(part: Part, destination: Destination) -> Part:
    name = destination.handle.get("name")
    if not isinstance(name, str) or not name.strip():
        return part
    return part.addressed_to(User(int(destination.user_id), clean(name).strip(), is_bot=False))
