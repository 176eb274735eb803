"""Text as platforms show it: commands as each spells them, and nothing that reorders or hides what stands around it."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import locales
from bot.commands.base import spelling, usage
from bot.messages import Field, Form, Message
from bot.platforms.console.render import Renderer
from bot.platforms.discord.controls import dialog
from bot.platforms.discord.render import bodies
from bot.platforms.telegram.render import render
from bot.text.cleaning import clean, command_reference
from tests.effort import times
from tests.topics import product_topics

COMMANDS = product_topics().commands
HALF_LINKS = re.compile(rf"/(?:{'|'.join(sorted(spec.name for spec in COMMANDS if ' ' in spec.name))})\b")


def on_telegram(text: str) -> str:
    return render(Message(text))[0].text


def on_discord(text: str) -> str:
    return bodies(Message(text))[0]["content"].replace("\\", "")


def on_console(text: str) -> str:
    return Renderer(lambda: None, styled=False).message(Message(text)).strip()


@pytest.mark.parametrize(
    ("shown", "spelt"),
    [(on_telegram, "/story_new"), (on_discord, "/story new"), (on_console, "/story new")],
)
def test_each_platform_spells_commands_its_own_way(shown: Callable[[str], str], spelt: str) -> None:
    assert shown(locales.text("story.list_empty")) == f"You have no stories yet. Start one with {spelt}."
    group = locales.text("command.group", {"name": "story new", "verbs": "now"})
    assert shown(group) == f"{spelt} needs one more word: now."


@pytest.mark.parametrize("key", sorted(locales.known_keys()))
def test_no_wording_shows_half_a_command_on_telegram(key: str) -> None:
    assert not HALF_LINKS.search(on_telegram(locales.text(key)))


def test_help_and_titles_of_forms_spell_commands_too() -> None:
    for spec in COMMANDS:
        assert on_telegram(usage(spec)).startswith(f"/{spelling(spec.name)}")
    title = command_reference("story new")
    assert render(Message("What about?", title=title))[0].text.startswith("/story_new\n")
    assert dialog(Form(title, "1.x", (Field("premise", "Premise"),)))["title"] == "/story new"


def test_what_a_person_wrote_is_not_spelt_anew() -> None:
    text = locales.text("story.no_such_title", {"title": "/story new {command:help}"})
    assert on_telegram(text) == "You have no story “/story new {command:help}”. /story_list shows yours."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Delete “\u202eevil”?", "Delete “evil”?"),
        ("\u2067a\u2069 \u202ab\u202c \u2066c", "a b c"),
        ("\u05e9\u05dc\u05d5\u05dd\u200f!", "\u05e9\u05dc\u05d5\u05dd\u200f!"),
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne"),
        ("\x1b[31mred\x07\x9b", "[31mred"),
        ("lone \ud83d end", "lone \ufffd end"),
        ("\ufdd0story new", "story new"),
    ],
)
def test_what_is_dropped(text: str, shown: str) -> None:
    assert clean(text) == shown


@settings(max_examples=times(30, 5_000), deadline=None)
@given(st.text(st.sampled_from("ab/ \n\r\x00\x1b\u202e\u2066\u2069\ufdd0\ufdd1\ud800\udc00\u200f*")))
def test_cleaning_ends_at_once_and_leaves_nothing_that_reorders(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert not set(cleaned) & set("\r\x00\x1b\u202e\u2066\u2069\ufdd0\ufdd1\ud800\udc00")
    cleaned.encode()
