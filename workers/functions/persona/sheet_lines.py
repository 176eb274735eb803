"""A persona as labelled lines: what small models are asked for instead of JSON."""

import json
import re
from collections.abc import Collection
from typing import Any, Final

from workers.craft.languages import base_tag

LABELS: Final = {
    "name": "Name", "tagline": "Who", "description": "About", "appearance": "Looks", "personality": "Is",
    "interests": "Likes", "preferences": "Wants", "speaking_style": "Talks", "scenario": "Where", "greeting": "Says",
}  # fmt: skip
"""How a line begins, by what it says."""
LISTS: Final = frozenset({"personality", "interests"})
"""What is several entries, separated by commas."""
_PLAIN: Final = r"\n:：#*_`|<>\[\]{}()\\"
"""What no line has: marks of layout, and of a label."""


def _sentences(least: int, most: int, chars: tuple[int, int]) -> str:
    """Return the pattern of so many sentences of so many characters each: a model ends them, not its maximum length."""
    one = rf"[^{_PLAIN}.!?…]{{{chars[0]},{chars[1]}}}[.!?]"
    return rf"{one}( {one}){{{least - 1},{most - 1}}}"


def _listed(least: int, most: int) -> str:
    """Return the pattern of so many entries, separated by commas."""
    one = rf"[^{_PLAIN}.,;!?…]{{3,32}}"
    return rf"{one}(, {one}){{{least - 1},{most - 1}}}"


_PATTERNS: Final = {
    "name": rf"[^{_PLAIN}.,;!?…]{{2,28}}",
    "tagline": rf"[^{_PLAIN}.,;!?…]{{10,80}}",
    "description": _sentences(2, 3, (25, 150)),
    "appearance": _sentences(1, 2, (15, 110)),
    "personality": _listed(3, 4),
    "interests": _listed(2, 4),
    "preferences": _sentences(1, 2, (10, 90)),
    "speaking_style": _sentences(1, 1, (10, 110)),
    "scenario": _sentences(1, 2, (15, 110)),
    "greeting": _sentences(2, 3, (5, 80)),
}
"""What stands on a line, by what it says."""
_NAMES: Final = "[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ'’-]{1,13}( [A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ'’-]{1,13}){1,2}"
_CAPITALS: Final = frozenset({"en", "de", "es", "fr", "it", "nl", "pt"})
"""Languages in which names are words with capitals of these: what begins with an article is none."""
_LINE: Final = re.compile(r"^[ \t*_#-]*(?P<label>[^\W\d_]{2,12})[*_]{0,2} *: *(?P<text>\S[^\n]*)$", re.MULTILINE)
_FIELD: Final = {label.lower(): name for name, label in LABELS.items()}


def lines_of(fields: Collection[str]) -> list[str]:
    """Return the labels of ``fields``, in their order."""
    return [LABELS[name] for name in LABELS if name in fields]


def sheet_pattern(fields: Collection[str], opening: str, language: str) -> str:
    """Return the pattern of a line for each of ``fields`` behind the ``opening``, which begins the first."""
    patterns = {**_PATTERNS, "name": _NAMES} if base_tag(language) in _CAPITALS else _PATTERNS
    lines = [f"{LABELS[name]}: {patterns[name]}" for name in LABELS if name in fields]
    whole = r"\n".join(lines)
    if opening and lines and opening.startswith(f"{lines[0].partition(':')[0]}:"):
        # What the prompt gave of the first line is not asked for again.
        given = opening.partition(":")[2].strip()
        first, rest = lines[0].partition(":")[2], r"\n".join(["", *lines[1:]])
        return rest if given else first + rest
    return whole


def as_json(text: str) -> str:
    """Return labelled lines as JSON, of each label the first line; any other text as it is."""
    found: dict[str, Any] = {}
    for match in _LINE.finditer(text):
        name = _FIELD.get(match["label"].lower())
        if name is None or name in found:
            continue
        said = match["text"].strip()
        found[name] = [each for part in re.split("[,;]", said) if (each := part.strip(" ."))] if name in LISTS else said
    return json.dumps(found) if found and not text.lstrip().startswith(("{", "[", "```")) else text


def described() -> str:
    """Return the pattern of a description alone."""
    return _sentences(2, 5, (25, 160))
