"""Words: whole ones, folded; pairs of characters where words are not set apart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.memory.passages import passages
from db.memory.words import MAX_WORDS, dictionary_by_script, words
from tests.effort import times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ann's CAFÉ, at 7:30!", ["ann", "s", "café", "at", "7", "30"]),
        ("ｆｕｌｌ ﬁne", ["full", "fine"]),
        ("雪が降る。", ["雪が", "が降", "降る"]),
        ("猫 and 犬小屋", ["猫", "and", "犬小", "小屋"]),
        ("안녕하세요", ["안녕", "녕하", "하세", "세요"]),
        ("สวัสดี", ["สว", "วั", "ัส", "สด", "ดี"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("— … !", []),
        ("x" * 65 + " y", ["y"]),
    ],
)
def test_words_of(text: str, expected: list[str]):
    assert words(text) == expected


def test_a_text_has_a_limited_number_of_words():
    assert len(words("a b " * 1000)) == MAX_WORDS


@pytest.mark.parametrize(
    ("text", "dictionary"),
    [
        ("It rains.", ""), ("Снег идёт", "russian_stem"), ("雪が降る", "simple"), ("Χιονίζει", "greek_stem"),
        ("The 猫 sleeps in the house", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_script_names_the_dictionary(text: str, dictionary: str):
    assert dictionary_by_script(text) == dictionary


@given(st.text(alphabet="ab .!?\n。", max_size=400), st.integers(5, 60))
@settings(max_examples=times(30, 3000))
def test_passages_hold_every_word_where_it_stands(text: str, limit: int):
    found = passages(text, limit)
    assert all(len(p.text) <= limit and text[p.start : p.start + len(p.text)] == p.text for p in found)
    assert "".join("".join(p.text.split()) for p in found) == "".join(text.split())


def test_passages_end_where_sentences_do():
    text = "It was late. The lamp went out! Nobody came.\n\nIn the morning it rained."
    assert [p.text for p in passages(text, 35)] == [
        "It was late. The lamp went out!", "Nobody came.", "In the morning it rained.",
    ]  # fmt: skip
