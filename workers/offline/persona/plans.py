"""What a reply consists of, by the kind of the message: lists of lines, facts of the card, or a question in return."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prompts.personas import Voice
from workers.offline.english import known_base
from workers.offline.persona import answers
from workers.offline.persona.facts import CardFact
from workers.offline.persona.kinds import MessageRead
from workers.offline.persona.lines import KindLines, kind_lines
from workers.offline.persona.retelling import part_that_answers, within
from workers.offline.persona.style import SpeakingStyle
from workers.offline.persona.words import WORD
from workers.offline.persona.writer import ReplyWriter

Part = CardFact | Sequence[str]
"""A fact, or lines of which one is said."""
_FEW_WORDS: Final = 8
"""Words of a fact to which another is added, where somebody is to tell."""
_TRIES_AGAIN: Final = 4
"""Attempts at saying something once more: then it is not said."""
_QUESTIONS: Final = frozenset({"why", "when", "where", "who", "what", "how", "how_many", "yesno"})
_TOPIC_OF: Final = 2
_YES_OR_NO: Final = (
    ("are_you", re.compile(r"\bare you an? ", re.IGNORECASE)),
    (
        "yesno_do",
        re.compile(r"\b(?:can|could|would|will|do|did) you (?!have\b|know\b|remember\b|live\b)", re.IGNORECASE),
    ),
    ("yesno_have", re.compile(r"\b(?:do you have|have you (?:got )?an?|any)\b", re.IGNORECASE)),
)
_DOING: Final = re.compile(r"\b(?:doing|up to|happening|going on)\b", re.IGNORECASE)
_CARING: Final = frozenset({"sad", "afraid"})


@dataclass(frozen=True, slots=True)
class Known:
    """The message, what the card says, how the persona speaks, and what they said last.

    ``own_voice``: the lines are the persona's own, not those of all personas without any.
    """

    read: MessageRead
    facts: list[CardFact]
    voice: Voice
    style: SpeakingStyle
    own_voice: bool
    first: bool
    last: str

    @property
    def lines(self) -> KindLines:
        """What anybody says."""
        return kind_lines()


def plan(known: Known, writer: ReplyWriter) -> list[Part]:
    """Return what a reply consists of, in order. What was said before is left out where it is written."""
    read = known.read
    kind, _, detail = read.kind.partition("_")
    if read.kind in ("empty", "emoji", "huh", "nonsense", "laugh"):
        return _wordless(known, writer)
    if kind == "follow":
        return _followed(known, writer, detail)
    if kind == "feeling":
        return _felt(known, detail)
    if kind == "request":
        return _requested(known, writer, detail)
    if read.kind in _QUESTIONS:
        return _asked(known, writer)
    if read.kind == "either":
        return _either(known, writer)
    if read.kind == "tell":
        return _told(known, writer)
    if read.kind == "statement":
        return _stated(known, writer)
    return _social(known, writer)


def _social(known: Known, writer: ReplyWriter) -> list[Part]:
    kind, voice, lines = known.read.kind, known.voice, known.lines.social
    match kind:
        case "greeting":
            if known.first:
                return [voice.greetings, *([voice.return_questions] if known.own_voice else _now(known, writer))]
            return [voice.greetings, lines["hello_again"], *_now(known, writer)][writer.flip(2) :]
        case "goodbye":
            return [voice.goodbyes]
        case "thanks":
            return [voice.thanks]
        case "how_are_you":
            return [voice.how_are_you, voice.return_questions]
        case "recall":
            return [lines["recall"] if writer.slots.get("said") else lines["recall_nothing"], voice.questions]
        case "agree" | "refuse":
            return [lines[kind], *(_unsaid(known, writer)[:1] if writer.flip(2, "agree") else [voice.questions])]
        case _:
            return [lines[kind], *([voice.questions] if kind in ("insult", "love_you", "think_of_user") else [])]


def _now(known: Known, writer: ReplyWriter) -> list[Part]:
    """Return something of where the persona is, else a question."""
    here = [fact for fact in known.facts if "here" in fact.aspects and _is_untold(fact, writer)]
    return [here[0]] if here else [known.voice.questions if known.own_voice else known.lines.social["welcome"]]


def _wordless(known: Known, writer: ReplyWriter) -> list[Part]:
    kind, voice = known.read.kind, known.voice
    own: Sequence[str] = voice.wordless if known.own_voice or kind == "emoji" else known.lines.social[kind]
    pools = [own, known.lines.social[kind]]
    return [pools[writer.flip(2, "wordless")], *([voice.questions] if writer.flip(2, "asks") else [])]


def _felt(known: Known, feeling: str) -> list[Part]:
    voice = known.voice
    lines = next(lines for name, lines in voice.feelings.items() if name == feeling)
    if feeling in _CARING:
        # Nothing witty between the two.
        return [lines, voice.care]
    asks = voice.questions if known.own_voice else known.lines.social["glad"]
    return [lines, voice.care if feeling == "angry" else asks]


def _followed(known: Known, writer: ReplyWriter, follow: str) -> list[Part]:
    """Answer "why?", "and then?", "really?", which speak of what was said last."""
    following = [fact for fact in answers.after(known.last, known.facts) if _is_untold(fact, writer)]
    lead = known.lines.leads.get(follow, ())
    if follow == "why":
        reasons = [fact for fact in following if fact.gives("why")]
        return [lead, reasons[0]] if reasons else [known.lines.unknown["why"], *following[:1]]
    if follow == "again":
        return [known.lines.social["huh"], *following[:1]]
    following = following or _unsaid(known, writer)
    return [lead, following[0] if following else known.voice.questions]


def _is_untold(fact: CardFact, writer: ReplyWriter) -> bool:
    return writer.is_new(fact.text) and writer.is_new(fact.short)


def _unsaid(known: Known, writer: ReplyWriter) -> list[CardFact]:
    """Return what was not told yet, in an order of this chat: of themselves first, looks last."""
    fresh = [fact for fact in known.facts if _is_untold(fact, writer) and not fact.asked and "user" not in fact.aspects]
    ordered = [fact for fact in fresh if fact.source not in ("appearance", "examples")]
    start = writer.flip(len(ordered), "unsaid") if ordered else 0
    return [*ordered[start:], *ordered[:start]]


def _requested(known: Known, writer: ReplyWriter, request: str) -> list[Part]:
    voice, lines = known.voice, known.lines.request
    if request == "story":
        if known.own_voice:
            return [voice.openers, voice.stories, voice.closers]
        unsaid = [fact for fact in _unsaid(known, writer) if "self" not in fact.aspects]
        tales = [fact for fact in unsaid if "past" in fact.aspects or fact.source in ("lore", "description")]
        return [lines["story"], *tales[:2], voice.questions] if tales else [lines["no_story"], voice.questions]
    found = [fact for _, fact in answers.ranked(known.read, known.facts) if _is_untold(fact, writer)]
    if request == "advice" and not found:
        return [lines["advice"], voice.questions]
    return [lines[request], *found[:1], *([voice.questions] if not found and writer.flip(2, "asks") else [])]


def _told(known: Known, writer: ReplyWriter) -> list[Part]:
    """Tell of what somebody wants to hear about."""
    found = _fitting(known, writer)
    if not found:
        return _unanswered(known, writer, "what")
    second = found[1:2] if len(WORD.findall(found[0].text)) <= _FEW_WORDS else []
    return [*_opened(known, writer, "tell"), found[0], *second, *_closed(known, writer, found[0])]


def _asked(known: Known, writer: ReplyWriter) -> list[Part]:
    read, lines = known.read, known.lines
    if read.aspect == "name" and read.about == "persona" and read.kind != "why":
        return [lines.social["name"], *_closed(known, writer, None)]
    if read.aspect == "self" and read.kind in ("what", "who", "how"):
        told = [fact for fact in known.facts if "self" in fact.aspects and fact.source != "appearance"]
        introduced = [fact for fact in told if _is_untold(fact, writer)]
        if introduced and str(writer.slots["name"]) in introduced[0].text:
            return [introduced[0], *_closed(known, writer, None)]
        return [known.voice.about_self, *([] if known.own_voice else introduced[:1]), *_closed(known, writer, None)]
    found = _fitting(known, writer)
    if not found:
        return _unanswered(known, writer, read.kind)
    fact = found[0]
    lead = answers.says(read, fact) if read.kind == "yesno" else read.kind
    fits = fact.asked or (read.kind in ("what", "who", "where", "how_many") and writer.flip(3, "lead"))
    return [*([] if fits else _opened(known, writer, lead)), fact, *_closed(known, writer, fact)]


def _fitting(known: Known, writer: ReplyWriter) -> list[CardFact]:
    """Return the unsaid facts that answer, the best first; of equals, another in each reply."""
    found = [(value, fact) for value, fact in answers.ranked(known.read, known.facts) if _is_untold(fact, writer)]
    best = [fact for value, fact in found if value >= found[0][0] - 0.5]
    start = writer.flip(len(best), "best") if best else 0
    return [*best[start:], *best[:start], *(fact for _, fact in found if fact not in best)]


def _unanswered(known: Known, writer: ReplyWriter, kind: str) -> list[Part]:
    """Return what is said where nothing new answers: what did before, or that it is not known."""
    read, lines = known.read, known.lines
    told = [
        fact
        for value, fact in answers.ranked(read, known.facts)
        if value >= answers.ENOUGH_AGAIN and not fact.own
        # Who asks for something else does not want to hear of the persona once more.
        if read.about != "other" or fact.source == "lore"
    ]
    if told and read.aspect == "self" and (unsaid := _unsaid(known, writer)):
        return [*_opened(known, writer, "tell"), unsaid[0], *_closed(known, writer, unsaid[0])]
    if told and writer.attempt < _TRIES_AGAIN and not _DOING.search(read.text):
        sure = answers.says(read, told[0]) if kind == "yesno" else "yesno"
        again = _once_more(told[0], read, known, writer)
        return [*([lines.leads[sure]] if sure != "yesno" else []), again, *_closed(known, writer, told[0])]
    pool = _pool_of(known, writer, kind)
    if pool is lines.unknown["are_you"]:
        return [pool, *[fact for fact in _unsaid(known, writer) if "work" in fact.aspects][:1]]
    return [pool, *_instead(known, writer)]


def _once_more(fact: CardFact, read: MessageRead, known: Known, writer: ReplyWriter) -> Sequence[str]:
    part = part_that_answers(fact, read)
    writer.slots = {**writer.slots, "again": within(fact), "part": part}
    return known.lines.again_part if part else known.lines.again


def _pool_of(known: Known, writer: ReplyWriter, kind: str) -> Sequence[str]:
    """Return what is said where the card says nothing, by what was asked."""
    read, unknown = known.read, known.lines.unknown
    if read.about == "user" and kind == "yesno":
        return unknown["user"]
    if known.own_voice and kind == "yesno" and writer.flip(2, "own"):
        return known.voice.answers
    if read.thought:
        return unknown["opinion"]
    if read.aspect == "here" and kind in ("what", "where"):
        return unknown["here"]
    if read.about != "persona":
        return unknown[kind]
    if kind == "yesno":
        return unknown[next((name for name, pattern in _YES_OR_NO if pattern.search(read.text)), "yesno")]
    if read.aspect == "age":
        return unknown["age"]
    if kind == "what" and read.aspect:
        return unknown["of_self"]
    return unknown["where_self" if kind == "where" else kind]


def _instead(known: Known, writer: ReplyWriter) -> list[Part]:
    """Return what follows where there is no answer: something else that is known, or a question."""
    if known.style.terse and writer.flip(2, "terse"):
        return []
    offered = _unsaid(known, writer)
    related = [fact for fact in offered if fact.topics & known.read.topics]
    if related and writer.flip(2, "related"):
        return [related[0]]
    if offered and writer.flip(3, "instead") == 0:
        return [known.lines.instead, offered[0]]
    return [known.voice.questions]


def _either(known: Known, writer: ReplyWriter) -> list[Part]:
    lines, read = known.lines, known.read
    found = answers.options_known(read, known.facts)
    at, fact = found if found is not None else (writer.flip(len(read.options), "either"), None)
    chosen, other = read.options[at], read.options[1 - at]
    writer.slots = {**writer.slots, "option": chosen, "other": other}
    told = [fact] if fact is not None and _is_untold(fact, writer) else []
    acts = any(option.startswith("be ") or known_base(option.split()[0]) for option in read.options)
    open_lines = lines.either_do if acts else lines.either
    return [lines.either_known if fact is not None else open_lines, *told, *([] if told else [known.voice.questions])]


def _stated(known: Known, writer: ReplyWriter) -> list[Part]:
    voice, read = known.voice, known.read
    named = [
        fact
        for value, fact in answers.ranked(read, known.facts)
        if _is_untold(fact, writer) and value >= answers.ENOUGH_OF_OTHERS - 1
    ]
    topic = _topic(known)
    if topic:
        return [voice.greetings if known.first else voice.openers, topic, voice.questions]
    if writer.slots.get("echo") and not (named and writer.flip(2, "named")):
        return [voice.reflections, voice.questions]
    if named and "user" not in named[0].aspects:
        return [known.lines.leads["shared"], named[0], voice.questions]
    if writer.slots.get("noun"):
        return [*_opening(known, writer), voice.noun_lines, voice.questions]
    return [voice.fallbacks, voice.questions]


def _topic(known: Known) -> Sequence[str]:
    """Return the lines of a voice's topic that the message names."""
    said = {word.lower() for word in WORD.findall(known.read.text)}
    said |= {word[:-1] for word in said if word.endswith("s")}
    return next((topic.lines for topic in known.voice.topics if said & set(topic.keywords.split())), ())


