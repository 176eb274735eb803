"""What is written about a persona without a model: a description of what the card says, and what the card lacks.

What the card says stays true: the trait table adds to it only where it says nothing of the kind.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from workers.offline.persona.recast import CardPerson, recast
from workers.offline.persona.words import WORD, plain_words, sentences

MOST_CHARS: Final = 1500
MOST_OWN: Final = 1000
"""Characters of a description, and of its own sentences that stay."""
_MOST_TAGLINE: Final = 140
_TRAITS: Final = (
    "Those who know {short} would say: {traits}.",
    "Called {traits}, {short} would not object.",
    "People notice soon what {short} is: {traits}.",
    "If {short} had to be put in a few words, they would be {traits}.",
)
_INTERESTS: Final = (
    "On free days there are {interests}.",
    "Ask about {interests}, and an hour is gone.",
    "What {short} comes back to, whatever the day was like: {interests}.",
    "There is always time for {interests}.",
)
_AGE: Final = re.compile(r"\b(?:\d+|age[ds]?|old|young|elderly|teenage\w*|years|ties)\b", re.IGNORECASE)
_NO_HUMAN: Final = re.compile(
    r"\b(?:robot|android|machine|troll|elf|elven|dwarf|orc|goblin|dragon|ghost|spirit|vampire|demon|angel|cat|dog|wolf|fox|"
    r"bird|raven|alien|golem|fairy|mermaid|creature|beast|computer|artificial|ship|tree)\b",
    re.IGNORECASE,
)
_LIKING: Final = frozenset({"loves", "likes", "hates", "enjoys", "prefers", "dislikes"})
_ADULT: Final = re.compile(r"^An? adult of \d+ with ")


def description_of(card: Mapping[str, Any], made: Mapping[str, Any], seed: int = 0) -> str:
    """Return a description of who a card says somebody is; only a card that says next to nothing is added to."""
    name = str(card.get("name") or made["name"])
    short = name.split()[0]
    own = _beginning(" ".join(str(card.get("description") or "").split()))
    tagline = str(card.get("tagline") or ("" if own else made["tagline"])).strip().rstrip(".")
    said = [own, f"{name}: {_lower(tagline)}." if tagline and plain_words(tagline) not in plain_words(own) else ""]
    before = len(said)
    for field, frames in (("personality", _TRAITS), ("interests", _INTERESTS)):
        listed = _unsaid(_listed(card.get(field)) or ([] if own else _listed(made[field])), own)
        if listed:
            frame = frames[seed % len(frames)]
            said.append(frame.format(short=short, traits=_joined(listed), interests=_joined(listed)))
    preferences = str(card.get("preferences") or "").strip()
    if preferences and plain_words(preferences) not in plain_words(own):
        said.append(_of(short, preferences))
    if own and len(said) == before:
        said.append(sentences(str(made["description"]))[-1])
    return " ".join(each for each in said if each)[:MOST_CHARS].strip()


def missing_of(card: Mapping[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Return what of a persona of the trait table goes with a card: no second age, nobody's looks for a troll."""
    told = " ".join(str(card.get(name) or "") for name in ("tagline", "description", "scenario"))
    found = dict(made)
    if tagline := _tagline(card):
        found["tagline"] = tagline
    if _NO_HUMAN.search(told):
        del found["appearance"]
    elif _AGE.search(told):
        looks = _ADULT.sub("", str(made["appearance"]))
        found["appearance"] = looks[:1].upper() + looks[1:]
    return found


def _tagline(card: Mapping[str, Any]) -> str:
    """Return who somebody is, of the first sentence of their description that says it: "A baker in Lyon"."""
    text = str(card.get("description") or "")
    name = str(card.get("name") or "")
    who = CardPerson.of((name,), text)
    for sentence in sentences(text)[:4]:
        said = recast(sentence, who) or ""
        found = re.match(r"I(?: am|'m) ((?:an?|the) .+)\.$", said) or re.match(r"((?:An?|The) .+)\.$", sentence)
        if found and len(WORD.findall(found[1])) >= 2 and len(found[1]) <= _MOST_TAGLINE:
            return found[1][:1].upper() + found[1][1:]
    return ""


def _beginning(text: str) -> str:
    """Return as many whole sentences of a text as stay."""
    kept = ""
    for sentence in sentences(text):
        if len(kept) + len(sentence) >= MOST_OWN:
            break
        kept = f"{kept} {sentence}".strip()
    return kept if not kept or kept[-1] in ".!?…" else f"{kept}."


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        value = value.split(",")
    given = cast("Sequence[object]", value) if isinstance(value, list | tuple) else ()
    return [each for item in given if (each := str(item).strip(" ."))]


def _unsaid(listed: Sequence[str], own: str) -> list[str]:
    told = plain_words(own)
    return [each for each in listed if plain_words(each) not in told][:5]


def _joined(listed: Sequence[str]) -> str:
    *most, last = listed
    return f"{', '.join(most)} and {last}" if most else last


def _of(short: str, preferences: str) -> str:
    """Return preferences as a sentence: "Loves rain." is said of somebody by name."""
    first = preferences.split()[0].lower()
    text = (
        f"{short} {_lower(preferences)}" if first in ("loves", "likes", "hates", "enjoys", "prefers") else preferences
    )
    return text if text[-1] in ".!?…" else f"{text}."


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
