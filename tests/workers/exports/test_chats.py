"""Chats as files: what SillyTavern reads, with variants, and what people read."""

import json
from datetime import UTC, datetime
from typing import Final

import pytest

from db import chat_turns, chats, saved_chats
from tests.db.test_chat_turns import begun, turn
from workers.exports.chats import ChatLine, WrittenChat, as_jsonl, as_markdown
from workers.steps.chat_export import chat_lines

AT: Final = datetime(2025, 11, 9, 16, 5, tzinfo=UTC)
CHAT: Final = WrittenChat(
    "Mira",
    "Sam",
    (
        ChatLine("Mira", user=False, said_at=AT, variants=("Hush.", "“Late”,\nsie."), chosen=1),
        ChatLine("Sam", user=True, said_at=AT, variants=("Hello 👋",)),
        ChatLine("Mira", user=False, said_at=AT.replace(day=10), variants=("Hm.",)),
    ),
    title="Rain",
    note="It rains.",
    note_depth=2,
)


def test_json_lines_hold_variants_and_the_note() -> None:
    head, first, second, third = [json.loads(line) for line in as_jsonl(CHAT).decode().splitlines()]
    assert (head["user_name"], head["character_name"]) == ("Sam", "Mira")
    assert head["chat_metadata"] == {"note_prompt": "It rains.", "note_depth": 2, "note_interval": 1, "title": "Rain"}
    assert (first["mes"], first["swipes"], first["swipe_id"]) == ("“Late”,\nsie.", ["Hush.", "“Late”,\nsie."], 1)
    assert (second["name"], second["is_user"], second["mes"], "swipes" in second) == ("Sam", True, "Hello 👋", False)
    assert third["send_date"] == "2025-11-10T16:05:00.000000Z"


def test_markdown_is_read_by_day() -> None:
    assert as_markdown(CHAT).decode() == (
        "# Rain\n\n## 2025-11-09\n\n**Mira:** “Late”,\nsie.\n\n**Sam:** Hello 👋\n\n## 2025-11-10\n\n**Mira:** Hm.\n"
    )


@pytest.mark.usefixtures("database")
async def test_what_was_undone_is_not_written() -> None:
    who, mira = await begun()
    first = (await turn(who, "one")).reply.id
    again = (await chat_turns.again(who.conversation, first)).reply.id
    await chats.attach_reply(again, "another")
    await chat_turns.choose(who.conversation, again, -1)
    gone = (await turn(who, "two")).reply.id
    await chat_turns.undo(who.conversation, gone)
    lines = chat_lines(await saved_chats.said(who.conversation.id, mira.id, 0))
    assert [(line.user, line.variants, line.chosen) for line in lines] == [
        (True, ("one",), 0),
        (False, ("answer to one", "another"), 0),
    ]
