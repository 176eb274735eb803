"""Chats of SillyTavern, and our own exports: JSON lines, of which the first is about the chat. Pure.

A file is taken whole or refused whole, with the number of the line that is wrong.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast

MOST_LINES: Final = 5_000
"""Messages of a chat."""
MOST_VARIANTS: Final = 100
"""Variants ("swipes") of one message."""
MOST_CHARS: Final = 20_000
"""Characters of one message."""
MOST_TEXT: Final = 2_000_000
"""Characters of a chat, all variants included."""
NAME_CHARS: Final = 200
TITLE_CHARS: Final = 60
NOTE_CHARS: Final = 1_000
DEEPEST: Final = 100
"""Bounds of a chat's name and author's note (`db.saved_chats`)."""
ChatProblem = Literal[
    "empty",  # nobody says anything
    "not_chat",  # no JSON lines with messages
    "bad_line",  # a line that is no message
    "long_line",  # a message that is too long
    "many_lines",
    "many_variants",
    "too_long",  # all messages together
    "too_costly",
]
_PLAIN_DATE: Final = re.compile(r"([A-Za-z]+) (\d{1,2}), (\d{4}) (\d{1,2}):(\d{2})\s?([ap]m)", re.IGNORECASE)
"""``June 19, 2023 4:05pm``"""
_FILE_DATE: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})\s?@\s?(\d{1,2})h\s?(\d{1,2})m\s?(\d{1,2})s(?:\s?(\d{1,3})ms)?"
)
"""``2023-6-19 @16h 05m 09s 120ms``"""
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEARS: Final = range(1990, 2200)


class ChatRefused(ValueError):
    """A chat is not taken. ``line`` is the number of the line that is wrong, from 1; 0: the file as a whole."""

    def __init__(self, reason: ChatProblem, line: int = 0, **values: Any) -> None:
        super().__init__(f"chat refused ({reason}), line {line}")
        self.reason: ChatProblem = reason
        self.line = line
        self.values: dict[str, Any] = values


@dataclass(frozen=True, slots=True)
class ReadLine:
    """What somebody called ``name`` said. ``at`` is ISO 8601; ``hidden``: nobody is told of it."""

    user: bool
    variants: tuple[str, ...]
    chosen: int
    at: str
    hidden: bool = False
    name: str = ""


@dataclass(slots=True)
class ImportedChat:
    """A chat: whose lines they are, and the author's note. ``left_out`` counts lines that cannot be kept here."""

    character: str = ""
    user: str = ""
    title: str = ""
    note: str = ""
    note_depth: int = 4
    left_out: int = 0
    lines: list[ReadLine] = field(default_factory=list[ReadLine])

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def read_jsonl(data: bytes) -> ImportedChat:
    """Return the chat in a file. Raises `ChatRefused`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ChatRefused("not_chat") from error
    # Not splitlines: JSON may hold other line ends as they are.
    rows = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(rows) > MOST_LINES + 1:
        raise ChatRefused("many_lines", limit=MOST_LINES, count=len(rows) - 1)
    found, at, length = ImportedChat(), datetime.now(UTC).isoformat(), 0
    for position, (number, line) in enumerate(rows):
        value = _object(line, number, first=position == 0)
        if position == 0 and "mes" not in value:
            _head(found, value)
            at = _date(value.get("create_date")) or at
            continue
        at = _date(value.get("send_date")) or at
        read = _line(value, number, at)
        length += sum(map(len, read.variants))
        if length > MOST_TEXT:
            raise ChatRefused("too_long", number, limit=MOST_TEXT)
        _take(found, read)
    if not found.lines:
        raise ChatRefused("empty")
    return found


def _object(line: str, number: int, *, first: bool) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ChatRefused("not_chat" if first else "bad_line", number) from error
    if not isinstance(value, dict):
        raise ChatRefused("not_chat" if first else "bad_line", number)
    return cast("dict[str, Any]", value)


def _head(found: ImportedChat, value: Mapping[str, Any]) -> None:
    """Read the line about the chat. Raises `ChatRefused` if it is about something else."""
    if not {"user_name", "character_name", "chat_metadata"} & set(value):
        raise ChatRefused("not_chat", 1)
    raw = value.get("chat_metadata")
    about = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
    found.character, found.user = _text(value.get("character_name")), _text(value.get("user_name"))
    found.title = " ".join(_text(about.get("title")).split())[:TITLE_CHARS]
    found.note = _text(about.get("note_prompt")).strip()
    if len(found.note) > NOTE_CHARS:
        raise ChatRefused("long_line", 1, limit=NOTE_CHARS)
    depth = about.get("note_depth")
    if isinstance(depth, int) and not isinstance(depth, bool) and 0 <= depth <= DEEPEST:
        found.note_depth = depth


def _line(value: Mapping[str, Any], number: int, at: str) -> ReadLine:
    """Read a message. Raises `ChatRefused`."""
    said, user = value.get("mes"), value.get("is_user")
    if not isinstance(said, str) or not isinstance(user, bool):
        raise ChatRefused("bad_line", number)
    swipes, chosen = value.get("swipes"), value.get("swipe_id")
    variants: list[object] = [said]
    if not user and isinstance(swipes, list) and swipes:
        if len(cast("list[object]", swipes)) > MOST_VARIANTS:
            raise ChatRefused("many_variants", number, limit=MOST_VARIANTS)
        variants = list(cast("list[object]", swipes))
    if not all(isinstance(each, str) for each in variants):
        raise ChatRefused("bad_line", number)
    at_all = isinstance(chosen, int) and not isinstance(chosen, bool) and 0 <= chosen < len(variants)
    index = cast("int", chosen) if at_all else len(variants) - 1
    if variants[index] != said:
        # The message was edited after it was chosen: what it says now counts.
        variants[index] = said
    texts = [_text(each) for each in variants]
    if any(len(each) > MOST_CHARS for each in texts):
        raise ChatRefused("long_line", number, limit=MOST_CHARS)
    kept = [(n, each) for n, each in enumerate(texts) if each.strip()]
    counts = next((n for n, (before, _) in enumerate(kept) if before == index), len(kept) - 1)
    hidden = value.get("is_system") is True
    name = _text(value.get("name"))[:NAME_CHARS].strip()
    return ReadLine(user, tuple(each for _, each in kept), max(0, counts), at, hidden, name)


def _take(found: ImportedChat, read: ReadLine) -> None:
    """Keep a line; one without words, and a hidden one of the person's, has no place here."""
    if not read.variants or (read.user and read.hidden):
        found.left_out += 1
    else:
        found.lines.append(read)


