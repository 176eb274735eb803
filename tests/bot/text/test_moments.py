"""Moments in wordings: Discord counts down by itself, the others say how far away it is."""

from datetime import UTC, datetime, timedelta

import pytest

from bot import locales
from bot.messages import Button, Message, Table
from bot.platforms.console.render import Renderer
from bot.platforms.discord.render import bodies
from bot.platforms.telegram.render import render
from bot.text.moments import OPEN, moment_reference, relative

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "in a moment"),
        (0, "in a moment"),
        (1, "in 1 min"),
        (61, "in 2 min"),
        (3600, "in 1 h"),
        (2 * 3600 + 9 * 60 + 30, "in 2 h 10 min"),
        (24 * 3600, "in 1 day"),
        (26 * 3600, "in 1 day 2 h"),
        (9 * 86400 + 3600, "in 9 days"),
    ],
)
def test_a_moment_in_words(seconds: float, words: str) -> None:
    assert relative(NOW + timedelta(seconds=seconds), locales.text_of("en"), NOW) == words


def test_each_platform_shows_it_its_own_way() -> None:
    at = datetime.now(UTC) + timedelta(hours=3)
    text = f"*Soon*: {moment_reference(at, locales.text_of('en'))}."
    assert render(Message(text))[0].text == "Soon: in 3 h."
    assert bodies(Message(text))[0]["content"] == f"*Soon*: <t:{int(at.timestamp())}:R>."
    assert Renderer(lambda: None, styled=False).message(Message(text)).strip() == "Soon: in 3 h."


def test_a_wording_takes_it_as_it_is_stored() -> None:
    assert locales.fill("More {when:moment}", {"when": NOW.isoformat()}).startswith(f"More {OPEN}")
    assert locales.fill("More {when:moment}", {"when": "who knows"}) == "More who knows"
    assert locales.fill("More {when:moment}", {}) == "More {when}"


def test_nobody_else_makes_a_timestamp() -> None:
    assert bodies(Message("\ue00012\ue001 and <t:1:R>"))[0]["content"] == r"12 and \<t:1:R>"


def test_where_discord_reads_no_markdown_it_is_words() -> None:
    at = moment_reference(datetime.now(UTC) + timedelta(hours=3), locales.text_of("en"))
    (body,) = bodies(Message("", table=Table(("What", "When"), (("a page", at),)), buttons=((Button(at, "a"),),)))
    assert "in 3 h" in body["content"]
    assert body["components"][0]["components"][0]["label"] == "in 3 h"
