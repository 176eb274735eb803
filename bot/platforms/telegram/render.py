"""Neutral messages as Telegram texts with entities.

Entities are sent instead of a parse mode, so nothing in a text can be read as markup. Lengths and offsets are in
UTF-16 units, as the Bot API counts (https://core.telegram.org/bots/api#messageentity).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from telegram import MessageEntity, User

from bot.commands.base import spelling
from bot.messages import Message, Progress
from bot.text import cleaning, markup
from bot.text.markup import Span
from bot.text.splitting import slices, utf16_length
from bot.text.tables import PHONE_COLUMNS, table_spans

TEXT_LIMIT: Final = 4096  # Bot API, sendMessage, in UTF-16 units
CAPTION_LIMIT: Final = 1024  # Bot API, sendPhoto, in UTF-16 units
ENTITY_LIMIT: Final = 100  # telegram.constants.MessageLimit.MESSAGE_ENTITIES: further ones are ignored
DESCRIPTION_ROOM: Final = CAPTION_LIMIT // 2
PLACEHOLDER: Final = "…"
_EMPTY: Final = "—"  # the Bot API refuses empty texts
_TAKEN: Final = "▸ "


@dataclass(frozen=True, slots=True)
class Mark:
    """Emphasis of ``start`` to ``end``, in code points; ``kind`` is a message entity type."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class TextPart:
    """The text of one Telegram message; ``mention`` is the person mentioned at its beginning, if any."""

    text: str
    marks: tuple[Mark, ...] = ()
    mention: User | None = None

    @property
    def entities(self) -> list[MessageEntity]:
        """The marks as message entities, in UTF-16 units, up to Telegram's limit."""
        entities = [
            MessageEntity(m.kind, utf16_length(self.text[: m.start]), utf16_length(self.text[m.start : m.end]))
            for m in self.marks
        ]
        if self.mention:
            length = utf16_length(self.mention.first_name)
            entities.insert(0, MessageEntity(MessageEntity.TEXT_MENTION, 0, length, user=self.mention))
        return entities[:ENTITY_LIMIT]

    def addressed_to(self, user: User) -> "TextPart":
        """Begin the text with the person's name, as a mention."""
        prefix = f"{user.first_name}, "
        moved = tuple(replace(m, start=m.start + len(prefix), end=m.end + len(prefix)) for m in self.marks)
        return TextPart(prefix + self.text, moved, user)

    def with_prefix(self, at: int, prefix: str, line: int) -> "TextPart":
        """Insert ``prefix`` at ``at`` and set it and the ``line`` code points that follow in bold."""
        text = self.text[:at] + prefix + self.text[at:]
        shifted = [replace(m, start=_shift(m.start, at, prefix), end=_shift(m.end, at, prefix)) for m in self.marks]
        bold = Mark(at, at + len(prefix) + line, MessageEntity.BOLD)
        return TextPart(text, tuple(sorted([*shifted, bold], key=lambda m: (m.start, -m.end))), self.mention)


def _shift(offset: int, at: int, prefix: str) -> int:
    return offset + len(prefix) if offset >= at else offset


@dataclass(slots=True)
class _Draft:
    """A text under construction."""

    text: str = ""
    marks: list[Mark] = field(default_factory=list[Mark])

    def add(self, source: str, *kinds: str, gap: str = "\n\n") -> None:
        """Append ``source`` with its emphasis and the ``kinds`` over all of it."""
        source = clean(source).strip()
        if source:
            start = self.add_spans(markup.parse(source), without=kinds, gap=gap)
            self.marks += [Mark(start, len(self.text), kind) for kind in kinds]

    def add_spans(self, spans: Iterable[Span], *, without: Sequence[str] = (), gap: str = "\n\n") -> int:
        """Append styled text and return where it begins."""
        if self.text:
            self.text += gap
        start = len(self.text)
        for span in spans:
            begin = len(self.text)
            self.text += clean(span.text)
            for kind, wanted in (
                (MessageEntity.BOLD, span.bold), (MessageEntity.ITALIC, span.italic), (MessageEntity.PRE, span.code),
            ):  # fmt: skip
                if wanted and kind not in without:
                    self.marks.append(Mark(begin, len(self.text), kind))
        return start


def clean(text: str) -> str:
    """Return ``text`` as Telegram may show it, commands in one word."""
    return cleaning.clean(text, spelling)


