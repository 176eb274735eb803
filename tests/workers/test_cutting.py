"""Text is cut between words, and never longer than allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.cutting import cut_at_word, cut_to_words


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("The door opens", 14, "The door opens"),
        ("The door opens", 13, "The door …"),
        ("The door, open", 12, "The door …"),
        ("Donaudampfschiff", 10, "Donaudam …"),
        ("門を開けると海が見えた", 8, "門を開けると …"),
        ("a b", 2, " …"),
        ("", 0, ""),
    ],
)
def test_cut_at_word(text: str, limit: int, cut: str) -> None:
    assert cut_at_word(text, limit) == cut


@given(st.text(max_size=200), st.integers(0, 100), st.sampled_from([" …", "…", ""]))
def test_never_longer_and_always_a_beginning(text: str, limit: int, mark: str) -> None:
    found = cut_at_word(text, limit, mark)
    assert len(found) <= limit
    assert found == text or text.startswith(found.removesuffix(mark)[: max(limit - len(mark), 0)])


def test_cut_to_words() -> None:
    assert cut_to_words("one  two\nthree", 3) == "one two three"
    assert cut_to_words("One two. Three four five six", 5) == "One two. Three four five."
    assert cut_to_words("a b c d e f g, h i", 8) == "a b c d e f g."
