"""Macros of cards: what each stands for, one within another, and that they are no templates."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.personas.greetings import greetings
from db.personas.macros import MAX_EXPANDED, MacroValues, at_utc, expand
from tests.effort import times

NOW = datetime(2025, 11, 9, 16, 5, tzinfo=UTC)
SAM = MacroValues("Mira", "Sam", original="Rules.", seed=7, place="chat:3", now=NOW)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("{{char}} and {{User}}, {{ CHAR }}", "Mira and Sam, Mira"),
        ("<BOT> meets <user>, <Char>", "Mira meets Sam, Mira"),
        ("{{original}} More.", "Rules. More."),
        ("a{{// note }}b{{comment: note}}c{{hidden_key:sea}}d{{noop}}", "abcd"),
        ("{{reverse:abc}}", "cba"),
        ("{{reverse::{{user}}}}", "maS"),
        ("{{random:{{user}}}}!", "Sam!"),
        ("{{random:a\\,b}}", "a,b"),
        ("{{random::a}}{{pick: b }}", "ab"),
        ("{{roll:1}} {{roll d1}} {{roll::2d1+3}} {{ROLL:d0}}", "1 1 5 0"),
        ("{{roll:many}}", ""),
        ("{{time}} {{date}} {{weekday}}", "4:05 PM November 9, 2025 Sunday"),
        ("{{isotime}} {{isodate}} {{time_UTC+2}}", "16:05 2025-11-09 6:05 PM"),
        ("a\n\n{{trim}}\n\nb{{newline}}c", "ab\nc"),
        ("{{setvar::x::1}} {{unknown}} {{}}", "{{setvar::x::1}} {{unknown}} {{}}"),
        ("}} {{char", "}} {{char"),
        ("{{ {{user}} }}", "{{ Sam }}"),
        ("{% for x in y %}{{ x.y }}{# no #}", "{% for x in y %}{{ x.y }}{# no #}"),
        ("plain < text", "plain < text"),
    ],
)
def test_macros_stand_for(text: str, expanded: str) -> None:
    assert expand(text, SAM) == expanded


def test_what_a_macro_became_is_not_read_again() -> None:
    odd = replace(SAM, user="{{char}}, a::b")
    assert expand("{{user}}", odd) == "{{char}}, a::b"
    assert expand("{{random:{{user}}}}", odd) == "{{char}}, a::b"
    assert expand("{{random::{{user}}::{{user}}}}", odd) == "{{char}}, a::b"


def test_a_choice_stays_with_a_place_and_chance_with_a_seed() -> None:
    options = "{{%s:a,b,c,d,e,f,g,h}}"
    picks = {expand(options % "pick", replace(SAM, seed=seed)) for seed in range(20)}
    places = {expand(options % "pick", replace(SAM, place=f"chat:{n}")) for n in range(20)}
    randoms = {expand(options % "random", replace(SAM, seed=seed)) for seed in range(20)}
    assert (len(picks), len(places) > 3, len(randoms) > 3) == (1, True, True)
    within = {expand((options % "random") * 9, SAM)[n] for n in range(9)}
    assert len(within) > 1  # each stands for itself
    rolls = {int(expand("{{roll:2d6+3}}", replace(SAM, seed=seed))) for seed in range(300)}
    assert rolls == set(range(5, 16))


def test_without_a_time_what_asks_for_it_stays() -> None:
    assert expand("{{time}} {{char}}", replace(SAM, now=None)) == "{{time}} Mira"
    assert (at_utc("2025-11-09T17:05:00+01:00"), at_utc("2025-11-09T16:05:00"), at_utc("now")) == (NOW, NOW, None)


def test_the_work_is_bounded() -> None:
    began = time.thread_time()
    large = replace(SAM, original="x" * 3000)
    assert len(expand("{{original}}" * 50_000, large)) < 2 * MAX_EXPANDED + 600_000
    deep = "{{reverse:" * 20_000 + "a" + "}}" * 20_000
    expand(deep, SAM)
    expand("{{" * 100_000, SAM)
    assert time.thread_time() - began < 5


PIECES = st.sampled_from(
    ["{{", "}}", "char", "random", ":", "::", ",", "\\,", "roll", "2d6", "<user>", " ", "//", "\n"]
)


@given(st.lists(PIECES | st.text(st.characters(exclude_characters="\0"), max_size=3), max_size=30).map("".join))
@settings(max_examples=times(50, 5_000), deadline=None)
def test_any_text_is_expanded(text: str) -> None:
    found = expand(text, SAM)
    assert "\0" not in found
    assert expand(text, SAM) == found


def test_greetings_speak_to_a_person_by_name() -> None:
    card = {
        "name": "Mira", "nickname": "Mi", "greeting": "I am {{char}}, {{user}}.",
        "alternate_greetings": ["{{// x}}"], "group_greetings": ["All of you?"],
    }  # fmt: skip
    assert greetings(card, "Sam") == ("I am Mi, Sam.",)
    assert greetings(card, group=True) == ("I am Mi, friend.", "All of you?")
    assert greetings({"name": "Mira"}) == ()
