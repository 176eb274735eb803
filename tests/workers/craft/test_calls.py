"""Calls to choose at the end of a page: cut in every form, in many languages; questions of a story stay."""

import pytest

from tests.workers.craft.passages import good_pages, good_texts
from workers.craft.calls import without_calls
from workers.craft.pages import PageFacts, examine_page, shown_page
from workers.craft.settings import CraftSettings

SETTINGS = CraftSettings()
GOOD = good_pages()["en"][12]


@pytest.mark.parametrize("between", [" ", "\n\n"])
@pytest.mark.parametrize(
    "call",
    [
        "Will you open the door, or turn back? The choice is yours.",
        "You have two options: open the door or turn back.",
        "What path will you choose?",
        "What is your next move?",
        "Choose wisely!",
        "Now it is up to you to decide.",
        "What will you do next, brave traveler?",
        "What happens next is up to you.",
        "You must decide: open the door or turn back.",
        "Your story continues...",
        "If you open the door, turn to page 12.",
        "What do you do? Open the door? Turn back?",
        "Your adventure continues...",
        "What will you do? 1. Open it. 2.",
        "What do you do?\n1.",
    ],
)
def test_a_call_to_choose_is_cut(call: str, between: str) -> None:
    examined = examine_page(f"{GOOD}{between}{call}", PageFacts(), SETTINGS)
    assert examined.mended
    assert examined.output == GOOD
    assert shown_page(f"{GOOD}{between}{call}", PageFacts(), SETTINGS) == GOOD


@pytest.mark.parametrize("call", ["[Open the door] [Turn back]", "Choices:\n\nOpen the door.\n\nTurn back."])
def test_options_in_lines_of_their_own_are_cut(call: str) -> None:
    assert examine_page(f"{GOOD}\n\n{call}", PageFacts(), SETTINGS).output == GOOD


@pytest.mark.parametrize(
    ("language", "call"),
    [
        ("de", "Was möchtest du tun?"),
        ("de", "Die Wahl liegt bei dir."),
        ("de", "Fortsetzung folgt..."),
        ("es", "La decisión es tuya."),
        ("fr", "Que décides-tu de faire ?"),
        ("fr", "À suivre..."),
        ("ru", "Что ты будешь делать?"),
        ("zh", "你会怎么做？"),
    ],
)
def test_a_call_in_other_languages_is_cut(language: str, call: str) -> None:
    page = good_texts(language).pages[0].strip()
    assert examine_page(f"{page}\n\n{call}", PageFacts(language=language), SETTINGS).output == page


@pytest.mark.parametrize(
    "end",
    [
        "“What do you do?”",
        "“Well,” she says. “You are here now. What will you do?”",
        "Who has been here before you?",
        "What will you do without the lamp, when the oil is gone?",
        "Will he come back or not?",
        "The choice is hers.",
        "You must decide before the bell rings.",
        "The story that he tells continues at dawn.",
        "She asks whether you have options.",
        "You go to page 3 of the diary, and it is torn out.",
    ],
)
def test_a_question_of_the_story_stays(end: str) -> None:
    text = f"{GOOD} {end}"
    assert without_calls(text) == text
    assert without_calls(f"What do you do? You wait. {GOOD}") == f"What do you do? You wait. {GOOD}"


def test_somebodys_own_prompt_may_ask_for_a_call() -> None:
    text = f"{GOOD} What do you do?"
    assert examine_page(text, PageFacts(own_prompt=True), SETTINGS).output == text
