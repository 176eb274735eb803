"""Quotes of a person's words are cut; what others wrote stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.quotes import MARK, OwnWords, is_removed

CASES = [
    (
        "I knock three times and wait.",
        "You knock three times and wait. Nobody answers.",
        f"You {MARK}. Nobody answers.",
    ),
    ("I KNOCK three  times", "“I knock, three times!” she repeats.", f"“{MARK}!” she repeats."),
    ("open it", "You open it, and the sea comes in.", f"You {MARK}, and the sea comes in."),
    ("yes", "Yes, says the keeper, yes.", "Yes, says the keeper, yes."),
    ("I run to the lighthouse", "She runs to a lighthouse of her own.", "She runs to a lighthouse of her own."),
    ("zq17canaryword", "Something about zq17canaryword stays.", f"Something about {MARK} stays."),
    ("我敲了三下门然后等待", "你敲了三下门然后等待。没有人。", f"你{MARK}。没有人。"),
    ("", "Nothing to cut.", "Nothing to cut."),
]


@pytest.mark.parametrize(("own", "page", "left"), CASES)
def test_quotes_are_cut(own: str, page: str, left: str):
    assert OwnWords([own]).cut(page) == left


def test_quotes_side_by_side_leave_one_mark():
    own = OwnWords(["knock three times", "wait for the keeper"])
    assert own.cut("You knock three times, wait for the keeper.") == f"You {MARK}."


def test_no_quote_goes_across_a_mark():
    # A name of another person was cut from the page before, or the quote itself.
    assert OwnWords(["the the keeper"]).cut("the the the keeper the keeper") == f"the {MARK} the keeper"
    for text in (f"the {MARK} the keeper", f"{MARK} the {MARK} keeper"):
        assert OwnWords(["the the keeper"]).cut(text) == text
    assert OwnWords([f"yes, {MARK} please", f"the the {MARK} keeper"]).cut("Yes, please, the the keeper.") == (
        "Yes, please, the the keeper."
    )


def test_a_name_is_cut_as_a_word():
    own = OwnWords([], ["Ann"])
    assert own.cut("Hello, Ann! Anna is here.") == f"Hello, {MARK}! Anna is here."


def test_texts_deep_in_json_are_cut():
    own = OwnWords(["a door under the sea"])
    assert own.cut_json({"text": ["A door under the sea.", 3], "n": None}) == {"text": [f"{MARK}.", 3], "n": None}


def test_what_is_left_of_a_page():
    assert is_removed(f" {MARK}. {MARK}")
    assert is_removed("")
    assert not is_removed(f"{MARK} and the sea")


WORDS = st.lists(
    st.sampled_from(["the", "keeper", "opens", "a", "door", "sea", "under", "light", "我", "门"]), max_size=30
)


@given(WORDS, WORDS, WORDS)
def test_nothing_long_enough_survives(before: list[str], own: list[str], after: list[str]):
    text = " ".join(own)
    cut = OwnWords([text]).cut(" ".join([*before, *own, *after]))
    if sum(len(w) if w.isascii() else 3 for w in own) >= 12:
        assert text not in cut
    assert OwnWords([text]).cut(cut) == cut
    marked = f"{text[: len(text) // 2]}{MARK}{text[len(text) // 2 :]}"
    cut = OwnWords([marked]).cut(" ".join([*before, marked, *after]))
    assert OwnWords([marked]).cut(cut) == cut
