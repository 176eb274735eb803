"""Texts cut into passages, the units that are assessed and shown."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

PASSAGE: Final = 2000
"""Maximum length of a passage, in characters."""
WHOLE: Final = 2 * PASSAGE
"""Texts up to this length are also assessed whole: of words that only may be disguised ones, two count together."""
_BREAK: Final = re.compile(r"\n\s*")


def passages(text: str) -> list[str]:
    """Return the paragraphs of a text, the long ones in parts that overlap."""
    found: list[str] = []
    for paragraph in _BREAK.split(text):
        if not paragraph.strip():
            continue
        # A phrase across the cut is whole in one of the parts.
        found += [paragraph[at : at + PASSAGE] for at in range(0, max(1, len(paragraph) - 100), PASSAGE - 100)]
    return found


def short_whole(*texts: str) -> str | None:
    """Return short texts as one, None if they are long or already one passage."""
    whole = "\n".join(texts)
    return whole if len(whole) <= WHOLE and sum(len(passages(text)) for text in texts) > 1 else None


def finished(text: str) -> int:
    """Return where the last finished paragraph of a text ends that is still being written."""
    return text.rfind("\n") + 1


def texts_of(value: object, without: frozenset[str] = frozenset()) -> list[str]:
    """Return all texts in data, at any depth, without the fields named in ``without`` and ratings.

    A number under ``age`` is returned as an age.
    """
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, Mapping):
        found: list[str] = []
        for key, each in cast("Mapping[object, object]", value).items():
            name = str(key).casefold()
            if name != "rating" and name not in without:
                found += [f"age {each}"] if name == "age" else texts_of(each, without)
        return found
    if isinstance(value, list | tuple | set | frozenset):
        return [text for each in cast("Sequence[object]", value) for text in texts_of(each, without)]
    return []


def redacted(value: Any, allowed: Mapping[str, bool]) -> Any:
    """Return data without the passages that ``allowed`` says no to."""
    if isinstance(value, str):
        if all(allowed.get(each, True) for each in passages(value)):
            return value
        return "\n\n".join("…" if not allowed.get(each, True) else each for each in passages(value))
    if isinstance(value, Mapping):
        return {key: redacted(each, allowed) for key, each in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [redacted(each, allowed) for each in cast("Sequence[Any]", value)]
    return value
