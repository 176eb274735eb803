"""Labels of buttons and dialogs: our own fit into Discord's, people's are shortened where a reader would."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import locales
from bot.actions.base import FormSpec
from bot.forms import fill
from bot.messages import Button, Field, Form, Select, SelectOption
from bot.platforms.discord import controls
from bot.platforms.discord.markdown import clean
from bot.topics import Topics
from tests.topics import product_topics

LANGUAGES = sorted(path.stem for path in Path(locales.__file__).parent.glob("*.toml"))
FAMILY = "👨‍👩‍👧‍👦"
DIARY = "I write it down — " + FAMILY * 20
"""A label whose 45th and 80th characters stand within an emoji."""


def forms(topics: Topics) -> Iterator[FormSpec]:
    for verb in topics.actions.names:
        spec = topics.actions.get(verb)
        if spec is not None and isinstance(spec.form, FormSpec):
            yield spec.form
    for name in topics.commands.names:
        command = topics.commands.get(name)
        if command is not None and (asked := fill(command, topics.actions).form()) is not None:
            yield asked


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_forms_fit_into_a_dialog(language: str) -> None:
    seen = 0
    for form in forms(product_topics()):
        title = clean(locales.text(form.title, language=language))
        assert len(title) <= controls.TITLE, title
        for field in form.fields:
            label, example = (locales.text(key, language=language) for key in (field.label, field.placeholder))
            assert len(clean(label)) <= controls.TITLE, (form.title, label)
            assert len(clean(example)) <= controls.PLACEHOLDER, (form.title, example)
            seen += 1
    assert seen > 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_buttons_show_their_whole_label(language: str) -> None:
    labels = [locales.wording(key, language) for key in locales.known_keys(language) if key.startswith("button.")]
    assert len(labels) > 10
    topics = product_topics()
    commands = [topics.commands.get(name) for name in topics.commands.names]
    labels += [label for each in commands if each for p in each.parameters for label, _ in p.choices]
    assert [label for label in labels if len(label) > controls.LABEL] == []


def test_people_s_labels_end_between_two_characters_they_see() -> None:
    (row,) = controls.components(((Button(DIARY, "1.own.1"), Button("x" * 80, "1.own.2")),))
    long, whole = (button["label"] for button in row["components"])
    assert long == "I write it down — " + FAMILY * 8 + "…"
    assert whole == "x" * 80
    form = controls.dialog(Form(DIARY, "1.own.1", (Field("a", DIARY, placeholder="e\u0301" * 101),)))
    (field,) = form["components"][0]["components"]
    assert form["title"] == field["label"] == "I write it down — " + FAMILY * 3 + "…"
    assert field["placeholder"] == "e\u0301" * 49 + "…"


def test_the_lines_of_a_list_too() -> None:
    select = Select("e\u0301" * 80, (SelectOption(DIARY, "1.own.1", description="e" * 101),))
    (row,) = controls.components((), (select,))
    (menu,) = row["components"]
    (option,) = menu["options"]
    assert menu["placeholder"] == "e\u0301" * 74 + "…"
    assert (option["label"], option["description"]) == ("I write it down — " + FAMILY * 11 + "…", "e" * 99 + "…")


def test_one_character_that_is_longer_than_the_label_is_cut() -> None:
    (row,) = controls.components(((Button("e" + "\u0301" * 200, "1.own.1"),),))
    (button,) = row["components"]
    assert button["label"] == "e" + "\u0301" * 78 + "…"
