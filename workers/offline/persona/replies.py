"""Puts a reply together: what was asked decides what is said first, the card what is told, the voice how."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

from pydantic import ValidationError

from prompts.personas import Voice, default_voice, load_personas
from workers.craft.findings import run
from workers.craft.prose import Prose
from workers.craft.replies import CHECKS, Reply, ReplyFacts
from workers.craft.settings import CraftSettings
from workers.offline.dice import pick
from workers.offline.english import second_person_clause
from workers.offline.grammar import Value
from workers.offline.persona.facts import CardFact, facts_of, of_lines
from workers.offline.persona.kinds import MessageRead, read_message, subject_of
from workers.offline.persona.plans import Known, Part, plan
from workers.offline.persona.style import contracted, style_of
from workers.offline.persona.tongues import tongue_lines, tongue_of
from workers.offline.persona.words import sentences
from workers.offline.persona.writer import MANY_FORMS, ReplyWriter, said_in
from workers.offline.premise import clean, nouns

REMEMBERED_REPLIES: Final = 60
"""Replies whose sentences are not said again."""
EXAMINED_REPLIES: Final = 8
TRIES: Final = 12
"""Replies that are put together until one passes."""
FEWER_OF_CARD: Final = 1
MORE_WORDS: Final = 4
"""Attempts after which a fact is said in fewer words, then among more: too much of the reply was the card's own."""
_FIRST_PERSON: Final = re.compile(r"^(?:i|i['’]m|i['’]ve|i['’]d|my|we|we['’]re)\b", re.IGNORECASE)
_THOUGHT: Final = re.compile(r"\W*i (?:think|guess|suppose|believe|hope|know|wonder)\b", re.IGNORECASE)
"""What follows is meant, not that somebody thinks it."""
_SHEET: Final = ("description", "appearance", "personality", "interests", "preferences", "speaking_style", "scenario")


def answer(inputs: Mapping[str, Any]) -> str:
    """Return the reply to ``message``. Any inputs produce one.

    Reads ``persona`` (a card, its macros expanded), ``user_name``, ``message``, ``history`` (mappings with ``role`` and
    ``text``), ``before`` (how many messages there were before it), ``lore`` and ``memories`` (mappings with ``text``),
    ``said`` (earlier replies), ``place``, ``language``, ``seed`` and ``variant``.
    """
    told = _Told.of(inputs)
    shown = ""
    for attempt in range(TRIES):
        text = told.reply(attempt)
        if text and told.passes(text):
            return text
        shown = shown or text
    return shown or told.reply(0)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a reply is made from."""

    known: Known
    voice: Voice
    slots: dict[str, Value | str]
    said: set[str]
    place: object
    turn: int
    variant: int
    tongue: tuple[str, str] | None
    facts: ReplyFacts

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> "_Told":
        card = cast("Mapping[str, Any]", inputs.get("persona") or {})
        name, user = str(card.get("nickname") or card.get("name") or "I"), clean(str(inputs.get("user_name") or ""), 40)
        names = tuple(dict.fromkeys(each for each in (str(card.get("name") or ""), name) if each))
        message = str(inputs.get("message") or "")
        replies, messages = _texts(inputs.get("history"), "assistant"), _texts(inputs.get("history"), "user")
        read = read_message(message, names)
        voice = _voice(card)
        lore, memories = _listed(inputs.get("lore")), _listed(inputs.get("memories"))
        facts = facts_of(card, names=names, user=user, lore=lore, memories=memories)
        if _is_own(voice):
            facts += list(
                of_lines([*voice.about_self, *voice.stories, *(line for topic in voice.topics for line in topic.lines)])
            )
        style = style_of(card, names)
        earlier = [*map(str, cast("Sequence[object]", inputs.get("said") or ())), *replies]
        before = int(inputs.get("before") or 0)
        known = Known(
            read,
            facts,
            voice,
            style,
            own_voice=_is_own(voice),
            first=not replies and not before,
            last=replies[-1] if replies else "",
        )
        slots = _slots(card, name, user, message, read, messages)
        if not known.own_voice and _THOUGHT.match(message):
            slots["echo"] = ""
        if style.address and read.kind != "user_name" and len(replies) % 2:
            slots["user"] = style.address
        tongue = tongue_of(message)
        return cls(
            known, voice, slots, {each for reply in earlier[-REMEMBERED_REPLIES:] for each in said_in(reply)},
            (inputs.get("place") or inputs.get("seed") or 0, name), (before + len(replies) + len(messages)) // 2,
            int(inputs.get("variant") or 0), tongue, _examined(card, names, user, inputs, message, replies, tongue),
        )  # fmt: skip

    def reply(self, attempt: int) -> str:
        """Return a reply; another number makes another one."""
        writer = ReplyWriter(
            self.slots, self.said, place=self.place, turn=self.turn, variant=self.variant, attempt=attempt
        )
        if self.tongue is not None:
            tag, kind = self.tongue
            line = writer.line(cast("Sequence[str]", getattr(tongue_lines()[tag], kind)), forms=MANY_FORMS)
            line = line or writer.line(tongue_lines()[tag].unknown, forms=MANY_FORMS)
            if line:
                return line
        planned = plan(self.known, writer)
        if attempt > MORE_WORDS and any(isinstance(part, CardFact) for part in planned):
            planned.append(self.voice.questions)
        parts = [text for part in planned if (text := _written(part, writer))]
        if parts:
            text = " ".join(parts)
            return contracted(text) if self.known.style.contracts else text
        return (
            writer.line(self.voice.fallbacks)
            or writer.line(self.known.lines.endless, forms=MANY_FORMS)
            or self.voice.fallbacks[0]
        )

    def passes(self, text: str) -> bool:
        """Return whether a reply passes what a model's does."""
        return not run(CHECKS, Reply(Prose(text), self.facts, _settings()))


