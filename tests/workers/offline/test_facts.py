"""Facts without a model: plain statements, one for each slot, and nothing from questions and small talk."""

import pytest

from workers.context.jumps import jump_positions, jumps_at_start
from workers.offline import facts, plots


def found(*lines: tuple[str, str], known: tuple[tuple[str, str], ...] = ()) -> list[str]:
    return [each["fact"] for each in facts.find(lines, known, 8)]


@pytest.mark.parametrize(
    "said",
    [
        "My name is Samuel.", "Well, I live in Brest now.", "I'm allergic to nuts.", "My brother is called Anselm.",
        "I work as a cook.", "My favourite colour is blue.", "I'll bring you the key tomorrow.", "I have two cats.",
    ],
)  # fmt: skip
def test_a_plain_statement_is_a_fact(said: str):
    assert found(("Sam", said)) == [f"Sam says: {said}"]


@pytest.mark.parametrize(
    "said", ["Hello there!", "Do you know that I live in Brest?", "It rains again.", "そうですね。"]
)
def test_small_talk_and_questions_are_none(said: str):
    assert found(("Sam", said)) == []


def test_a_new_statement_replaces_the_known_one_of_its_slot():
    known = (("Sam", "Sam says: I live in Lyon."), ("Sam", "Sam says: My favourite food is rice."))
    (home,) = facts.find([("Sam", "I moved to Brest.")], known, 8)
    assert home["replaces"] == [1]
    (other,) = facts.find([("Bo", "I live in Brest.")], known, 8)
    assert other["replaces"] == []
    (colour,) = facts.find([("Sam", "My favourite colour is blue.")], known, 8)
    assert colour["replaces"] == []


def test_of_two_statements_the_later_holds():
    assert found(("Sam", "I live in Lyon."), ("Sam", "I live in Brest.")) == ["Sam says: I live in Brest."]


def test_a_page_names_whom_a_fact_is_about():
    (fact,) = facts.find([("", "It is dark. Tamsel is hurt. You run.")], (), 8)
    assert (fact["about"], fact["fact"], fact["line"]) == ("Tamsel", "Tamsel is hurt.", 1)


def test_the_weightiest_are_kept_in_their_order():
    lines = [("Sam", "I love tea."), ("Sam", "My name is Samuel.")]
    lines += [("Sam", f"I hate {n}x.") for n in ("a", "b", "c", "d", "e", "f", "g", "h", "i")]
    kept = found(*lines)
    assert len(kept) == 8
    assert kept[:2] == ["Sam says: I love tea.", "Sam says: My name is Samuel."]


def test_notes_of_a_story_are_deterministic_and_bounded():
    pages = [f"Then you meet Tamsel{n}. Now Tamsel{n} waits in the hall. Who is Tamsel{n}?" for n in range(30)]
    bounds = {"chars": 900, "most_threads": 8, "most_characters": 10, "text": 160}
    notes = plots.notes("", [], [], pages, **bounds)
    assert notes == plots.notes("", [], [], pages, **bounds)
    assert len(notes["threads"]) == 8
    assert len(notes["characters"]) == 10
    assert len(notes["outline"]) <= 1000
    more = plots.notes(notes["outline"], notes["threads"], notes["characters"], ["It rains."], **bounds)
    assert more["characters"] == notes["characters"]


@pytest.mark.parametrize(
    ("text", "jumps"),
    [
        ("Three years later, the tower is a ruin.", True),
        ("*Two weeks later* she writes again.", True),
        ("Drei Jahre später steht der Turm noch.", True),
        ("Спустя много лет башня стоит.", True),
        ("三年後、塔はまだ立っている。", True),
        ("You wait for years. Days later you leave.", False),
        ("A moment later the door opens.", False),
        ("The door opens.", False),
    ],
)
def test_a_time_jump_is_said_at_the_beginning(text: str, jumps: bool):
    assert jumps_at_start(text) is jumps
    assert jump_positions(["x", text], 4) == ([5] if jumps else [])
