"""Who of several personas answers a text: named, replied to, all, or whose turn it is."""

from typing import Final

import pytest

from bot.turn_order import MOST, Candidate, answering

VEX: Final = Candidate(1, ("Vex",), talkativeness=1.0, spoke=9)
MARLOW: Final = Candidate(2, ("Captain Marlow", "Marlow"), talkativeness=0.0, spoke=5)
ANNA: Final = Candidate(3, ("Anna Berg",), talkativeness=1.0, spoke=7)
LIND: Final = Candidate(4, ("Anna Lind",), talkativeness=1.0, when_called=True, spoke=1)
YUKI: Final = Candidate(5, ("雪", "Yuki"), talkativeness=0.0, spoke=3)
ALL: Final = (VEX, MARLOW, ANNA, LIND, YUKI)
EVERYBODY: Final = ("everybody", "all of you", "y'all")


@pytest.mark.parametrize(
    ("text", "replied_to", "expected"),
    [
        ("Vex, are you there?", None, [1]),
        ("VEX!", None, [1]),
        ("Is that Vex's hat?", None, [1]),
        ("The convex mirror is vexing, Marlow.", None, [2]),
        ("marlow and vex", None, [2, 1]),
        ("the captain is late, Vex", None, [1]),
        ("Anna?", None, [3, 4]),
        ("Anna Berg?", None, [3]),
        ("Anna Lind, tell Anna about it", None, [4, 3]),
        ("anna  berg", None, [3]),
        ("_Marlow_?", None, [2]),
        ("Y’all, listen", None, [4, 5, 2]),
        ("雪さん、こんにちは", None, [5]),
        ("Ｙｕｋｉ, hello", None, [5]),
        ("yukiko, hello Marlow", None, [2]),
        ("And what then?", 4, [4]),
        ("And what then, Vex?", 4, [4, 1]),
        ("Marlow, say it again", 2, [2]),
        ("Hello everybody", None, [4, 5, 2]),
        ("All of you, listen", 1, [4, 5, 2]),
        ("everybodys fault", 1, [1]),
        ("Vex, Marlow, Yuki and Anna Berg", None, [1, 2, 5]),
        ("Nice weather.", None, [3, 1]),
        ("Nice weather.", 77, [3, 1]),
    ],
)
def test_who_answers(text: str, replied_to: int | None, expected: list[int]) -> None:
    assert answering(ALL, text, replied_to=replied_to, everybody=EVERYBODY, seed="7") == expected


def test_one_alone_answers_whatever_is_said() -> None:
    assert answering([LIND], "Vex, hello") == [LIND.id]


def test_somebody_answers_where_nobody_joins_in() -> None:
    quiet = [Candidate(n, (name,), talkativeness=0.0, spoke=n) for n, name in enumerate(("Ann", "Bo", "Cy"), 1)]
    assert answering(quiet, "Hm.") == [1], "who was silent longest"
    assert answering([Candidate(1, ("Ann",), when_called=True), Candidate(2, ("Bo",), spoke=8)], "Hm.", seed="x") == [2]


def test_who_waits_to_be_called_answers_nothing_that_is_overheard() -> None:
    wait = [Candidate(n, (name,), when_called=True) for n, name in enumerate(("Ann", "Bo"), 1)]
    for present in (wait, wait[:1]):
        assert answering(present, "Hm.", overheard=True) == []
        assert answering(present, "Hm.") != []
        assert answering(present, "Ann?", overheard=True) == [1]
    assert answering([*wait, Candidate(3, ("Cy",), talkativeness=0.0)], "Hm.", overheard=True) == [3]


def test_a_seed_decides_alike_and_different_seeds_do_not() -> None:
    four = [Candidate(n, (f"Persona {n}",)) for n in range(1, 5)]
    chosen = [answering(four, "Hm.", seed=str(n)) for n in range(200)]
    assert chosen == [answering(four, "Hm.", seed=str(n)) for n in range(200)]
    assert {len(each) for each in chosen} == {1, 2, 3}
    assert max(map(len, chosen)) <= MOST
    counts = [sum(n in each for each in chosen) for n in range(1, 5)]
    assert min(counts) > 70, "everybody has their turn"


def test_the_talkative_speak_more() -> None:
    pair = [Candidate(1, ("Ann",), talkativeness=0.9), Candidate(2, ("Bo",), talkativeness=0.1)]
    chosen = [answering(pair, "Hm.", seed=str(n)) for n in range(200)]
    often, seldom = (sum(n in each for each in chosen) for n in (1, 2))
    assert often > 160
    assert 5 < seldom < 60


def test_turns_are_taken_in_the_order_of_silence() -> None:
    keen = [Candidate(n, (f"P{n}",), talkativeness=1.0, spoke=spoke) for n, spoke in ((1, 30), (2, 10), (3, 20))]
    assert answering(keen, "Hm.") == [2, 3, 1]


@pytest.mark.parametrize("name", ["", " ", "🦊", "(((", "The", "the", "Dr.", "a", "*Vex*", "\\", "名" * 200])
def test_odd_names_name_nobody_by_chance(name: str) -> None:
    odd = [Candidate(1, (name,), talkativeness=0.0, spoke=1), Candidate(2, ("Bo",), talkativeness=1.0, spoke=2)]
    assert answering(odd, "the fox is a sort of nothing") == [2]
    if name.strip():
        assert answering(odd, f"so, {name}?")[0] == 1 or name.casefold() in {"the", "a"}
