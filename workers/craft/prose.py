"""A text and what is measured of it: words, sentences, paragraphs, word groups. Each is found once, in linear time."""

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final

_UNSPACED: Final = "⺀-鿿\uf900-\ufaff\uac00-\ud7a3\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Scripts in which a character stands for a word here: Chinese, Japanese, Korean, Thai, Lao, Burmese, Khmer."""
_DENSE: Final = re.compile("[⺀-鿿\uf900-\ufaff\uac00-\ud7a3]")
DENSITY: Final = 2.5
"""Characters of an alphabet that one of a dense script stands for."""
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:['’][^\W_{_UNSPACED}]+)*")
_IS_UNSPACED: Final = re.compile(f"[{_UNSPACED}]")
_SENTENCE: Final = re.compile(
    r"(?<![.!?…])[.!?…।॥؟۔]++[\"”“’»«'*_)\]]*+(?=\s|$)|(?<=[\u0370-\u03ff\u1f00-\u1fff])[;\u037e][\"”“’»«'*_)]*+(?=\s|$)"
    r"|[。！？።။។]++[」』”）]*+|\n+"
)
_ABBREVIATION: Final = re.compile(r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Prof|No|vs|bzw|Sr|Sra|Mme|M))\.$")
_QUOTED: Final = re.compile(
    r"“[^”\n]{1,2000}”?|\"[^\"\n]{1,2000}\"?|„[^“”\n]{1,2000}[“”]?|«[^»\n]{1,2000}»?|「[^」\n]{1,2000}」?"
    r"|『[^』\n]{1,2000}』?|»[^»«\n]{1,2000}«"
    # The British way: an apostrophe inside follows a letter, the mark at the end a sign.
    r"|(?<!\w)[‘'](?=\w)[^\n]{1,400}?[.,!?…—–-][’'](?!\w)"
    # Where speech begins with a dash, its line is speech.
    r"|^[ \t]*(?:[—–]|- )[^\n]*$",
    re.MULTILINE,
)
_LINKS: Final = frozenset(
    {
        "about", "across", "after", "again", "against", "also", "around", "away", "back", "been", "before", "behind",
        "between", "could", "down", "each", "even", "every", "from", "have", "into", "just", "more", "most", "only",
        "over", "some", "someone", "something", "still", "such", "than", "that", "their", "them", "then", "there",
        "they", "this", "through", "toward", "towards", "under", "upon", "very", "were", "what", "when", "where",
        "which", "while", "will", "with", "within", "without", "would", "your",
    }
)  # fmt: skip
"""English words of four letters and more that say nothing of what a text is about."""
_STEM: Final = 5
"""First characters by which forms of a word are compared: watch, watched, watching; Tür, Türen."""


class Prose:
    """A text with its measures."""

    def __init__(self, text: str) -> None:
        """Nothing is measured before it is asked for."""
        self.text = text
        self._grams: dict[int, list[tuple[str, ...]]] = {}

    @cached_property
    def words(self) -> list[str]:
        """Its words in lower case; a character each where words are not spaced."""
        return _WORD.findall(self.text.lower())

    @cached_property
    def size(self) -> int:
        """Its characters, as many as the same would have in an alphabet."""
        dense = 0 if self.text.isascii() else len(_DENSE.findall(self.text))
        return len(self.text) + round(dense * (DENSITY - 1))

    @cached_property
    def sentences(self) -> list[str]:
        """Its sentences, without the space around them."""
        return [found for each in pieces(self.text) if (found := each.strip())]

    @cached_property
    def paragraphs(self) -> list[str]:
        """Its paragraphs, without the space around them."""
        return [found for each in self.text.split("\n") if (found := each.strip())]

    @cached_property
    def narration(self) -> str:
        """The text without what is said in quotation marks."""
        return _QUOTED.sub(" … ", self.text)

    @cached_property
    def stems(self) -> frozenset[str]:
        """Its content words, by their first characters: short words are left out. Pairs of unspaced characters."""
        return frozenset(stems(self.words))

    def grams(self, size: int) -> list[tuple[str, ...]]:
        """Return all groups of ``size`` words in a row."""
        if size not in self._grams:
            words = self.words
            self._grams[size] = list(zip(*(words[at:] for at in range(size)), strict=False))
        return self._grams[size]


def pieces(text: str) -> list[str]:
    """Cut a text behind its sentences and lines. Nothing is lost: joined they are the text."""
    found: list[str] = []
    start = 0
    for match in _SENTENCE.finditer(text):
        end = match.end()
        following = text[end : end + 2].lstrip()
        if "\n" not in match[0] and (following.islower() or _ABBREVIATION.search(text[max(start, end - 8) : end])):
            continue
        found.append(text[start:end])
        start = end
    if start < len(text):
        found.append(text[start:])
    return found


def stems(words: Iterable[str]) -> list[str]:
    """Return what of ``words`` says something: those of four letters and more, by their first five.

    Where words are not spaced, pairs of characters stand for them.
    """
    found: list[str] = []
    before = ""
    for word in words:
        if _IS_UNSPACED.match(word):
            if before:
                found.append(before + word)
            before = word
            continue
        before = ""
        if len(word) >= 4 and word not in _LINKS:
            found.append(word[:_STEM])
    return found


def plain(text: str) -> str:
    """Return a text as its words, to compare it with another."""
    return " ".join(_WORD.findall(text.lower()))


def unspaced(text: str) -> bool:
    """Return whether a text is mostly in a script without spaces between words."""
    return len(_IS_UNSPACED.findall(text)) * 2 > len(text)


def ratio(part: int, whole: int) -> float:
    """Return a share; 0 of nothing."""
    return part / whole if whole else 0.0
