"""How much of a text is another's: groups of words they share, the longest run, words in common."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from workers.craft.prose import Prose, plain, ratio

GROUP: Final = 5
"""Words of a group by which texts are compared: fewer are common turns of phrase."""
_ENOUGH: Final = 20
"""Different content words from which on the share in common says something."""


def shared_groups(text: Prose, others: Iterable[Prose], size: int = GROUP) -> float:
    """Return the share of the word groups of ``text`` that others have, too; 0 to 1."""
    groups = text.grams(size)
    if not groups:
        return 0.0
    known: set[tuple[str, ...]] = set()
    for other in others:
        known.update(other.grams(size))
    return ratio(sum(group in known for group in groups), len(groups))


def longest_run(text: Prose, other: Prose, size: int = GROUP) -> int:
    """Return how many words in a row ``text`` has from ``other``, about; 0 if fewer than ``size``."""
    known = set(other.grams(size))
    longest = run = 0
    for group in text.grams(size):
        run = run + 1 if group in known else 0
        longest = max(longest, run)
    return longest + size - 1 if longest else 0


def words_in_common(text: Prose, other: Prose) -> float:
    """Return the share of the different content words of ``text`` that ``other`` has, too; 0 of a short text."""
    if len(text.stems) < _ENOUGH:
        return 0.0
    return ratio(len(text.stems & other.stems), len(text.stems))


def sentences_of(text: Prose, least_words: int) -> set[str]:
    """Return the sentences with at least ``least_words`` words, as their words."""
    return {words for each in text.sentences if (words := plain(each)).count(" ") >= least_words - 1}


@lru_cache(maxsize=64)
def measured(instructions: str) -> Prose:
    """Return the measures of a prompt's own words, which are the same for all texts that it asks for."""
    return Prose(instructions)


@lru_cache(maxsize=64)
def lines_of(instructions: str, least_words: int) -> frozenset[str]:
    """Return the sentences of a prompt's own words, and its lines, as their words."""
    prose = measured(instructions)
    lines = (words for line in prose.paragraphs if (words := plain(line)).count(" ") >= least_words - 1)
    return frozenset(sentences_of(prose, least_words).union(lines))


def alike(one: Sequence[str], other: Sequence[str]) -> float:
    """Return how alike two lists of words are: the share in common of all that either has; 0 to 1."""
    first, second = set(one), set(other)
    return ratio(len(first & second), len(first | second))
