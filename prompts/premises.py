"""Premises made for the moment: what a story could be about, for people who do not know it yet."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from prompts.yaml_text import parse_yaml


class PremiseWords(BaseModel):
    """The parts of a genre's premises: any of one list goes with any of the others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    who: tuple[str, ...] = Field(min_length=6)
    event: tuple[str, ...] = Field(min_length=6)
    turn: tuple[str, ...] = Field(min_length=6)


@dataclass(frozen=True, slots=True)
class Premise:
    """A premise in one sentence, and its genre."""

    text: str
    genre: str


@cache
def premise_words() -> dict[str, PremiseWords]:
    """Return the parts of premises by genre, as read from ``prompts/stories/premises.yaml``."""
    text = (files("prompts") / "stories" / "premises.yaml").read_text(encoding="utf-8")
    return TypeAdapter(dict[str, PremiseWords]).validate_python(parse_yaml(text))


def make_premises(count: int, random: Random, genre: str = "", without: Collection[str] = ()) -> list[Premise]:
    """Return ``count`` premises that share no part, each of another genre unless one is given.

    None of them has a part in common with those ``without``, as long as the word tables have others.
    """
    words = premise_words()
    genres = [genre] * count if genre in words else _several(list(words), count, random)
    made: list[Premise] = []
    for each in genres:
        known = [*without, *(p.text for p in made)]
        who, event, turn = (
            _fresh(options, known, random) for options in (words[each].who, words[each].event, words[each].turn)
        )
        sentence = f"{who} {event}, {turn}."
        made.append(Premise(sentence[0].upper() + sentence[1:], each))
    return made


def _several(genres: list[str], count: int, random: Random) -> list[str]:
    """Return genres in random order, each once before any comes again."""
    found: list[str] = []
    while len(found) < count:
        found += random.sample(genres, len(genres))
    return found[:count]


def _fresh(options: Collection[str], known: Collection[str], random: Random) -> str:
    """Return an option that none of the known sentences has, any if all do. The first letter may be a capital."""
    left = [option for option in options if not any(option[1:] in sentence for sentence in known)]
    return random.choice(left or list(options))
