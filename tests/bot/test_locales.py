"""Wording: slots, languages and plural forms."""

import string
from pathlib import Path

import pytest

from bot import locales

LANGUAGES = sorted(path.stem for path in Path(locales.__file__).parent.glob("*.toml"))


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (1, "Delete “Rain” with its only page? This cannot be undone."),
        (2, "Delete “Rain” with all its 2 pages? This cannot be undone."),
        (0, "Delete “Rain” with all its 0 pages? This cannot be undone."),
    ],
)
def test_a_count_picks_its_form(pages: int, expected: str) -> None:
    assert locales.text("story.delete_ask", {"title": "Rain", "pages": pages}) == expected


def test_several_counts_in_one_wording() -> None:
    assert locales.text("status.dead", {"jobs": 1, "messages": 0}) == "Given up so far: 1 job, 0 messages"


def test_languages_with_more_forms() -> None:
    wording = "{n:# страница|# страницы|# страниц}"
    numbers = (0, 1, 2, 5, 11, 12, 21, 22, 111)
    assert [locales.fill(wording, {"n": n}, "ru").split()[1] for n in numbers] == [
        "страниц", "страница", "страницы", "страниц", "страниц", "страниц", "страница", "страницы", "страниц",
    ]  # fmt: skip
    assert locales.fill("{n:#ページ}", {"n": 1}, "ja") == "1ページ"


def test_english_stands_in_with_english_forms() -> None:
    assert locales.text("status.dead", {"jobs": 3, "messages": 1}, "ja") == "Given up so far: 3 jobs, 1 message"


def test_slots_are_data() -> None:
    assert locales.fill("“{title}” {n:# |#} {gone}", {"title": "{n} # | {0.x}", "n": 1}, "en") == (
        "“{n} # | {0.x}” 1  {gone}"
    )
    assert locales.fill("{n:one|many}", {"n": "a text"}, "en") == "a text"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_plural_of_a_language_has_all_forms(language: str) -> None:
    for key in locales.known_keys(language):
        wording = locales.wording(key, language)
        for _, slot, forms, _ in string.Formatter().parse(wording):
            assert slot is None or slot.isidentifier(), (key, slot)
            if forms:
                assert len(forms.split("|")) == locales.plural_forms(language), (key, forms)