def _text(value: object) -> str:
    """Return a text without what PostgreSQL cannot store; "" for anything else."""
    return value.replace("\0", "").encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _date(value: object) -> str:
    """Return a moment in ISO 8601, as SillyTavern has written it in its time; "" if it is none."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value / 1000, UTC)
        elif isinstance(value, str) and value.strip().isdigit():
            found = datetime.fromtimestamp(int(value) / 1000, UTC)
        else:
            found = _written(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return ""
    return found.astimezone(UTC).isoformat() if found is not None and found.year in _YEARS else ""


def _written(value: str) -> datetime | None:
    if (plain := _PLAIN_DATE.fullmatch(value.strip())) is not None:
        month = _MONTHS.index(plain[1][:3].lower()) + 1
        hour = int(plain[4]) % 12 + (12 if plain[6].lower() == "pm" else 0)
        return datetime(int(plain[3]), month, int(plain[2]), hour, int(plain[5]), tzinfo=UTC)
    if (filed := _FILE_DATE.fullmatch(value.strip())) is not None:
        year, month, day, hour, minute, second, ms = (int(each or 0) for each in filed.groups())
        return datetime(year, month, day, hour, minute, second, ms * 1000, tzinfo=UTC)
    found = datetime.fromisoformat(value.strip())
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
