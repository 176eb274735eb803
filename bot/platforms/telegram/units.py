"""The Telegram messages that make up one neutral message: texts, files, albums and questions.

Albums and questions with ForceReply cannot have buttons: these go under an additional text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from telegram import InlineKeyboardMarkup

from bot.messages import FileContent, Message
from bot.platforms.telegram.keyboards import keyboard
from bot.platforms.telegram.render import TextPart, caption, clean, description, is_blank, render, render_question

ALBUM: Final = range(2, 11)
"""Maximum number of files of one media group (Bot API, sendMediaGroup)."""
MediaKind = Literal["photo", "document", "audio"]
_AUDIO: Final = frozenset(
    {"audio/mpeg", "audio/mp4", "audio/x-m4a"}
)  # formats of Telegram's player (Bot API, sendAudio)
_NO_CAPTION: Final = TextPart("")


@dataclass(frozen=True, slots=True)
class TextUnit:
    """A text."""

    part: TextPart
    rows: InlineKeyboardMarkup | None = None


@dataclass(frozen=True, slots=True)
class MediaUnit:
    """A file with its caption."""

    kind: MediaKind
    file: FileContent
    part: TextPart = _NO_CAPTION
    rows: InlineKeyboardMarkup | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class AlbumUnit:
    """Pictures shown as one album."""

    items: tuple[MediaUnit, ...]


@dataclass(frozen=True, slots=True)
class QuestionUnit:
    """A question that the person's reply answers; ``hint`` is shown in the empty input."""

    part: TextPart
    hint: str


Unit: TypeAlias = TextUnit | MediaUnit | AlbumUnit | QuestionUnit


async def units_of(message: Message, *, direct: bool) -> list[Unit]:
    """Return the messages in order; ``direct``: in a chat with the person alone."""
    if message.asks is not None:
        return _question(message, direct=direct)
    rows = keyboard(message.buttons, message.selects)
    files = [MediaUnit("photo", await p.load("photo"), hidden=p.hidden) for p in message.pictures]
    about = [TextPart(description(p.alt)) for p in message.pictures]
    attached = [_attached(await a.load()) for a in message.attachments]
    if len(files) + len(attached) == 1 and (whole := caption(message)) is not None:
        (only,) = (*files, *attached)
        return [MediaUnit(only.kind, only.file, whole, rows, only.hidden)]
    pictures = [MediaUnit(f.kind, f.file, part, None, f.hidden) for f, part in zip(files, about, strict=True)]
    found: list[Unit] = [*_albums(pictures), *attached]
    if found and is_blank(message):
        if rows is None:
            return found
        if isinstance(last := found[-1], MediaUnit):
            return [*found[:-1], MediaUnit(last.kind, last.file, last.part, rows, last.hidden)]
    return [*found, *_texts(render(message), rows)]


def _texts(parts: list[TextPart], rows: InlineKeyboardMarkup | None) -> list[Unit]:
    return [*(TextUnit(part) for part in parts[:-1]), TextUnit(parts[-1], rows)]


def _albums(pictures: Sequence[MediaUnit]) -> list[Unit]:
    limit = ALBUM[-1]
    lots = [tuple(pictures[n : n + limit]) for n in range(0, len(pictures), limit)]
    return [AlbumUnit(lot) if len(lot) in ALBUM else lot[0] for lot in lots]


def _attached(file: FileContent) -> MediaUnit:
    return MediaUnit("audio" if file.mime in _AUDIO else "document", file)


def _question(message: Message, *, direct: bool) -> list[Unit]:
    """Return a question; its buttons and current text go into a separate message above it.

    In a direct chat that message is enough: the person's next text is the answer.
    """
    field = message.asks
    assert field is not None
    value = clean(field.value).strip()
    rows = keyboard(message.buttons, message.selects, copies=value)
    if rows is None and not value:
        *before, last = render(message)
        return [*(TextUnit(part) for part in before), QuestionUnit(last, field.placeholder)]
    shown = render_question(message) if value else None
    found: list[Unit] = []
    if value and shown is None:
        found.append(MediaUnit("document", FileContent(value.encode(), "text/plain", f"{field.name}.txt")))
    found += _texts(shown or render(message), rows)
    if not direct:
        found.append(QuestionUnit(TextPart(clean(field.label).strip() or "…"), field.placeholder))
    return found
