import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.splitting import slices, split, utf16_length

FAMILY = "👩\u200d👩\u200d👧\u200d👦"
THUMB = "👍🏽"
FLAG = "🇩🇪"


def test_text_that_fits_is_unchanged() -> None:
    assert split("  one\n\n two ", 20) == ["  one\n\n two "]


def test_blank_text_has_no_parts() -> None:
    assert split(" \n ", 20) == []


def test_paragraphs_first() -> None:
    text = "First one. And more.\n\nSecond one.\nA line."
    assert split(text, 34) == ["First one. And more.", "Second one.\nA line."]


def test_then_lines() -> None:
    assert split("a line of verse\nand another. Then on", 30) == ["a line of verse", "and another. Then on"]


def test_then_sentences_with_their_closing_quotes() -> None:
    assert split('He said "Go." Nobody went anywhere', 24) == ['He said "Go."', "Nobody went anywhere"]


def test_then_words() -> None:
    assert split("seven grey ships sail tonight", 12) == ["seven grey", "ships sail", "tonight"]


def test_a_cut_exactly_at_the_limit() -> None:
    assert split("seven ships", 5) == ["seven", "ships"]


def test_a_paragraph_too_early_is_no_place_to_end() -> None:
    text = "Hm.\n\n" + "The tide went out. " * 10
    assert len(split(text, 100)[0]) > 50


def test_only_a_word_that_is_too_long_is_cut() -> None:
    assert split("oh " + "x" * 25, 10) == ["oh", "x" * 10, "x" * 10, "x" * 5]


def test_sentences_of_scripts_without_spaces() -> None:
    assert split("门开了。他走进去。里面很黑", 10) == ["门开了。他走进去。", "里面很黑"]


@pytest.mark.parametrize("cluster", [FAMILY, THUMB, FLAG, "e\u0301\u0323", "각", "नि", "स्त्री", "กำ"])
def test_a_cluster_is_never_cut(cluster: str) -> None:
    text = cluster * 20
    for limit in range(len(cluster), 3 * len(cluster)):
        parts = split(text, limit)
        assert "".join(parts) == text
        assert all(part.replace(cluster, "") == "" for part in parts)


def test_a_cluster_longer_than_the_limit_is_cut_all_the_same() -> None:
    text = "e" + "\u0301" * 50
    assert "".join(split(text, 20)) == text


def test_utf16_units() -> None:
    assert utf16_length("a😀") == 3
    assert split("😀" * 10, 7, length=utf16_length) == ["😀" * 3, "😀" * 3, "😀" * 3, "😀"]


def test_a_limit_below_one_character() -> None:
    with pytest.raises(ValueError, match="longer than 1"):
        split("😀😀", 1, length=utf16_length)


@given(st.text(alphabet="ab. \n\t!é😀\u0301", max_size=200), st.integers(2, 40))
def test_nothing_but_white_space_at_the_cuts_is_lost(text: str, limit: int) -> None:
    parts = slices(text, limit, length=utf16_length)
    assert all(utf16_length(text[start:end]) <= limit for start, end in parts)
    assert all(text[start:end].strip() for start, end in parts)
    edges = [0, *(edge for part in parts for edge in part), len(text)]
    assert all(not text[edges[i] : edges[i + 1]].strip() for i in range(0, len(edges), 2))


@given(st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=8), min_size=1, max_size=40), st.integers(8, 30))
def test_words_stay_whole(words: list[str], limit: int) -> None:
    assert " ".join(split(" ".join(words), limit)).split() == words
