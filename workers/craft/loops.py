"""Texts that run in circles: found when they are finished, noticed while they are written, cut."""

import re
from collections import Counter, defaultdict
from typing import Final

from workers.craft.prose import Prose, pieces, plain, ratio, stems
from workers.craft.settings import CraftSettings
from workers.cutting import cut_at_sentence, ends_sentence

_LONGEST_LOOP: Final = 300
_MIN_LOOP: Final = 240
_MIN_COPIES: Final = 4
"""Characters that a model repeats at most, characters of all copies together and number of copies that make a loop."""
_TURN: Final = 100
"""Characters that a short loop has gone on for when it is noticed: 25 tokens."""
_SHORT: Final = 40
"""Longest period of a short loop, in characters."""
_COPIED: Final = 110
"""Characters at the end of a text that stood in it before when a long loop is noticed: 28 tokens."""
_WINDOW: Final = 3000
_HINT: Final = 16
"""Characters of the end that are looked at, and those that must have stood there before for a closer look."""
_REPEATED_SENTENCES: Final = 4
_SENTENCE_WORDS: Final = 4
"""Words of a sentence that is no exclamation, which may come back."""
_LONG_SENTENCE: Final = 12
"""Words of a sentence that nobody says twice."""
_FEW_WORDS: Final = 40
"""Words below which the share of different word groups says nothing."""
_PAGE_WORDS: Final = 300
"""Words of a long page: in a longer text more may come back."""
_OPENING_WORDS: Final = 3
_OPENINGS_PER: Final = 5
"""In a long text, one sentence of so many may begin as others do."""
_ANAPHORA: Final = 2
"""Sentences more that may begin alike if nothing else in them is the same: a figure of speech."""
_SOUNDS: Final = frozenset(
    {"la", "na", "da", "tra", "ha", "haha", "he", "hehe", "hi", "ho", "heh", "no", "yes", "nein", "ja", "non", "oui",
     "oh", "ah", "hm", "blah", "bla", "dum", "tick", "tock", "knock", "boo", "hey", "нет", "да"}
)  # fmt: skip
"""What is sung, laughed or called more than once; a model that does nothing else for long is cut all the same."""
_CONTRACTIONS: Final = {"re": "are", "m": "am", "s": "is", "ve": "have", "ll": "will"}
_CONTRACTED: Final = re.compile(r"['’](re|m|s|ve|ll)\b")
_DIGIT: Final = re.compile(r"\d+")


def cut_loop(text: str) -> str:
    """Return ``text`` up to where it only repeats itself, as models do until their maximum length; else all of it."""
    for period in range(1, min(_LONGEST_LOOP, len(text) // _MIN_COPIES) + 1):
        unit, begin = text[-period:], len(text) - period
        while begin >= period and text[begin - period : begin] == unit:
            begin -= period
        if len(text) - begin >= max(_MIN_LOOP, _MIN_COPIES * period):
            return cut_at_sentence(text[: begin + period])
    return text


def stuck(text: str) -> bool:
    """Return whether a text that is being written has begun to run in circles, within 40 tokens of that."""
    tail = _DIGIT.sub("0", text[-_WINDOW:])
    if len(tail) < _TURN or tail[-_HINT:] not in tail[:-1]:
        return False
    end = tail[-_TURN:]
    if any(end[period:] == end[:-period] for period in range(1, _SHORT + 1)):
        return True
    copied = tail[-_COPIED:]
    return (len(copied) == _COPIED and copied in tail[:-_SHORT]) or _only_repeats(tail)


def _only_repeats(text: str) -> bool:
    """Return whether the last sentences all stood in the text before, in whatever order."""
    whole = [words for each in pieces(text) if (words := plain(each))]
    last, before = whole[-_REPEATED_SENTENCES:], set(whole[:-_REPEATED_SENTENCES])
    return sum(map(len, last)) >= _TURN // 2 and len(last) == _REPEATED_SENTENCES and before.issuperset(last)


def runs_in_circles(text: Prose, settings: CraftSettings) -> bool:
    """Return whether a whole text repeats itself more than ``settings`` allow (``loop_…``)."""
    if cut_loop(text.text) != text.text:
        return True
    if len(text.words) >= _FEW_WORDS and distinct_share(text) < settings.loop_distinct:
        return True
    if _most_said(text) > settings.loop_phrases:
        return True
    whole = [words for each in text.sentences if (words := plain(each)).count(" ") >= _LONG_SENTENCE - 1]
    if len(set(whole)) < len(whole):
        return True
    counted = Counter(words for each in text.sentences if (words := plain(each)).count(" ") >= _SENTENCE_WORDS - 1)
    if any(times >= settings.loop_sentences for times in counted.values()):
        return True
    return _begins_alike(text, max(settings.loop_openings, len(text.sentences) // _OPENINGS_PER))


def distinct_share(text: Prose, size: int = 3) -> float:
    """Return the share of a text's word groups that differ (distinct-n); 1 of a text without any."""
    groups = text.grams(size)
    return ratio(len(set(groups)), len(groups)) if groups else 1.0


def _most_said(text: Prose) -> int:
    """Return how often the three words come that come most, by the length of a page; 0 of a text without any."""
    counted = Counter(group for group in text.grams(3) if not _SOUNDS.issuperset(group))
    most = max(counted.values(), default=0)
    return most if len(text.words) <= _PAGE_WORDS else round(most * _PAGE_WORDS / len(text.words))


def _begins_alike(text: Prose, most: int) -> bool:
    """Return whether too many sentences begin with the same three words: "You're my …" begins as "You are my …".

    ``most`` do, or a few more where each says something else behind them: "You want the sea. You want the salt …".
    """
    begun: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for each in text.sentences:
        words = _spelt_out(each)
        if len(words) >= _OPENING_WORDS and not _SOUNDS.issuperset(words[:_OPENING_WORDS]):
            rest = words[_OPENING_WORDS:]
            begun[tuple(words[:_OPENING_WORDS])].append(stems(rest) or rest)
    return any(len(rests) >= most + (0 if _repeats(rests) else _ANAPHORA) for rests in begun.values())


def _repeats(rests: list[list[str]]) -> bool:
    """Return whether two sentences have a content word in common, or one has none at all."""
    said = [stem for rest in rests for stem in set(rest)]
    return len(set(said)) < len(said) or not all(rests)


def _spelt_out(sentence: str) -> list[str]:
    """Return the words of a sentence without contractions."""
    return plain(_CONTRACTED.sub(lambda match: f" {_CONTRACTIONS[match[1]]}", sentence.lower())).split()


def drop_repeats(text: str, *, least_words: int = _SENTENCE_WORDS) -> str:
    """Return a text without the paragraphs and sentences that it already had, nor one that it begins again.

    Exclamations may come back.
    """
    seen: set[str] = set()
    kept: list[str] = []
    whole = pieces(text)
    for at, piece in enumerate(whole, 1):
        words = plain(piece)
        begins_one = words and at == len(whole) and not ends_sentence(piece)
        if begins_one and any(each.startswith(words) for each in seen):
            continue
        if words.count(" ") >= least_words - 1:
            if words in seen:
                kept.append("\n" * piece.count("\n"))
                continue
            seen.add(words)
        kept.append(piece)
    return tidy("".join(kept))


def tidy(text: str) -> str:
    """Return a text after deletions, without the empty lines and spaces that they left."""
    paragraphs = [line.strip() for line in text.split("\n")]
    joined: list[str] = []
    for paragraph in paragraphs:
        if paragraph or (joined and joined[-1]):
            joined.append(paragraph)
    return "\n".join(joined).strip()
