"""Loops: noticed within 40 tokens while a text is written, cut when it is finished, and good prose is none."""

import json

import pytest

from tests.workers.craft.passages import good_pages, made_up
from workers.craft.loops import cut_loop, drop_repeats, runs_in_circles, stuck
from workers.craft.prose import Prose
from workers.craft.settings import CraftSettings

GOOD = good_pages()["en"][12]
FORTY_TOKENS = 160


@pytest.mark.parametrize(
    "unit",
    [
        "ha ",
        "You see the door. ",
        "court ",
        "And then you open the next door and go in. ",
        "-",
        "1. ",
        "。你看見門",
        "Vex: What did you do last?\n\n",
        "You turn around, and behind you is the same long corridor again, with the same lamp at its far end. ",
        good_pages()["en"][13].split("\n\n")[2] + "\n\n",
    ],
)
def test_a_loop_is_noticed_within_forty_tokens(unit: str) -> None:
    text, begun = GOOD + "\n\n", len(GOOD) + 2 + (len(unit) if len(unit) > FORTY_TOKENS // 3 else 0)
    whole = text + unit * (2 + 400 // len(unit))
    noticed = next(end for end in range(len(GOOD), len(whole)) if stuck(whole[:end]))
    assert begun < noticed <= begun + FORTY_TOKENS


def test_counting_and_sentences_in_another_order_are_loops_too() -> None:
    steps = "".join(f"Step {n}: you take one more step down. " for n in range(9))
    assert stuck(GOOD + steps)
    again = "The bell rings twice. Nobody comes at all. The lamp goes out. You wait in the dark. "
    mixed = "Nobody comes at all. You wait in the dark. The bell rings twice. The lamp goes out. "
    assert stuck(again + GOOD[:200] + ". " + mixed)


def test_good_prose_is_no_loop_at_any_point() -> None:
    for page in [*made_up(8), *(page for pages in good_pages().values() for page in pages)]:
        assert not any(stuck(page[:end]) for end in range(0, len(page), 40))


def test_a_json_list_of_choices_is_no_loop() -> None:
    offered = [("Take the coin", "bold"), ("Listen", "careful"), ("Ask about it", "curious"), ("Leave", "careful")]
    choices = json.dumps({"choices": [{"text": text, "kind": kind} for text, kind in offered]})
    assert not any(stuck(choices[:end]) for end in range(len(choices)))


def test_repeated_sentences_and_paragraphs_are_dropped_but_not_cries() -> None:
    assert drop_repeats(
        "No! No! You run down the stairs. No! You run down the stairs.\n\nYou run down the stairs."
    ) == ("No! No! You run down the stairs. No!")
    assert drop_repeats(f"{GOOD}\n\n{GOOD}") == GOOD
    assert cut_loop(GOOD) == GOOD


def test_the_same_three_words_over_and_over_are_a_loop_and_good_prose_has_none() -> None:
    said = (
        "I'm going to the market tomorrow, and I'm going to see you there. You know that I'm going to wear the blue "
        "coat. Perhaps I'm going to sing. Nobody will stop me, for I'm going to sing so well."
    )
    assert circles(said, phrases=4)
    assert not circles(said, phrases=5)
    assert not any(circles(page, phrases=4) for page in (*good_pages()["en"], *made_up(40)))


def circles(text: str, *, phrases: int) -> bool:
    settings = CraftSettings(loop_distinct=0, loop_sentences=20, loop_openings=50, loop_phrases=phrases)
    return runs_in_circles(Prose(text), settings)
