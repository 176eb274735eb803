"""Prompts for pictures without a model: what was asked for, furnished with light, composition and a style’s phrases."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Final, cast

from prompts.pictures import Mood, phrases, style
from prompts.safety.check import refusal
from prompts.safety.rating import parse_rating
from workers.cutting import cut_to_words
from workers.offline.dice import pick, shuffled

MIN_WORDS, MAX_WORDS = 100, 200
"""Length of a prompt, with the identity's words that stand before it."""
MIN_OWN_WORDS: Final = 40
"""Minimum beside a long identity."""
_SCENE_WORDS: Final = 70
_CONTEXT_WORDS: Final = 25
_TRAITS: Final = 3
_MAX_SENTENCES: Final = 40
"""Maximum number of sentences of a text that are considered."""
_MOMENT_WORDS: Final = 60
_PAGE_SENTENCES: Final = 200
_MAX_SENTENCE_CHARS: Final = 2000
"""Maximum length of a sentence in characters; the rest is ignored."""
_SENTENCE: Final = re.compile(r"[^.!?…。！？\n]+[.!?…。！？]*[\"”’)]*")
_NAME: Final = re.compile(r"(?<![.!?…“\"]\s)(?<!^)\b([A-Z][a-zà-ÿ]{2,}(?:\s[A-Z][a-zà-ÿ]{2,})?)\b", re.MULTILINE)
_QUOTED: Final = re.compile(r"[“\"«][^”\"»]*[”\"»]")
_YOU: Final = re.compile(r"\b(you|your|yours|yourself)\b", re.IGNORECASE)
_THIRD: Final = {"you": "the protagonist", "your": "the protagonist’s", "yours": "theirs", "yourself": "themselves"}


