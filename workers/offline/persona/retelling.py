"""What somebody has said before, once more and in fewer words: only the part that answers."""

import re
from typing import Final

from workers.offline.persona.facts import CardFact
from workers.offline.persona.kinds import MessageRead
from workers.offline.persona.words import WORD, content

MOST_WORDS: Final = 10
"""Words of a part that is said by itself."""
_PLACE: Final = re.compile(
    r"\b(?:in|at|on|under|above|near|behind|beyond|by) (?:the|an?|my|[A-Z])[^,.;]*?"
    r"(?= (?:and|with|because|since|who|that|which|but|until|when)\b|[,.;]|$)"
)
_IS: Final = re.compile(r"^I(?: am|'m) (?:[A-Z][\w'-]*, )*(?P<what>an? [^,:;]+)$")
_THINGS: Final = re.compile(
    r"\b(?:my|an?|the|our) (?:[\w'-]+ ){0,4}?[\w'-]+(?: (?-i:[A-Z])[\w'-]*| called [A-Z][\w'-]*)*"
)
_COMMON: Final = re.compile(
    r"(?:The|A|An|My|Of|Few|Give|There|You|People|Call|If|Keep|Ask|In|When|What|Home|It|This)\b"
)
"""Words that have a capital letter only where they begin a sentence."""


def part_that_answers(fact: CardFact, read: MessageRead) -> str:
    """Return the words of a fact that answer a question by themselves, as "my cat Biscuit"; empty if none do."""
    text = fact.text.rstrip(".!")
    if fact.own or fact.source in ("sheet", "appearance", "lore"):
        return ""
    if read.kind == "where":
        return _short(found[0] if (found := _PLACE.search(text)) else "")
    if read.aspect in ("work", "self") or read.kind == "who":
        return _short(found["what"] if (found := _IS.match(text)) else "")
    things = (found[0] for found in _THINGS.finditer(text))
    return next((each for each in things if content(each) & read.words and _short(each)), "")


def within(fact: CardFact) -> str:
    """Return a fact as it stands behind a comma."""
    said = fact.text if len(WORD.findall(fact.text)) <= MOST_WORDS else fact.short
    if said.startswith(("I ", "I'")) or not (fact.source == "sheet" or _COMMON.match(said)):
        return said
    return said[0].lower() + said[1:]


def _short(part: str) -> str:
    return part if len(WORD.findall(part)) <= MOST_WORDS else ""
