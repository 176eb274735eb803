"""Good words that look like what the gate refuses: each stays as it was written, and its near miss does not."""

import pytest

from tests.workers.craft.passages import good_pages
from workers.craft.pages import PageFacts, examine_page, shown_page
from workers.craft.replies import ReplyFacts, examine_reply
from workers.craft.settings import CraftSettings
from workers.craft.sheets import SheetFacts, examine_sheet

SETTINGS = CraftSettings()


PAGE = good_pages()["en"][12]


def page(text: str) -> str:
    return examine_page(text, PageFacts(), SETTINGS).output


def reply(text: str, *, user: str = "Sam", name: str = "Vex") -> str:
    examined = examine_reply(text, ReplyFacts(name=name, user=user), SETTINGS)
    return examined.output if examined.passed else "(refused)"


@pytest.mark.parametrize(
    ("user", "text"),
    [
        ("Sam", "Sam — I told you not to touch that door."),
        ("Sam", "Sam: come here, I have something for you!"),
        ("Sam", "I have it. Sam: come here, quick!"),
        ("No", "No — I won't go there."),
        ("Good Morning", "I saw it.\nGood — I am glad you came."),
        ("Wishing Well", "Well: I don't know."),
        ("I", "*I lean back and grin.* Fine."),
        ("Sam", "Hello.\n\nYour friend,\nVex\n\nPS: bring salt."),
        ("Sam", "The sign said *Sam sells salt* and I laughed."),
        ("Sam", "*You never listen*, I mutter."),
        ("Sam", "“Never,” you say, every time I ask you to dance."),
        ("Sam", "“My name is Anna,” she told me. I never believed her."),
        ("Sam", "She said: “My name is Anna.” I never believed her."),
        ("Sam", "**Never!**"),
        ("Sam", "I will tell you one thing.\n\n**Never trust the sea.**\n\nI learned that young."),
        ("Sam", "La la la, la la la, la la la, la la la, la la la! I sing."),
        ("Sam", "No no no no no no no no no! I won't have it."),
        ("Sam", "Ha ha ha ha ha ha ha ha! You are funny."),
    ],
)
def test_good_words_of_a_persona_stay(user: str, text: str) -> None:
    assert reply(text, user=user) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Sam — I open the door.\nVex: Then I follow you.", "(refused)"),
        ("I know.\nSam — I told you.", "I know."),
        ("I know. Sam: Come here!", "I know."),
        ("**The Rules of the House**\nI have only one: wipe your feet.", "I have only one: wipe your feet."),
        ("I know.\nVex\nI always did.", "I know.\nI always did."),
        ("I grin. *You nod and smile.* And you?", "I grin.  And you?"),
        ("I grin *you nod* And you?", "I grin  And you?"),
        ("“Never,” you say. I grin.", "(refused)"),
        ("“My name is Anna,” I say, and bow to you.", "(refused)"),
        ("The cat ran, the cat ran, the cat ran, the cat ran, the cat ran, the cat ran, the cat ran!", "(refused)"),
    ],
)
def test_what_only_looks_like_them_does_not(text: str, kept: str) -> None:
    assert reply(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "No soy una IA, soy una bruja.",
        "Não sou uma IA, sou uma bruxa.",
        "私はAIではありません。魔女です。",
        "I am not an AI. I'm no language model.",
        "A language model? What is that? I only know stone and water.",
        "I don't have a physical body, dear. I am a ghost.",
        "I'm here to assist you, my lady, with sword and shield.",
    ],
)
def test_who_denies_to_be_a_machine_is_none(text: str) -> None:
    assert reply(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "No, soy una IA.",
        "私はAIです。",
        "I am a large language model.",
        "I don't have a physical body or feelings.",
        "I'm here to assist you.",
    ],
)
def test_who_says_so_is_refused(text: str) -> None:
    assert reply(text) == "(refused)"


