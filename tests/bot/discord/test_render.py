"""Neutral messages in Discord's markdown."""

import pytest

from bot.messages import Button, Message, Progress
from bot.platforms.discord.render import bodies, components, content, progress_body


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("**bold** and *slanted*", "**bold** and *slanted*"),
        ("2 * 3 * 4", r"2 \* 3 \* 4"),
        ("snake_case_name", r"snake\_case\_name"),
        ("`code` ~~gone~~ ||secret||", r"\`code\` \~\~gone\~\~ \|\|secret\|\|"),
        ("# not a heading", r"\# not a heading"),
        ("> not a quote", r"\> not a quote"),
        ("- not a list", r"\- not a list"),
        ("1. not a list", r"1\. not a list"),
        ("-# not small", r"\-# not small"),
    ],
)
def test_text_is_literal_but_for_emphasis(text: str, shown: str):
    assert content(Message(text)) == shown


def test_rows_hold_five_buttons_and_there_are_five_rows():
    row = tuple(Button("x" * 100, f"1.open.{n}") for n in range(12))
    made = components((row, row, row))
    assert [len(r["components"]) for r in made] == [5, 5, 2, 5, 5]
    assert len(made[0]["components"][0]["label"]) == 80


def test_progress_keeps_the_newest_text():
    body = progress_body(Progress("Writing …", 50, text="word " * 1000))
    assert len(body["content"]) <= 2000
    assert body["content"].startswith("…")
    assert body["content"].endswith("-# Writing … 50 %")


def test_every_part_forbids_pings():
    assert all(b["allowed_mentions"] == {"parse": []} for b in bodies(Message("@everyone " * 600)))
