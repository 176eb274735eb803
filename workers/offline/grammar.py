"""A small text grammar: ``[one|two]`` is one of the two, ``{slot}`` is a value.

``{Slot}`` is the value with a capital first letter. ``{a:slot}`` puts the right article before it. ``{slot+waits}``
is the value with a verb that agrees with it in number, ``{slot.it}`` its pronoun. Values are inserted in one pass
and never read as grammar.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from workers.offline.dice import pick
from workers.offline.english import base_verb, with_article

_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(?:(?P<article>[aA]):)?(?P<name>[A-Za-z_]+)(?:\+(?P<verb>[a-z]+)|\.(?P<pronoun>it))?\}")


@dataclass(frozen=True, slots=True)
class Value:
    """What stands in a slot; ``plural`` decides verbs and pronouns."""

    text: str
    plural: bool = False


def expand(template: str, slots: Mapping[str, Value | str], *key: object) -> str:
    """Return ``template`` with its alternatives decided by ``key`` and its slots filled. KeyError: unknown slot."""
    text = template
    depth = 0
    while True:
        text, found = _ALTERNATIVES.subn(
            lambda match: pick(match[1].split("|"), *key, depth, match.start(), match[1]),  # noqa: B023 - used at once
            text,
        )
        if not found:
            break
        depth += 1
    return _SLOT.sub(lambda match: _fill(match, slots), text)


def slots_of(template: str) -> set[str]:
    """Return the names of the slots used in ``template``, in lower case."""
    return {match["name"].lower() for match in _SLOT.finditer(template)}


def _fill(match: re.Match[str], slots: Mapping[str, Value | str]) -> str:
    name = match["name"]
    value = slots[name.lower()]
    value = Value(value) if isinstance(value, str) else value
    text = value.text
    if match["pronoun"]:
        text = "them" if value.plural else "it"
    elif match["article"]:
        text = with_article(text)
    if name[0].isupper() or match["article"] == "A":
        text = text[:1].upper() + text[1:]
    if match["verb"]:
        text += " " + (base_verb(match["verb"]) if value.plural else match["verb"])
    return text
