"""The gate for choices: stock choices are left out, what is left is offered if it is enough."""

import pytest

from tests.effort import times
from tests.workers.craft.passages import good_pages
from workers.craft.choices import CHECKS, ChoiceFacts, ExaminedChoice, examine_choices
from workers.craft.findings import CraftExamination
from workers.craft.settings import CraftSettings
from workers.offline.story import position_of, suggest_choices, write_page

PAGE = good_pages()["en"][12]
GOOD = (
    ExaminedChoice("Take the coin from the boy", "bold"),
    ExaminedChoice("Listen at the warm bricks first", "careful"),
    ExaminedChoice("Ask what he is waiting to unlock", "curious"),
)
TOLD = "Each choice is one action the protagonist can begin this minute, with a person or thing that is on the page."


def examine(
    *texts: str | ExaminedChoice, page: str = PAGE, language: str = "en"
) -> CraftExamination[tuple[ExaminedChoice, ...]]:
    choices = [ExaminedChoice(each) if isinstance(each, str) else each for each in texts]
    return examine_choices(choices, ChoiceFacts(page=page, language=language, instructions=TOLD), CraftSettings())


def test_good_choices_pass() -> None:
    examined = examine(*GOOD)
    assert examined.passed
    assert examined.output == GOOD
    assert examined.failed == ()


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        ("The choice", "no_action"),
        ("The story goes on", "generic"),
        ("Continue the story", "generic"),
        ("Continue", "generic"),
        ("Option A is this", "rootless"),
        ("Option A", "generic"),
        ("Choice 3", "generic"),
        ("Make a choice", "generic"),
        ("Lift the coin to show him, 3 actions", "generic"),
        ("The next page", "generic"),
        ("Take a break from the story", "generic"),
        ("Die Geschichte geht weiter", "generic"),
        ("The oven door", "no_action"),
        ("What do you do?", "no_action"),
        ("How does the boy know your name?", "no_action"),
        ("Blue boat in rain", "no_action"),
        ("Fear of the dark oven", "no_action"),
        ("Mysterious coin in hand", "no_action"),
        ("Boy takes the coin", "no_action"),
        ("Dog bites your leg", "no_action"),
        ("You", "length"),
        ("Go", "length"),
        ("Take the coin " * 10, "length"),
        ("Take the coin from this boy", "alike"),
        ("The passage continues with the coin", "generic"),
        ("one action the protagonist can begin this minute", "generic"),
    ],
)
def test_a_bad_choice_is_left_out(bad: str, check: str) -> None:
    examined = examine(*GOOD[:2], bad)
    if check == "rootless":
        assert examined.passed  # one of three may name nothing of the page
        return
    assert check in {finding.check for finding in examined.failed}
    assert examined.mended
    assert [each.text for each in examined.output] == [each.text for each in GOOD[:2]]


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        (
            "Take the coin from his hand, and look at it. You are not sure if",
            "Take the coin from his hand, and look at it.",
        ),
        ("Look at the coin in his hand, and put it into your", "Look at the coin in his hand"),
        ("Look at the coin in his hand,", "Look at the coin in his hand"),
        ("Look at the coin, and tell him “No. Not for that.”", "Look at the coin, and tell him “No. Not for that.”"),
        ("Give the coin to Mr. Hill before he asks for it", "Give the coin to Mr. Hill before he asks for it"),
        ('Call the coin "mine," and show it to him. This is a way of', 'Call the coin "mine," and show it to him.'),
        ('Hide the coin, and say "It is gone." You are not allowed to take it', 'Hide the coin, and say "It is gone."'),
        ('Say "It is gone!" and hide the coin', 'Say "It is gone!" and hide the coin'),
    ],
)
def test_a_choice_ends_with_its_first_sentence_or_before_a_clause_that_was_cut(cut: str, whole: str) -> None:
    examined = examine(*GOOD[:2], cut)
    assert examined.output[2].text == whole


def test_too_few_good_choices_are_asked_for_again() -> None:
    examined = examine("The choice", "The story goes on", "Take the coin from the boy")
    assert {finding.check for finding in examined.findings} == {"count"}
    examined = examine("Ride home to the castle", "Fly off on a dragon", "Swim to an island")
    assert {finding.check for finding in examined.findings} == {"rootless"}


def test_choices_of_one_kind_are_refused_where_kinds_were_asked_for() -> None:
    bold = [ExaminedChoice(each.text, "bold") for each in GOOD]
    assert {finding.check for finding in examine(*bold).findings} == {"kinds"}
    assert examine(*(ExaminedChoice(each.text) for each in GOOD)).passed


def test_more_than_four_are_cut() -> None:
    examined = examine(*GOOD, "Push the oven door open", "Smell the rain in the heat", "Count the strokes of the clock")
    assert examined.mended
    assert len(examined.output) == 4


@pytest.mark.parametrize(
    ("language", "choices"),
    [
        ("de", ["Die alte Frau nach dem Schlüssel fragen", "Die Lampe löschen", "Den Bund nehmen und hinaufgehen"]),
        ("fr", ["La boîte, la prendre et fuir", "Interroger le gardien", "Écouter ce qui tourne"]),
        ("es", ["Dar la moneda a la mujer", "Tocar la campana", "Seguir las huellas hasta el altar"]),
        ("ru", ["Спросить старика о верёвке", "Заглянуть в колодец", "Уйти из сада вместе с котом"]),
        ("zh", ["接过老人递来的船票，推门去看船", "问问老人母亲的事情", "看看柜台下面是什么在敲"]),
        ("ja", ["少女に切符のことをたずねる", "自分の影を追いかける", "貝殻を耳に当ててみる"]),
        ("en", ["Cold or not, touch the coin", "Question the boy", "Beware of the oven", "Bless the bricks"]),
        ("en", ["“Who sent you?”", "“I will not open it.”", "Take the coin"]),
    ],
)
def test_actions_in_other_languages_and_spoken_words_pass(language: str, choices: list[str]) -> None:
    page = good_pages()[language][0] if language != "en" else PAGE
    assert examine(*choices, page=page, language=language).failed == ()


def test_the_offline_writers_choices_pass() -> None:
    alarms = lists = 0
    for seed in range(times(10, 300)):
        for number in range(1, 5):
            path = [{"text": "Look closer", "kind": "bold"}] * (number - 1)
            position = position_of(
                {"premise": "A door under the sea", "seed": seed, "page_number": number, "path": path}
            )
            page = write_page(position).text
            found = [ExaminedChoice(each.text, each.kind) for each in suggest_choices(position, 3, page)]
            alarms += bool(examine(*found, page=page).failed)
            lists += 1
    assert alarms <= 0.02 * lists


def test_every_check_says_what_is_wrong_in_at_most_six_words() -> None:
    assert all(len(check.reason.split()) <= 6 and check.fails.__doc__ for check in CHECKS)
