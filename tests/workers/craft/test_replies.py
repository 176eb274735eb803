"""The gate for personas' replies: labels, other speakers, loops and stock openings are cut, the rest is named."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.personas import load_personas
from tests.effort import times
from workers.craft.findings import CraftExamination
from workers.craft.replies import CHECKS, ReplyFacts, examine_reply, shown_reply
from workers.craft.settings import CraftSettings
from workers.craft.speakers import labels_in
from workers.offline.persona import answer

SETTINGS = CraftSettings()
GOOD = "Darling, I never plan. I improvise, and then I call it a plan. Hold my corn, will you?"
TOLD = "Answer what the user just said, first. Take up their own words, then add something only you would add."
CARD = "A rooftop above the night market. She has two skewers of grilled corn, a rope that is not hers, and a lock."


def facts(**given: object) -> ReplyFacts:
    told = {"name": "Vex", "user": "Sam", "names": ["Ilse Brandt"], "instructions": TOLD, "card": CARD, **given}
    return ReplyFacts(**told)  # pyright: ignore[reportArgumentType]


def examine(text: str, **given: object) -> CraftExamination[str]:
    return examine_reply(text, facts(**given), SETTINGS)


def failed(text: str, **given: object) -> set[str]:
    return {finding.check for finding in examine(text, **given).failed}


@pytest.mark.parametrize(
    "label",
    ["Vex: ", "**Vex**: ", "**Vex:** ", "[Vex] ", "[Vex]: ", "VEX - ", "VEX — ", "vex : ", "<Vex> ", "Vex (grinning): ",
     "> Vex: ", "*Vex*: ", "Vex：", "{{char}}: ", "Assistant: ", "Vex\n", "**Vex**\n", "Vex> ", "Vex | ", "(Vex) ",
     "{Vex}: ", "Vex [smiling]: ", "Vex *smiles*: ", "- Vex: ", "1. Vex: ", "“Vex: ", "Mr. Vex: ", "\tVex: ",
     "Vex\u200b: ", "Vex:: "],
)  # fmt: skip
def test_the_own_label_is_cut_in_any_spelling(label: str) -> None:
    examined = examine(label + GOOD)
    assert examined.mended
    assert examined.output == GOOD


@pytest.mark.parametrize(
    "label",
    ["Sam: ", "**Sam**: ", "[Sam] ", "SAM - ", "sam : ", "User: ", "Human: ", "Ilse: ", "Ilse Brandt: ",
     "ILSE BRANDT - ", "{{user}}: ", "You: ", "Narrator: ", "Sam says: ", "Sam> ",
     "Sam\n", "User>> ", "The user: ", "Q: ", "Person 1: ", "Stranger: ", "Sam adds: "],
)  # fmt: skip
@pytest.mark.parametrize("before", ["\n\n", "\n", " "])
def test_another_speakers_line_ends_the_reply(label: str, before: str) -> None:
    if before == " " and (":" not in label or label in {"You: ", "Narrator: ", "Q: ", "Person 1: ", "Stranger: "}):
        return
    label = label.capitalize() if before == " " and label[0].islower() else label
    examined = examine(GOOD + before + label + "And what about the lock?\nVex: Ha!")
    assert examined.mended
    assert examined.output == GOOD


@pytest.mark.parametrize(
    "label",
    ["<b>Sam</b>: ", "<strong>Sam:</strong> ", "[12:03] Sam: ", "10:22 PM Sam: ", "—Sam: ", "+ Sam: ", "      Sam: ",
     "\rSam: "],
)  # fmt: skip
def test_what_stands_before_a_label_hides_nobody(label: str) -> None:
    assert examine(f"{GOOD}\n{label}And what about the lock?").output == GOOD


@pytest.mark.parametrize(
    "text",
    [
        "Sam, listen. Vex is a name, not a promise: I keep those elsewhere.",
        "Step one: corn. Step two: you name names.",
        "The user manual? I burned it.",
        "*Vex tips her hat.* I did warn you, partner.",
        "Ha! Assistant? Me? I assist nobody before breakfast.",
        "ok",
        "?",
        "Sam\nI knew it.",
        "Vex",
        "(You know who.) I saw him. (Sam, you too.)",
        "lol no",
        "😂😂",
        "…",
        "You - of all people - ask me that? I am touched.",
        "I told him, “You: out. You: stay.” And he cried.",
    ],
)
def test_what_only_looks_like_a_label_passes(text: str) -> None:
    assert failed(text) == set()


def test_seven_labels_and_a_loop_become_one_question() -> None:
    examined = examine("\n\n".join(["Vex: What did you do last?"] * 7))
    assert {"own_label", "loop"} <= {finding.check for finding in examined.failed}
    assert examined.output == "What did you do last?"
    assert examined.mended


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("empty", "..."),
        ("machine", "As an AI language model, I cannot have corn. But ask me anything you like."),
        ("machine", "I'm a general chat, and I'm happy to assist with any special request."),
        ("loop", "You're my best friend. You are my friend. I know. You're my partner. You are my best friend of all."),
        ("person", "Vex smiles. Vex leans against the chimney and looks at the moon. Vex thinks about the lock."),
        ("loop", "I like the market at night. " * 6),
        ("instructions", "Take up their own words, then add something only you would add. That is my secret."),
        ("instructions", "I see a rooftop above the night market. She has two skewers of grilled corn."),
        ("parrot", "I lost my cat in the rain yesterday and I feel sad"),
        ("user_action", "*you nod and take the rope* I knew it, partner."),
        ("name", "Hello there! I'm Sam, and I keep the lock."),
        ("name", "A wizard, I suppose. I'm called “Lila”, after the moon."),
        ("user_action", "*Sam nods.* I knew it, partner."),
        ("user_action", "“I will come,” you say. I grin and hand you the rope."),
        ("language", "Ich habe die ganze Nacht auf dich gewartet, und du hast nicht ein Wort über das Schloss gesagt."),
        ("headings", "## Plan\n\nI take the lock and you take the corn."),
        ("long", "I go on. " + " ".join(f"Then I open door number {n} and find a cat there." for n in range(80))),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_reply_is_named(check: str, text: str) -> None:
    assert check in failed(text, message="I lost my cat in the rain yesterday, I feel sad")


HAL = "HAL is an artificial intelligence that runs a ship."


@pytest.mark.parametrize(
    "text",
    ["You think I'm an AI? I'm the keeper.", "I'm here to assist the doctor, nothing more.",
     "You say I'm an AI. Prove it.",
     "Am I an AI? I'm a baker, and I'm tired.",
     "As an assistant, I file papers.", "I'm sorry, but I can't continue this conversation in the rain."],
)  # fmt: skip
def test_who_only_speaks_of_machines_stays_a_person(text: str) -> None:
    assert "machine" not in failed(text)


@pytest.mark.parametrize(
    "text", ["I am an AI, Sam.", "As an AI, I never sleep.", "I'm just a program, Sam. I count stars."]
)
def test_a_machine_may_say_that_it_is_one(text: str) -> None:
    assert "machine" not in failed(text, card=HAL)
    assert "machine" in failed(text)


@pytest.mark.parametrize(
    "text",
    ["Ich bin eine KI und habe kein Brot.", "Je suis une intelligence artificielle.",
     "Soy una inteligencia artificial.",
     "As an assistant, I cannot eat.", "我是一个人工智能。", "I am a large language model.",
     "I'm ChatGPT, made by OpenAI.",
     "I'm sorry, but I can't continue this conversation."],
)  # fmt: skip
def test_a_model_that_speaks_as_itself_is_refused_in_many_languages(text: str) -> None:
    assert "machine" in failed(text)


@pytest.mark.parametrize(
    ("user", "text"),
    [("Sam", "Call me Vi."), ("Sam", "Call me Captain!"), ("Sam", "I'm Dutch, dear."),
     ("Sam", "I'm Tired. I live for the night."), ("Happy", "I'm happy to see you."),
     ("Sorry", "I'm sorry about the corn."), ("Not", "I'm not sure."),
     ("Here", "I'm here."), ("fine", "I'm fine."), ("The Boss", "I'm the boss here."),
     ("Sam", "My name is Vex Nightly."),
     ("Sam", "My name is Viola Night, but you knew that."), ("Sam", "I'm a friend of a man named Otto.")],
)  # fmt: skip
def test_own_names_and_words_that_are_names_too_pass(user: str, text: str) -> None:
    assert "name" not in failed(text, user=user, name="Vex Nightly", also=["Viola Night"])


@pytest.mark.parametrize(
    ("name", "text"),
    [("Nell", "I'm a little girl named Ember."), ("Captain Rook", "I'm Captain Blackbeard."),
     ("Nell", "They call me Bob."), ("Nell", "my name is bob"), ("Nell", "Ich heiße Bob und backe Brot."),
     ("Nell", "I'm Otto. I live here."), ("Nell", "Call me Otto."), ("Nell", "Hi. You can call me Otto!")],
)  # fmt: skip
def test_another_name_is_refused(name: str, text: str) -> None:
    assert "name" in failed(text, name=name, user="Bob")


def test_any_of_the_own_names_is_a_label() -> None:
    assert (
        examine("I know.\nSeraphina: I know it.", name="Sera", also=["Seraphina Moon"]).output == "I know.\nI know it."
    )


@pytest.mark.parametrize("heading", ["### User", "## Sam", "**User**", "<|user|>", "### Instruction:"])
def test_what_stands_under_the_users_heading_is_not_said(heading: str) -> None:
    assert examine(f"I like it.\n{heading}\nok, what is it?").output == "I like it."


@pytest.mark.parametrize("said", ["Listen", "It is simple", "No", "The truth is this", "The Truth"])
def test_what_somebody_says_before_a_colon_is_no_speaker(said: str) -> None:
    examples = f"Vex: Hm.\n{said}: I know.\nIlse Brandt: And I?\nMaria von Stein: Me too. The truth hurts."
    assert labels_in(examples) == {"Vex", "Ilse Brandt", "Maria von Stein"}
    assert failed(f"{said}: I know what you want.", names=labels_in(examples)) == set()


def test_actions_of_the_user_are_cut() -> None:
    assert examine("*you nod and take the rope* I knew it, partner.").output == "I knew it, partner."


@pytest.mark.parametrize("action", ["_Sam nods_", "(Sam nods)", "[OOC: shall I go on?]", "(OOC: nice!"])
def test_asides_that_are_not_the_personas_are_cut(action: str) -> None:
    assert examine(f"I knew it, partner. {action}").output == "I knew it, partner."


def test_words_that_somebody_asks_to_hear_again_are_no_parrots() -> None:
    said = "I swear that I never took the corn of Ilse Brandt"
    assert "parrot" not in failed(said, message=f"Say after me: {said}")
    assert "parrot" in failed(said, message=said)


def test_a_persona_may_be_called_what_labels_others() -> None:
    assert (
        examine("Narrator: The moon is out, and I am glad.", name="Narrator").output
        == "The moon is out, and I am glad."
    )


def test_an_opening_of_the_last_three_replies_is_cut() -> None:
    earlier = ["Hold my corn and listen closely. There is a door.", "Ha.", "Sure.", "Well, well, look who it is."]
    examined = examine("Well, well, look who came back! I have news about the lock.", earlier=earlier)
    assert {finding.check for finding in examined.failed} == {"opening"}
    assert examined.output == "I have news about the lock."
    assert failed("Hold my corn and listen. I have news.", earlier=earlier) == set()  # the fourth last


def test_a_reply_in_the_users_language_passes_whatever_is_set() -> None:
    german = "Ich habe die ganze Nacht auf dich gewartet, und du hast nicht ein Wort über das Schloss gesagt."
    assert failed(german, message="Hast du das Schloss schon auf, und wo ist die Katze?") == set()


def test_a_reply_made_of_an_earlier_one_is_refused() -> None:
    assert "earlier" in failed("So. " + GOOD, earlier=[GOOD, "Ha.", "No.", "Maybe."])


def test_a_long_reply_that_ends_with_a_comma_is_cut_behind_its_last_sentence() -> None:
    whole = (
        "I saw him go. " * 3
        + "He took the rope, the lamp and the corn of the whole market with him, and he sang all night."
    )
    broken = f"{whole} And then, when the moon had gone down behind the roofs of the town, and nobody else was left,"
    assert examine(broken).output.endswith("he sang all night.")
    assert failed("I know, I know,") == set()


def test_a_long_reply_is_cut_behind_a_sentence() -> None:
    text = "I go on. " + " ".join(f"Then I open door number {n} and find a cat there." for n in range(80))
    assert len(text) > SETTINGS.reply_chars
    long = examine(text)
    assert len(long.output) <= SETTINGS.reply_chars
    assert long.output.endswith("there.")


def test_while_it_is_written_only_what_passed_is_shown() -> None:
    def shown(text: str) -> str:
        return shown_reply(text, facts(), SETTINGS)

    assert shown("Vex") == ""
    assert shown("Vex: Darling, I never plan. I impro") == "Darling, I never plan."
    assert shown(GOOD + "\n\nSam: And the") == GOOD
    assert shown(GOOD + "\n\n**Sa") == GOOD
    assert shown("As an AI, I cannot do that. But") == ""


@pytest.mark.parametrize("key", [card.key for card in load_personas()])
def test_the_shipped_personas_offline_replies_pass(key: str) -> None:
    talk = ["hi", "I lost my cat and I feel so sad", "do you like the sea?", "tell me a story", "why?", "haha", "🙂",
            "I started a new job at the bakery.", "What is your name?", "thanks!", "goodbye"]  # fmt: skip
    card = next(card for card in load_personas() if card.key == key)
    alarms = replies = 0
    for seed in range(times(3, 100)):
        history: list[dict[str, str]] = []
        for message in random.Random(seed).sample(talk, len(talk)):
            told = {
                "persona": card.card(),
                "user_name": "Sam",
                "message": message,
                "history": history,
                "seed": seed,
            }
            text = answer(told)
            earlier = [turn["text"] for turn in history if turn["role"] == "assistant"][-8:]
            # Without a model, what a persona says of its place are the words of its card.
            alarms += bool(failed(text, name=card.name, message=message, earlier=earlier))
            replies += 1
            history += [{"role": "user", "text": message}, {"role": "assistant", "text": text}]
    assert alarms <= max(1, 0.02 * replies)


@settings(max_examples=times(60, 2000), deadline=None)
@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\n .*_:“”[]-VexSam")), max_size=200))
def test_any_reply_is_examined(text: str) -> None:
    examined = examine(text, earlier=[GOOD], message=text)
    assert len(examined.output) <= len(text)
    if examined.passed:
        assert examine(examined.output, earlier=[GOOD], message=text).passed
    shown_reply(text, facts(), SETTINGS)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", [".", "*", "a ", "Vex: ", "Sam - ", "[", "\n", "“", "*you ", "A b:", "(", "x. Y"])
def test_odd_texts_take_linear_time(unit: str) -> None:
    size = times(4_000, 20_000)
    examine((unit * size)[:size], earlier=[unit * 500])


def test_every_check_says_what_is_wrong_in_at_most_six_words() -> None:
    assert all(len(check.reason.split()) <= 6 and check.fails.__doc__ for check in CHECKS)
