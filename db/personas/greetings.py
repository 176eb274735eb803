"""A persona's first words: the greetings of its card, with their macros replaced."""

from collections.abc import Mapping
from typing import Any

from db.personas.card import PersonaCard
from db.personas.macros import SOMEBODY, MacroValues, expand


def greetings(
    card: Mapping[str, Any], user: str = SOMEBODY, *, group: bool = False, seed: int = 0, place: str = ""
) -> tuple[str, ...]:
    """Return the greetings of a stored card, the first one first, to a person called ``user``.

    Those that are for groups only are among them in a ``group``.
    """
    read = PersonaCard.lenient(card)
    values = MacroValues(read.called, user or SOMEBODY, seed=seed, place=place)
    given = (read.greeting, *read.alternate_greetings, *(read.group_greetings if group else ()))
    told = (expand(text, values, f"greeting:{at}") for at, text in enumerate(given))
    return tuple(text for text in told if text.strip())
