"""Properties of the story grammar, as a reader would notice their absence."""

import re
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.effort import times
from workers.offline.catalog import KINDS, Genre, catalog
from workers.offline.dice import roll
from workers.offline.english import base_verb, second_person, with_article
from workers.offline.grammar import slots_of
from workers.offline.premise import World, build_world, clean, find_genre
from workers.offline.story import (
    Position,
    TakenChoice,
    WrittenPage,
    phase_of,
    prevailing_kind,
    suggest_choices,
    write_page,
)

WHO = [
    "a keeper",
    "an old robot",
    "two sisters",
    "Mara, a thief,",
    "the honest heir",
    "pirates",
    "I",
    "a unicorn hunter",
]
DOES = ["finds", "steals", "must protect", "falls in love with", "is hired to bury", "forgets"]
WHAT = ["a door", "an hour", "the last letters", "a European map", "one wish", "nothing", "an umbrella of bones"]
WHERE = ["under the sea", "on Mars", "in an abandoned hotel", "at the edge of the world", "", "before the storm comes"]
OWN = [
    "I light my pipe and sing to the fish", "“Who are you?”", "run!!!", "🔥", "what is behind it?", "be careful",
    "The keeper opens the door", "{place} <b>x</b> [a|b]", "海へ行く", "I try to wake them. Then I leave.", "",
    "x" * 400,
]  # fmt: skip
WEIRD = [
    "", " ", "🦊🦊🦊", "海の下の扉", "<script>alert(1)</script>", "{place} {unknown} [a|b]", "a" * 5000,
    "a a a a the the", "**bold** _under_ `code`", "дверь под морем", "\x00\x01\n\n\t", "A!", "the the the of of",
    "\u202etxet", "e\u0301" * 50, "SHOUTING ALL THE WAY HOME", "“quoted” and 'quoted'", "one", "a\nb\nc", "an",
    "1 2 3 4",
]  # fmt: skip


def sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?…])[”’]?\s+", text) if len(part.split()) > 3]


def play(world: World, seed: int, pages: int, *, own: bool = False) -> tuple[list[WrittenPage], list[TakenChoice]]:
    path: list[TakenChoice] = []
    written: list[WrittenPage] = []
    for number in range(1, pages + 1):
        position = Position(world, tuple(path), number, roll(3, seed, "variant", number))
        page = write_page(position)
        written.append(page)
        if page.ending:
            break
        choices = suggest_choices(position, 2 + roll(3, seed, "count", number), page.text)
        assert 2 <= len(choices) <= 4
        assert len({choice.text for choice in choices}) == len(choices)
        assert len({choice.kind for choice in choices}) >= 2
        for choice in choices:
            check_text(choice.text)
        choice = choices[roll(len(choices), seed, "choice", number)]
        mine = own and roll(2, seed, "own", number)
        path.append(
            TakenChoice(OWN[(seed + number) % len(OWN)], "own") if mine else TakenChoice(choice.text, choice.kind)
        )
    return written, path


def check_text(text: str) -> None:
    assert text == text.strip()
    assert not re.search(r"[{}\[\]|]", text), text
    assert "  " not in text
    assert not re.search(r"\s[,.;!?]|\.\.|,,|\b(the|a|an) (the|a|an)\b", text.replace("…", "")), text
    article = re.search(r"\b(a [aeio]|an [bcdfgjklmnpqrstvwxyz])", re.sub(r"\b[aA] one\b", "", text))
    assert not article, text
    assert not re.search(r"(?:^|[.!?] )[“]?(?:the|a|an|you|it) [a-z]", text), text


def premise_of(seed: int) -> str:
    parts = [pool[roll(len(pool), seed, number)] for number, pool in enumerate((WHO, DOES, WHAT, WHERE))]
    return " ".join(" ".join(parts).split())


