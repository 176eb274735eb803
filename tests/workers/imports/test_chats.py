"""Chats of SillyTavern are read as it has written them in its time, and refused by line."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.exports.chats import ChatLine, WrittenChat, as_jsonl
from workers.imports.chats import MOST_CHARS, MOST_LINES, ChatRefused, ReadLine, read_jsonl

AT = datetime(2025, 11, 9, 16, 5, tzinfo=UTC)
HEAD: dict[str, Any] = {"user_name": "Sam", "character_name": "Mira", "create_date": "2025-11-09@16h05m00s"}
HELLO: dict[str, Any] = {"name": "Sam", "is_user": True, "mes": "Hello.", "send_date": "2025-11-09T16:05:00Z"}
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=40).filter(
    lambda text: bool(text.strip())
)


def lines(*values: Any) -> bytes:
    return "\n".join(value if isinstance(value, str) else json.dumps(value) for value in values).encode()


@st.composite
def chats(draw: st.DrawFn) -> WrittenChat:
    found: list[ChatLine] = []
    for n in range(draw(st.integers(1, 6))):
        user = draw(st.booleans())
        texts = tuple(draw(st.lists(TEXT, min_size=1, max_size=1 if user else 4)))
        chosen = draw(st.integers(0, len(texts) - 1))
        hidden = not user and draw(st.booleans())
        found.append(ChatLine("Sam" if user else "Mira", user, AT + timedelta(hours=n), texts, chosen, hidden))
    return WrittenChat("Mira", "Sam", tuple(found), "Rain", draw(st.sampled_from(["", "It rains."])), 2)


@given(chats())
def test_what_we_have_written_is_read_again(chat: WrittenChat) -> None:
    read = read_jsonl(as_jsonl(chat))
    assert [
        ChatLine(each.name, each.user, datetime.fromisoformat(each.at), each.variants, each.chosen,
                 each.hidden)
        for each in read.lines
    ] == list(chat.lines)  # fmt: skip
    assert (read.character, read.user, read.title, read.note) == ("Mira", "Sam", "Rain", chat.note)
    assert read.note_depth == (2 if chat.note else 4)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2025-11-09T16:05:00.000Z", AT),
        ("November 9, 2025 4:05pm", AT),
        ("November 9, 2025 12:05 AM", AT.replace(hour=0)),
        ("2025-11-9 @16h 05m 00s 120ms", AT.replace(microsecond=120_000)),
        ("2025-11-9@16h05m00s", AT),
        (int(AT.timestamp() * 1000), AT),
        (str(int(AT.timestamp() * 1000)), AT),
        ("yesterday", AT.replace(hour=3)),
        (10**30, AT.replace(hour=3)),
        ("9999-12-31", AT.replace(hour=3)),
        (None, AT.replace(hour=3)),
    ],
)
def test_dates_are_read_as_they_have_been_written(written: object, said: datetime) -> None:
    head = {**HEAD, "create_date": "2025-11-09T03:05:00Z"}
    (line,) = read_jsonl(lines(head, {**HELLO, "send_date": written})).lines
    assert datetime.fromisoformat(line.at) == said


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ({"swipes": ["a", "b"], "swipe_id": 0, "mes": "a"}, (("a", "b"), 0)),
        ({"swipes": ["a", "b"], "swipe_id": 1, "mes": "c"}, (("a", "c"), 1)),
        ({"swipes": ["a", "b"], "mes": "b"}, (("a", "b"), 1)),
        ({"swipes": ["", "b"], "swipe_id": 1, "mes": "b"}, (("b",), 0)),
        ({"swipes": [], "mes": "b"}, (("b",), 0)),
        ({"swipes": ["a"], "swipe_id": True, "mes": "a"}, (("a",), 0)),
    ],
)
def test_swipes_are_variants(message: dict[str, Any], read: tuple[tuple[str, ...], int]) -> None:
    (line,) = read_jsonl(lines(HEAD, {"name": "Mira", "is_user": False, **message})).lines
    assert (line.variants, line.chosen) == read


def test_a_chat_without_a_head_is_read_and_what_has_no_place_is_counted() -> None:
    read = read_jsonl(lines(HELLO, {**HELLO, "is_system": True}, {**HELLO, "mes": " "}, ""))
    assert (read.lines, read.left_out) == ([ReadLine(True, ("Hello.",), 0, AT.isoformat(), name="Sam")], 2)


@pytest.mark.parametrize(
    ("data", "reason", "line"),
    [
        (b"\xff\xfe", "not_chat", 0),
        (b"Hello.", "not_chat", 1),
        (b"[]", "not_chat", 1),
        (lines({"spec": "chara_card_v3", "data": {}}), "not_chat", 1),
        (b"", "empty", 0),
        (lines(HEAD), "empty", 0),
        (lines(HEAD, HELLO, "{"), "bad_line", 3),
        (lines(HEAD, HELLO, "", "7"), "bad_line", 4),
        (lines(HEAD, {**HELLO, "mes": None}), "bad_line", 2),
        (lines(HEAD, {**HELLO, "is_user": "yes"}), "bad_line", 2),
        (lines(HEAD, {**HELLO, "is_user": False, "swipes": ["a", 7]}), "bad_line", 2),
        (lines(HEAD, {**HELLO, "is_user": False, "swipes": ["a"] * 101}), "many_variants", 2),
        (lines(HEAD, {**HELLO, "mes": "x" * (MOST_CHARS + 1)}), "long_line", 2),
        (lines(HEAD, *[HELLO] * (MOST_LINES + 1)), "many_lines", 0),
        (lines(HEAD, *[{**HELLO, "mes": "x" * MOST_CHARS}] * 101), "too_long", 102),
        (b"[" * 100_000, "not_chat", 1),
    ],
)
def test_what_is_broken_is_refused_by_line(data: bytes, reason: str, line: int) -> None:
    with pytest.raises(ChatRefused) as refused:
        read_jsonl(data)
    assert (refused.value.reason, refused.value.line) == (reason, line)
