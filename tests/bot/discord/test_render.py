"""Neutral messages in Discord's markdown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messages import Button, Message, Progress, Select, SelectOption
from bot.platforms.discord.controls import components
from bot.platforms.discord.markdown import escape
from bot.platforms.discord.render import bodies, progress_body


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
    assert bodies(Message(text))[0]["content"] == shown


def test_rows_hold_five_buttons_and_there_are_five_rows():
    row = tuple(Button("x" * 100, f"1.open.{n}") for n in range(12))
    made = components((row, row, row))
    assert [len(r["components"]) for r in made] == [5, 5, 2, 5, 5]
    assert len(made[0]["components"][0]["label"]) == 80


@pytest.mark.parametrize("label", ["", " ", "\u202e", "\x00\n"])
def test_no_label_is_empty(label: str):
    (made,) = components(((Button(label, "1.open.1"),),))
    assert made["components"][0]["label"] == "—"
    (menu,) = components((), (Select("Which?", (SelectOption(label, "1.x"),)),))
    assert menu["components"][0]["options"][0]["label"] == "—"


def test_progress_keeps_the_newest_text():
    body = progress_body(Progress("Writing …", 50, text="word " * 1000))
    assert len(body["content"]) <= 2000
    assert body["content"].startswith("…")
    assert body["content"].endswith("-# Writing … 50 %")


def test_every_part_forbids_pings():
    assert all(b["allowed_mentions"] == {"parse": []} for b in bodies(Message("@everyone " * 600)))


def test_emphasis_that_spans_parts_is_closed_in_each():
    made = bodies(Message("*" + "slanted words " * 300 + "end*"))
    assert len(made) > 1
    for body in made:
        assert len(body["content"]) <= 2000
        assert body["content"].startswith("*")
        assert body["content"].endswith("*")


def test_what_a_person_did_stands_in_full_below_the_page():
    """Others have not seen the form into which it was written."""
    did = "You: I ask *him* whether the_pier " + "is older than the lamp, and why nobody ever mends it; " * 5
    (body,) = bodies(Message("It rains. " * 60, title="Pier", choices=("Wait", "Go"), footer=did))
    assert body["content"].endswith("-# " + escape(did.strip()))


@given(st.integers(0, 1900), st.text(alphabet="a_* \U0001f469", max_size=600))
def test_a_footer_takes_the_room_that_the_text_leaves_and_no_more(length: int, footer: str):
    message = Message("w " * (length // 2) + "end", footer=f"x{footer}x")
    *_, last = bodies(message)
    assert len(last["content"]) <= 2000
    assert last["content"].partition("-# ")[2].startswith("x")


@pytest.mark.parametrize("length", range(1600, 1800, 7))
def test_a_marked_page_falls_into_the_same_parts(length: int):
    choices = ("Open the door", "Listen", "Look around")
    page = Message("w " * (length // 2), title="Title", choices=choices, footer="Page 1 · The door")
    for marked in (
        Message(page.body, title="Title", choices=choices, taken=2),
        Message(page.body, title="Title", choices=choices, footer="You: " + "sing " * 100),
    ):
        assert len(bodies(marked)) == len(bodies(page))
        assert "Look around" in bodies(marked)[-1]["content"]
    assert "▸ **2.** **Listen**" in bodies(Message(page.body, title="Title", choices=choices, taken=2))[-1]["content"]
