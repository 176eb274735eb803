"""Calls that create, edit and delete messages, each once, whatever Telegram answers."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from telegram import (
    Bot,
    ForceReply,
    InlineKeyboardMarkup,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    LinkPreviewOptions,
    MessageEntity,
    ReplyParameters,
)
from telegram import Message as Sent
from telegram.error import BadRequest

from bot.events import Destination
from bot.platforms.base import Delivery, DeliveryError
from bot.platforms.telegram.api import TelegramApi, Unanswered, says
from bot.platforms.telegram.render import PLACEHOLDER, TextPart
from bot.platforms.telegram.units import AlbumUnit, MediaUnit, TextUnit

log = logging.getLogger(__name__)

Edited = Literal["done", "gone", "unfit"]
"""The outcome of an edit: ``gone`` – the message no longer exists; ``unfit`` – its kind cannot be edited into this."""
_PLACEHOLDERS_KEPT: Final = 2000
_ALBUM_GLUE: Final = "+"
_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)
_GONE: Final = ("message to edit not found", "message_id_invalid", "message identifier")
_UNFIT: Final = (
    "message can't be edited", "there is no text in the message", "can't be changed", "can't be used in",
    "topic_closed",
)  # fmt: skip
_SAME: Final = ("message is not modified",)
_ENTITIES: Final = ("can't parse entities", "entity", "entities")
_NO_THREAD: Final = ("message thread not found", "topic_deleted", "topic_id_invalid", "topic_closed")
"""What is meant for such a topic goes to the group, and replies to nothing: a reply would belong to the topic again."""


@dataclass(slots=True)
class PlaceholderState:
    """A message of this process: whether its answer has begun, and the lock for its edits.

    ``made`` identifies the row and content that the last edit gave it; 0 if that is not known.
    """

    final: bool = False
    made: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Poster:
    """Sends, edits and removes single messages and albums. An album's id is the ids of its messages, joined."""

    def __init__(self, bot: Callable[[], Bot], api: TelegramApi) -> None:
        """``bot`` returns the connected client or raises `RetryLater`."""
        self._bot, self._api = bot, api
        self._placeholders: dict[tuple[str, str], PlaceholderState] = {}
        self.possible_orphans = 0

    @property
    def remembered(self) -> int:
        """Of how many messages the state is remembered."""
        return len(self._placeholders)

    def placeholder(self, destination: Destination, message_id: str) -> PlaceholderState:
        """Return the state of a placeholder."""
        if len(self._placeholders) >= _PLACEHOLDERS_KEPT:
            idle = [key for key, state in self._placeholders.items() if not state.lock.locked()]
            for key in idle[: _PLACEHOLDERS_KEPT // 2]:
                del self._placeholders[key]
        return self._placeholders.setdefault((destination.chat_id, message_id), PlaceholderState())

    async def post(
        self,
        delivery: Delivery,
        part: TextPart | None = None,
        *,
        markup: InlineKeyboardMarkup | ForceReply | None = None,
        first: bool = True,
    ) -> str:
        """Send a new message (None: a placeholder) and record it; the first is a reply and notifies the person."""
        destination = delivery.destination
        try:
            message = await self._send_message(destination, part or TextPart(PLACEHOLDER), markup, first=first)
        except Unanswered:
            self.possible_orphans += 1
            raise
        message_id = str(message.message_id)
        try:
            await delivery.record(message_id)
        except Exception:
            # Another process has taken the row (or the database is away): this message would never get its content.
            await self.remove(destination, message_id)
            raise
        return message_id

    async def post_album(self, delivery: Delivery, album: AlbumUnit, *, first: bool = True) -> str:
        """Send an album and record it. A placeholder cannot be edited into one: it is not known what a lost one did."""
        destination = delivery.destination
        media = [_photo(item) for item in album.items]

        thread = int(destination.thread_id) if destination.thread_id else None
        reply = _reply(destination, first=first)

        async def send(thread: int | None, reply: ReplyParameters | None) -> tuple[Sent, ...]:
            return await self._bot().send_media_group(
                self._api.chat_id(destination.chat_id),
                media,
                message_thread_id=thread,
                reply_parameters=reply,
                disable_notification=not first,
            )

        try:
            sent = await self._api.call(destination.chat_id, lambda: send(thread, reply), calls=len(media))
        except BadRequest as e:
            if thread is None or not says(e, *_NO_THREAD):
                raise
            sent = await self._api.call(destination.chat_id, lambda: send(None, None), calls=len(media))
        message_id = _ALBUM_GLUE.join(str(message.message_id) for message in sent)
        await delivery.record(message_id)
        return message_id

    async def _send_message(
        self, destination: Destination, part: TextPart, markup: InlineKeyboardMarkup | ForceReply | None, *, first: bool
    ) -> Sent:
        entities: list[MessageEntity] | None = part.entities
        thread = int(destination.thread_id) if destination.thread_id else None
        reply = _reply(destination, first=first)

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
                    thread = reply = None
                elif entities and says(e, *_ENTITIES):
                    entities = None
                else:
                    raise

    async def show(self, delivery: Delivery, message_id: str, unit: TextUnit | MediaUnit) -> Edited:
        """Edit a message of the bot into its final state.

        If an earlier attempt of the row has done so (a later part failed), no call is made: each would count against
        the chat's limits.
        """
        destination, mark = delivery.destination, _fingerprint(delivery.id, unit)
        shown = self.placeholder(destination, message_id)
        shown.final = True
        async with shown.lock:  # lets a progress edit in flight end first
            pass
        if shown.made == mark:
            return "done"
        shown.made = 0
        if isinstance(unit, MediaUnit):
            edited = await self._edit_media(destination, message_id, unit)
        else:
            edited = await self.edit(destination, message_id, unit)
        shown.made = mark if edited == "done" else 0
        return edited

    async def show_album(self, delivery: Delivery, message_id: str, album: AlbumUnit) -> Edited:
        """Edit an album of the bot into its final state; one of another size is unfit."""
        ids = message_id.split(_ALBUM_GLUE)
        if len(ids) != len(album.items):
            return "unfit"
        results: list[Edited] = [await self.show(delivery, i, item) for i, item in zip(ids, album.items, strict=True)]
        return results[0] if "done" not in results else "done"

    async def edit(
        self, destination: Destination, message_id: str, unit: TextUnit, *, progress: bool = False
    ) -> Edited:
        """Edit a text of the bot."""
        entities: list[MessageEntity] | None = unit.part.entities

        async def edit() -> object:
            return await self._bot().edit_message_text(
                unit.part.text,
                self._api.chat_id(destination.chat_id),
                int(message_id),
                entities=entities,
                reply_markup=unit.rows,
                link_preview_options=_NO_PREVIEW,
            )

        if _ALBUM_GLUE in message_id:
            return "unfit"
        while True:
            try:
                return await self._edited(destination, edit, progress=progress)
            except BadRequest as e:
                if not (entities and says(e, *_ENTITIES)):
                    raise
                entities = None

    async def _edit_media(self, destination: Destination, message_id: str, unit: MediaUnit) -> Edited:
        async def edit() -> object:
            return await self._bot().edit_message_media(
                _media(unit), self._api.chat_id(destination.chat_id), int(message_id), reply_markup=unit.rows
            )

        if _ALBUM_GLUE in message_id:
            return "unfit"
        return await self._edited(destination, edit)

    async def edit_caption(self, destination: Destination, message_id: str, unit: TextUnit) -> Edited:
        """Edit the caption of a file of the bot."""

        async def edit() -> object:
            return await self._bot().edit_message_caption(
                self._api.chat_id(destination.chat_id),
                int(message_id),
                caption=unit.part.text,
                caption_entities=unit.part.entities,
                reply_markup=unit.rows,
            )

        return await self._edited(destination, edit)

    async def _edited(self, destination: Destination, edit: Callable[[], Any], *, progress: bool = False) -> Edited:
        try:
            await self._api.call(destination.chat_id, edit, idempotent=True, progress=progress)
        except BadRequest as e:
            if says(e, *_GONE):
                return "gone"
            if says(e, *_UNFIT):
                return "unfit"
            if not says(e, *_SAME):
                raise
        return "done"

    async def remove(self, destination: Destination, message_id: str) -> None:
        """Delete messages of the bot, best effort. Messages too old to be deleted are emptied."""
        for one in message_id.split(_ALBUM_GLUE):
            self.placeholder(destination, one).final = True
            with contextlib.suppress(DeliveryError, BadRequest):
                try:
                    await self._delete(destination, one)
                except BadRequest as e:
                    if not says(e, "message to delete not found"):
                        await self.edit(destination, one, TextUnit(TextPart("✕")))

    async def _delete(self, destination: Destination, message_id: str) -> None:
        async def delete() -> bool:
            return await self._bot().delete_message(self._api.chat_id(destination.chat_id), int(message_id))

        await self._api.call(destination.chat_id, delete, idempotent=True)


def _fingerprint(row: int, unit: TextUnit | MediaUnit) -> int:
    """Return a number that differs for different rows and contents; never 0."""
    rows = unit.rows.to_json() if unit.rows is not None else ""
    file = (unit.kind, unit.file.data, unit.file.name, unit.hidden) if isinstance(unit, MediaUnit) else ()
    return hash((row, unit.part.text, unit.part.marks, rows, file)) or 1


def _reply(destination: Destination, *, first: bool) -> ReplyParameters | None:
    if not first or not destination.reply_to:
        return None
    return ReplyParameters(int(destination.reply_to), allow_sending_without_reply=True)


def _photo(unit: MediaUnit) -> InputMediaPhoto:
    return InputMediaPhoto(unit.file.data, has_spoiler=unit.hidden, **_about(unit))


def _media(unit: MediaUnit) -> InputMediaPhoto | InputMediaDocument | InputMediaAudio:
    if unit.kind == "photo":
        return _photo(unit)
    kind = InputMediaAudio if unit.kind == "audio" else InputMediaDocument
    return kind(unit.file.data, **_about(unit))


def _about(unit: MediaUnit) -> dict[str, Any]:
    return {"caption": unit.part.text, "caption_entities": unit.part.entities, "filename": unit.file.name}
