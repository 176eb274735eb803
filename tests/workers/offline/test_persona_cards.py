"""Sixty messages to ten cards: a talk that can be read, in which no sentence comes twice and everything passes.

After a change of wording: delete the file and run the test, which writes it anew (and fails once).
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from db.personas.card import PersonaCard
from tests.effort import LONG
from tests.workers.offline.talks import ASKED, CARDS, LORE, MEMORIES
from workers.craft.replies import ReplyFacts, examine_reply
from workers.craft.settings import CraftSettings
from workers.craft.speakers import labels_in
from workers.functions.answer_as_persona import EXAMINED_REPLIES, AnswerAsPersona, ChatTurn, PersonaInputs
from workers.functions.past import Recalled, ToldLore
from workers.functions.persona_card import sheet_of
from workers.offline.persona.writer import said_in

FILE = Path(__file__).parent / "snapshots" / "persona.md"
TURNS = 40
# A persona may tell what its card says in the card's words, but not recite it: see `workers.offline.persona.replies`.
SETTINGS = CraftSettings(echo_premise=1.0)


def talk(name: str, messages: Sequence[str], place: str = "1:1") -> list[str]:
    """Return the replies to messages, one after the other."""
    history: list[ChatTurn] = []
    replies: list[str] = []
    for message in messages:
        inputs = PersonaInputs(
            persona=CARDS[name], user_name="Sam", language="en", message=message, history=history, seed=1, variant=0,
            place=place, lore=[ToldLore(id="lore:1", text=text) for text in (LORE if name == "prose" else ())],
            memories=[Recalled(kind="fact", id=1, text=text) for text in MEMORIES],
        )  # fmt: skip
        text = AnswerAsPersona().offline(inputs).text
        replies.append(text)
        history = [*history, ChatTurn(role="user", text=message), ChatTurn(role="assistant", text=text)]
    return replies


def failed(name: str, message: str, text: str, earlier: Sequence[str]) -> set[str]:
    card = PersonaCard.lenient(CARDS[name])
    facts = ReplyFacts(
        name=card.called, user="Sam", also=(card.name, card.nickname), names=labels_in(card.example_dialogue),
        message=message, card=sheet_of(card), earlier=earlier[-EXAMINED_REPLIES:],
    )  # fmt: skip
    return {finding.check for finding in examine_reply(text, facts, SETTINGS).failed}


def check(name: str, messages: Sequence[str], replies: Sequence[str]) -> None:
    said: dict[str, int] = {}
    for turn, (message, text) in enumerate(zip(messages, replies, strict=True)):
        assert failed(name, message, text, replies[:turn]) == set(), (name, message, text)
        for sentence in said_in(text):
            assert turn - said.get(sentence, -TURNS - 1) > TURNS, (name, message, sentence)
            said[sentence] = turn


def test_what_ten_personas_say_to_sixty_messages() -> None:
    assert len(CARDS) == 10
    assert len(set(ASKED)) == 60
    told = ["# Sixty messages to ten personas, answered without a model\n"]
    for name in CARDS:
        replies = talk(name, ASKED)
        check(name, ASKED, replies)
        told.append(f"\n## {name}: {CARDS[name]['name']}\n")
        told += [f"- **{message}** {reply}" for message, reply in zip(ASKED, replies, strict=True)]
    text = "\n".join(told) + "\n"
    if not FILE.exists():
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(text, encoding="utf-8")
        pytest.fail("written anew")
    assert text == FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", range(1, 6) if LONG else range(1, 2))
def test_in_any_order_no_sentence_comes_twice_and_all_pass(seed: int) -> None:
    for name in CARDS if LONG else ("vex", "prose"):
        messages = Random(seed).sample(ASKED, len(ASKED))
        check(name, messages, talk(name, messages, place=f"1:{seed}"))


@pytest.mark.parametrize("message", ["Why?", "hi", "What did you steal last?", "?", "ok", "Guten Tag"])
def test_the_same_message_forty_times_gets_forty_answers(message: str) -> None:
    replies = talk("name only", [message] * TURNS)
    assert len(set(replies)) == TURNS
    assert all(replies)


@pytest.mark.parametrize(
    ("name", "message", "said"),
    [
        ("vex", "What did you steal last?", "stole a parrot"),
        ("prose", "Why are you afraid of water?", "because my brother drowned"),
        ("prose", "Do you have a sister?", "My younger sister Ada"),
        ("prose", "Who is Captain Orso?", "Captain Orso owns the ferry"),
        ("prose", "Where do I live?", "you live in Brest"),
        ("list", "How old are you?", "27"),
        ("list", "What do you hate?", "customs officers|silence"),
        ("lines", "What did you do before?", "I was a soldier before I took the veil"),
        ("made", "How old are you?", "45"),
        ("addressed", "What are you afraid of?", "I fear goats"),
        ("marlow", "Where are we?", "midnight|kettle|second mug"),
        ("lines", "Tell me about bees.", "bees"),
    ],
)
def test_the_card_answers(name: str, message: str, said: str) -> None:
    (reply,) = talk(name, [message])
    assert any(each in reply for each in said.split("|")), reply


def test_a_card_may_be_anything() -> None:
    strange: list[dict[str, Any]] = [
        {"name": "X", "description": "[]{}()=;:" * 500},
        {"name": "X", "description": "a " * 50_000, "scenario": "A, 3, " * 10_000},
        {"name": "X", "personality": [{"a": 1}, None, 7], "interests": None},
        {"name": "{{char}}", "description": "{{user}} is {{char}}"},
    ]
    for card in strange:
        inputs = PersonaInputs(
            persona=card, user_name="", language="en", message="Who are you?", history=[], seed=1, variant=0
        )
        assert AnswerAsPersona().offline(inputs).text
