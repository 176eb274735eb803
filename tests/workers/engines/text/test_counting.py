"""Counts that are remembered, and the bound for tokenizers that nobody can ask."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.engines.text.base import ModelMessage
from workers.engines.text.counting import (
    ASCII_PER_BYTE,
    MARGIN,
    OTHER_PER_BYTE,
    PER_MESSAGE,
    PER_PROMPT,
    KnownCounts,
    TokenBound,
    TokenBounds,
)

ENGLISH = "The keeper opens the door and finds the sea behind it. "
CHINESE = "守塔人推开门,发现门外就是大海。"


def said(text: str) -> list[ModelMessage]:
    return [ModelMessage("user", text)]


def tokens_of(text: str) -> int:
    """A tokenizer: words of up to five letters, every other character by itself."""
    return len(re.findall(r" ?[a-zA-Z]{1,5}|\S", text))


async def test_a_text_is_counted_once() -> None:
    asked: list[list[str]] = []

    async def count(texts: list[str]) -> list[int]:
        asked.append(texts)
        return [len(text) for text in texts]

    cache = KnownCounts(3)
    assert await cache.many(["a", "bb", "a"], count) == [1, 2, 1]
    assert await cache.many(["bb", "ccc", "a"], count) == [2, 3, 1]
    assert asked == [["a", "bb"], ["ccc"]]
    assert await cache.many([], count) == []


async def test_what_was_unused_for_longest_is_forgotten() -> None:
    async def count(texts: list[str]) -> list[int]:
        return [len(text) for text in texts]

    cache = KnownCounts(10)
    await cache.many([str(n) for n in range(1000)], count)
    assert len(cache) == 10
    assert await cache.many(["999", "\ud800"], count) == [3, 1]


async def test_a_failed_count_leaves_nothing_behind() -> None:
    async def fail(texts: list[str]) -> list[int]:
        raise ValueError(len(texts))

    cache = KnownCounts()
    with pytest.raises(ValueError, match="1"):
        await cache.many(["a"], fail)
    assert len(cache) == 0


def test_before_anything_was_learnt_the_bound_is_generous() -> None:
    bound = TokenBound()
    assert bound.of_text("") == 0
    assert bound.of_text("a" * 300) == round(300 * ASCII_PER_BYTE)
    assert bound.of_text("門" * 100) == 300 * OTHER_PER_BYTE
    assert bound.of_messages(said("a" * 300)) == round(300 * ASCII_PER_BYTE) + PER_MESSAGE + PER_PROMPT


def test_the_bound_comes_near_to_what_is_reported() -> None:
    bound, text = TokenBound(), ENGLISH * 40
    for _ in range(10):
        bound.learn(said(text), round(len(text) * 0.24))
    assert 0.24 * len(text) <= bound.of_text(text) <= 0.24 * len(text) * MARGIN + 2


def test_one_script_teaches_nothing_about_another() -> None:
    bound, text = TokenBound(), ENGLISH * 40
    for _ in range(10):
        bound.learn(said(text), round(len(text) * 0.24))
    assert bound.of_text("門" * 100) == 300 * OTHER_PER_BYTE


def test_a_prompt_in_two_scripts_never_lowers_a_bound_too_far() -> None:
    bound, text = TokenBound(), ENGLISH * 10 + CHINESE * 20
    for _ in range(10):
        bound.learn(said(text), tokens_of(text))
    for part in (ENGLISH * 50, CHINESE * 50, text):
        assert bound.of_text(part) >= tokens_of(part)


def test_a_denser_text_raises_the_bound_at_once() -> None:
    bound, text, digits = TokenBound(), ENGLISH * 40, "4827 " * 400
    for _ in range(10):
        bound.learn(said(text), round(len(text) * 0.24))
    assert bound.of_text(digits) < len(digits) * 0.8
    bound.learn(said(digits), round(len(digits) * 0.8))
    assert bound.of_text(digits) >= len(digits) * 0.8


def test_what_did_not_fit_raises_the_bound_and_never_lowers_it() -> None:
    bound, text = TokenBound(), ENGLISH * 40
    before = bound.of_text(text)
    bound.learn_excess(said(text), 10)
    assert bound.of_text(text) == before
    bound.learn_excess(said(text), len(text) // 2)
    assert bound.of_text(text) >= len(text) // 2


@pytest.mark.parametrize("reported", [0, -5, 1, 10**9])
def test_absurd_reports_do_no_harm(reported: int) -> None:
    bound, text = TokenBound(), ENGLISH * 40
    bound.learn(said(text), reported)
    assert len(text) / 8 <= bound.of_text(text) <= len(text)


@given(st.lists(st.tuples(st.text(min_size=1, max_size=60), st.floats(0.2, 1.0)), min_size=1, max_size=20))
def test_what_was_reported_is_never_under_its_bound(prompts: list[tuple[str, float]]) -> None:
    bound, texts = TokenBound(), list[tuple[str, int]]()
    for words, per_byte in prompts:
        text = words * 400
        texts.append((text, round(per_byte * len(text.encode("utf-8", "replace")))))
        bound.learn(said(text), texts[-1][1])
        for known, tokens in texts:
            assert bound.of_messages(said(known)) >= tokens


def test_bounds_are_kept_for_a_limited_number_of_models() -> None:
    bounds = TokenBounds(4)
    first = bounds.of("here", "a")
    assert bounds.of("here", "a") is first
    assert bounds.of("there", "a") is not first
    for n in range(100):
        bounds.of("here", str(n))
    assert len(bounds) == 4


async def test_counting_at_the_same_time_gives_the_same() -> None:
    async def count(texts: list[str]) -> list[int]:
        await asyncio.sleep(0)
        return [len(text) for text in texts]

    cache = KnownCounts(2)
    texts = ["a", "bb", "ccc", "dddd"]
    assert await asyncio.gather(*(cache.many(texts, count) for _ in range(5))) == [[1, 2, 3, 4]] * 5
