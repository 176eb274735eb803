"""Persona replies without a model."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.personas import load_personas
from tests.effort import times
from workers.offline.persona import answer

CARDS = {card.key: card for card in load_personas()}
TALK = [
    "hi", "I lost my cat yesterday and I feel so sad", "do you like the sea?", "What do you think about fate?",
    "I started a new job at the bakery.", "the lantern on the wall is blue", "haha", "🙂", "tell me a story",
    "why?", "I think I am in love", "ok", "I walked home in the rain.", "thanks!", "What is your name?", "goodbye",
]  # fmt: skip


def reply(key: str, message: str, history: list[dict[str, str]] | None = None, **facts: Any) -> str:
    persona = (
        CARDS[key].model_dump() if key in CARDS else {"name": "Bo", "personality": ["blunt"], "interests": ["chess"]}
    )
    return answer(
        {"persona": persona, "user_name": "Sam", "message": message, "history": history or [], "seed": 1, **facts}
    )


def sentences(text: str) -> set[str]:
    return {part.strip(" ”“") for part in re.split(r"(?<=[.!?…])\s+", text) if part.strip()}


@pytest.mark.parametrize("key", [*CARDS, "unknown"])
def test_no_sentence_comes_back_within_ten_replies(key: str) -> None:
    history: list[dict[str, str]] = []
    replies: list[set[str]] = []
    for message in TALK:
        text = reply(key, message, history)
        assert text
        assert not re.search(r"[{}\[\]|]|  ", text)
        for earlier in replies[-10:]:
            assert not sentences(text) & earlier, text
        replies.append(sentences(text))
        history += [{"role": "user", "text": message}, {"role": "assistant", "text": text}]


def test_it_takes_up_what_the_user_said() -> None:
    assert "you started a new job" in reply("unknown", "I started a new job.")
    assert "the lantern" in reply("marlow", "the lantern on the wall is blue")
    assert "Sam" in reply("marlow", "I am so sad, I lost my cat")
    assert "chess" in " ".join(reply("unknown", "who are you?", variant=variant) for variant in range(6))


@pytest.mark.parametrize("key", CARDS)
def test_greetings_thanks_and_goodbyes_are_answered_as_such(key: str) -> None:
    voice = CARDS[key].voice

    def shown(line: str) -> str:
        return line.replace("{user}", "Sam")

    assert reply(key, "hello!").startswith(tuple(map(shown, voice.greetings)))
    assert reply(key, "thank you").startswith(tuple(map(shown, voice.thanks)))
    assert reply(key, "good night").startswith(tuple(map(shown, voice.goodbyes)))
    sea = next((topic for topic in voice.topics if "work" in topic.keywords.split()), None)
    assert sea is not None
    assert any(line in reply(key, "my boss is late again") for line in sea.lines)


def test_same_seed_same_reply_and_a_retry_differs() -> None:
    assert reply("vex", "what now?") == reply("vex", "what now?")
    assert len({reply("vex", "what now?", variant=variant) for variant in range(5)}) >= 4


def test_the_three_sound_different() -> None:
    assert len({reply(key, "What is love?") for key in CARDS}) == 3


@settings(max_examples=times(25, 80), deadline=None)
@given(message=st.text(max_size=200), name=st.text(max_size=30), seed=st.integers())
def test_anything_gets_an_answer(message: str, name: str, seed: int) -> None:
    text = answer({"persona": {"name": name}, "user_name": name, "message": message, "history": None, "seed": seed})
    assert text.strip()
    assert not re.search(r"[{}\[\]|]", text)


def test_a_card_with_a_strange_voice_still_talks() -> None:
    assert answer({"persona": {"name": "X", "voice": "deep"}, "message": "hello", "user_name": "Sam"})
