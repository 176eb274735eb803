"""Ages in text: of somebody young, and of somebody grown up."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from prompts.safety.normalise import fold, one_letter
from prompts.safety.terms import trie

YOUNG: Final = r"(?<![\d.,])(?:0?\d|1[0-7])(?:[.,]\d)?"
"""Under eighteen."""
GROWN: Final = r"(?<![\d.,])(?:1[89]|[2-9]\d)(?![\d.,]\d)"
_ROMAN: Final = r"(?:x?(?:i{1,3}|iv|vi{0,2})|ix|viii|x|xviii?(?<!xviii))"
_ABOUT: Final = r"(?:about |around |only |just |barely |still |like |to be )*"
_CJK_UNITS: Final = r"(?:歳|才(?!能)|さい|岁|歲|周岁|살|세(?!기)|ปี|ขวบ|साल|वर्ष|سنوات|سنة|عام)"
_NO_AGE: Final = r"(?![\d:%]|\s*(?:o'clock|times|feet|meters|metres))"
_ENDS: Final = r"(?=\s*(?:[.,;!?)]|$|and\b|but\b|with\b))"
_GRADES: Final = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth"
_OF_AGE: Final = (
    "im alter von|alter|agee? de|age|a l'age de|all'eta di|eta|con edad de|edad|com idade de|idade|в возрасте|возраст|"
    "у віці|вік|w wieku|wiek|leeftijd van|leeftijd|yas|lat"
)
_MORE_THAN: Final = (
    "over|above|uber|mas de|mayores de|maiores de|plus de|oltre|mais de|больше|старше|більше|powyzej|ouder dan|boven|"
    "满|都满"
)
_SEXES: Final = "girl|boy|daughter|son|pupil|student|youth|lad|lass|madchen|junge|ragazza|ragazzo|meisje|jongen"
_MIN_HIDDEN: Final = 4
_CJK_NUMBER: Final = "(?<![一二三四五六七八九十百千])"


def _of(number: str) -> tuple[str, ...]:
    """Return the patterns of an age that is a number in digits."""
    return (
        rf"{number}[\s\-–—]{{0,3}}{_CJK_UNITS}",
        rf"(?:\b|girl|boy)age[ds]?\s*(?:of|is|:|=)?\s*{_ABOUT}{number}(?!\d)",
        rf"\b(?:turn(?:s|ed|ing)?|looks?|looking|seems?|appears?|appearing)\s+{_ABOUT}{number}{_NO_AGE}",
        rf"\b(?:she|he|they|i|girl|boy|who)(?:'s|'m|'re| is| am| are| was)\s+{_ABOUT}{number}{_ENDS}",
        rf"{number}(?:st|nd|rd|th)\s+birthday",
        rf"\b(?:{_OF_AGE})\s*:?\s*{number}(?!\d)",
    )


_YOUNG_PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        *_of(YOUNG),
        rf"{_CJK_NUMBER}(?:[一二三四五六七八九]|十[一二三四五六七]?)(?:歳|才(?!能)|岁|歲)",
        r"(?<![가-힣])(?:(?:열\s?)?(?:한|두|세|네|다섯|여섯|일곱)|여덟|아홉|열)\s?살",
        rf"\b(?:{_SEXES}) (?:of|von|di|van) {YOUNG}(?!\d)",
        rf"\b(?:(?:[1-9]|1[0-2])(?:st|nd|rd|th)|{_GRADES})[\s-]{{1,3}}grade(?:rs?)?\b",
        rf"\b{_ROMAN}\s+(?:years?\s+old|yo)\b",
    )
)
_GROWN_PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        *_of(GROWN),
        rf"{_CJK_NUMBER}(?:[二三四五六七八九]十[一二三四五六七八九]?|十[八九])(?:歳|才(?!能)|岁|歲|多岁|代の)",
        r"(?:서른|마흔|쉰|예순|일흔|스물)(?:\s?[가-힣]{1,2})?\s?살|스무\s?살",
        rf"\b(?:woman|man|lady|women|men|wife|husband) of {GROWN}(?!\d)",
        r"\bin (?:his|her|their) (?:early |mid |late )?(?:twen|thir|for|fif|six|seven|eigh)ties",
        rf"{GROWN}\s?\+|(?:18|19|2[01])\s?(?:\+|years? or (?:older|over)|歳以上|岁以上|周岁以上|세 이상)",
        rf"(?<![^\W_])(?:{_MORE_THAN}) ?(?:1[89]|2[01])(?!\d)",
        r"(?<!\d)(?:1[89]|2[01]) yasindan buyuk",
    )
)


class Ages:
    """Looks for ages in years, whose numbers and units are given in folded words of many languages."""

    def __init__(self, numbers: Sequence[str], units: Sequence[str], tens: Sequence[str]) -> None:
        """``numbers`` are those under eighteen, ``tens`` those of grown people, ``units`` what follows them."""
        unit = "|".join(_spaced(fold(unit)) for unit in sorted(units, key=len, reverse=True))

        def words(terms: Sequence[str]) -> str:
            return rf"(?<![^\W_])(?<!-)(?:{trie([fold(n) for n in terms], {})})(?=[\s\-–—])"

        self.number = rf"(?:\d+|{trie([fold(n) for n in (*numbers, *tens)], {})})"
        """The pattern of any number."""
        self._young = re.compile(rf"(?:{YOUNG}|{words(numbers)})[\s\-–—]{{0,3}}(?:{unit})")
        self._tight = tuple(_tight(numbers, units, each) for each in (str, one_letter))
        self._grown = re.compile(rf"(?:{GROWN}|{words(tens)})[\s\-–—]{{0,3}}(?:{unit}|{_CJK_UNITS})")

    def certain(self, lines: str, folded: str) -> bool:
        """Return True if the lines of a text, or folded text, name an age below eighteen."""
        return self._young.search(lines) is not None or any(
            p.search(t) for p in _YOUNG_PATTERNS for t in (folded, lines)
        )

    def guessed(self, lines: str, backwards: str, folded: str) -> bool:
        """Return True if they may: with blanks inside of words, repeated letters, or backwards."""
        tight = lines.replace(" ", "")
        return (
            any(pattern.search(each(tight)) for pattern, each in zip(self._tight, (str, one_letter), strict=True))
            or self._young.search(backwards) is not None
            or any(pattern.search(text) for pattern in _YOUNG_PATTERNS for text in (backwards, folded[::-1]) if text)
        )

    def grown(self, lines: str, folded: str) -> bool:
        """Return True if somebody is said to be eighteen or more."""
        return self._grown.search(lines) is not None or any(pattern.search(folded) for pattern in _GROWN_PATTERNS)


def _tight(numbers: Sequence[str], units: Sequence[str], each: Callable[[str], str]) -> re.Pattern[str]:
    """Return the pattern of a young age in text without blanks."""

    def any_of(terms: Sequence[str], least: int) -> str:
        plain = {each(fold(term).rstrip("*").replace(" ", "")) for term in terms}
        return trie([term for term in plain if len(term) >= least], {})

    return re.compile(
        rf"(?:{YOUNG}|{any_of(numbers, 1)})(?:{any_of(units, _MIN_HIDDEN)})"
        rf"|(?:{any_of(numbers, _MIN_HIDDEN)})(?:{any_of(units, _MIN_HIDDEN - 1)})"
        rf"|(?:girl|boy)aged?{YOUNG}(?!\d)"
    )


def _spaced(unit: str) -> str:
    return r"[\W_]{1,3}".join(map(re.escape, unit.rstrip("*").split())) + ("" if unit[-1] == "*" else r"(?![^\W_])")
