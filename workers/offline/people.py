"""Personas without a model: people put together of traits, no two of them alike.

Each of twelve traits is one of 17. Which ones a number stands for is read off a polynomial of degree 4 over the field
of 17 elements, one value per trait: two of them agree in at most four places, so that two personas of one hint have at
most a third of their traits in common. There are 17⁵ numbers, 1.4 million, before one comes again.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from prompts.yaml_text import parse_yaml
from workers.offline.dice import pick, roll
from workers.offline.english import with_article

PRIME: Final = 17
DEGREE: Final = 4
PEOPLE: Final = PRIME ** (DEGREE + 1)
_SPREAD: Final = 611_953
"""Prime to `PEOPLE`: neighbouring numbers become different people."""
AGES: Final = (24, 61)
Pool = Annotated[tuple[str, ...], Field(min_length=PRIME, max_length=PRIME)]
Some = Annotated[tuple[str, ...], Field(min_length=3)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HintTraits(_Strict):
    """What belongs to a hint: beginnings of ``words`` that mean it, what such people do, what they love."""

    words: Some
    work: Pool
    passion: Pool


class TraitTable(_Strict):
    """All traits, as in ``prompts/personas/traits/people.yaml``."""

    first: Pool
    second: Pool
    third: Pool
    fourth: Pool
    pastime: Pool
    love: Pool
    looks: Pool
    clothes: Pool
    speech: Pool
    place: Pool
    names: Some
    surnames: Some
    greetings: Some
    hints: dict[str, HintTraits]


@lru_cache(maxsize=1)
def trait_table() -> TraitTable:
    """Return the traits, loaded at first use."""
    text = (files("prompts") / "personas" / "traits" / "people.yaml").read_text(encoding="utf-8")
    return TraitTable.model_validate(parse_yaml(text))


def hint_of(hint: str, seed: int) -> str:
    """Return the hint of the table that somebody's words mean; any if they mean none."""
    table = trait_table()
    said = hint.casefold().split()
    for name, traits in table.hints.items():
        if any(word.startswith(start) for word in said for start in (name, *traits.words)):
            return name
    return pick(list(table.hints), "hint", seed)


def traits_of(hint: str, seed: int) -> dict[str, str]:
    """Return the twelve traits of a number, by what they are."""
    table = trait_table()
    own = table.hints[hint_of(hint, seed)]
    pools = {
        "first": table.first, "second": table.second, "third": table.third, "fourth": table.fourth,
        "work": own.work, "passion": own.passion, "pastime": table.pastime, "love": table.love,
        "looks": table.looks, "clothes": table.clothes, "speech": table.speech, "place": table.place,
    }  # fmt: skip
    number = seed * _SPREAD % PEOPLE
    factors = [number // PRIME**power % PRIME for power in range(DEGREE + 1)]
    return {
        name: pool[sum(factor * at**power for power, factor in enumerate(factors)) % PRIME]
        for at, (name, pool) in enumerate(pools.items())
    }


def persona_of(hint: str, seed: int, name: str = "") -> dict[str, Any]:
    """Return the card of a persona who fits a hint; always the same for the same number."""
    table, traits = trait_table(), traits_of(hint, seed)
    called = name.strip() or f"{pick(table.names, 'name', seed)} {pick(table.surnames, 'surname', seed)}"
    age = AGES[0] + roll(AGES[1] - AGES[0], "age", seed)
    short = called.split()[0]
    work, wanted = traits["work"], hint.strip()
    return {
        "name": called,
        "tagline": f"{_upper(work)} who loves {traits['passion']}",
        "description": (
            f"{called}, {age} years old, is {work}: {traits['first']}, {traits['second']}. {short} "
            f"{traits['third']} and {traits['fourth']}."
        ),
        "appearance": f"{_upper(with_article('adult'))} of {age} with {traits['looks']}, in {traits['clothes']}.",
        "personality": [traits[each] for each in ("first", "second", "third", "fourth")],
        "interests": [*dict.fromkeys(each for each in (traits["passion"], traits["pastime"], wanted) if each)],
        "preferences": f"Loves {traits['love']}.",
        "speaking_style": traits["speech"],
        "scenario": f"You meet {short} at this place: {traits['place']}.",
        "greeting": pick(table.greetings, "greeting", seed).format(name=short),
    }


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def description_of(card: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    """Return a description of who a card says somebody is; what it does not say is as ``made`` has it."""

    def said(name: str) -> str:
        value = card.get(name) or made.get(name) or ""
        return value if isinstance(value, str) else ", ".join(map(str, value))

    name = str(card.get("name") or made["name"])
    tagline = said("tagline").strip().rstrip(".")
    return " ".join(
        (
            f"{name}: {tagline[:1].lower()}{tagline[1:]}.",
            f"Those who know {name.split()[0]} would say: {said('personality')}.",
            f"On free days there are {said('interests')}.",
            said("preferences"),
        )
    )[:1500].strip()
