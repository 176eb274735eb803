"""Facts without a model: sentences that say plainly who somebody is, where they live, what they like or promise.

A rule is a pattern and the *slot* that it fills: a person has one name, one home, one job. A new sentence that fills
the slot of a known one about the same person replaces it. English; other languages have no rules and yield nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

_LONGEST: Final = 240
_SENTENCE: Final = re.compile(r"[^.!?…。！？\n]+(?:[.!?…。！？]+[\"”’»']*|\n|$)")
_QUESTION: Final = re.compile(r"[?？]\W*$")
_SHORTEST: Final = 8
_I: Final = r"(?:^|[,;:*(\"“—-] ?|\b(?:and|but|so|well|oh|hi|hello|yes|no|because|that|by the way)[, ]+)"


@dataclass(frozen=True, slots=True)
class _Rule:
    """``slot`` may take a group of the pattern: a favourite colour is another slot than a favourite food."""

    pattern: re.Pattern[str]
    slot: str
    kind: str
    importance: int


def _rule(pattern: str, slot: str, kind: str, importance: int) -> _Rule:
    return _Rule(re.compile(_I + pattern, re.IGNORECASE), slot, kind, importance)


_RELATIVE: Final = (
    "mother|father|mum|mom|dad|brother|sister|son|daughter|wife|husband|partner|girlfriend|boyfriend|friend|"
    "grandmother|grandfather|aunt|uncle|cousin|boss|dog|cat|horse"
)
_RULES: Final = (
    _rule(r"(?:my name is|my name’s|my name's|call me|i am called|i['’]m called) \w+", "name", "person", 9),
    _rule(r"i(?:['’]m| am) (?:allergic|vegetarian|vegan|blind|deaf|pregnant)\b", "health", "person", 8),
    _rule(r"i(?: can['’]t| cannot) (?:eat|drink|swim|see|hear|walk|read|stand)\b", "cannot", "person", 6),
    _rule(r"i (?:now )?(?:live|moved|am living|['’]m living) (?:now )?(?:in|to|at|near|with)\b", "home", "person", 7),
    _rule(r"i(?:['’]m| am| come| was born)(?: originally)? (?:from|in) [A-ZÀ-Þ]", "origin", "person", 6),
    _rule(r"i (?:now )?(?:work|am working|['’]m working) (?:now )?(?:as|at|for|in)\b", "work", "person", 7),
    _rule(r"i(?:['’]m| am) (?:now )?(?:an? )(?:\w+ )?\w+(?:er|or|ist|ian|nurse|cook|student|doctor|teacher)\b",
          "work", "person", 6),
    _rule(r"i(?:['’]m| am) \d+(?: years old)?\b", "age", "person", 6),
    _rule(r"my birthday is\b", "birthday", "person", 7),
    _rule(r"my favou?rite (?P<of>\w+) (?:is|are)\b", "favourite", "person", 5),
    _rule(rf"my (?P<of>{_RELATIVE})(?:['’]s name)? (?:is|was|has|had|lives|died|works)\b", "relative", "person", 6),
    _rule(rf"i (?:now )?(?:have|own|got) (?:an?|two|three|no) (?:\w+ )?(?P<of>{_RELATIVE}|child|children|house)s?\b",
          "has", "person", 5),
    _rule(r"i (?:really )?(?:love|hate|adore|fear|can['’]t stand|am afraid of|['’]m afraid of) \w+", "", "person", 4),
    _rule(r"i(?:['’]ll| will| promise| swear|['’]m going to| am going to) (?:\w+ ){0,3}\w+", "", "promise", 5),
    _rule(r"(?:don['’]t|never) forget (?:that|to)\b|remember (?:that|to)\b", "", "promise", 6),
)  # fmt: skip
_ABOUT: Final = re.compile(
    r"^(?:the )?(?P<name>[A-ZÀ-Þ][\w’'-]+(?: [A-ZÀ-Þ][\w’'-]+)?) "
    r"(?:is|was|has|had|lives|died|promised|swore|owns|became) "
)
"""Of a page, or of somebody else: a sentence whose first words are a name."""
_NO_NAMES: Final = frozenset({
    "It", "This", "That", "There", "Here", "He", "She", "They", "You", "We", "What", "Who", "Then", "Now", "Everything",
    "Nothing", "Something", "Everybody", "Nobody", "Somebody", "Today", "Tomorrow", "Yesterday", "Yes", "No",
})  # fmt: skip


def find(lines: Sequence[tuple[str, str]], known: Sequence[tuple[str, str]], most: int) -> list[dict[str, Any]]:
    """Return facts of the lines (speaker and text), the weightiest first if there are more than ``most``.

    ``known`` are facts (about whom, and text). Each result has the fields of an answer to the prompt of facts.
    """
    slots: dict[tuple[str, str], int] = {}
    for number, (about, text) in enumerate(known, 1):
        if (slot := slot_of(text)) is not None:
            slots[about.casefold(), slot] = number
    found: list[dict[str, Any]] = []
    for number, (speaker, text) in enumerate(lines, 1):
        for about, fact, rule, slot in _facts(speaker, text):
            replaced = slots.get((about.casefold(), slot)) if slot else None
            found.append(
                {
                    "about": about, "fact": fact, "kind": rule.kind, "importance": rule.importance, "line": number,
                    "replaces": [] if replaced is None else [replaced], "present": [],
                }
            )  # fmt: skip
    # Of two sentences of these lines that fill one slot, the later holds.
    last: dict[tuple[str, str], int] = {}
    for at, each in enumerate(found):
        if slot := slot_of(each["fact"]):
            last[each["about"].casefold(), slot] = at
    kept = [f for at, f in enumerate(found) if last.get((f["about"].casefold(), slot_of(f["fact"]) or ""), at) == at]
    best = sorted(range(len(kept)), key=lambda at: (-kept[at]["importance"], at))[:most]
    return [kept[at] for at in sorted(best)]


def slot_of(fact: str) -> str | None:
    """Return the slot that a fact fills; None if any number of its kind can be true at once."""
    said = fact.partition(" says: ")[2] or fact
    rule = _matching(said)
    return _slot(rule, said) if rule is not None and rule[0].slot else None


def _facts(speaker: str, text: str) -> Iterator[tuple[str, str, _Rule, str]]:
    for sentence in _SENTENCE.findall(text):
        said = " ".join(sentence.split()).strip("*_ ")
        if not _SHORTEST <= len(said) <= _LONGEST - len(speaker) - 8 or _QUESTION.search(said):
            continue
        if speaker and (rule := _matching(said)) is not None:
            yield speaker, f"{speaker} says: {said}", rule[0], _slot(rule, said) or ""
        elif (named := _ABOUT.match(said)) is not None and named["name"].split()[0] not in _NO_NAMES:
            yield named["name"], said, _NAMED, ""


def _matching(said: str) -> tuple[_Rule, re.Match[str]] | None:
    for rule in _RULES:
        if (match := rule.pattern.search(said)) is not None:
            return rule, match
    return None


def _slot(rule: tuple[_Rule, re.Match[str]] | None, said: str) -> str | None:
    del said
    if rule is None or not rule[0].slot:
        return None
    of = rule[1].groupdict().get("of") or ""
    return f"{rule[0].slot} {of.casefold()}".strip()


_NAMED: Final = _Rule(_ABOUT, "", "event", 3)
