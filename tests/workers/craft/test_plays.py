"""Lines of people nobody knows, in pages and replies; what else stands before a colon stays."""

from itertools import product
from string import ascii_lowercase
from time import process_time

import pytest

from tests.workers.craft.passages import good_pages
from workers.craft.pages import PageFacts, examine_page
from workers.craft.plays import said_at
from workers.craft.replies import ReplyFacts, examine_reply, shown_reply
from workers.craft.settings import CraftSettings
from workers.craft.speakers import labels_in

SETTINGS = CraftSettings()
PAGE = good_pages()["en"][12]
REPLY = "Darling, I never plan. I improvise, and then I call it a plan."


def reply(text: str) -> str:
    return examine_reply(text, ReplyFacts(name="Vex", user="Sam"), SETTINGS).output


@pytest.mark.parametrize(
    "line", ["Mira: Hello, you two!", "**Mira**: I am late.", "Mira Voss: “Will you come?”", "Анна: Я тебя жду."]
)
def test_a_stranger_who_begins_to_speak_ends_the_reply(line: str) -> None:
    assert reply(f"{REPLY}\n{line}\nAnd so on.") == REPLY
    assert shown_reply(f"{REPLY}\n{line[:-2]}", ReplyFacts(name="Vex", user="Sam"), SETTINGS) == REPLY


@pytest.mark.parametrize(
    "line",
    [
        "Breakfast: Porridge, if you ask me.",
        "Rule one: You never ask.",
        "Monday: I sleep. Tuesday: I do not.",
        "Warning: I bite.",
        "Corn: I love corn.",
        "NORTH: the mill",
        "Mira: the only one who can cook.",
        "They said it so:\nMira: Do you owe me?\nTom: Do I?",
    ],
)
def test_what_else_stands_before_a_colon_is_said(line: str) -> None:
    text = f"{REPLY}\n{line}" if "corn" not in line else f"I sell corn.\n{line}"
    assert reply(text) == text


def test_a_page_ends_where_a_play_begins() -> None:
    said = "Mira: You must not go in there.\nTom: I know."
    examined = examine_page(f"{PAGE}\n\n{said}\n\nMira: Then you go.", PageFacts(), SETTINGS)
    assert "headings" in {each.check for each in examined.failed}
    assert examined.output == PAGE
    one = f"{PAGE}\n\nMira: You must not go in there."
    assert examine_page(one, PageFacts(), SETTINGS).output == one


SIGNS = "NORTH: the mill\nEAST: the sea\nWEST: do not go west"


def test_signs_and_displays_are_no_play() -> None:
    page = f"{PAGE}\n\n{SIGNS}\n\nLOGIN: you type your name.\nSTATUS: unknown user."
    assert examine_page(page, PageFacts(), SETTINGS).failed == ()
    assert said_at(SIGNS) == []


@pytest.mark.parametrize(
    "tail",
    [
        "I hope you liked this!",
        "I hope this helps.",
        "Let me know if you need anything else!",
        "Please let me know if you would like me to go on.",
        "Do you have any other questions?",
        '{"reply": "Ha!"}',
        "```",
        '```json\n{"mood": "happy"}\n```\n```',
    ],
)
def test_what_a_model_puts_behind_a_reply_is_cut(tail: str) -> None:
    assert reply(f"{REPLY}\n\n{tail}").startswith(REPLY)
    if "json" not in tail:
        assert reply(f"{REPLY}\n\n{tail}") == REPLY


@pytest.mark.parametrize(
    "text",
    [
        "Let me know if the dog comes back.",
        "I hope you liked the corn. It was mine.",
        "I hope this helps. Now run!",
        "Here, I wrote it down:\n```\nprint('corn')\n```",
        "Do you have any questions left for me, partner?",
    ],
)
def test_what_somebody_may_say_at_the_end_stays(text: str) -> None:
    assert reply(text) == text


def test_a_card_with_thousands_of_names_costs_no_time() -> None:
    names = ["".join(letters).capitalize() for letters in product(ascii_lowercase, repeat=3)]
    lines = "\n".join(f"{name}: I do!" for name in names)[:20_000]
    begun = process_time()
    found = labels_in(f"Bo: Yes.\n{lines}\nBo: No.")
    assert len(said_at(lines)) > 1_000
    assert process_time() - begun < 0.3
    assert "Bo" in found
    assert len(found) < 100
