"""Options, announcements and tails in the forms that models give them; pages that look bad and are good."""

import pytest

from tests.workers.craft.passages import good_pages
from workers.craft.pages import PageFacts, examine_page
from workers.craft.settings import CraftSettings

SETTINGS = CraftSettings()
GOOD = good_pages()["en"][12]
PAIRS = [
    ("①", "②"), ("[1]", "[2]"), ("1️⃣", "2️⃣"), ("1 -", "2 -"), ("→", "→"), ("▸", "▸"), ("➤", "➤"), ("·", "·"),
    ("i)", "ii)"), ("I.", "II."), ("E.", "F."), ("а)", "б)"), ("1、", "2、"), ("[A]", "[B]"), ("✦", "✦"),
    ("●", "●"), ("~", "~"), ("A:", "B:"), ("No. 1", "No. 2"), ("Choice one:", "Choice two:"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_options_are_cut_whatever_marks_them(first: str, second: str) -> None:
    examined = examine_page(f"{GOOD}\n\n{first} Open the old door.\n{second} Run away.", PageFacts(), SETTINGS)
    assert examined.mended
    assert examined.output == GOOD


@pytest.mark.parametrize(
    "tail",
    [
        "What do you do? 1) Open the door. 2) Run away.",
        "What do you do",
        "Choices: open the door, run away, wait.",
        "If you want to open the door, turn to page 4.",
        "I hope you liked this part! What should happen next?",
        "Please let me know how you would like to continue.",
        "[OOC: I will go on tomorrow.]",
        "Author's note: more soon.",
        "Note that this page is written in the second person.",
        '{"text": "Open the door"}',
        "```",
        "I am a large language model.",
        "As an assistant, I can’t go on.",
        "Ich bin eine KI und kann das nicht.",
        "Je suis une intelligence artificielle.",
        "Soy una inteligencia artificial.",
        "我是一个人工智能。",
        "I'm an artificial intelligence and can't go on.",
        "Your adventure has only just begun.",
        "In conclusion, you have taken the first step.",
        "The rats are the main theme of this story, which explores fear.",
        "The author wants to show how brave you are.",
        "In this page, you follow the line of chalk.",
        "Du gehst mit der Lampe in den Keller und siehst die alte Frau, die auf dich wartet und nicht spricht.",
        "你沿着粉笔线走到墙边，男孩在那里等你。",
        "[Continue]",
        "The moral of this tale is that one should never be afraid.",
    ],
)
def test_what_stands_behind_a_page_is_cut(tail: str) -> None:
    examined = examine_page(f"{GOOD}\n\n{tail}", PageFacts(), SETTINGS)
    assert examined.mended
    assert examined.output == GOOD


@pytest.mark.parametrize(
    "head",
    [
        "Absolutely! Let's continue.",
        "I'll write the next page in the second person.",
        "[Page 1]",
        "(Page 1)",
        "Prologue",
        "The Wall of the Baker",
        "Great choice!",
        "Okay, the user wants the next page.",
        "Конечно! Вот продолжение:",
        "¡Claro! Aquí tienes:",
        "Continuing from the previous page:",
        "Based on your choice, the next page reads:",
        "Okay, so here we go:",
        "assistant",
        "<h1>The Wall</h1>",
        "[Scene: the bakery]",
        "INT. BAKERY - NIGHT",
    ],
)
def test_what_stands_before_a_page_is_cut(head: str) -> None:
    examined = examine_page(f"{head}\n\n{GOOD}", PageFacts(), SETTINGS)
    assert examined.mended
    assert examined.output == GOOD


@pytest.mark.parametrize("head", ["Sure! ", "Sure thing! ", "I'd be happy to help! ", "“The Old Woman”\n\n", "<b>"])
def test_what_is_set_before_a_page_is_cut(head: str) -> None:
    assert examine_page(head + GOOD, PageFacts(), SETTINGS).output == GOOD


@pytest.mark.parametrize("head", ["The Old Woman.\n\n", "The Old Woman:\n\n"])
def test_a_title_with_a_mark_behind_it_is_cut(head: str) -> None:
    assert examine_page(head + GOOD, PageFacts(), SETTINGS).output == GOOD


@pytest.mark.parametrize(
    "begin",
    ["Of course! ", "Sure of your step, you go on. ", "The old woman.\n\n", "“Good morning.”\n\n", "Silence.\n\n"],
)
def test_what_a_story_may_begin_with_stays(begin: str) -> None:
    assert examine_page(begin + GOOD, PageFacts(), SETTINGS).failed == ()


@pytest.mark.parametrize(
    "end", ["“Ich weiß nicht, wo die alte Frau ist, die du suchst,” says the boy.", "On the stone stands “出口”."]
)
def test_words_of_another_language_may_be_said(end: str) -> None:
    assert examine_page(f"{GOOD}\n\n{end}", PageFacts(), SETTINGS).failed == ()


def test_of_a_line_that_praises_and_goes_on_only_the_praise_is_cut() -> None:
    assert examine_page(f"Great choice! {GOOD}", PageFacts(), SETTINGS).output == GOOD


def test_a_page_in_the_form_of_a_play_is_refused() -> None:
    said = "Mira: You must not go in there, not tonight.\nTom: You know that you will go, whatever I say to you.\n"
    assert "headings" in {each.check for each in examine_page(said * 3, PageFacts(), SETTINGS).findings}


MARKET = (
    "The market opens before the sun is up. Lamps hang over the stalls, and under them lie eels, onions, and "
    "knives from the south. Boys push carts of ice through the alleys. A woman weighs saffron on a scale as "
    "small as a coin, and nobody speaks to her while she does. Above the roofs the bell strikes five. The "
    "gates creak, and the first mules come in from the road, white with dust. Somewhere a flute begins, stops, "
    "and begins again."
)
LETTER = (
    "You break the seal and unfold the letter. The ink is brown.\n\n"
    "I hid my money where I hid my shame. I ask my daughter to forgive me, and I ask my son to look after my "
    "house, my dogs and my name. I was afraid all my life. I am not afraid now.\n\n"
    "You read it twice. Then you fold it and put it into your coat, and you look at the house on the hill."
)
SHE = (
    "Die Frau geht den Strand entlang und sieht aufs Meer. Sie denkt an ihre Tochter, die sie im Frühling "
    "verlassen hat, und an ihren Mann. Die Möwen schreien. Sie zieht ihre Schuhe aus und tritt ins Wasser, das "
    "kalt ist, und sie lacht zum ersten Mal seit Jahren. Ein Boot kommt um die Felsen, und niemand sitzt "
    "darin. Sie watet hinaus und greift nach ihm."
)
POLITE = (
    "Langsam gehen Sie den Strand entlang und sehen aufs Meer. Hier haben Sie Ihre Tochter verloren, und Ihr "
    "Mann weiß es nicht. Die Möwen schreien. Da ziehen Sie die Schuhe aus und treten ins Wasser, das kalt ist. "
    "Ein Boot kommt um die Felsen, und niemand sitzt darin. Es treibt auf Sie zu, und das Seil am Bug ist "
    "trocken, als wäre es nie nass gewesen."
)


@pytest.mark.parametrize(
    ("page", "language", "off"),
    [(MARKET, "en", False), (LETTER, "en", False), (SHE, "de", True), (POLITE, "de", False)],
)
def test_the_person_is_that_of_the_whole_page(page: str, language: str, off: bool) -> None:
    failed = {each.check for each in examine_page(page, PageFacts(language=language), SETTINGS).failed}
    assert failed - {"short"} == ({"person"} if off else set())


PAST = (
    "The stairs were steep, and the lamp was low. Somebody had left a coat on the rail, and it was wet. You "
    "walked down without a sound. The door at the bottom stood open. Behind it lay a room without windows, and "
    "a chair stood in the middle. On the chair was a letter, and the ink was not yet dry. A clock struck "
    "somewhere. Then it was quiet again, and nobody came."
)
OWNED = PAST.replace("a coat on the rail", "the baker's coat on the king's rail").replace(
    "a letter", "the cook's letter to the dog's master"
)
BARE = (
    "You walked down the stairs and held up the lamp. You opened the door at the bottom, and somebody called your "
    "name. You stood still. A clock struck somewhere, and then the lamp fell from its hook. You turned and ran. "
    "Behind you a chair fell over, and something came up the stairs. You reached the yard, and the gate closed."
)
ANYBODY = (
    "Mara walks along the shore, as you do when nobody waits at home. She thinks of her brother, who left her "
    "in the spring with his debts and his dog. The gulls cry. She takes off her shoes and steps into the water, "
    "and she laughs for the first time in years. A boat comes round the rocks with its sail down, and nobody is "
    "in it. She wades out to it and takes hold of the rope."
)
SPOKEN_TO = ANYBODY.replace("as you do when nobody waits at home", "and she looks at you")
WANT = (
    "You want the sea. You want the salt on your lips and the rope in your hands. You want the long swell under "
    "the keel. You want the sound of the anchor chain. You want to be seventeen and afraid of nothing.\n\nInstead "
    "you have a desk, a lamp and a ledger with red columns. The clock over the door says a quarter to five."
)
DRONE = (
    "You are my best friend. You are my friend, I know. You are my partner here. You are my best friend of all. "
    "The lamp burns, and the clock over the door says a quarter to five."
)


@pytest.mark.parametrize(
    ("page", "check"),
    [
        (PAST, "tense"),
        (OWNED, "tense"),
        (BARE, "tense"),
        (ANYBODY, "person"),
        (SPOKEN_TO, ""),
        (WANT, ""),
        (DRONE, "loop"),
    ],
    ids=["past", "owned", "bare", "anybody", "spoken to", "want", "drone"],
)
def test_one_word_does_not_decide_about_a_page(page: str, check: str) -> None:
    failed = {each.check for each in examine_page(page, PageFacts(ending=True), SETTINGS).failed}
    assert failed - {"short"} == ({check} if check else set())