def render(message: Message) -> list[TextPart]:
    """Return the message's texts, in order, each within Telegram's limit.

    The split does not depend on ``taken``, so the last part can be rendered again after a choice is taken.
    """
    return list(_rendered(message, "")) or [TextPart(_EMPTY)]


def render_question(message: Message) -> list[TextPart] | None:
    """Return the texts of a question with the field's current text; None if that would not fit one message."""
    parts = list(_rendered(message, message.asks.value if message.asks is not None else ""))
    return parts if len(parts) == 1 else None


def is_blank(message: Message) -> bool:
    """Return whether a message has no text of its own."""
    return not any(_rendered(message, ""))


def _rendered(message: Message, present: str) -> Iterator[TextPart]:
    draft = _Draft()
    draft.add(message.title, MessageEntity.BOLD)
    draft.add(message.speaker, MessageEntity.BOLD)
    draft.add(message.body, gap="\n" if message.speaker.strip() else "\n\n")
    if message.table is not None:
        draft.add_spans(table_spans(message.table, PHONE_COLUMNS))
    if present := clean(present).strip():
        draft.add_spans([Span(present, code=True)])
    taken: tuple[int, int] | None = None
    for number, choice in enumerate(message.choices, 1):
        start = len(draft.text)
        draft.add(f"{number}. {choice}", gap="\n\n" if number == 1 else "\n")
        if number == message.taken:
            start += len(draft.text[start:]) - len(draft.text[start:].lstrip("\n"))
            taken = (start, len(draft.text))
    draft.add(message.footer, MessageEntity.ITALIC)
    room = utf16_length(_TAKEN) if message.choices else 0
    return _parts(draft, room, taken)


def _parts(draft: _Draft, room: int, taken: tuple[int, int] | None) -> Iterator[TextPart]:
    for start, end in slices(draft.text, TEXT_LIMIT - room, length=utf16_length):
        marks = (Mark(max(m.start, start) - start, min(m.end, end) - start, m.kind) for m in draft.marks)
        part = TextPart(
            draft.text[start:end], tuple(sorted((m for m in marks if m.start < m.end), key=lambda m: (m.start, -m.end)))
        )
        if taken and start <= taken[0] < end:
            part = part.with_prefix(taken[0] - start, _TAKEN, min(taken[1], end) - taken[0])
        yield part


def caption(message: Message) -> TextPart | None:
    """Return the whole text of a message with one file, as its caption; None if that would not fit.

    A picture's description comes first, for people who cannot see it, unless the text says the same.
    """
    draft = _Draft()
    draft.add(message.title, MessageEntity.BOLD)
    about = description(message.pictures[0].alt) if message.pictures else ""
    if about and about.rstrip("…") not in " ".join(message.body.split()):
        # Descriptions are user text: nothing in them is emphasis.
        draft.add_spans([Span(about)])
    draft.add(message.speaker, MessageEntity.BOLD)
    draft.add(message.body, gap="\n" if message.speaker.strip() else "\n\n")
    draft.add(message.footer, MessageEntity.ITALIC)
    rest = message.table is not None or message.choices or message.asks is not None
    if rest or utf16_length(draft.text) > CAPTION_LIMIT:
        return None
    return next(_parts(draft, 0, None), TextPart(""))


def description(alt: str) -> str:
    """Return a picture's description, shortened so that a caption has room for more."""
    about = " ".join(clean(alt).split())
    shown = next(iter(slices(about, DESCRIPTION_ROOM - 1, length=utf16_length)), (0, 0))
    return about[slice(*shown)] + ("…" if shown[1] < len(about) else "")


def plain(message: Message) -> str:
    """Return the whole message as one text without emphasis, for a pop-up."""
    return "\n\n".join(part.text for part in render(message))


def render_progress(progress: Progress) -> TextPart:
    """Return the text of a placeholder: the end of the text so far, and the state of the job."""
    status = f"⏳ {clean(progress.note).strip()}".strip()
    if progress.position > 0:
        status += f" · #{progress.position + 1}"
    elif progress.percent > 0:
        status += f" · {progress.percent} %"
    draft = _Draft()
    draft.add(progress.text)
    parts = list(_parts(draft, utf16_length(status) + 2, None))
    if not parts:
        return TextPart(status)
    last = parts[-1]
    return replace(last, text=f"{last.text}\n\n{status}")
