"""Shorter forms made of a text's own sentences: the same each time, and what matters most."""

import pytest

from tests.doubles.word_counter import WordCounter
from workers.context.extract import ExtractCache, distil, extract
from workers.context.sentences import sentences, trim, words

STORY = (
    "The rain had not stopped for three days. Tamsel climbed the stairs of the lighthouse with the iron key. "
    "It was dark. The stairs were wet. The lamp at the top was broken, and somebody had taken the iron key's twin. "
    "She sat down. She waited. Then Bram said that 40 ships would pass the reef before dawn. It rained on."
)
TEXTS = ["", "One.", "No end", "A. B? C!\n\nD… “E.” F", "Mr. Bo met Dr. Ilse.", "灯台の光が見えた。彼は行った。", STORY]


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text
    assert "".join(words(text)) == text


def test_sentences_end_where_a_reader_ends_them() -> None:
    found = [sentence.strip() for sentence in sentences("Mr. Bo met Dr. Ilse. “Go!” she said. 行った。来た。\nA line")]
    assert found == ["Mr. Bo met Dr. Ilse.", "“Go!” she said.", "行った。", "来た。", "A line"]


def test_an_extract_is_whole_sentences_in_their_order_and_the_same_each_time() -> None:
    short = extract(STORY, 200)
    assert short == extract(STORY, 200)
    assert len(short) <= 200
    parts = [sentence.strip() for sentence in sentences(short)]
    assert [sentence.strip() for sentence in sentences(STORY) if sentence.strip() in parts] == parts


def test_what_matters_stays() -> None:
    short = extract(STORY, 260)
    assert "iron key" in short
    assert "It was dark." not in short
    assert "She waited." not in short


def test_of_a_sheet_the_fields_stay() -> None:
    sheet = "She is on the whole a rather quiet sort.\nHair: red\nHome: the lighthouse\nIt is said that she sings.\n"
    assert extract(sheet, 40, "sheet").splitlines() == ["Hair: red", "Home: the lighthouse"]


def test_one_sentence_stays_however_long_it_is() -> None:
    assert extract("word " * 50 + ".", 10) == ("word " * 50 + ".").strip()
    assert extract("  \n ", 10) == ""


async def test_a_distilled_text_fits() -> None:
    for limit in range(0, 80, 7):
        assert len((await distil(STORY, limit, WordCounter())).split()) <= limit


async def test_a_trimmed_text_ends_with_a_sentence_and_never_inside_a_word() -> None:
    assert await trim(STORY, 8, WordCounter()) == "The rain had not stopped for three days."
    assert await trim(STORY, 4, WordCounter(), end=True) == "It rained on."
    assert await trim("one two three four five", 3, WordCounter()) == "one two …"
    assert await trim("x" * 500, 0, WordCounter()) == ""


def test_what_was_extracted_is_remembered_within_bounds() -> None:
    cache = ExtractCache(limit=2)
    for limit in (100, 150, 200, 100):
        assert cache.extract(STORY, limit, "narration") == extract(STORY, limit)
    assert len(cache._texts) == 2