def _written(part: Part, writer: ReplyWriter) -> str:
    if isinstance(part, CardFact):
        text = part.short if writer.attempt > FEWER_OF_CARD else part.text
        return writer.say(text) if writer.is_new(part.text) and writer.is_new(part.short) else ""
    return writer.line(part)


@lru_cache(maxsize=1)
def _settings() -> CraftSettings:
    # The card is theirs to tell, in its own words as well; a long stretch of it would be reciting.
    return CraftSettings.model_construct(echo_premise=1.0)


def _examined(
    card: Mapping[str, Any], names: Sequence[str], user: str, inputs: Mapping[str, Any], message: str,
    replies: Sequence[str], tongue: tuple[str, str] | None,
) -> ReplyFacts:  # fmt: skip
    sheet = "\n".join(
        ", ".join(map(str, cast("Sequence[object]", value))) if isinstance(value, list | tuple) else str(value)
        for name in _SHEET
        if (value := card.get(name))
    )
    return ReplyFacts(
        name=names[-1] if names else "I",
        user=user,
        also=names,
        language=tongue[0] if tongue else str(inputs.get("language") or "en"),
        message=message,
        card=sheet,
        earlier=list(replies[-EXAMINED_REPLIES:]),
    )


def _slots(
    card: Mapping[str, Any], name: str, user: str, message: str, read: MessageRead, messages: Sequence[str]
) -> dict[str, Value | str]:
    line = clean(message, 300)
    echo = _echo(line)
    found = nouns(line)
    options = read.options or ("", "")
    return {
        "name": name,
        "user": user or "you",
        "echo": echo,
        "noun": found[0] if found and str(found[0]).isascii() else "",
        "trait": _entry(card.get("personality"), message),
        "interest": _entry(card.get("interests"), message),
        "word": subject_of(read),
        "option": options[0],
        "other": options[1],
        "said": next((said for each in reversed(messages) if (said := _echo(clean(each, 300)))), ""),
    }


def _echo(line: str) -> str:
    stated = [part for part in sentences(line) if _FIRST_PERSON.match(part) and not part.endswith("?")]
    return second_person_clause(stated[-1]) if stated and len(stated[-1].split()) <= 14 else ""


def _entry(value: object, message: str) -> str:
    if isinstance(value, str):
        value = re.split(r"[,;\n]", value)
    entries = [
        clean(str(item), 60) for item in (cast("Iterable[object]", value) if isinstance(value, list | tuple) else [])
    ]
    short = [
        entry[:1].lower() + entry[1:] for entry in entries if entry and entry.isascii() and len(entry.split()) <= 5
    ]
    return pick(short, message) if short else ""


def _texts(history: object, role: str) -> list[str]:
    return [
        str(cast("dict[str, object]", item).get("text") or "")
        for item in (cast("list[object]", history) if isinstance(history, list | tuple) else [])
        if isinstance(item, dict) and cast("dict[str, object]", item).get("role") == role
    ]


def _listed(value: object) -> list[str]:
    given = cast("list[object]", value) if isinstance(value, list | tuple) else []
    return [str(cast("dict[str, object]", item).get("text") or "") for item in given if isinstance(item, dict)]


def _voice(card: Mapping[str, Any]) -> Voice:
    given = card.get("voice")
    if given:
        try:
            return Voice.model_validate(given)
        except ValidationError:
            # An imported card may have a "voice" that means something else.
            return _shipped_voice(card)
    return _shipped_voice(card)


def _is_own(voice: Voice) -> bool:
    return voice is not default_voice()


def _shipped_voice(card: Mapping[str, Any]) -> Voice:
    return _voices().get(str(card.get("key") or ""), _voices().get(str(card.get("name") or ""), default_voice()))


@lru_cache(maxsize=1)
def _voices() -> dict[str, Voice]:
    cards = load_personas()
    return {card.key: card.voice for card in cards} | {card.name: card.voice for card in cards}
