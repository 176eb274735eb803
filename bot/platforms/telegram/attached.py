"""The file of a message, of any kind."""

import mimetypes
from dataclasses import dataclass

from telegram import Animation, Audio, Document, Message, PhotoSize, Video, Voice


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


def _file(file: PhotoSize | Document | Animation | Audio | Voice | Video, name: str, mime: str) -> TelegramFile:
    return TelegramFile(file.file_id, name, mime, file.file_size or 0)
