"""Counting tokens where the tokenizer is out of reach."""

import pytest

from workers.context.counting import BytesBound


async def test_a_bound_counts_bytes() -> None:
    assert await BytesBound(2.0).count(["", "abc", "日本"]) == [0, 2, 3]
    with pytest.raises(ValueError, match="cannot be"):
        BytesBound(0)