@dataclass(frozen=True, slots=True)
class WrittenPrompt:
    """A prompt and its negative prompt. ``prompt`` leaves out the identity's words."""

    prompt: str
    negative: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a page."""

    description: str
    characters: tuple[str, ...]
    mood: Mood


def picture_prompt(inputs: Mapping[str, Any]) -> WrittenPrompt:
    """Return the prompt for ``scene``, ``context``, ``persona``, ``identity``, ``style``, ``rating`` and ``portrait``.

    Any inputs produce one. Anything beyond the rating is left out.
    """
    rating = parse_rating(inputs.get("rating"))
    identity = _text(inputs.get("identity"))
    card = cast("Mapping[str, Any]", found) if isinstance(found := inputs.get("persona"), Mapping) else {}
    chosen = style(_text(inputs.get("style")))
    key = (inputs.get("seed") or 0, inputs.get("variant") or 0, _text(inputs.get("scene")), identity)
    fits = _filter(lambda text: refusal(rating, identity, text) is None)
    scene = fits(_text(inputs.get("scene")), _SCENE_WORDS)
    parts = [scene] if scene else []
    if not identity and (looks := fits(_text(card.get("appearance")), _SCENE_WORDS // 2)):
        parts.insert(0, looks)
    parts += [part for part in (*_manner(card, fits), fits(_text(inputs.get("context")), _CONTEXT_WORDS)) if part]
    if not parts and not identity:
        parts = [pick(phrases().subjects, *key)]
    mood = mood_of(f"{scene} {_text(inputs.get('context'))}")
    parts.append(next(each.light for each in phrases().moods if each.mood == mood))
    return WrittenPrompt(
        fill(identity, parts, chosen.key, *key, portrait=bool(inputs.get("portrait"))), chosen.negative
    )


def fill(identity: str, parts: Sequence[str], style_key: str, *key: object, portrait: bool = False) -> str:
    """Return ``parts`` as one prompt with enough of the style's phrases for `MIN_WORDS`, no more than `MAX_WORDS`.

    The words of ``identity`` count, and are not in the result.
    """
    before = len(identity.split())
    least = max(MIN_WORDS - before, MIN_OWN_WORDS)
    most = max(MAX_WORDS - before, MIN_OWN_WORDS)
    finish = [_sentence(phrase) for phrase in style(style_key).finish]
    more = [] if portrait else [pick(phrases().compositions, *key, "composition")]
    more += [*finish, *shuffled(phrases().details, *key, "details"), *shuffled(phrases().compositions, *key, "more")]
    said: dict[str, None] = dict.fromkeys(_sentence(part) for part in parts if part.strip())
    for sentence in more:
        if _count(said) >= least:
            break
        said[sentence] = None
    return cut_to_words(" ".join(said), most)


def moments(page_text: str, count: int, rating: object) -> list[Moment]:
    """Return one to ``count`` moments of a page: its most visual sentences, from different parts, best first."""
    fits = _filter(lambda text: refusal(parse_rating(rating), text) is None)
    plain = _QUOTED.sub("", page_text)
    sentences = [" ".join(match[0].split()) for match in _SENTENCE.finditer(plain)]
    sentences = [each for each in sentences[:_PAGE_SENTENCES] if _has_words(each, 4) and fits(each, _MOMENT_WORDS)]
    names = _names(page_text)
    if not sentences:
        return [Moment(pick(phrases().subjects, page_text[:500]).capitalize() + ".", (), mood_of(page_text))]
    count = max(1, min(count, 3, (len(sentences) + 2) // 3))
    share = len(sentences) / count
    found: list[tuple[float, Moment]] = []
    for part in range(count):
        stretch = range(round(part * share), round((part + 1) * share))
        best = max(stretch, key=lambda at: _visible(sentences[at], names))
        both = fits(" ".join(sentences[best : min(best + 2, stretch.stop)]), _MOMENT_WORDS)
        # Two sentences that pass the check may not pass it together.
        text = both if both.startswith(sentences[best][:40]) else fits(sentences[best], _MOMENT_WORDS)
        there = tuple(name for name in names if name in text)
        found.append((_visible(sentences[best], names), Moment(_third_person(text), there, mood_of(text))))
    return [moment for _, moment in sorted(found, key=lambda each: -each[0])]


def mood_of(text: str) -> Mood:
    """Return the mood that most words of ``text`` belong to; calm if none does."""
    said = [word.lower() for word in re.findall(r"[^\W\d_]+", text)]
    said += [word[:-1] for word in said if word.endswith("s")]
    best = max(phrases().moods, key=lambda each: sum(word in _words(each.words) for word in said))
    return best.mood if any(word in _words(best.words) for word in said) else "calm"


def _manner(card: Mapping[str, Any], fits: Callable[[str, int], str]) -> list[str]:
    """Return what shows a character: an expression, and things around them."""
    traits = [each for trait in _entries(card.get("personality")) if (each := fits(trait, 6))][:_TRAITS]
    interests = [each for thing in _entries(card.get("interests")) if (each := fits(thing, 6))][:_TRAITS]
    wishes = fits(_text(card.get("preferences")), _CONTEXT_WORDS)
    found = [f"Posture and expression of somebody {_listed(traits)}"] if traits else []
    found += [f"Small things nearby tell of {_listed(interests)}"] if interests else []
    return found + ([wishes] if wishes else [])


def _filter(fits: Callable[[str], bool]) -> Callable[[str, int], str]:
    """Return a function that keeps the sentences of a text that fit, up to a number of words."""

    def keep(text: str, most: int) -> str:
        if not text:
            return ""
        kept: list[str] = []
        for match in islice(_SENTENCE.finditer(text), _MAX_SENTENCES):
            part = " ".join(match[0].split())[:_MAX_SENTENCE_CHARS]
            if part and fits(part):
                kept.append(part)
            if _count(kept) >= most:
                break
        whole = cut_to_words(" ".join(kept), most) if kept else ""
        # Sentences that are harmless one by one may not be so together.
        return whole if whole and fits(whole) else ""

    return keep


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _entries(value: object) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in re.split(r"[,;\n]", value) if part.strip()]
    return (
        [_text(each) for each in cast("Iterable[object]", value) if _text(each)]
        if isinstance(value, list | tuple)
        else []
    )


def _has_words(text: str, least: int) -> bool:
    return sum(any(map(str.isalnum, word)) for word in text.split()) >= least


def _listed(entries: Sequence[str]) -> str:
    entries = [entry.rstrip(".,;") for entry in entries]
    return " and ".join(part for part in (", ".join(entries[:-1]), entries[-1]) if part)


def _sentence(text: str) -> str:
    text = text.strip().rstrip(",;")
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "…", "。", "！", "？")) else text + "."


def _count(sentences: Iterable[str]) -> int:
    return sum(len(sentence.split()) for sentence in sentences)


def _visible(sentence: str, names: Sequence[str]) -> float:
    found = [word.lower() for word in re.findall(r"[^\W\d_]+", sentence)]
    seen = _words(phrases().seen)
    score = sum(word in seen or word.rstrip("s") in seen for word in found) + sum(name in sentence for name in names)
    return score + min(len(found), 25) / 25 - (0.5 if _YOU.search(sentence) else 0)


def _names(text: str) -> list[str]:
    """Return words that look like names of people, most frequent first."""
    counts: dict[str, int] = {}
    nobody = _words(phrases().no_names)
    for match in _NAME.finditer(text):
        if match[1].split()[0] not in nobody:
            counts[match[1]] = counts.get(match[1], 0) + 1
    return sorted(counts, key=lambda name: -counts[name])[:4]


def _third_person(text: str) -> str:
    turned = _YOU.sub(lambda match: _THIRD[match[0].lower()], text)
    return turned[:1].upper() + turned[1:]


@lru_cache(maxsize=32)
def _words(line: str) -> frozenset[str]:
    return frozenset(line.split())
