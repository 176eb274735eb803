"""Wording: slots, languages and plural forms."""

import re
import string
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bot import locales
from bot.platforms.discord.render import FOOTER
from tests.topics import product_topics

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


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_footer_is_whole_on_discord(language: str) -> None:
    """Discord shows 100 characters of it; what explains more belongs in the body."""
    wordings = tomllib.loads((Path(locales.__file__).parent / f"{language}.toml").read_text("utf-8"))
    footers = {
        f"{section}.{key}": re.sub(r"\{command:([^}]*)\}", r"/\1", text)
        for section, texts in wordings.items()
        for key, text in texts.items()
        if isinstance(text, str) and re.search(r"(^|_)footer(_|$)", key)
    }
    assert footers
    assert {key: text for key, text in footers.items() if len(text) > FOOTER} == {}


def test_several_counts_in_one_wording() -> None:
    assert locales.text("status.dead", {"jobs": 1, "messages": 0}) == "Failed so far: 1 job, 0 messages"


def test_languages_with_more_forms() -> None:
    wording = "{n:# страница|# страницы|# страниц}"
    numbers = (0, 1, 2, 5, 11, 12, 21, 22, 111)
    assert [locales.fill(wording, {"n": n}, "ru").split()[1] for n in numbers] == [
        "страниц", "страница", "страницы", "страниц", "страниц", "страниц", "страница", "страницы", "страниц",
    ]  # fmt: skip
    assert locales.fill("{n:#ページ}", {"n": 1}, "ja") == "1ページ"


def test_english_stands_in_with_english_forms() -> None:
    assert locales.text("status.dead", {"jobs": 3, "messages": 1}, "ja") == "Failed so far: 3 jobs, 1 message"


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
            if forms and slot not in {locales.COMMAND, locales.WORDING} and forms != locales.MOMENT:
                assert len(forms.split("|")) == locales.plural_forms(language), (key, forms)


@pytest.mark.parametrize("language", LANGUAGES)
def test_wordings_name_commands_by_reference_only(language: str) -> None:
    known = product_topics().commands.names
    for key in locales.known_keys(language):
        wording = locales.wording(key, language)
        assert not re.search(r"(?:^|[\s*“(])/[a-z]", wording), (key, wording)
        for _, slot, name, _ in string.Formatter().parse(wording):
            if slot == locales.COMMAND:
                assert name in known or name in {"{name}", "{nearest}"}, (key, name)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str]], str]:
    """Makes a package with wording: the texts of its files by language."""

    def make(texts: Mapping[str, str]) -> str:
        name = f"wording_{tmp_path.name}"
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        for language, text in texts.items():
            (tmp_path / name / f"{language}.toml").write_text(text)
        return name

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(locales, "_packages", set(locales._packages))
    monkeypatch.setattr(locales, "_wordings", {language: dict(kept) for language, kept in locales._wordings.items()})
    return make


@pytest.mark.parametrize(
    ("german", "reason"),
    [
        ("[story]\ndelete_ask = 'Weg damit?'", "'story.delete_ask' of .* is taken"),
        ("title = 'Würfel'", "'title' in de.toml of .* stands in no table"),
        ("[dice]\nresult = 6", "'dice.result' of .* is no text"),
        ("[dice]\nresult = 'Eine {'", "'dice.result'"),
        ("[dice", "at the end|Expected"),
    ],
)
def test_a_packages_wording_is_checked_in_every_language_before_anybody_reads_it(
    package: Callable[[Mapping[str, str]], str], german: str, reason: str
) -> None:
    name = package({"en": "[dice]\nresult = 'You threw {n}.'", "de": german})
    with pytest.raises(ValueError, match=reason):
        locales.add(name)
    assert locales.text("dice.result") == "dice.result"
    assert locales.text("form.cancelled", language="de") == locales.text("form.cancelled")


def test_a_packages_wording_is_read(package: Callable[[Mapping[str, str]], str]) -> None:
    locales.add(package({"en": "[dice]\nresult = 'You threw {n}.'", "de": "[dice]\nresult = 'Eine {n}.'"}))
    assert locales.text("dice.result", {"n": 6}) == "You threw 6."
    assert locales.text("dice.result", {"n": 6}, "de-AT") == "Eine 6."
