"""The title of a page, made from its text by rule: for models that are asked for prose alone."""

import re
from collections import Counter
from typing import Final

from workers.cutting import cut_at_word

MAX_WORDS: Final = 5
FEW_CHARS: Final = 40
"""Length of a title that is made of the first words, in characters."""
_NOUN: Final = re.compile(
    r"\b(?:the|an?)\s+(?P<words>(?:[a-z][\w’'-]*\s+)?[a-z][\w’'-]*(?:\s+of\s+(?:the\s+|an?\s+)?[a-z][\w’'-]*)?)"
    r"(?=[.,;:!?”\"—–]|\s+(?:in|on|at|to|from|with|by|for|and|or|but|that|which|who|where|as|is|are|was|were|has|had"
    r"|into|onto|over|under|behind|beside|before|after|through|across|against|near|like|you|your|since|until)\b|$)",
    re.IGNORECASE,
)
"""A noun with its article, as far as that can be told without a dictionary."""
_DULL: Final = frozenset({
    "air", "area", "back", "bit", "body", "course", "day", "door", "eyes", "face", "feeling", "few", "first",
    "floor", "front", "ground", "hand", "hands", "head", "idea", "kind", "last", "left", "light", "little", "lot",
    "man", "middle", "moment", "morning", "more", "name", "next", "night", "old", "one", "other", "others", "part",
    "people", "person", "place", "point", "rest", "reader", "right", "room", "same", "second", "sense", "side",
    "sky", "sound", "story", "thing", "things", "time", "top", "voice", "way", "ways", "wind", "woman", "words",
    "world", "year",
})  # fmt: skip
"""Nouns that name no page."""
_LINKS: Final = frozenset({
    "about", "and", "are", "as", "at", "but", "by", "can", "for", "from", "has", "in", "is", "of", "on", "or", "that",
    "to", "was", "where", "who", "with", "you", "your",
})  # fmt: skip
"""Words that a name does not end with."""
_SENTENCE: Final = re.compile(r"[.!?…。！？\n]")


def title_of(text: str) -> str:
    """Return two to five words that name a page: what it speaks of most, else its first words."""
    found = [_without_links(match["words"].lower()) for match in _NOUN.finditer(text)]
    named = Counter(words for words in found if words and not _DULL & {words, words.split()[-1]})
    lower = text.lower()
    best = max(named, key=lambda words: (lower.count(words.split()[-1]), len(words.split())), default="")
    if best:
        return f"The {best}"
    first = _SENTENCE.split(text.strip())[0]
    return cut_at_word(" ".join(first.split()[:MAX_WORDS]), FEW_CHARS).rstrip(" ,;:-–—")


def _without_links(words: str) -> str:
    """Return a noun without a word behind it that belongs to what follows."""
    kept = words.split()
    while kept and kept[-1] in _LINKS:
        kept.pop()
    return " ".join(kept)
