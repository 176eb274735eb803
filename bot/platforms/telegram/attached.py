"""The file of a message, of any kind."""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from telegram import Animation, Audio, Document, Message, PhotoSize, Video, Voice

from bot.events import Unreadable, UnreadableKind
from bot.files import fits

_UNREADABLE: Final[Mapping[UnreadableKind, tuple[str, ...]]] = {
    "voice": ("voice", "audio"),
    "video": ("video", "video_note"),
    "picture": ("photo", "animation", "paid_media"),
    "sticker": ("sticker",),
    "file": ("document",),
    "location": ("venue", "location"),
    "poll": ("poll",),
    "contact": ("contact",),
    "dice": ("dice",),
    "other": ("game", "story", "checklist", "invoice"),
}
_UNKNOWN: Final = 0
"""No dice show it: it stands for what only newer libraries may understand."""

_BARE: Final = frozenset({
    "message_id", "date", "chat", "from", "sender_chat", "is_automatic_forward", "text", "caption", "entities",
    "caption_entities", "media_group_id", "message_thread_id", "is_topic_message",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class TelegramFile:
    """A file that can be downloaded. ``size`` in bytes, 0 if Telegram does not say."""

    id: str
    name: str
    mime: str
    size: int


def attached(*messages: Message | None) -> TelegramFile | None:
    """Return the file of the first message that has one; for a photo, its largest size."""
    for message in messages:
        if message is None:
            continue
        if message.photo:
            # Photos have no file name, and are always JPEG.
            return _file(message.photo[-1], "photo.jpg", "image/jpeg")
        for file in (message.document, message.animation, message.audio, message.voice, message.video):
            if file is not None:
                name = getattr(file, "file_name", None) or ""
                mime = file.mime_type or mimetypes.guess_type(name)[0] or ""
                return _file(file, name, mime)
    return None


def said_with(message: Message) -> tuple[TelegramFile | None, Literal["picture", "text"]]:
    """Return the file that came with a text, and what it is taken for: a picture, or an answer in a text file."""
    file = attached(message) if message.document is not None or message.photo else None
    return file, "picture" if file is not None and fits("picture", file.name, file.mime) else "text"


def unreadable(message: Message) -> Unreadable | None:
    """Return what a message without text is; None for messages of Telegram itself (pins, members, …)."""
    if message.dice is not None and message.dice.value == _UNKNOWN:
        return Unreadable(kind="other")
    for kind, names in _UNREADABLE.items():
        if any(getattr(message, name, None) for name in names):
            emoji = message.sticker.emoji if message.sticker is not None else None
            return Unreadable(kind=kind, stands_for=emoji or "")
    return None


def bare_message(update: dict[str, Any]) -> dict[str, Any] | None:
    """Return a message's update without what only newer libraries may understand; None if it is no message.

    The library parses all or nothing. What has no text left counts as something that is not understood.
    """
    body = update.get("message")
    if not isinstance(body, dict):
        return None
    message = {name: value for name, value in cast("dict[str, Any]", body).items() if name in _BARE}
    if not message.get("text") and not message.get("caption"):
        message["dice"] = {"emoji": "🎲", "value": _UNKNOWN}
    return {"update_id": update.get("update_id"), "message": message}


def _file(file: PhotoSize | Document | Animation | Audio | Voice | Video, name: str, mime: str) -> TelegramFile:
    return TelegramFile(file.file_id, name, mime, file.file_size or 0)
