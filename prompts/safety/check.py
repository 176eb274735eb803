"""The check of requests: the rating that a text needs, and whether it sexualises minors.

It looks for words, and errs on the side of refusing: any text that mentions both a minor and something sexual is
refused. It is one of several gates; the others are negative prompts and the picture classifier.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from prompts.errors import PromptInvalid
from prompts.safety.normalise import disguised, fold, spelt, squeezed, words
from prompts.safety.rating import Rating, exceeds

Refusal = Literal["minors", "rating"]

_OWN_ALPHABET: Final = re.compile(r"[a-z\u0370-\u03ff\u0400-\u052f' ]+")
"""Scripts that separate words by blanks; their terms are matched as whole words."""
_MIN_PREFIX: Final = 3
_MIN_SPELT: Final = 4
_MAX_COMPOUND: Final = 48
_YOUNG: Final = r"(?<![\d.,])(?:0?\d|1[0-7])(?:[.,]\d)?"
_ROMAN: Final = r"(?:x?(?:i{1,3}|iv|vi{0,2})|ix|viii|x|xviii?(?<!xviii))"
_ABOUT: Final = r"(?:about |around |only |just |barely |still |like |to be )*"
_CJK_UNITS: Final = r"(?:歳|才|さい|岁|歲|周岁|살|세(?!기)|ปี|ขวบ|साल|वर्ष|سنوات|سنة|عام)"
_NO_AGE: Final = r"(?![\d:%]|\s*(?:o'clock|times|feet|meters|metres))"
_ENDS: Final = r"(?=\s*(?:[.,;!?)]|$|and\b|but\b|with\b))"
_GRADES: Final = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth"
_OF_AGE: Final = "im alter von|agee? de|all'eta di|con edad de|в возрасте|у віці|w wieku|leeftijd van"
_AGES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_YOUNG}[\s\-–—]*{_CJK_UNITS}",
        r"(?<![一二三四五六七八九十百千])(?:[一二三四五六七八九]|十[一二三四五六七]?)(?:歳|才|岁|歲)",
        r"(?<![가-힣])(?:(?:열\s?)?(?:한|두|세|네|다섯|여섯|일곱)|여덟|아홉|열)\s?살",
        rf"\bage[ds]?\s*(?:of|is|:|=)?\s*{_ABOUT}{_YOUNG}(?!\d)",
        rf"\b(?:turn(?:s|ed|ing)?|looks?|looking|seems?|appears?|appearing)\s+{_ABOUT}{_YOUNG}{_NO_AGE}",
        rf"\b(?:she|he|they|i|girl|boy|who)(?:'s|'m|'re| is| am| are| was)\s+{_ABOUT}{_YOUNG}{_ENDS}",
        rf"{_YOUNG}(?:st|nd|rd|th)\s+birthday",
        rf"\b(?:(?:[1-9]|1[0-2])(?:st|nd|rd|th)|{_GRADES})[\s-]+grade(?:rs?)?\b",
        rf"\b{_ROMAN}\s+(?:years?\s+old|yo)\b",
        rf"\b(?:{_OF_AGE})\s+{_YOUNG}(?!\d)",
    )
)


_NOT_ADULT: Final = frozenset(
    {"adult", "adults", "grownup", "grownups", "grown", "mature", "erwachsene", "adulte", "adulto", "adulta"}
)
_NOT_DRESSED: Final = frozenset(
    {"clothes", "clothing", "clothed", "dressed", "kleidung", "vetements", "ropa", "vestiti"}
)


class _Lists(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    always: tuple[str, ...]
    minors: tuple[str, ...]
    explicit: tuple[str, ...]
    suggestive: tuple[str, ...]
    innocent: tuple[str, ...]
    small_numbers: tuple[str, ...]
    years: tuple[str, ...]
    age_words: tuple[str, ...]
    adults: tuple[str, ...]
    crisis: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result for a text: ``minors`` if a minor is mentioned, ``needs`` the rating that its words need.

    ``forbidden`` if it sexualises minors, which no rating allows. ``adults`` if it says of somebody that they are of
    age. ``crisis`` if a person speaks of ending or harming their own life, not of somebody's death in a story.
    """

    minors: bool
    needs: Rating
    forbidden: bool
    adults: bool = False
    crisis: bool = False


class _Terms:
    """A list of terms prepared for search: the cost grows with the text, not with the list."""

    def __init__(self, terms: Iterable[str]) -> None:
        self.exact: set[str] = set()
        self.prefixes: set[str] = set()
        self.phrases: list[str] = []
        self.anywhere: list[str] = []
        for term in map(fold, terms):
            if not _OWN_ALPHABET.fullmatch(term.rstrip("*")):
                self.anywhere.append(squeezed(term))
            elif " " in term:
                # The words of a text are joined by single blanks, with one at each end.
                self.phrases.append(" " + (term[:-1] if term.endswith("*") else term + " "))
            elif term.endswith("*"):
                self.prefixes.add(term[:-1])
            else:
                self.exact.add(term)
        self.shortest = max(_MIN_PREFIX, min(map(len, self.prefixes), default=_MIN_PREFIX))
        self.longest = max(map(len, self.prefixes), default=0)
        self.inside = [term for term in (*self.exact, *self.prefixes) if len(term) >= _MIN_SPELT]

    def has(self, word: str) -> bool:
        """Return True if a word is one of the terms, or has one as its prefix."""
        if word in self.exact:
            return True
        return any(word[:end] in self.prefixes for end in range(self.shortest, min(len(word), self.longest) + 1))

    def among(self, reading: Sequence[str], unique: Iterable[str]) -> bool:
        """Return True if one of the terms is among the words of a text."""
        if any(map(self.has, unique)):
            return True
        if not self.phrases:
            return False
        line = f" {' '.join(reading)} "
        return any(phrase in line for phrase in self.phrases)

    def within(self, joined: str) -> bool:
        """Return True if a joined word contains one of the longer terms."""
        return any(term in joined for term in self.inside)


