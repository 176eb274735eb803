"""A persona as labelled lines: what small models are asked for instead of JSON."""

import json
import re
from collections.abc import Collection
from typing import Any, Final

LABELS: Final = {
    "name": "Name", "tagline": "Who", "description": "About", "appearance": "Looks", "personality": "Is",
    "interests": "Likes", "preferences": "Wants", "speaking_style": "Talks", "scenario": "Where", "greeting": "Says",
}  # fmt: skip
"""How a line begins, by what it says."""
LISTS: Final = frozenset({"personality", "interests"})
"""What is several words, separated by commas."""
_SENTENCES: Final = frozenset({"description", "appearance", "scenario", "greeting"})
"""What ends as a sentence."""
_LENGTHS: Final = {
    "name": (3, 40), "tagline": (10, 90), "description": (90, 420), "appearance": (20, 160), "personality": (10, 80),
    "interests": (10, 90), "preferences": (10, 160), "speaking_style": (10, 120), "scenario": (20, 160),
    "greeting": (20, 200),
}  # fmt: skip
_PLAIN: Final = r"[^\n:：#*_`|<>\[\]{}\\]"
"""A character of a line: none of markup, none of a label."""
_LINE: Final = re.compile(r"^[ \t*_#-]*(?P<label>[^\W\d_]{2,12})[*_]{0,2} *: *(?P<text>\S[^\n]*)$", re.MULTILINE)
_FIELD: Final = {label.lower(): name for name, label in LABELS.items()}


def lines_of(fields: Collection[str]) -> list[str]:
    """Return the labels of ``fields``, in their order."""
    return [LABELS[name] for name in LABELS if name in fields]


def sheet_pattern(fields: Collection[str], opening: str) -> str:
    """Return the pattern of a line for each of ``fields`` behind the ``opening``, which begins the first."""
    lines: list[str] = []
    for name in (name for name in LABELS if name in fields):
        least, most = _LENGTHS[name]
        end = "[.!?]" if name in _SENTENCES else ""
        lines.append(f"{LABELS[name]}: {_PLAIN}{{{least},{most}}}{end}")
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
