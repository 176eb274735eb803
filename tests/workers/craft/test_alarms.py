"""Good texts that look like bad ones: other languages' speech, sentences that begin as a heading or a label does."""

from typing import Literal

import pytest

from prompts.registry import default_registry
from tests.workers.craft.passages import good_pages
from workers.craft import layout
from workers.craft.choices import ChoiceFacts, ExaminedChoice, examine_choices
from workers.craft.pages import PageFacts, examine_page, shown_page
from workers.craft.prose import Prose
from workers.craft.settings import CraftSettings
from workers.craft.voice import person_is_off
from workers.cutting import ends_sentence

SETTINGS = CraftSettings()
GOOD = good_pages()["en"][12]
SPOKEN = {
    "fr": ["– Je ne sais pas, dit-elle. Mon frère est parti, et moi, je reste.", "– Où est-il ?", "– Chez nous."],
    "ru": ["- Я не знаю, - говорит она. - Мой брат ушёл, а я осталась.", "- Где он?", "- У нас."],
    "es": ["—Yo no lo sé. Mi hermano me dejó aquí con mis hijas —dice ella.", "—¿Y dónde está?", "—Conmigo no."],
    "de": ["»Ich weiß es nicht«, sagt sie. »Mein Bruder ging, ich blieb in meinem Haus.«", "»Mir sagt er nichts.«"],
    "en": ["‘I don’t know,’ she says. ‘My brother left, and I stayed with my own.’", "‘I wouldn’t,’ he says."],
}


@pytest.mark.parametrize("language", SPOKEN)
def test_what_is_said_in_a_story_is_neither_a_list_nor_told_by_its_teller(language: str) -> None:
    page = "\n\n".join([good_pages()[language][0], *SPOKEN[language]])
    examined = examine_page(page, PageFacts(language=language), SETTINGS)
    assert (examined.output, examined.failed) == (page, ())
    assert not person_is_off(Prose("\n".join(SPOKEN[language] * 3)), language)


@pytest.mark.parametrize(
    "end",
    [
        "यह दरवाज़ा खुलता है।",
        "คุณเปิดประตูแล้วเดินเข้าไป",
        "هل تفتح الباب؟",
        "Ανοίγεις την πόρτα;",
        "ずっと待っていたのだ」",
        "“我不知道——”",
    ],
)
def test_sentences_end_as_their_language_ends_them(end: str) -> None:
    assert ends_sentence(end)


@pytest.mark.parametrize("end", ["You open the", "You wait -", "If I were you;", "He says “wait”"])
def test_what_breaks_off_does_not_end(end: str) -> None:
    assert not ends_sentence(end)


@pytest.mark.parametrize(
    "line",
    [
        "SYSTEM: ACCESS DENIED.",
        "You chose this key yourself, long ago.",
        "Your choice, says the ferryman, and holds out his hand.",
        "You: that is the word on the mirror.",
        "Page one of the diary is torn out.",
        "Page 3 is missing. You look everywhere.",
        "Scene 4 of the play begins.",
        "Chapter I of the law says you hang.",
        "Note: the key is under the stone.",
    ],
)
def test_a_sentence_that_begins_as_a_label_does_stays(line: str) -> None:
    page = GOOD + "\n\n" + line
    assert examine_page(page, PageFacts(), SETTINGS).output == page
    assert layout.without_headings(f"{line}\nYou wait.") == f"{line}\nYou wait."


@pytest.mark.parametrize(
    "line", ["Chapter 3", "Chapter II: The Wall", "Page 2 of 5", "Scene 4 - The Door", "第三章 门"]
)
def test_a_heading_goes(line: str) -> None:
    assert layout.without_headings(f"{line}\n{GOOD}") == GOOD


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_prompts_own_words_are_all_that_stands_in_it_but_logic(size: Literal["small", "large"]) -> None:
    words = default_registry().get("story/write_page", size).words
    assert "{{" not in words
    assert "---" not in words
    line = max(words.split("\n"), key=len)
    assert len(line) > 100
    page = PageFacts(instructions=words)
    assert "instructions" in {each.check for each in examine_page(f"{GOOD} {line}", page, SETTINGS).failed}
    assert examine_page(GOOD, page, SETTINGS).failed == ()


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("de", ["Zünde die Lampe an", "Sieh dir den Brief an", "Frag ihn: Wo ist der Schlüssel?"]),
        ("fr", ["Allumer la lampe", "Demander : où est la clef ?", "Lire la lettre"]),
        ("zh", ["开门", "读信", "跟他走"]),
        (
            "en",
            ["Find out what the captain wants from you and what the light is for", "Turn the lamp up", "Go up to Al"],
        ),
    ],
)
def test_whole_choices_are_offered(language: str, texts: list[str]) -> None:
    page = ". ".join(texts)
    examined = examine_choices(
        [ExaminedChoice(each) for each in texts], ChoiceFacts(page=page, language=language), SETTINGS
    )
    assert not {"fragment", "no_action", "length"} & {each.check for each in examined.failed}


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("Open the box, but you can’", "Open the box"),
        ("Take the box, but this", "Take the box"),
        ("Take the box (", "Take the box"),
        ("Take the box (bold)", "Take the box"),
        ('{"text": "Take the box"}', "Take the box"),
        ("Take the box - This is a bold choice", "Take the box"),
        ("Take the box - carefully", "Take the box - carefully"),
        ("Ask Grimbold “", "Ask Grimbold"),
        ("Follow the map -", "Follow the map"),
        ("Vex: Open the box", "Open the box"),
        ("Option 2: Take the box", "Take the box"),
        ("**Follow the map**", "Follow the map"),
        ("Find the box and wi", None),
    ],
)
def test_broken_choices_are_made_whole_or_left_out(broken: str, whole: str | None) -> None:
    others = ["Wait behind the door", "Run home to the mill"]
    facts = ChoiceFacts(page="Grimbold waits behind the door of the mill with a box and a map of your home.")
    offered = [
        each.text
        for each in examine_choices([ExaminedChoice(each) for each in [*others, broken]], facts, SETTINGS).output
    ]
    assert offered == ([*others, whole] if whole else others)


def test_what_is_shown_of_a_page_that_is_written_never_shrinks() -> None:
    told = "The keeper turns the lamp. I see her, she says to me, and my hand is on my heart as we wait for our ship. "
    page = told + "I wait with my lamp. " + GOOD + " You see it. You hear it. You see it. You hear it."
    facts, shown = PageFacts(), ""
    for end in range(0, len(page), 7):
        now = shown_page(page[:end], facts, SETTINGS)
        assert now.startswith(shown)
        shown = now
    assert shown
    assert shown_page("The gulls cry. You", facts, SETTINGS) == "The gulls cry."


def test_of_an_announcement_nothing_is_shown_wherever_it_is_looked_at() -> None:
    page, facts = f"Sure! Here is the page:\n\n{GOOD}", PageFacts()
    shown = [shown_page(page[:end], facts, SETTINGS) for end in range(len(page) + 1)]
    assert all(GOOD.startswith(each) for each in shown)
    assert shown[-1] == GOOD


@pytest.mark.parametrize(
    ("line", "held"),
    [
        ("*leans on the counter and", False),
        ("**The", True),
        ("# The", True),
        ("- Take the", True),
        ("(Pa", True),
        ("*", True),
    ],
)
def test_only_a_line_that_may_be_a_heading_is_held_back(line: str, held: bool) -> None:
    assert bool(layout.unfinished_line("You wait.\n" + line)) is held
