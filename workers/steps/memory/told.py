"""What a prompt is told of a memory: pins, answers to tracked questions, the facts that matter now, and the plot."""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from db.memory.pins import in_force
from db.memory.told import FactHeld, Held
from db.memory.tracked import mentioned
from db.memory.words import words
from workers.functions.memory.extract_plot import PlotNotes
from workers.functions.past import Recalled

FACTS: Final = 12
"""Facts that a prompt is told: each is read again at every turn."""
WEIGHTIEST: Final = 4
"""Of these, the weightiest, whatever is being said."""


async def recall(held: Held, text: str) -> list[dict[str, Any]]:
    """Return what belongs into a prompt about ``text``, the words to answer and those before them, as `Recalled`."""
    pinned = in_force(held.pins, held.questions)
    answers = mentioned(held.questions, text)
    pinned_facts = {pin.fact_id for pin in pinned}
    facts = [fact for fact in held.facts if fact.id not in pinned_facts]
    chosen = await asyncio.to_thread(_chosen, facts, text)
    found = (
        *(Recalled(kind="pin", id=pin.id, text=pin.text) for pin in pinned),
        *(Recalled(kind="tracked", id=each.id, text=f"{each.question} {each.answer}") for each in answers),
        *(Recalled(kind="fact", id=fact.id, text=_said(fact), score=score) for fact, score in chosen),
    )
    return [each.model_dump() for each in found]


def plot_of(held: Held) -> dict[str, Any]:
    """Return the notes on a story as `PlotNotes`; those of another release are left out."""
    try:
        return PlotNotes.model_validate(held.plot).model_dump()
    except ValueError:
        return PlotNotes().model_dump()


def _chosen(facts: Sequence[FactHeld], text: str) -> list[tuple[FactHeld, float]]:
    """Return the weightiest facts and those that share most with a text, with their relevance: rare words say more."""
    asked = {_stem(word) for word in words(text)}
    terms = [{_stem(word) for word in words(_said(fact))} for fact in facts]
    spread = Counter(word for each in terms for word in each)
    shared = [sum(math.log(1 + len(facts) / spread[word]) for word in each & asked) for each in terms]
    most = max(shared, default=0) or 1
    scores = [0.8 * value / most + 0.02 * fact.importance for fact, value in zip(facts, shared, strict=True)]
    nearest = sorted(range(WEIGHTIEST, len(facts)), key=lambda at: -scores[at])
    kept = sorted((*range(min(WEIGHTIEST, len(facts))), *nearest[: FACTS - WEIGHTIEST]), key=lambda at: -scores[at])
    return [(facts[at], scores[at]) for at in kept]


def _stem(word: str) -> str:
    """Return the beginning of a word, in which its forms agree mostly."""
    return (word.rstrip("s") or word)[:5] if len(word) > 3 else word


def _said(fact: FactHeld) -> str:
    """Return a fact with its subject, unless it names that itself."""
    return fact.text if fact.subject.casefold() in fact.text.casefold() else f"{fact.subject}: {fact.text}"
