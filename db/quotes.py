"""Quotes of an erased person's words in what others keep: found word by word, and cut.

What a model wrote stays, but not what it repeats of a person who had their data deleted. A quote is a run of whole
words that stands in one of the person's texts as well: of at least `QUOTE_LENGTH` letters and digits, or the whole
of a shorter text. Case, punctuation and spacing do not count.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

MARK: Final = "[…]"
"""Stands in place of what was cut; the same in every language."""
QUOTE_LENGTH: Final = 12
"""Letters and digits of a quote that is not a whole text: shorter runs of words are everybody's."""
WHOLE_LENGTH: Final = 5
"""The same for a whole text: "yes" or "go on" may stand anywhere."""
_DENSE: Final = 3
"""What a character of a script without spaces counts: it holds as much as a few letters."""
_WORD: Final = re.compile(
    # Scripts that are written without spaces: each character is a word.
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    r"|[^\W_]+"
)
_REPEATED: Final = re.compile(rf"(?:{re.escape(MARK)}[\s.,;:!?'\"“”„«»-]*)+{re.escape(MARK)}")


class OwnWords:
    """The texts of one person, prepared for finding quotes of them."""

    def __init__(self, texts: Iterable[str], names: Iterable[str] = ()) -> None:
        """``names`` are cut wherever they stand as whole words, however short they are."""
        self._runs: set[int] = set()
        self._wholes: dict[str, set[tuple[str, ...]]] = {}
        for text in texts:
            parts = [[word for word, _, _ in _words(part)] for part in text.split(MARK)]
            if len(parts) == 1 and WHOLE_LENGTH <= _length(parts[0]) < QUOTE_LENGTH:
                self._wholes.setdefault(parts[0][0], set()).add(tuple(parts[0]))
            self._runs |= {hash(tuple(words[i:j])) for words in parts for i, j in _runs(words)}
        for name in names:
            if words := [word for word, _, _ in _words(name)]:
                self._wholes.setdefault(words[0], set()).add(tuple(words))

    def __bool__(self) -> bool:
        """Whether there is anything that could be quoted."""
        return bool(self._runs or self._wholes)

    def cut(self, text: str) -> str:
        """Return a text without its quotes, each replaced by `MARK`; unchanged if it has none.

        No quote goes across a mark, so cutting twice is cutting once.
        """
        parts = text.split(MARK)
        cut = [self._cut(part) for part in parts]
        return text if cut == parts else _REPEATED.sub(MARK, MARK.join(cut))

    def cut_json(self, value: Any) -> Any:
        """Return a JSON value with every text in it cut; names of fields stay."""
        match value:
            case str():
                return self.cut(value)
            case list():
                return [self.cut_json(each) for each in cast("list[Any]", value)]
            case dict():
                return {key: self.cut_json(each) for key, each in cast("dict[str, Any]", value).items()}
            case _:
                return value

    def _cut(self, text: str) -> str:
        found = list(_words(text))
        words = [word for word, _, _ in found]
        quoted = [False] * len(words)
        for i, j in _runs(words):
            if hash(tuple(words[i:j])) in self._runs:
                quoted[i:j] = [True] * (j - i)
        for i, word in enumerate(words):
            for whole in self._wholes.get(word, ()):
                if tuple(words[i : i + len(whole)]) == whole:
                    quoted[i : i + len(whole)] = [True] * len(whole)
        parts: list[str] = []
        done, i = 0, 0
        while i < len(words):
            if not quoted[i]:
                i += 1
                continue
            last = i
            while last + 1 < len(words) and quoted[last + 1]:
                last += 1
            parts += [text[done : found[i][1]], MARK]
            done, i = found[last][2], last + 1
        return "".join((*parts, text[done:]))


def is_removed(text: str) -> bool:
    """Return whether nothing of a text is left but marks."""
    return not any(True for _ in _words(text.replace(MARK, "")))


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words of a text, folded, with their places in it."""
    for found in _WORD.finditer(text):
        yield found.group().casefold(), found.start(), found.end()


def _length(words: Iterable[str]) -> int:
    return sum(_weight(word) for word in words)


def _weight(word: str) -> int:
    return _DENSE if len(word) == 1 and ord(word) > 0xE00 else len(word)


def _runs(words: list[str]) -> Iterator[tuple[int, int]]:
    """Yield the shortest runs that are long enough for a quote, from each word on and up to each word.

    They are the same wherever the words stand, and together they cover every quote.
    """
    ends, end, length = dict[int, int](), 0, 0
    for start, word in enumerate(words):
        while length < QUOTE_LENGTH and end < len(words):
            length += _weight(words[end])
            end += 1
        if length < QUOTE_LENGTH:
            break
        ends[start] = end
        length -= _weight(word)
    yield from ends.items()
    start, length = 0, 0
    for end, word in enumerate(words, 1):
        length += _weight(word)
        while length - _weight(words[start]) >= QUOTE_LENGTH:
            length -= _weight(words[start])
            start += 1
        if length >= QUOTE_LENGTH and ends.get(start) != end:
            yield start, end
