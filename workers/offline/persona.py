"""A persona's replies without a model: lines of their own voice that fit the message, none twice in ten replies."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from pydantic import ValidationError

from prompts.personas import Voice, default_voice, load_personas
from workers.offline.dice import roll, shuffled
from workers.offline.english import second_person_clause
from workers.offline.grammar import Value, expand, slots_of
from workers.offline.premise import clean, nouns

REMEMBERED_REPLIES = 10
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[”\"]?\s+")
_INTENT_WORDS: Mapping[str, str] = {
    "laugh": r"^\W*(?:(?:ha|he|hi){2,}h?|lo+l|lmao|rofl|haha\w*)\W*$",
    "goodbye": r"\b(bye|goodbye|good ?night|see (you|ya)|farewell|gotta go|have to go|ciao)\b",
    "thanks": r"\b(thanks|thank you|thx|much appreciated|grateful)\b",
    "how_are_you": r"\bhow (are|r) (you|u|ya)\b|\bhow(['’]s| is) it going\b|\bhow do you feel\b",
    "who_are_you": r"\bwho (are|r) (you|u)\b|\bwhat(['’]s| is) your name\b|\babout yourself\b|\bwhat are you\b",
    "sad": r"\b(sad|lonely|tired|exhausted|depressed|miserable|unhappy|crying|hurts?|grief|died|miss (him|her|them))\b",
    "angry": r"\b(angry|furious|hate|annoyed|annoying|unfair|fed up|pissed)\b",
    "afraid": r"\b(afraid|scared|anxious|nervous|worried|worry|terrified|stress(ed)?)\b",
    "glad": r"\b(happy|glad|excited|great news|amazing|wonderful|love it|proud|i won|i passed)\b",
    "greeting": r"^\W*(hi|hello|hey|hiya|yo|good (morning|evening|afternoon|day)|greetings|howdy|hallo)\b",
}
_INTENTS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _INTENT_WORDS.items()}
_TELL = re.compile(r"\btell me (a|about|something|more|your)|\bstory\b", re.IGNORECASE)
_FIRST_PERSON = re.compile(r"^(?:i|i['’]m|i['’]ve|i['’]d|my|we|we['’]re)\b", re.IGNORECASE)


def answer(inputs: Mapping[str, Any]) -> str:
    """Return the reply to ``message``. Any inputs produce one.

    Reads ``persona`` (a card), ``user_name``, ``message``, ``history`` (mappings with ``role`` and ``text``),
    ``seed`` and ``variant``.
    """
    card = cast("Mapping[str, Any]", inputs.get("persona") or {})
    voice = _voice(card)
    message = str(inputs.get("message") or "")
    said = _said(inputs.get("history"))
    slots = _slots(card, str(inputs.get("user_name") or "you"), message)
    key = (inputs.get("seed") or 0, str(card.get("name")), len(said), message, inputs.get("variant") or 0)
    writer = _Writer(slots, said, key)
    parts: list[str] = []
    for pool in _pools(voice, message, slots, first=not said):
        line = writer.line(pool)
        if line:
            parts.append(line)
    return " ".join(parts) or writer.last_resort(voice)


class _Writer:
    """Picks lines whose sentences are not in the persona's last replies."""

    def __init__(self, slots: Mapping[str, Value | str], said: set[str], key: Sequence[object]) -> None:
        self._slots = slots
        self._said = set(said)
        self._key = key

    def line(self, pool: Sequence[str]) -> str:
        usable = [line for line in pool if all(self._slots.get(name) for name in slots_of(line))]
        # What takes up the user's own words comes first.
        order = sorted(shuffled(usable, *self._key, len(usable)), key=lambda line: "echo" not in slots_of(line))
        for attempt, line in enumerate(order):
            text = expand(line, self._slots, *self._key, attempt)
            sentences = _sentences(text)
            if not sentences & self._said:
                self._said |= sentences
                return text
        return ""

    def last_resort(self, voice: Voice) -> str:
        """Return a line although all were used recently: better a repetition than silence."""
        line = voice.fallbacks[roll(len(voice.fallbacks), *self._key)]
        usable = line if all(self._slots.get(name) for name in slots_of(line)) else "Go on."
        return expand(usable, self._slots, *self._key)


