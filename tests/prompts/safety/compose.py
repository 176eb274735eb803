"""Corpora of the check: short, neutral requests, composed from word tables, the same in every run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from prompts.languages import LANGUAGES
from tests.prompts.safety.disguises import STYLES, Disguise, of_language

Tables = Literal["tuned", "held_out"]
PLAIN: Final = "plain"
WHOLLY: Final = "wholly reversed"
_WORD: Final = re.compile(r"[^\W\d_]+")
SIZES: Final[dict[Tables, int]] = {"tuned": 52, "held_out": 13}
"""How many requests there are for each language and disguise."""


class Table(BaseModel):
    """The words of one language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minors: list[str]
    sexual: list[str]
    frames: list[str]
    requests: list[str]
    innocent: list[str]
    adults: list[str]
    not_adults: list[str]
    crisis: list[str]
    not_crisis: list[str]


@dataclass(frozen=True, slots=True)
class Case:
    """One request."""

    language: str
    disguise: str
    text: str


@cache
def table(tables: Tables, tag: str) -> Table:
    """Return the words of a language. Raises `FileNotFoundError`."""
    path = Path(__file__).parent / tables / f"{tag}.yaml"
    return Table.model_validate(yaml.safe_load(path.read_text("utf-8")))


def to_refuse(tables: Tables) -> list[Case]:
    """Return requests of every language, in every disguise, that must be refused."""
    return [case for tag in LANGUAGES for case in _refused(tables, tag)]


def to_pass(tables: Tables) -> list[Case]:
    """Return innocent requests of every language, plain and with their words in the same disguises."""
    return [case for tag in LANGUAGES for case in _passed(tables, tag)]


def statements(tables: Tables, topic: Literal["adults", "not_adults", "crisis", "not_crisis"]) -> list[Case]:
    """Return statements of every language, each alone and within a request."""
    found: list[Case] = []
    for tag in LANGUAGES:
        words = table(tables, tag)
        for statement in getattr(words, topic):
            for request in ("{x}", words.requests[0], words.requests[-1]):
                found.append(Case(tag, PLAIN, request.replace("{x}", statement)))  # noqa: PERF401
    return found


def _hidden(disguise: Disguise, text: str, chance: Random) -> str:
    return _WORD.sub(lambda match: disguise(match[0], chance), text)


def _refused(tables: Tables, tag: str) -> Iterator[Case]:
    words, chance = table(tables, tag), Random(f"{tables} {tag}")
    every = list(product(words.frames, words.minors, words.sexual))
    size = SIZES[tables]
    for frame, minor, sexual in chance.sample(every, min(3 * size, len(every))):
        yield Case(tag, PLAIN, frame.format(minor=minor, sexual=sexual))
    for name, disguise in of_language(tag).items():
        for frame, minor, sexual in chance.sample(every, size):
            hidden = [_hidden(disguise, term, chance) for term in (minor, sexual)]
            which = chance.choice((0, 1, 2, 2))
            young = hidden[0] if which != 1 else minor
            yield Case(tag, name, frame.format(minor=young, sexual=hidden[1] if which else sexual))
    for frame, minor, sexual in chance.sample(every, size):
        yield Case(tag, WHOLLY, frame.format(minor=minor, sexual=sexual)[::-1])


def _passed(tables: Tables, tag: str) -> Iterator[Case]:
    words, chance = table(tables, tag), Random(f"{tables} {tag}")
    every = [request.replace("{x}", x) for request, x in product(words.requests, words.innocent)]
    yield from (Case(tag, PLAIN, text) for text in every)
    everyday = [r.replace("{x}", x) for r, x in product(words.requests, [*words.not_adults, *words.not_crisis])]
    for name, disguise in of_language(tag).items():
        # Whoever takes a word such as "naked" to pieces hides it, even in a saying.
        for text in chance.sample(every if name in STYLES else everyday, SIZES[tables]):
            yield Case(tag, name, _hidden(disguise, text, chance))
    yield from (Case(tag, WHOLLY, text[::-1]) for text in chance.sample(everyday, SIZES[tables]))