@pytest.mark.parametrize("block", range(6))
def test_three_hundred_stories_never_repeat_a_sentence(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        genre = list(catalog().genres)[seed % 6]
        written, _ = play(build_world(premise_of(seed), genre, seed), seed, 10, own=bool(seed % 2))
        seen: dict[str, int] = {}
        for number, page in enumerate(written, 1):
            check_text(page.title)
            for paragraph in page.text.split("\n\n"):
                check_text(paragraph)
            for sentence in sentences(page.text):
                assert sentence not in seen, (seed, number, seen[sentence], sentence)
                seen[sentence] = number


def test_pages_have_the_length_of_a_page() -> None:
    for seed in range(60):
        written, _ = play(build_world(premise_of(seed), "", seed), seed, 14)
        for page in written:
            assert 140 <= len(page.text.split()) <= 330, page.text
            assert 3 <= len(page.text.split("\n\n")) <= 6


def test_stories_end_between_page_eight_and_twelve() -> None:
    lengths = {len(play(build_world(premise_of(seed), "", seed), seed, 14)[0]) for seed in range(80)}
    assert min(lengths) >= 8
    assert max(lengths) <= 12
    assert len(lengths) >= 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_ending_answers_how_the_story_was_played(kind: str) -> None:
    world = build_world("a keeper finds a door under the sea", "fantasy", 3)
    path: list[TakenChoice] = []
    page = write_page(Position(world, (), 1))
    while not page.ending:
        choices = suggest_choices(Position(world, tuple(path), len(path) + 1), 3)
        path.append(next(TakenChoice(choice.text, choice.kind) for choice in choices if choice.kind == kind))
        page = write_page(Position(world, tuple(path), len(path) + 1))
    assert page.title in {ending.title for ending in catalog().endings if ending.kind == kind}
    assert prevailing_kind(path) == kind


@settings(max_examples=times(20, 60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    premise=st.text(max_size=300),
    genre=st.text(max_size=20),
    seed=st.integers(),
    actions=st.lists(st.text(max_size=80), max_size=9),
)
def test_any_text_at_all_makes_a_page_and_the_same_page_again(
    premise: str, genre: str, seed: int, actions: list[str]
) -> None:
    path = tuple(TakenChoice(text, "own") for text in actions)
    first = Position(build_world(premise, genre, seed), path, len(path) + 1)
    again = Position(build_world(premise, genre, seed), path, len(path) + 1)
    page = write_page(first)
    assert page == write_page(again)
    assert suggest_choices(first, 3, page.text) == suggest_choices(again, 3, page.text)
    assert not re.search(r"[{}\[\]|]|  ", page.text)


@pytest.mark.parametrize("premise", WEIRD)
def test_weird_premises_still_make_stories(premise: str) -> None:
    written, _ = play(build_world(premise, "", 5), 5, 14)
    assert written[-1].ending
    for page in written:
        for paragraph in page.text.split("\n\n"):
            assert not re.search(r"[{}\[\]|<>\x00]|  ", paragraph), paragraph


def test_the_page_takes_up_the_choice() -> None:
    world = build_world("a keeper finds a door under the sea", "fantasy", 1)
    first = Position(world, (), 1)
    thens: set[str] = set()
    for choice in suggest_choices(first, 3, write_page(first).text):
        page = write_page(Position(world, (TakenChoice(choice.text, choice.kind),), 2))
        opening = page.text.split("\n\n")[0]
        scene = next(s for s in catalog().openings if choice.text in {s.option(kind).do for kind in KINDS})
        assert opening == scene.option(choice.kind).then
        thens.add(opening)
    assert len(thens) == 3


@pytest.mark.parametrize(
    ("action", "taken_up"),
    [
        ("I light my pipe and sing to the fish", "you light your pipe and sing to the fish"),
        ("open the door", "you open the door"),
        ("Let's go home", "you go home"),
        ("The keeper opens the door", "you open the door"),
        ("“Who are you?”", "“Who are you?”"),
        ("xyzzy", "“xyzzy”"),
    ],
)
def test_own_actions_are_taken_up_in_second_person(action: str, taken_up: str) -> None:
    world = build_world("a keeper finds a door under the sea", "fantasy", 1)
    page = write_page(Position(world, (TakenChoice(action, "own"),), 2))
    assert taken_up.casefold() in page.text.split("\n\n")[0].casefold()


def test_a_retry_is_another_page_with_other_choices() -> None:
    world = build_world("a keeper finds a door under the sea", "fantasy", 1)
    path: tuple[TakenChoice, ...] = ()
    for number in range(1, 14):
        pages = [write_page(Position(world, path, number, variant)) for variant in range(3)]
        assert len({page.text for page in pages}) == 3 or pages[0].ending
        assert pages[0].text != pages[1].text
        if pages[0].ending:
            return
        choice = suggest_choices(Position(world, path, number), 3)[number % 3]
        path = (*path, TakenChoice(choice.text, choice.kind))
    raise AssertionError("the story did not end")


def test_choices_for_a_page_of_another_engine_name_things_on_it() -> None:
    world = build_world("a keeper finds a door under the sea", "fantasy", 1)
    text = "You step into the workshop. A lantern swings above the broken staircase. A rope hangs from a hook."
    choices = suggest_choices(Position(world, (), 4), 3, text)
    assert [choice.kind for choice in choices] == ["bold", "careful", "curious"]
    assert all(any(thing in choice.text for thing in ("hook", "rope", "staircase", "lantern")) for choice in choices)
    japanese = suggest_choices(Position(world, (), 4), 4, "扉は開いている。")
    assert len(japanese) == 4


def test_the_story_speaks_of_what_the_premise_says() -> None:
    world = build_world("a keeper finds a door under the sea", "", 1)
    text = " ".join(page.text for page in play(world, 1, 12)[0])
    assert find_genre("", "a keeper finds a door under the sea") == "fantasy"
    for word in ("keeper", "the door", "under the sea"):
        assert word in text


@pytest.mark.parametrize(
    ("premise", "role", "thing", "place"),
    [
        ("a keeper finds a door under the sea", "keeper", "the door", "under the sea"),
        ("Two sisters inherit a haunted lighthouse on an island", "sister", "the haunted lighthouse", "on the island"),
        ("Mara, a thief, steals the moon", "thief", "the moon", None),
        ("Detective Ona Pell finds a body in an elevator", "detective", "the body", "in the elevator"),
        ("A young blind lighthouse keeper guards the lost letters", "keeper", "the lost letters", None),
        ("The last library on Mars", None, "the last library", "on Mars"),
        ("A baker and a violinist fall in love during the lantern festival", "baker", "the lantern festival", None),
        ("Pirates search the ruins on an island", "pirate", None, "on the island"),
    ],
)
def test_reading_premises(premise: str, role: str | None, thing: str | None, place: str | None) -> None:
    slots = build_world(premise, "", 1).slots
    text = {name: value if isinstance(value, str) else value.text for name, value in slots.items()}
    for name, expected in (("role", role), ("object", thing), ("in_place", place)):
        assert expected is None or text[name] == expected


@pytest.mark.parametrize(
    ("genre", "premise", "expected"),
    [
        ("Sci-Fi", "", "science fiction"),
        ("dark fantasy", "", "fantasy"),
        ("", "a detective hunts a killer", "mystery"),
        ("", "the ghost in the attic", "horror"),
        ("", "a wedding without a groom", "romance"),
        ("", "qwerty", "adventure"),
    ],
)
def test_genres(genre: str, premise: str, expected: Genre) -> None:
    assert find_genre(genre, premise) == expected


def test_every_slot_of_the_material_exists() -> None:
    known = set(build_world("", "", 0).slots)
    allowed = {"deed", "words", "spot", "deed_one", "deed_two"}

    def strings(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
        return [text for item in items for text in strings(item)]

    for text in strings(catalog().model_dump()):
        assert slots_of(text) <= known | allowed, text


def test_first_pages_speak_of_nobody_not_yet_met() -> None:
    for scene in catalog().openings:
        everything = scene.text + "".join(scene.option(kind).do + scene.option(kind).then for kind in KINDS)
        assert not slots_of(everything) & {"companion", "companion_role", "token"}, scene.title
    for text in catalog().beats.pressure + catalog().beats.musings:
        assert "companion" not in slots_of(text)


def test_choices_are_unique_and_every_one_is_an_action_the_recap_can_tell() -> None:
    seen: set[str] = set()
    options = [scene.option(kind).do for scene in catalog().scenes() for kind in KINDS]
    for text in options + [extra.do for extra in catalog().extras]:
        assert text not in seen
        seen.add(text)
        assert second_person(text) is not None, text
        assert not text.endswith(".")
        assert 2 <= len(text.split()) <= 12


def test_the_material_is_large_enough() -> None:
    material = catalog()

    def count(scenes: Any) -> int:
        texts = [scene.text + " ".join(scene.option(kind).then for kind in KINDS) for scene in scenes]
        return len({sentence for text in texts for sentence in sentences(text)})

    assert count(material.openings + material.meetings) >= 150
    assert count(material.complications) >= 300
    endings = {sentence for ending in material.endings for sentence in sentences(ending.text)}
    assert count(material.turns + material.climaxes) + len(endings) >= 150


def test_a_page_takes_less_than_ten_milliseconds() -> None:
    world = build_world("a keeper finds a door under the sea", "", 1)
    path = tuple(TakenChoice("open the door", "own") for _ in range(7))
    began = time.thread_time()
    for variant in range(50):
        write_page(Position(world, path, 8, variant))
    assert (time.thread_time() - began) / 50 < 0.010


def test_small_english() -> None:
    words = ("hour", "unicorn", "umbrella", "heir", "one-eyed cat", "European", "elf")
    assert [with_article(word) for word in words] == [
        "an hour", "a unicorn", "an umbrella", "an heir", "a one-eyed cat", "a European", "an elf",
    ]  # fmt: skip
    assert [base_verb(verb) for verb in ("waits", "carries", "watches", "has", "goes", "dies")] == [
        "wait", "carry", "watch", "have", "go", "die",
    ]  # fmt: skip
    assert clean("<b>Hello</b>  {world} [x|y] 🦊 …") == "Hello world x y …"


def test_phases_come_in_order() -> None:
    world = build_world("a keeper finds a door under the sea", "", 9)
    phases = [phase_of(Position(world, (), page)) for page in range(1, 13)]
    order = list(dict.fromkeys(phases))
    assert order == ["opening", "meeting", "complication", "turn", "climax", "ending"] or order[-1] == "ending"
    assert phases.count("turn") == 1
    assert phases.count("climax") == 1
