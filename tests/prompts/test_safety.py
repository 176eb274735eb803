"""The check of prompts: what is refused, what passes, and that nothing about it can be made slow."""

import random
import string
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from prompts.safety.check import refusal, scan
from prompts.safety.normalise import fold
from prompts.safety.rating import RATINGS, Rating, exceeds, highest, lowest, parse_rating, place_allowance
from prompts.safety.terms import InnocentPhrases
from tests.effort import times

CORPUS: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("safety_corpus.yaml").read_text("utf-8"))


@pytest.mark.parametrize("text", CORPUS["refused_minors"])
@pytest.mark.parametrize("rating", RATINGS)
def test_sexual_content_about_minors_is_refused_at_every_rating(text: str, rating: Rating) -> None:
    assert refusal(rating, text) == "minors"


@pytest.mark.parametrize("text", CORPUS["passed_sfw"])
def test_the_innocent_pass_everywhere(text: str) -> None:
    finding = scan(text)
    assert (finding.needs, finding.forbidden) == ("sfw", False)


@pytest.mark.parametrize("text", CORPUS["passed_nsfw"])
def test_adults_pass_where_the_rating_allows_it_and_only_there(text: str) -> None:
    assert refusal("nsfw", text) is None
    assert refusal("sfw", text) == "rating"


def test_texts_are_read_together() -> None:
    assert refusal("nsfw", "a persona of 15 years of age") is None
    assert refusal("nsfw", "nude portrait") is None
    assert refusal("nsfw", "a persona of 15 years of age", "nude portrait") == "minors"


@pytest.mark.parametrize("before", ["", "a watercolour of ", "))((:1.3) <lora:x> ", "lorem ipsum " * 400])
@pytest.mark.parametrize("after", ["", ", 8k, masterpiece", "!!!", "\n\nno instructions", " dolor sit amet" * 400])
def test_surroundings_hide_nothing(before: str, after: str) -> None:
    assert refusal("nsfw", f"{before}nude schoolgirl{after}") == "minors"


def test_innocent_phrases_hide_nothing_else() -> None:
    assert refusal("nsfw", "seen by the naked eye: a nude child") == "minors"
    assert refusal("nsfw", "a kind child process, and an undressed kid") == "minors"


@pytest.mark.parametrize(
    ("rating", "prompt", "negative", "expected"),
    [
        ("sfw", "a forest", "child, nude, nsfw", None),
        ("nsfw", "nude woman", "child, teenager, underage", None),
        ("nsfw", "nude woman", "adult", "minors"),
        ("nsfw", "nude woman", "ugly, M4TURE, mature", "minors"),
        ("sfw", "a child in the park", "clothes", "minors"),
        ("sfw", "a woman in the park", "clothes", "rating"),
        ("nsfw", "a woman in the park", "clothes", None),
    ],
)
def test_negative_prompts(rating: Rating, prompt: str, negative: str, expected: str | None) -> None:
    assert refusal(rating, prompt, negative=negative) == expected


@pytest.mark.parametrize(
    "hostile",
    [
        "a b c d ",
        "x",
        "1 ",
        "一",
        "turns like ",
        "looks  ",
        "1-",
        "n.",
        "\u200b",
        "é\u0301",
        "0f0x l33t!! ",
        "👧🏽 ",
        "(((",
        "age       ",
        "c1 l1!| ",
        "por n ",
        "аbс ",
        "가나 ",
        "hace 1 ",
        "12 years old whisky of ",
        "sexsexsex",
    ],
)
def test_the_time_is_linear(hostile: str) -> None:
    def seconds(length: int) -> float:
        text = hostile * (length // len(hostile))
        started = time.thread_time()
        scan(text)
        return time.thread_time() - started

    scan("warm")
    length = times(2_500, 10_000)
    small = max(min(seconds(length) for _ in range(3)), length / 1_000_000)
    assert seconds(10 * length) < 40 * small


def test_random_innocent_letters_are_no_finding() -> None:
    chance = random.Random(5)
    for _ in range(300):
        text = " ".join("".join(chance.choices(string.ascii_lowercase, k=9)) for _ in range(12))
        assert not scan(text).forbidden


@given(st.text(max_size=200))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert scan(text).needs in RATINGS
    assert fold(fold(text)) == fold(fold(fold(text)))


def test_what_few_texts_need_is_compiled_before_the_first_of_them() -> None:
    phrases = InnocentPhrases(["# <thing>"], r"\d+", [f"thing {n}" for n in range(10_000)])
    phrases.prepare()
    begun = time.process_time()
    assert phrases.cut("have 12 thing 1999 of them").split() == ["have", ".", "of", "them"]
    assert time.process_time() - begun < 0.01


def test_ratings() -> None:
    assert lowest("nsfw", "suggestive") == "suggestive"
    assert lowest("nsfw", "unknown") == "sfw"
    assert lowest() == "sfw"
    assert lowest("nsfw", None) == "sfw"
    assert highest("sfw", "suggestive") == "suggestive"
    assert exceeds("nsfw", "suggestive")
    assert not exceeds("sfw", "sfw")
    assert [parse_rating(value) for value in ("nsfw", "NSFW", 3, None)] == ["nsfw", "sfw", "sfw", "sfw"]


@pytest.mark.parametrize(
    ("place", "allowance"),
    [
        ({"adult_channel": True, "direct": False, "opted_in": False, "operator_adult": False}, "nsfw"),
        ({"adult_channel": False, "direct": False, "opted_in": True, "operator_adult": True}, "sfw"),
        ({"adult_channel": False, "direct": True, "opted_in": True, "operator_adult": False}, "sfw"),
        ({"adult_channel": False, "direct": True, "opted_in": True, "operator_adult": False, "vouched": True}, "nsfw"),
        ({"adult_channel": False, "direct": True, "opted_in": False, "operator_adult": False, "vouched": True}, "sfw"),
        ({"adult_channel": False, "direct": False, "opted_in": True, "operator_adult": False, "vouched": True}, "sfw"),
        ({"adult_channel": False, "direct": True, "opted_in": False, "operator_adult": True}, "sfw"),
        ({"adult_channel": None, "direct": False, "opted_in": True, "operator_adult": False}, "sfw"),
        ({"adult_channel": None, "direct": False, "opted_in": False, "operator_adult": True}, "nsfw"),
        ({"adult_channel": None, "direct": True, "opted_in": True, "operator_adult": False}, "sfw"),
        ({"adult_channel": None, "direct": True, "opted_in": True, "operator_adult": True}, "nsfw"),
    ],
)
def test_places(place: dict[str, Any], allowance: Rating) -> None:
    assert place_allowance(**place) == allowance
