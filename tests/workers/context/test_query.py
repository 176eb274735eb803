"""What of the archive a turn needs."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.context.query import ASKED, GOING_ON, MOST_CHARS, archive_need

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "Hello!", "Go on.", "ok", "Thanks", "Weiter, bitte.", "…", "Ha ha"])
def test_what_says_nothing_needs_nothing(text: str):
    assert archive_need(text, "The lighthouse stood in the rain.", now=NOW) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What is the name of my dog?", "name"),
        ("Do you remember the red lantern", "lantern"),
        ("Weißt du noch, wie mein Hund heißt?", "Hund"),
        ("Tu te souviens de ma sœur ?", "sœur"),
        ("¿Recuerdas a mi hermana?", "hermana"),
        ("私の猫を覚えていますか", "私の猫を覚えていますか"),
        ("你还记得我的猫吗？", "你还记得我的猫吗"),
        ("Ты помнишь мою собаку", "собаку"),
    ],
)
def test_a_question_about_the_past_is_worth_more(text: str, words: str):
    need = archive_need(text, now=NOW)
    assert need is not None
    assert words in need.words
    assert need.passages == ASKED


def test_who_goes_on_needs_less():
    need = archive_need("I open the iron door and call for Tamsel.")
    assert need is not None
    assert need.passages == GOING_ON
    assert need.names == ("Tamsel",)


def test_a_short_question_is_about_those_who_were_named_before():
    need = archive_need("And her sister?", "Yesterday I saw Marlow at the harbour. She waved.")
    assert need is not None
    assert need.names == ("Marlow",)
    assert need.words == "Marlow sister"
    assert archive_need("Yes.", "I saw Marlow.") is None


def test_a_known_name_counts_at_the_beginning_and_in_small_letters():
    for text in ("Rufus barks.", "where is rufus"):
        need = archive_need(text, known=["Rufus", "Max", ""])
        assert need is not None
        assert need.names[0] == "Rufus"
        assert "Max" not in need.words


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("What did I eat yesterday?", 2, 0),
        ("What did we talk about three weeks ago?", 25, 17),
        ("Was habe ich vor 2 Tagen gesagt?", 4, 0),
        ("Qu’ai-je dit il y a deux mois ?", 80, 40),
        ("¿Qué dije hace un año?", 608, 122),
        ("昨日は何を食べた？", 2, 0),
        ("Что я сказал две недели назад?", 18, 10),
        ("last year we went to sea", 731, 0),
    ],
)
def test_what_is_said_of_days_limits_the_search(text: str, first: int, last: int):
    need = archive_need(text, now=NOW)
    assert need is not None
    assert (need.since, need.until) == (NOW - timedelta(days=first), NOW - timedelta(days=last))
    assert need.passages == ASKED
    assert not {"yesterday", "weeks", "Tagen"} & set(need.words.split())


def test_a_story_has_no_days():
    need = archive_need("I ask what happened three weeks ago at the mill.")
    assert need is not None
    assert (need.since, need.until) == (None, None)


@given(st.text(max_size=4 * MOST_CHARS), st.text(max_size=200), st.lists(st.text(max_size=20), max_size=5))
def test_any_text_is_read_within_bounds(text: str, before: str, known: list[str]):
    need = archive_need(text, before, known=known, now=NOW)
    if need is not None:
        assert len(need.text) <= MOST_CHARS + 1
        assert need.passages in (ASKED, GOING_ON)
        assert need.since is None or need.since < (need.until or NOW)