def _pools(voice: Voice, message: str, slots: Mapping[str, Value | str], *, first: bool) -> list[Sequence[str]]:
    """Return the lists of lines; the reply takes one line from each, in this order."""
    if not _WORD.search(message):
        return [voice.wordless, voice.questions]
    intent = next((name for name, pattern in _INTENTS.items() if pattern.search(message)), None)
    topic = _topic(voice, message)
    short = len(message.split()) <= 4
    asks = "?" in message
    if intent == "laugh":
        return [voice.wordless]
    if intent == "goodbye":
        return [voice.goodbyes]
    if intent == "thanks":
        return [voice.thanks] if short else [voice.thanks, voice.fallbacks]
    if intent == "greeting" and short and not asks:
        return [voice.greetings, voice.return_questions if first else voice.questions]
    if intent == "how_are_you":
        return [voice.how_are_you, voice.return_questions]
    if intent == "who_are_you":
        return [voice.about_self, voice.return_questions]
    if intent in ("sad", "afraid"):
        # Nothing witty between the two.
        return [voice.feelings[intent], voice.care]
    if intent in ("angry", "glad"):
        return [voice.feelings[intent], voice.reflections, voice.care if intent == "angry" else voice.questions]
    if topic:
        return [voice.openers if not first else voice.greetings, topic, voice.questions if not asks else voice.closers]
    if _TELL.search(message):
        return [voice.openers, voice.stories, voice.closers]
    if asks:
        return [voice.openers, voice.answers, voice.stories if not short else voice.closers]
    if slots.get("echo"):
        return [voice.reflections, voice.questions]
    if slots.get("noun"):
        return [voice.openers, voice.noun_lines, voice.questions]
    return [voice.fallbacks, voice.questions]


def _topic(voice: Voice, message: str) -> Sequence[str] | None:
    said = {word.lower() for word in _WORD.findall(message)}
    said |= {word[:-1] for word in said if word.endswith("s")}
    return next((topic.lines for topic in voice.topics if said & set(topic.keywords.split())), None)


def _slots(card: Mapping[str, Any], user_name: str, message: str) -> dict[str, Value | str]:
    line = clean(message, 300)
    sentences = [part for part in _SENTENCE_END.split(line) if part]
    stated = [part for part in sentences if _FIRST_PERSON.match(part) and not part.endswith("?")]
    echo = second_person_clause(stated[-1]) if stated and len(stated[-1].split()) <= 14 else ""
    found = nouns(line)
    return {
        "name": str(card.get("name") or "I"),
        "user": clean(user_name, 40) or "you",
        "echo": echo,
        "noun": found[0] if found else "",
        "trait": _entry(card.get("personality"), message),
        "interest": _entry(card.get("interests"), message),
    }


def _entry(value: object, message: str) -> str:
    if isinstance(value, str):
        value = re.split(r"[,;\n]", value)
    entries = [clean(str(item), 60).lower() for item in cast("list[object]", value or [])]
    entries = [entry for entry in entries if entry]
    return entries[roll(len(entries), message)] if entries else ""


def _said(history: object) -> set[str]:
    replies = [
        str(cast("dict[str, object]", item).get("text") or "")
        for item in (cast("list[object]", history) if isinstance(history, list | tuple) else [])
        if isinstance(item, dict) and cast("dict[str, object]", item).get("role") == "assistant"
    ]
    return {sentence for reply in replies[-REMEMBERED_REPLIES:] for sentence in _sentences(reply)}


def _sentences(text: str) -> set[str]:
    return {" ".join(_WORD.findall(part)).lower() for part in _SENTENCE_END.split(text)} - {""}


def _voice(card: Mapping[str, Any]) -> Voice:
    given = card.get("voice")
    if given:
        try:
            return Voice.model_validate(given)
        except ValidationError:
            # An imported card may have a "voice" that means something else.
            return _shipped_voice(card)
    return _shipped_voice(card)


def _shipped_voice(card: Mapping[str, Any]) -> Voice:
    return _voices().get(str(card.get("key") or ""), _voices().get(str(card.get("name") or ""), default_voice()))


@lru_cache(maxsize=1)
def _voices() -> dict[str, Voice]:
    cards = load_personas()
    return {card.key: card.voice for card in cards} | {card.name: card.voice for card in cards}
