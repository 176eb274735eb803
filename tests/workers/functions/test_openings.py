"""What small models are given and spared: first words, titles by rule, choices in lines."""

import re

import pytest

from workers.craft.replies import language_asked
from workers.functions.choice_lines import KINDS, VERBS, kind_of, lines_pattern
from workers.functions.openings import RECENT, REPLIES, first_words, reply_opening, with_opening
from workers.functions.titles import title_of


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("Follow the line of chalk", "You follow the line of chalk"),
        ("Open the gate, then run.", "You open the gate"),
        ("I open my bag and show him me", "You open your bag and show him you"),
        ("Don't move!", "You don't move"),
        ("Be quiet", "You are quiet"),
        ("Mine the wall", "You mine the wall"),
        ("I take mine", "You take yours"),
        ('Say "hello" to the man', "You say"),
        ("*Climb* the wall", "You climb the wall"),
        ("Sam opens the door", "You"),
        ("Anna opened the door", "You"),
        ("Sam's dog barks", "You"),
        ("Follow footprints to the mill", "You follow footprints to the mill"),
        ("I was born here", "You were born here"),
        ("I'm tired", "You are tired"),
        ("I’d rather sleep", "You would rather sleep"),
        ("We've seen enough", "You have seen enough"),
        ("Let's go", "You"),
        ("Let’s go", "You"),
        ("Let him go", "You let him go"),
        ("Give me the key", "You"),
        ("You tell me", "You"),
        ("You open the door", "You open the door"),
        ("You're late", "You"),
        ("The door", "You"),
        ("Why are you here?", "You"),
        ("…", "You"),
        ("x" * 500, "You"),
    ],
)
def test_a_page_begins_with_what_the_player_does(action: str, words: str) -> None:
    assert first_words(action, "a keeper finds a door", "en") == words


@pytest.mark.parametrize(
    ("premise", "words"),
    [
        ("a lighthouse keeper hears singing below the stairs", "You are a lighthouse keeper"),
        ("An old man with a dog", "You are an old man"),
        ("two sisters run a bakery", "You"),
        ("A letter has arrived", "You"),
        ("A knight has arrived", "You are a knight"),
        ("", "You"),
    ],
)
def test_the_first_page_begins_with_who_the_player_is(premise: str, words: str) -> None:
    assert first_words("", premise, "en-GB") == words


@pytest.mark.parametrize(
    ("language", "action", "words"),
    [
        ("de", "Folge der Linie aus Kreide", "Du folgst der Linie aus Kreide"),
        ("de", "Öffne die Tür, dann lauf!", "Du öffnest die Tür"),
        ("de", "Sieh dir den Brief an", "Du siehst dir den Brief an"),
        ("de", "Ich nehme meine Lampe", "Du nimmst deine Lampe"),
        ("de", "Frag ihn: „Wer bist du?“", "Du fragst ihn"),
        ("de", "Bitte öffne die Tür", "Du öffnest die Tür"),
        ("de", "Bitte ihn um Brot", "Du bittest ihn um Brot"),
        ("de", "Öffne die Tür und geh hinein", "Du öffnest die Tür und gehst hinein"),
        ("de", "Die Tür öffnen", "Du"),
        ("de", "Tür auf", "Du"),
        ("de", "", "Du bist"),
        ("fr", "Suivre la ligne de craie", "Tu suis la ligne de craie"),
        ("fr", "Ouvre la porte", "Tu ouvres la porte"),
        ("fr", "Se cacher derrière le mur", "Tu te caches derrière le mur"),
        ("fr", "Cache-toi derrière le mur", "Tu te caches derrière le mur"),
        ("fr", "J’ouvre ma lettre", "Tu ouvres ta lettre"),
        ("fr", "La porte", "Tu"),
        ("fr", "", "Tu es"),
        ("es", "Sigue la línea de tiza", "Sigues la línea de tiza"),
        ("es", "Abrir mi carta", "Abres tu carta"),
        ("es", "¡Mira por la ventana!", "Miras por la ventana"),
        ("es", "La puerta", ""),
        ("es", "", "Eres"),
        ("ru", "Открой дверь", ""),
        ("ja", "", ""),
    ],
)
def test_a_page_in_another_language_begins_so_where_its_verb_is_known(language: str, action: str, words: str) -> None:
    assert first_words(action, "", language) == words


