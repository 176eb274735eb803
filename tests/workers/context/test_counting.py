"""Counting tokens: bounds, and that nothing is counted twice."""

from collections.abc import Sequence

import pytest

from workers.context.counting import BytesBound, CountCache


class Words:
    """Counts words, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def count(self, texts: Sequence[str]) -> list[int]:
        self.asked.append(list(texts))
        return [len(text.split()) for text in texts]


async def test_a_bound_counts_bytes() -> None:
    assert await BytesBound(2.0).count(["", "abc", "日本"]) == [0, 2, 3]
    with pytest.raises(ValueError, match="cannot be"):
        BytesBound(0)


async def test_only_what_is_new_is_counted() -> None:
    cache, words = CountCache(), Words()
    counter = cache.over(words, "model")
    assert await counter.count(["one", "two words", "one"]) == [1, 2, 1]
    assert await counter.count(["two words", "three words here", "one"]) == [2, 3, 1]
    assert words.asked == [["one", "two words"], ["three words here"]]


async def test_models_do_not_share_counts() -> None:
    cache, words = CountCache(), Words()
    await cache.over(words, "one").count(["text"])
    await cache.over(words, "other").count(["text"])
    assert len(words.asked) == 2


async def test_the_least_recently_used_count_goes_first() -> None:
    cache, words = CountCache(limit=2), Words()
    counter = cache.over(words, "model")
    for text in ("a", "b", "a", "c", "a", "b"):
        await counter.count([text])
    assert [texts[0] for texts in words.asked] == ["a", "b", "c", "b"]
