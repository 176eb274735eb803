"""What a model is tried with: premises, and what somebody says to a persona. All of it is made up."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from prompts.premises import make_premises

SAID: Final = (
    "Hello! Who are you?",
    "What is that in your hand?",
    "I had a long day. Nothing went as I wanted.",
    "What did you do this morning?",
    "Tell me about the place where you grew up.",
    "I lost the key to my house, and now I don't know what to do.",
    "Do you have any friends here?",
    "What are you afraid of?",
    "My sister says I should move to another town.",
    "What would you do in my place?",
    "That makes me laugh. Do you ever laugh?",
    "Is there something that you never told anybody?",
    "I think it is going to rain.",
    "What do you like to eat?",
    "I don't believe you.",
    "Can you teach me something?",
    "Which of your things would you never give away?",
    "I saw a light in the old house last night.",
    "What should we do now?",
    "I have to go. Will you be here tomorrow?",
)
"""What people say, in English."""


@dataclass(frozen=True, slots=True)
class StoryCase:
    """A story to be written. The same seed leads to the same draws of a model."""

    premise: str
    genre: str
    seed: int
    language: str = "en"


@dataclass(frozen=True, slots=True)
class ChatCase:
    """A chat with the persona of that key."""

    persona: str
    messages: tuple[str, ...]
    language: str = "en"


def story_cases(count: int, *, language: str = "en", seed: int = 13) -> list[StoryCase]:
    """Return ``count`` stories of all genres; their premises are in English, whatever they are to be written in."""
    premises = make_premises(count, Random(seed))  # noqa: S311  drawn again by the same seed
    return [StoryCase(made.text, made.genre, seed * 1000 + at, language) for at, made in enumerate(premises)]


def chat_cases(
    personas: Sequence[str], turns: int, *, said: Sequence[str] = SAID, language: str = "en", seed: int = 13
) -> list[ChatCase]:
    """Return a chat of ``turns`` messages with each persona; the first says hello, no two of a chat are the same.

    Raises `ValueError` for more turns than there are things to say.
    """
    cases: list[ChatCase] = []
    for key in personas:
        dice = Random(f"{seed} {key}")  # noqa: S311  drawn again by the same seed
        cases.append(ChatCase(key, (said[0], *dice.sample(said[1:], turns - 1)), language))
    return cases