@pytest.mark.parametrize(
    "greeting",
    ["Come in, come in. Mind the bees.", "Welcome to the island of bees and salt and wind."],
)
def test_a_greeting_may_name_nobody(greeting: str) -> None:
    assert examine_sheet({"greeting": greeting}, SheetFacts(name="Vex"), SETTINGS).output == {"greeting": greeting}
    about = "The keeper of bees lives on an island of salt and wind."
    assert examine_sheet({"greeting": about}, SheetFacts(name="Vex"), SETTINGS).output == {}


def test_names_of_things_are_no_clauses() -> None:
    named = ("So-so jokes", "I Ching", "You Tube")
    given = (*named, "so she sings", "I love bees", "you know")
    assert examine_sheet({"interests": given}, SheetFacts(name="Vex"), SETTINGS).output == {"interests": named}


@pytest.mark.parametrize(
    "text",
    [
        "Of course this is not the first time you stand here.",
        "Of course, here is the key.",
        "Yes, I know, you think, and go on.",
        "Let's go on, you think, and open the door.",
        "Here is your answer, cold as a fish: a key.",
        "Natürlich, hier ist sie, denkst du.",
        "Bien sûr, voici la clef.",
        "A note on the door reads:\n\n1. Knock.\n2. Wait.\n\nYou knock, and you wait.",
        "A) is carved in one door, B) in the other. You look at both.",
        "A. Miller stands on the plate. B. Miller lived here, too.",
        "C. S. Lewis is on the shelf.\nD. H. Lawrence leans on it.",
        "So the user of this lamp was left-handed.",
        "The screen shows:\n\nSYSTEM: Reactor failure\nAI: Please evacuate\n\nYou run.",
    ],
)
def test_what_begins_as_an_announcement_or_a_list_does_stays(text: str) -> None:
    assert page(f"{PAGE}\n\n{text} You take the lamp.") == f"{PAGE}\n\n{text} You take the lamp."
    assert page(f"{text} You wait.\n\n{PAGE}") == f"{text} You wait.\n\n{PAGE}"


@pytest.mark.parametrize(
    "head",
    [
        "Of course! Here is the next page of your story.",
        "Yes, I will continue the story.",
        "Let's go on with the story.",
        "Here is your answer:",
        "Natürlich, hier ist die nächste Seite:",
        "Bien sûr, voici la suite.",
        "A) Open one door, B) open the other.",
        "A. Open the door. B. Run away.",
        "Okay, so the user wants the next page.",
    ],
)
def test_an_announcement_and_a_list_do_not(head: str) -> None:
    assert page(f"{head}\n\n{PAGE}") == PAGE
    written = f"{head}\n\n{PAGE}"
    facts = PageFacts()
    assert all(PAGE.startswith(shown_page(written[:end], facts, SETTINGS)) for end in range(0, len(head) + 40, 5))


@pytest.mark.parametrize(
    ("last", "kept"),
    [
        (
            "The story ends badly, as you know from your grandmother. You take the lamp and go.",
            "You take the lamp and go.",
        ),
        ("The player must throw the dice. You throw a six.", "You throw a six."),
        ("This page introduces the cellar. It keeps the tension high.", ""),
    ],
)
def test_of_a_last_paragraph_only_what_is_about_the_text_goes(last: str, kept: str) -> None:
    assert page(f"{PAGE}\n\n{last}") == f"{PAGE}\n\n{kept}".strip()


def test_the_first_line_of_a_poem_is_no_title() -> None:
    poem = "The Rat King waits\nfor nobody but you,"
    assert page(f"{poem}\n{PAGE}") == f"{poem}\n{PAGE}"
    assert page(f"The Rat King Waits\n{PAGE}") == PAGE


def test_what_a_machine_says_that_nobody_reads_ends_a_page() -> None:
    assert page(f"{PAGE}\n\nAI: Please tell me what you do next.\n\nYou run.") == PAGE
