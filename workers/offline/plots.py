"""A story's plot without a model: its weightiest sentences, its unanswered questions, and the names in it."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from workers.context.extract import extract
from workers.context.sentences import sentences

_NAME: Final = re.compile(r"(?<=[\w,;:’'\"”»)] )(?P<name>[A-ZÀ-ÞА-Я][\w’'-]{2,}(?: [A-ZÀ-ÞА-Я][\w’'-]{2,})?)")
_THREAD: Final = re.compile(
    r"[?？]\W*$|\b(?:promise|swear|vow|must|danger|secret|missing|hidden|curse|threat)\w*\b", re.IGNORECASE
)
_STATE: Final = re.compile(
    r"\b(?:is|are|was|were|has|have|had|lies|lay|stands|stood|carries|carried|bleeds|bled|died|lives|waits|waited)\b",
    re.IGNORECASE,
)
_PLACE: Final = re.compile(
    r"\b(?:in|at|on|under|inside|near|behind|beside) (?P<place>(?:the |a |an )?[\w’'-]+(?: [\w’'-]+)?)"
)


def notes(
    outline: str, threads: Sequence[dict[str, Any]], characters: Sequence[dict[str, Any]], pages: Sequence[str],
    *, chars: int, most_threads: int, most_characters: int, text: int,
) -> dict[str, Any]:  # fmt: skip
    """Return the notes as they are after ``pages``; the fields are those of an answer to the prompt of plots.

    ``chars``, ``most_threads``, ``most_characters`` and ``text`` (characters of a thread or state) bound it.
    """
    told = "\n".join(pages)
    new = [" ".join(s.split()) for s in sentences(told) if s.strip()]
    open_ = [s for s in new if len(s) <= text and _THREAD.search(s)]
    known = [t for t in threads if t["open"]]
    found = list(dict.fromkeys([*(t["title"] for t in known), *open_]))[-most_threads:]
    counts = Counter(match["name"] for match in _NAME.finditer(told))
    names = list(
        dict.fromkeys([*(c["name"] for c in characters), *(n for n, _ in counts.most_common() if counts[n] > 1)])
    )
    before = {c["name"]: c for c in characters}
    return {
        "outline": extract(f"{outline}\n{told}", chars, "plot"),
        "threads": [{"title": title, "open": True} for title in found],
        "characters": [_character(name, before.get(name), new, text) for name in names[:most_characters]],
    }


def _character(name: str, before: dict[str, Any] | None, new: Sequence[str], text: int) -> dict[str, Any]:
    state = before["state"] if before is not None else ""
    place = before["place"] if before is not None else ""
    for sentence in new:
        if name in sentence and len(sentence) <= text and _STATE.search(sentence):
            state = sentence
            if (at := _PLACE.search(sentence)) is not None:
                place = at["place"]
    return {"name": name, "state": state, "place": place}