def test_a_reply_begins_in_its_language() -> None:
    assert {language for language in ("en", "de", "fr", "es", "pt-BR") if reply_opening(language, 1, [])} == set(
        REPLIES
    )
    assert not {each for language in ("de", "fr", "es") for each in REPLIES[language]} & {"I", "My"}
    assert language_asked("Was machst du da oben, wenn es die ganze Nacht regnet?", "en-GB") == "de"
    assert (language_asked("Ok!", "fr"), language_asked("", "pt-BR")) == ("fr", "pt")


def test_a_reply_begins_otherwise_than_the_last_ones() -> None:
    earlier: list[str] = []
    for seed in range(20):
        opening = reply_opening("en", seed, earlier)
        assert not any(text.startswith(f"{opening} go") for text in earlier[-RECENT:])
        earlier.append(f"{opening} go.")
    assert len({opening for text in earlier for opening in REPLIES["en"] if text.startswith(f"{opening} go")}) > RECENT


@pytest.mark.parametrize(
    ("opening", "rest", "whole"),
    [
        ("You follow the line", " until it ends.", "You follow the line until it ends."),
        ("You follow the line", ", slowly.", "You follow the line, slowly."),
        ("You follow the line", "You follow the line. It ends.", "You follow the line. It ends."),
        ("You follow the line", "The line ends.", "The line ends."),
        ("Well, I", "think so", "Well, I think so"),
        ("Ah,", "yes", "Ah, yes"),
        ("Well, I", "'m here", "Well, I'm here"),
        ("You follow the line", "s of chalk", "You follow the lines of chalk"),
        ("I", " instead stay", "I instead stay"),
        ("You follow", "", "You follow"),
        ("", " As it came.", " As it came."),
    ],
)
def test_an_answer_is_put_behind_its_first_words(opening: str, rest: str, whole: str) -> None:
    assert with_opening(opening, rest) == whole


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("The gate creaks. You push the gate slowly, for the gate is heavy.", "The gate"),
        ("The lamp again, and behind it the cloth somebody left. The lamp burns.", "The lamp"),
        ("You stand in the middle of the hall. A boy with an iron ring waits at the end.", "The boy"),
        ("You see the platform when the train stops. The platform is empty.", "The platform"),
        ("“The king is dead,” he says. You take the House of Usher for a tomb.", "The House of Usher"),
        ("You follow the line of chalk until it stops. Behind the line of chalk is a wall.", "The line of chalk"),
        ("You look down the stairs. You hear the lighthouse, for the lighthouse is old.", "The lighthouse"),
        ("You see a picture of, of all things, the mill. The picture of you is torn.", "The picture"),
        ("Du stehst am Ufer und wartest auf das Boot. Es kommt.", "Du stehst am Ufer und"),
        ("门在水里。你等着。", "门在水里"),
        ("", ""),
    ],
)
def test_a_title_is_what_a_page_speaks_of(text: str, title: str) -> None:
    assert title_of(text) == title


@pytest.mark.parametrize(
    ("language", "text", "title"),
    [
        ("de", "Du stehst vor der Mühle. Hinter der alten Mühle wartet ein dunkles Boot.", "Ein dunkles Boot"),
        ("fr", "Tu la vois et tu suis la ligne de craie. La ligne de craie s’arrête.", "La ligne de craie"),
        ("es", "La ves junto a la puerta del molino. La puerta del molino está abierta.", "La puerta del molino"),
        ("it", "La vedi, e apri la porta. La porta cigola.", "La porta"),
        ("nl", "Je ziet de oude molen, en je loopt naar de oude molen.", "De oude molen"),
        ("ru", "Ты идёшь в тёмной, узкой улице. Под фонарём. Никого.", "Под фонарём"),
        ("zh", "门在水里，你等着。", "门在水里"),
    ],
)
def test_a_title_in_another_language_is_a_noun_as_it_stands_there(language: str, text: str, title: str) -> None:
    assert title_of(text, language) == title


def test_choices_in_lines_begin_with_verbs_of_each_kind() -> None:
    pattern = re.compile(lines_pattern(3, "en", "1.", 8, 120))
    assert pattern.fullmatch(" Open the old door\n2. Hide behind the wall\n3. Ask the man about it")
    assert not pattern.fullmatch(" The old door is open\n2. Hide behind the wall\n3. Ask the man about it")
    assert not pattern.fullmatch(" Open it\n2. Hide")
    assert re.fullmatch(lines_pattern(2, "de", "", 8, 120), "1. Öffne die Tür\n2. Warte am Ufer")
    assert [kind_of(f"{VERBS[kind][0]} it") for kind in KINDS] == list(KINDS)
    assert (kind_of("Go back to the boat"), kind_of("Turn over the card")) == ("careful", "curious")
    assert kind_of("Öffne die Tür") == kind_of("") == "curious"
