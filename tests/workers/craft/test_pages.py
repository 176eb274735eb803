"""The gate for pages: what is bad is named and, where deletion suffices, mended; what is good passes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import times
from tests.workers.craft.passages import good_pages, made_up
from workers.craft.findings import CraftExamination
from workers.craft.pages import CHECKS, PageFacts, examine_page, shown_page
from workers.craft.settings import CraftSettings
from workers.offline.story import position_of, write_page

SETTINGS = CraftSettings()
TOLD = (
    "The story goes on. Do not resolve it. Begin with the direct, concrete consequence of the player's action.\n"
    "Keep every established fact: names, places, injuries, objects, who knows what."
)
GOOD, OTHER = good_pages()["en"][12:14]


def examine(text: str, **facts: object) -> CraftExamination[str]:
    return examine_page(text, PageFacts(instructions=TOLD, **facts), SETTINGS)  # pyright: ignore[reportArgumentType]


def failed(text: str, **facts: object) -> set[str]:
    return {finding.check for finding in examine(text, **facts).failed}


FIRST, REST = GOOD.split("\n\n", 1)
PAST = (
    "You walked down the stairs. It was dark, and you heard somebody breathe. You took the lamp from its hook "
    "and held it "
    "high. You were not afraid, you told yourself, and opened the door. Behind it was a room without windows. "
    "You looked "
    "at the walls, which were wet. You saw a chair, and on the chair lay a coat that you knew. You picked it "
    "up, and in "
    "its pocket you found a letter. It had your name on it, and the ink was not yet dry."
)
PREMISE = "A keeper of bees who has lost her sense of smell finds a letter in the last hive. It names her mother."
BAD = {
    "short": "You follow the line of chalk to the wall.",
    "fragment": GOOD + "\n\nBehind you a door opens, and before you can turn round somebody puts a",
    "instructions": GOOD + " Keep every established fact: names, places, injuries, objects, who knows what.",
    "premise": PREMISE + " You follow the line.",
    "opening": FIRST + "\n\n" + OTHER,
    "loop": "You see the door of the bakery. You see the door of the bakery. " * 12,
    "about_text": "The passage continues with the discovery of a coin. " + GOOD,
    "person": "The old man walks along the shore and looks at the sea. He thinks of his daughter, who left him in the "
    "spring. The gulls cry. He takes off his shoes and steps into the water, which is cold, and he laughs for "
    "the first "
    "time in years. A boat comes round the rocks with its sail down, and nobody is in it. He wades out to it and "
    "takes hold of the rope, and the rope is dry, as if it had never been at sea in all his years.",
    "tense": PAST,
    "headings": "# The Baker's Wall\n\n" + GOOD,
    "options": GOOD + "\n\nWhat do you do?\n1. Take the coin\n2. Open the oven\n3. Leave",
}


@pytest.mark.parametrize("check", BAD)
def test_what_is_wrong_with_a_page_is_named(check: str) -> None:
    assert check in failed(BAD[check], premise=PREMISE, earlier=[GOOD] if check == "opening" else [])


def test_every_check_is_named_once_and_says_what_is_wrong_in_at_most_six_words() -> None:
    names = [check.name for check in CHECKS]
    assert len(names) == len(set(names))
    assert all(len(check.reason.split()) <= 6 and check.fails.__doc__ for check in CHECKS)


@pytest.mark.parametrize("language", ["de", "es", "fr", "ja", "ru", "zh", "pl"])
def test_a_page_in_another_language_than_asked_for_is_refused(language: str) -> None:
    assert "language" in failed(GOOD, language=language)
    assert "language" in failed(good_pages()[language][0], language="en")
    assert "language" not in failed(GOOD, language="tlh")


@pytest.mark.parametrize(
    ("written", "gone"),
    [
        ("Sure! Here is the next page:\n\n" + GOOD, "Sure"),
        ("## Page 2\n\n" + GOOD, "Page 2"),
        ("**The Baker's Wall**\n\n" + GOOD, "Baker's Wall**"),
        ("Title: The Wall\n\n" + GOOD, "Title"),
        ("Kapitel 3\n\n" + GOOD, "Kapitel"),
        (GOOD + "\n\nChoices:\n\n- Take the coin\n- Leave the bakery", "Take the coin"),
        (GOOD + "\n\nA) Take the coin\nB) Leave the bakery", "Leave the bakery"),
        (GOOD + "\n\nOption 1: Take the coin\nOption 2: Leave", "Option"),
        (GOOD + "\n\nThe story goes on.", "goes on"),
        (GOOD + "\n\nI hope this helps! Let me know if you want more.", "hope"),
        (GOOD + "\n\nUser: I take the coin.\nAssistant: You take it.", "I take the coin"),
        (GOOD + "\n\n> The player chose: take the coin\n\nYou take it.", "player"),
        (GOOD + "\n\n" + FIRST, "\n\n" + FIRST),
        (GOOD + "\n\nHe turns to you and says that the key to the", "that the key"),
        (GOOD + " The heat rises." * 40, "The heat rises. The heat rises."),
    ],
)
def test_what_deletion_mends_is_mended(written: str, gone: str) -> None:
    examined = examine(written)
    assert examined.failed
    assert examined.mended, examined.findings
    assert gone not in examined.output
    assert examined.output.split("\n\n")[0] == FIRST


def test_a_page_of_the_prompts_own_words_is_not_mended_into_one() -> None:
    examined = examine("The story goes on.")
    assert not examined.passed
    assert examined.output == ""


@pytest.mark.parametrize(
    "frame",
    ["You've got a new story, science fiction, and it's rated general.", "The story is a spaceship with a cannon."],
)
def test_what_a_model_makes_of_the_frame_of_its_prompt_is_cut(frame: str) -> None:
    examined = examine(f"{GOOD}\n\n{frame}")
    assert examined.mended
    assert examined.output == GOOD


def test_a_page_that_copies_an_earlier_one_is_refused() -> None:
    shuffled = " ".join(reversed(GOOD.replace("\n\n", " ").split(". ")))
    assert "earlier" in failed(GOOD, earlier=[OTHER, GOOD])
    assert "earlier" in failed(shuffled, earlier=[GOOD])
    assert not failed(OTHER, earlier=[GOOD])


def test_somebodys_own_prompt_may_ask_for_another_person_and_tense() -> None:
    assert failed(PAST, own_prompt=True) == set()
    assert "person" not in failed(BAD["person"], own_prompt=True)


def test_an_ending_may_be_shorter_and_dense_scripts_need_fewer_characters() -> None:
    ending = GOOD[:230] + "."
    assert failed(ending, ending=True) == set()
    assert "short" in failed(ending)
    chinese = good_pages()["zh"][0]
    assert len(chinese) < 350
    assert not failed(chinese, language="zh")


@pytest.mark.parametrize("language", good_pages())
def test_good_prose_passes(language: str) -> None:
    earlier: list[str] = []
    for page in good_pages()[language]:
        assert failed(page, language=language, earlier=earlier[-6:]) == set(), page
        earlier.append(page)


def test_good_prose_in_any_mixture_passes() -> None:
    assert [page for page in made_up(times(40, 100)) if failed(page)] == []


def test_the_offline_writers_pages_pass() -> None:
    premises = [
        "A lighthouse keeper finds a door under the sea",
        "Mara, a thief, steals the last letters on Mars",
        "run!!!",
    ]
    alarms = pages = 0
    for seed in range(times(8, 300)):
        path: list[dict[str, str]] = []
        earlier: list[str] = []
        for number in range(1, 8):
            premise = premises[seed % 3]
            told = {"premise": premise, "seed": seed, "page_number": number, "path": path}
            page = write_page(position_of(told))
            alarms += bool(failed(page.text, premise=premise, earlier=earlier[-6:], ending=page.ending))
            pages += 1
            earlier.append(page.text)
            path = [*path, {"text": "Look closer", "kind": ("bold", "careful", "curious")[(seed + number) % 3]}]
    assert alarms <= 0.02 * pages


def test_while_it_is_written_only_what_passed_is_shown() -> None:
    facts = PageFacts(instructions=TOLD)

    def shown(text: str) -> str:
        return shown_page(text, facts, SETTINGS)

    assert shown("Sure! Here is the") == ""
    assert (
        shown("Sure! Here is the next page:\n\nThe chalk line ends at the wall. You put")
        == "The chalk line ends at the wall."
    )
    assert shown(GOOD + "\n\nWhat do you") == GOOD
    assert shown(GOOD + "\n\n1. Take the") == GOOD
    assert shown(GOOD + "\n\n**The") == GOOD
    assert shown("La porte s’ouvre, et tu entres dans la chambre, qui est vide comme les autres, avec un lit.") == ""
    loop = "You see the door of the bakery and the boy. "
    assert shown(FIRST + " " + loop * 5).count(loop.strip()) <= 1


@settings(max_examples=times(40, 2000), deadline=None)
@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\n .*_#:“”\"'-1aA")), max_size=300))
def test_any_text_is_examined_and_mending_it_again_changes_nothing_more(text: str) -> None:
    examined = examine(text, earlier=[GOOD], premise=PREMISE)
    assert len(examined.output) <= len(text)
    if examined.passed:
        assert examine(examined.output, earlier=[GOOD], premise=PREMISE).output == examined.output
    shown_page(text, PageFacts(), SETTINGS)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    [
        ".",
        "…",
        "*",
        "“",
        '"',
        "\n",
        " ",
        "a",
        "a ",
        "A:",
        "**",
        "# ",
        "?” ",
        "(",
        "你",
        "1. \n",
        "you say ",
        ".'",
        "the ai ",
    ],
)
def test_odd_texts_take_linear_time(unit: str) -> None:
    size = times(4_000, 20_000)
    text = (unit * size)[:size]
    examine(text, earlier=[text], premise=text)
    examine(text + "x", earlier=[text[::-1]])