def _opening(known: Known, writer: ReplyWriter) -> list[Part]:
    """Return how the persona begins: their own way if the card shows one, else at times nothing."""
    openers = known.voice.openers if known.own_voice else (*known.style.openers, *known.voice.openers)
    if known.style.openers and not known.own_voice and writer.flip(3, "opener"):
        openers = known.style.openers
    return [openers] if writer.flip(3, "opens") else []


def _opened(known: Known, writer: ReplyWriter, lead: str) -> list[Part]:
    """Return what stands before a fact: a word of the kind of question, or the persona's way to begin."""
    leads = known.lines.leads[lead]
    if lead in ("yes", "no"):
        return [leads]
    own = _opening(known, writer) if writer.flip(2, "own lead") else []
    return own or [leads]


def _closed(known: Known, writer: ReplyWriter, fact: CardFact | None) -> list[Part]:
    """Return what follows an answer: a question in return, a remark, or nothing."""
    read, back = known.read, known.lines.back
    about = [name for name in (read.aspect, *sorted(read.topics)) if name in back]
    turn = writer.flip(4, "closes")
    if known.style.terse and turn:
        return []
    if about and turn < _TOPIC_OF:
        return [back[about[0]]]
    if turn == _TOPIC_OF:
        return [known.voice.closers if known.own_voice else known.lines.after]
    return [known.voice.questions] if turn == 0 or fact is None else []
