"""Chats as files: JSON lines as SillyTavern reads them, with all variants ("swipes"), and Markdown. Pure."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

_STATED: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class ChatLine:
    """What somebody said. ``variants`` are all that stood there, ``chosen`` is the number of the one that counts.

    ``hidden``: nobody is told of it, as of SillyTavern's hidden messages.
    """

    name: str
    user: bool
    said_at: datetime
    variants: tuple[str, ...]
    chosen: int = 0
    hidden: bool = False

    @property
    def text(self) -> str:
        """What counts."""
        return self.variants[self.chosen]


@dataclass(frozen=True, slots=True)
class WrittenChat:
    """A chat to be written: who talks with whom, since when, and the author's note."""

    persona: str
    user: str
    lines: tuple[ChatLine, ...]
    title: str = ""
    note: str = ""
    note_depth: int = 0


def as_jsonl(chat: WrittenChat) -> bytes:
    """Return a chat as SillyTavern has it: a line about the chat, then one for each message."""
    since = chat.lines[0].said_at if chat.lines else datetime.now(UTC)
    note: dict[str, Any] = {"note_prompt": chat.note, "note_depth": chat.note_depth, "note_interval": 1}
    head = {
        "user_name": chat.user,
        "character_name": chat.persona,
        "create_date": _date(since),
        "chat_metadata": {**(note if chat.note else {}), **({"title": chat.title} if chat.title else {})},
    }
    return "\n".join(_json(each) for each in (head, *map(_message, chat.lines))).encode() + b"\n"


def as_markdown(chat: WrittenChat) -> bytes:
    """Return a chat as it reads: a heading, then what everybody said, by day."""
    blocks, day = [f"# {chat.title or chat.persona}"], ""
    for line in chat.lines:
        if (now := line.said_at.astimezone(UTC).strftime("%Y-%m-%d")) != day:
            day = now
            blocks.append(f"## {day}")
        blocks.append(f"**{line.name}:** {line.text}")
    return "\n\n".join(blocks).encode() + b"\n"


def _message(line: ChatLine) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": line.name,
        "is_user": line.user,
        "is_system": line.hidden,
        "send_date": _date(line.said_at),
        "mes": line.text,
        "extra": {},
    }
    if len(line.variants) > 1:
        found |= {"swipe_id": line.chosen, "swipes": list(line.variants)}
    return found


def _date(at: datetime) -> str:
    return at.astimezone(UTC).strftime(_STATED)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
