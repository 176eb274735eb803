"""The summary that needs no model: a text's own weightiest sentences, in their order. Deterministic.

Sentences are scored by their words: how often the text uses a word, how few sentences do, how long it is; names and
figures count more, and so do the first and the last sentence. A chosen sentence makes its words count less, so that the
next one says something else (SumBasic: Nenkova and Vanderwende, 2005). It is for every language: there is no list of
words, and where words are not spaced, pairs of characters stand for them.
"""

import math
import re
from collections import Counter, OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from heapq import heapify, heappop, heappush
from typing import Final

from workers.context.counting import TokenCounter
from workers.context.elements import ContentType
from workers.context.sentences import sentences, trim

VERSION: Final = 1
"""Changes whenever the same text would be shortened otherwise."""
BLOCK: Final = 240
"""Sentences that are weighed against each other; longer texts are taken block by block."""
SEEN: Final = 0.35
"""What is left of a word's weight once a sentence with it was chosen."""
_TERM: Final = re.compile(r"[⺀-鿿가-힯]|[^\W\d_⺀-鿿가-힯]+|\d+")
_CJK: Final = re.compile(r"[⺀-鿿가-힯]")
_NAME: Final = re.compile(r"(?<=[\w,;:] )[A-ZÀ-ÞА-Я][\w’'-]+")
_SPOKEN: Final = re.compile(r"[\"“”„«»「『]")
_FIELD: Final = re.compile(r"^\s*(?:[-*•]\s*)?[^\s:：][^:：\n]{0,40}[:：]")
_OPEN: Final = re.compile(r"[?？]")


def extract(text: str, limit: int, content: ContentType = "narration") -> str:
    """Return the weightiest sentences of ``text``, in their order, with at most about ``limit`` characters.

    At least one sentence is returned, however long it is; "" for a blank text.
    """
    whole = [sentence for sentence in sentences(text) if sentence.strip()]
    if not whole:
        return ""
    if len(text.strip()) <= limit:
        return text.strip()
    kept: list[str] = []
    for start in range(0, len(whole), BLOCK):
        block = whole[start : start + BLOCK]
        size = sum(map(len, block))
        chosen = _choose(block, limit * size // max(1, sum(map(len, whole))), content)
        kept += [block[index] for index in chosen]
    return _joined(kept)


async def distil(text: str, limit: int, counter: TokenCounter, content: ContentType = "narration") -> str:
    """Return `extract` of a text within ``limit`` tokens; "" if not a word of it fits."""
    text = text.strip()
    if not text or limit <= 0:
        return ""
    (tokens,) = await counter.count([text])
    chars = len(text)
    for _ in range(4):
        if tokens <= limit:
            return text
        chars = int(chars * limit / tokens * 0.97)
        shorter = extract(text, chars, content)
        if len(shorter) >= len(text):
            break
        (tokens,) = await counter.count([shorter])
        if tokens <= limit:
            return shorter
        chars = min(chars, len(shorter))
    return await trim(extract(text, chars, content), limit, counter)


class ExtractCache:
    """What was extracted before, by content: the past does not change. Bounded."""

    def __init__(self, limit: int = 4096) -> None:
        """``limit`` is the number of texts that are kept; the least recently used go first."""
        self._limit = limit
        self._texts: OrderedDict[bytes, str] = OrderedDict()

    def extract(self, text: str, limit: int, content: ContentType) -> str:
        """Return `extract` of a text, made once."""
        key = _digest(f"{limit} {content}", text)
        if (found := self._known(key)) is None:
            found = self._keep(key, extract(text, limit, content))
        return found

    async def distil(self, text: str, limit: int, counter: TokenCounter, content: ContentType) -> str:
        """Return `distil` of a text, made once for every tokenizer: for one that counts it alike, the same is tried."""
        (tokens,) = await counter.count([text])
        key = _digest(f"{limit} of {tokens} {content}", text)
        if (found := self._known(key)) is None:
            found = self._keep(key, await distil(text, limit, counter, content))
        return found

    def _known(self, key: bytes) -> str | None:
        if (found := self._texts.get(key)) is not None:
            self._texts.move_to_end(key)
        return found

    def _keep(self, key: bytes, text: str) -> str:
        self._texts[key] = text
        if len(self._texts) > self._limit:
            self._texts.popitem(last=False)
        return text


def _digest(how: str, text: str) -> bytes:
    return blake2b(f"{VERSION} {how}\n{text}".encode(), digest_size=16).digest()


def _terms(sentence: str) -> list[str]:
    """Return the words of a sentence; of a run of characters without spaces, its pairs."""
    found = _TERM.findall(sentence.casefold())
    return [
        word + found[i + 1] if _CJK.match(word) and i + 1 < len(found) and _CJK.match(found[i + 1]) else word
        for i, word in enumerate(found)
    ]


def _choose(block: Sequence[str], limit: int, content: ContentType) -> list[int]:
    words = [_terms(sentence) for sentence in block]
    # In a fixed order: a sum of floats depends on its order, and that of a set on the process.
    terms = [tuple(dict.fromkeys(found)) for found in words]
    used = Counter(term for found in words for term in found)
    spread = Counter(term for found in terms for term in found)
    weight = {
        term: math.log1p(count) * math.log1p(len(block) / spread[term]) * min(len(term), 8) / 8
        for term, count in used.items()
    }
    factor = [
        _bonus(sentence, at, len(block), content) / math.sqrt(len(terms[at]) + 3) for at, sentence in enumerate(block)
    ]

    def score(at: int) -> float:
        return sum(map(weight.__getitem__, terms[at])) * factor[at]

    # Weights only fall: a sentence that is still the best when it is weighed again is the best of all.
    waiting = [(-score(at), at) for at in range(len(block))]
    best = min(waiting)[1]
    heapify(waiting)
    chosen, room = list[int](), limit
    while waiting:
        _, at = heappop(waiting)
        size = len(block[at].strip()) + 1
        if size > room:
            continue
        again = -score(at)
        if waiting and (again, at) > waiting[0]:
            heappush(waiting, (again, at))
            continue
        chosen.append(at)
        room -= size
        for term in terms[at]:
            weight[term] *= SEEN
    return sorted(chosen) or [best]


def _bonus(sentence: str, at: int, count: int, content: ContentType) -> float:
    bonus = 1.0
    if at == 0:
        bonus += 0.3
    elif at == count - 1:
        bonus += 0.2
    bonus += 0.15 * min(len(set(_NAME.findall(sentence))), 3)
    if any(map(str.isdigit, sentence)):
        bonus += 0.15
    if content == "dialogue" and _OPEN.search(sentence):
        bonus -= 0.1  # the answer says what was agreed, the question does not
    if content == "narration" and _SPOKEN.search(sentence):
        bonus -= 0.1
    if content == "sheet" and _FIELD.match(sentence):
        bonus += 1.5
    return bonus


def _joined(kept: Sequence[str]) -> str:
    """Return sentences as a text: those that ended a line still do."""
    text = "".join(sentence if sentence[-1:].isspace() or _CJK.search(sentence[-2:]) else sentence + " "
                   for sentence in kept)  # fmt: skip
    return re.sub(r"\n{3,}", "\n\n", text).strip()