class PromptCheck:
    """Looks for the words of ``terms.yaml``. Time grows linearly with the text."""

    def __init__(self, lists: _Lists) -> None:
        """``lists`` is the file's content."""
        self._always = _Terms(lists.always)
        self._minors = _Terms((*lists.minors, *lists.age_words))
        self._explicit = _Terms(lists.explicit)
        self._suggestive = _Terms(lists.suggestive)
        innocent = [fold(term) for term in lists.innocent]
        own = sorted((term for term in innocent if _OWN_ALPHABET.fullmatch(term.rstrip("*"))), key=len, reverse=True)
        self._innocent = re.compile(rf"(?<![^\W_])(?:{'|'.join(map(_spaced, own))})")
        self._innocent_anywhere = [term for term in innocent if not _OWN_ALPHABET.fullmatch(term.rstrip("*"))]
        numbers = "|".join(sorted((re.escape(fold(n)) for n in lists.small_numbers), key=len, reverse=True))
        units = "|".join(_spaced(fold(unit)) for unit in sorted(lists.years, key=len, reverse=True))
        self._adults, self._crisis = _Terms(lists.adults), _Terms(lists.crisis)
        self._of_age = re.compile(rf"(?<![\d.,])(?:1[89]|[2-9]\d)[\s\-–—]*(?:{units}|{_CJK_UNITS})")
        self._years = re.compile(rf"(?:{_YOUNG}|(?<![^\W_])(?<!-)(?:{numbers})(?=[\s\-–—]))[\s\-–—]*(?:{units})")

    def scan(self, *texts: str) -> Finding:
        """Return the result for some texts taken together, such as a persona's card and the request to it."""
        folded = fold("\n".join(texts))
        for term in self._innocent_anywhere:
            folded = folded.replace(term, " ")
        bare = self._innocent.sub(" ", folded)
        plain = words(bare)
        readings = [plain, *disguised(bare)]
        close = squeezed(bare)
        letters = spelt(bare)
        sets = [set(reading) for reading in readings]
        glued = {word for unique in sets for word in unique if 6 < len(word) <= _MAX_COMPOUND}

        def found(terms: _Terms) -> bool:
            return (
                any(terms.among(reading, unique) for reading, unique in zip(readings, sets, strict=True))
                or any(term in close for term in terms.anywhere)
                or any(terms.has(joined) or terms.within(joined) for joined in letters)
            )

        minors = found(self._minors) or self._years.search(bare) is not None or any(p.search(bare) for p in _AGES)
        explicit, suggestive = found(self._explicit), found(self._suggestive)
        compound = any(self._compound(word) for word in glued)
        forbidden = found(self._always) or compound or (minors and (explicit or suggestive))
        needs: Rating = "nsfw" if explicit or forbidden else "suggestive" if suggestive else "sfw"
        adults = found(self._adults) or self._of_age.search(bare) is not None
        return Finding(minors or forbidden, needs, forbidden, adults, found(self._crisis))

    def _compound(self, word: str) -> bool:
        """Return True for a minor and something sexual in one word, as in tags."""
        for cut in range(3, len(word) - 2):
            first, second = word[:cut], word[cut:]
            for one, other in ((first, second), (second, first)):
                if one in self._minors.exact | self._minors.prefixes and (
                    other in self._explicit.exact or other in self._explicit.prefixes
                ):
                    return True
        return False


def _spaced(term: str) -> str:
    """Return the pattern of a term whose words may be separated by anything but letters and digits."""
    return r"[\W_]+".join(map(re.escape, term.rstrip("*").split())) + ("" if term[-1] == "*" else r"(?![^\W_])")


@lru_cache(maxsize=1)
def default_check() -> PromptCheck:
    """Return the check with the shipped words. Raises `PromptInvalid`."""
    text = (files("prompts") / "safety" / "terms.yaml").read_text(encoding="utf-8")
    try:
        return PromptCheck(_Lists.model_validate(yaml.safe_load(text)))
    except ValueError as error:
        raise PromptInvalid(f"terms.yaml: {error}") from error


def scan(*texts: str) -> Finding:
    """Return the result for some texts by the shipped words; see `PromptCheck.look`."""
    return default_check().scan(*texts)


def refusal(rating: Rating, *texts: str, negative: str = "") -> Refusal | None:
    """Return why ``texts`` are refused where ``rating`` holds, None if they are not.

    ``negative`` is the negative prompt of a picture. Its terms are kept out of the picture, so it may name minors; but
    not adults or clothes where their absence would produce refused content.
    """
    finding = scan(*texts)
    if finding.forbidden:
        return "minors"
    if negative:
        unwanted = set(words(fold(negative)))
        if unwanted & _NOT_ADULT and finding.needs != "sfw":
            return "minors"
        if unwanted & _NOT_DRESSED:
            if finding.minors:
                return "minors"
            if exceeds("nsfw", rating):
                return "rating"
    return "rating" if exceeds(finding.needs, rating) else None
