"""Many short lines judged as few long texts: searching a text costs much besides what its length costs.

What is found in lines that are joined may be nothing in any of them, so it is only believed where nothing is found:
`as_one` and `mergeable` see to it that what is in one line is found in the whole, too.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from prompts.safety.lookalikes import AS_CYRILLIC, LIKE_CAPITAL, ORNAMENTAL
from prompts.safety.normalise import fold
from prompts.safety.passages import PASSAGE

MANY: Final = 64
"""A text of fewer passages is searched passage by passage."""
_BETWEEN: Final = "\n. qzq .\n"
"""Between lines: no phrase goes across it, no word is spelled or split across it, and a clause ends before it."""
_LATIN: Final = "".join(c for c in map(chr, range(0x250)) if c.isalpha() and fold(c).isascii() and fold(c).isalpha())
"""Letters that are plain ones once they are folded."""
_READ_OTHERWISE: Final = LIKE_CAPITAL.keys() | ORNAMENTAL.keys() | AS_CYRILLIC.keys()


def _ranges(*spans: tuple[int, int]) -> str:
    """Return the characters of a class: ``spans`` of code points, without those that are read as another letter."""
    found: list[str] = []
    for first, last in spans:
        start = first
        for other in (*sorted(code for code in _READ_OTHERWISE if first <= code <= last), last + 1):
            if start < other:
                found.append(f"{chr(start)}-{chr(other - 1)}")
            start = other + 1
    return "".join(found)


# As ranges: a class of 21,000 single characters costs every process a third of a second at its start.
_DENSE: Final = _ranges((0x3041, 0x3096), (0x30A1, 0x30FA), (0x4E00, 0x9FFF))
_WORDS: Final = re.compile(rf"(?:[{_LATIN}{_DENSE}]+|[0-9]+)(?:[.,;:?]? (?:[{_LATIN}{_DENSE}]+|[0-9]+))*[.,;:?]?")
_THRICE: Final = re.compile(r"(.)\1\1")


def mergeable(line: str) -> bool:
    """Return whether a line has but plain words: nothing that stands for a letter, or inside of a word.

    Such a line is read in one way only, so that no reading of other lines takes the place of one of its own.
    """
    return _WORDS.fullmatch(line.strip()) is not None and _THRICE.search(line) is None


def groups(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield lines in their order, those that may be joined together up to the length of a passage."""
    group: list[str] = []
    size = 0
    for line in lines:
        plain = len(lines) > MANY and len(line) < PASSAGE and mergeable(line)
        if group and (not plain or size + len(line) + len(_BETWEEN) > PASSAGE):
            yield group
            group, size = [], 0
        if plain:
            group.append(line)
            size += len(line) + len(_BETWEEN)
        else:
            yield [line]
    if group:
        yield group


def as_one(group: Sequence[str]) -> str:
    """Return joined lines as they are searched."""
    return _BETWEEN.join(group)
