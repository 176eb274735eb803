"""Replies of personas: what is examined before people read one, and what is deleted so that it passes.

See `pages` and `choices` for their twins.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from workers.craft import backstage, layout, loops, overlap, voice, wrapping
from workers.craft.findings import CraftCheck, CraftExamination, run
from workers.craft.languages import base_tag, has_words_of, language_of, other_than
from workers.craft.others import tells_of_reader, without_reader
from workers.craft.phrases import is_lead, is_machine, may_become_lead, names_a_model, without_asides
from workers.craft.plays import said_at
from workers.craft.prose import Prose, pieces, plain
from workers.craft.settings import CraftSettings
from workers.craft.speakers import Speakers
from workers.craft.tails import is_tail, without_tail
from workers.cutting import cut_at_sentence, ends_sentence

_OPENING: Final = 4
"""Words by which openings are compared."""
_LONG: Final = 200
"""Characters from which on a reply must end as a sentence: short ones may end as chat does."""
_REPEATED_WORDS: Final = 6
_FEW_WORDS: Final = 12
"""Words below which only the same reply again is a copy."""
_REPEAT: Final = re.compile(
    r"\b(?:say|repeat) (?:after me|it after|this|that|these|the following|my words|what i)\b|\brepeat[:,]"
    r"|\bsprich (?:mir )?nach\b|\bwiederhole\b|\brépète\b|\brepite\b|\bripeti\b|\bповтори",
    re.IGNORECASE,
)
"""How somebody asks to hear their own words again."""
_OPTIONS: Final = re.compile(r"\b(?:options?|choices?|choose|menu|list|quiz)\b", re.IGNORECASE)
"""How somebody asks for what a reply otherwise must not have."""
_CARD_RUN: Final = 12
"""Words in a row that are the card's own from which on a reply recites it."""


class ReplyFacts:
    """What a reply is examined against. ``earlier`` are the persona's last replies, the newest last.

    ``also`` are other names of the persona's own, ``people`` those of other people than the user, ``names`` those of
    all others who may be spoken for by mistake; ``card`` is what the persona's card says.
    """

    def __init__(
        self,
        *,
        name: str,
        user: str,
        also: Collection[str] = (),
        names: Collection[str] = (),
        people: Collection[str] = (),
        language: str = "en",
        message: str = "",
        card: str = "",
        instructions: str = "",
        earlier: Sequence[str] = (),
        own_prompt: bool = False,
    ) -> None:
        """``message`` is what the reply answers. ``own_prompt``: somebody's own may ask for another person than "I"."""
        self.name, self.user, self.language, self.own_prompt = name, user, language, own_prompt
        self.called = tuple(dict.fromkeys((name, *also)))
        self.people = tuple(dict.fromkeys((user, *people)))
        self.speakers = Speakers(self.called, {*self.people, *names})
        self.message, self.card, self.instructions = Prose(message), Prose(card), overlap.measured(instructions)
        self.earlier = tuple(Prose(text) for text in earlier)

    @cached_property
    def own_names(self) -> tuple[str, ...]:
        """The persona's name, whole and as it is called."""
        first = next((word for word in self.name.split() if len(word) > 2 and word.casefold() != "the"), "")
        return tuple(dict.fromkeys(each for name in (*self.called, first) if (each := name.strip())))

    @cached_property
    def told_sentences(self) -> frozenset[str]:
        """The sentences and lines of the instructions, as their words."""
        return overlap.lines_of(self.instructions.text, _OPENING)

    @cached_property
    def machine(self) -> bool:
        """Whether the persona is a machine, as its card says: it may say so."""
        return is_machine(self.card.text)

    def people_in(self, text: str) -> list[str]:
        """Return the user's name, and those of the other people whom a text names."""
        named = text.casefold()
        return [name for at, name in enumerate(self.people) if not at or name.casefold() in named]

    def openings(self, last: int) -> set[tuple[str, ...]]:
        """Return how the ``last`` replies begin."""
        return {_opening(each) for each in self.earlier[-last:]} if last else set()


@dataclass(frozen=True)
class Reply:
    """A reply that is examined."""

    prose: Prose
    facts: ReplyFacts
    settings: CraftSettings


def says_nothing(reply: Reply) -> bool:
    """It says something: a letter, a figure, a question mark or a sign such as an emoji."""
    return not any(sign.isalnum() or sign in "?!" or ord(sign) > 0x2000 for sign in reply.prose.text)


def too_long(reply: Reply) -> bool:
    """It is no longer than a reply in a chat may be."""
    return len(reply.prose.text) > reply.settings.reply_chars


def breaks_off(reply: Reply) -> bool:
    """A long one ends as a sentence does; short ones may end as chat does."""
    text = reply.prose.text.rstrip()
    return len(text) >= _LONG and (text[-1].isalnum() or text[-1] in ",;") and ends_sentence(cut_at_sentence(text))


def labels_itself(reply: Reply) -> bool:
    """Its lines do not begin with the persona's name as a label, in whatever spelling."""
    return reply.facts.speakers.own_label(reply.prose.text)


def speaks_as_others(reply: Reply) -> bool:
    """It has no line of anybody else: the user, others of the card, "User", somebody unknown."""
    return reply.facts.speakers.other_label(reply.prose.text) or _stranger_at(reply.prose.text, reply.facts) is not None


def acts_for_user(reply: Reply) -> bool:
    """It does not tell what the user, or anybody else, does, says or feels, in the forms in which that is plain."""
    text = reply.prose.text
    people = reply.facts.people_in(text)
    return any(voice.speaks_for(text, name) or tells_of_reader(text, name) for name in people)


def takes_other_name(reply: Reply) -> bool:
    """It gives no other name for its own, the user's least of all."""
    return voice.takes_name(reply.prose.text, reply.facts.user, reply.facts.called)


def narrates_itself(reply: Reply) -> bool:
    """The persona says "I", and does not tell of itself by name all along; actions between asterisks may."""
    return not reply.facts.own_prompt and voice.narrates_itself(reply.prose, reply.facts.own_names)


def runs_in_circles(reply: Reply) -> bool:
    """It does not repeat itself."""
    return loops.runs_in_circles(reply.prose, reply.settings)


def begins_alike(reply: Reply) -> bool:
    """It does not begin with the words of one of the last replies."""
    opening = _opening(reply.prose)
    return len(opening) == _OPENING and opening in reply.facts.openings(reply.settings.reply_openings)


def echoes_replies(reply: Reply) -> bool:
    """It is not made of earlier replies."""
    settings, earlier = reply.settings, reply.facts.earlier
    if len(reply.prose.words) < _FEW_WORDS:
        return len(reply.prose.words) >= _REPEATED_WORDS and any(reply.prose.words == each.words for each in earlier)
    if overlap.shared_groups(reply.prose, earlier, 4) > max(settings.echo_earlier, 0.35):
        return True
    return any(overlap.words_in_common(reply.prose, each) > settings.echo_words for each in earlier)


def echoes_message(reply: Reply) -> bool:
    """It does not only say again what the user said, unless asked to."""
    if _REPEAT.search(reply.facts.message.text):
        return False
    words = len(reply.prose.words)
    return words >= _REPEATED_WORDS and overlap.shared_groups(reply.prose, [reply.facts.message], 3) > 0.6


def recites(reply: Reply) -> bool:
    """It does not recite the instructions or the card."""
    told = reply.facts.told_sentences
    if any(plain(each) in told for each in reply.prose.sentences):
        return True
    settings = reply.settings
    return (
        overlap.longest_run(reply.prose, reply.facts.instructions) >= settings.echo_run
        or overlap.longest_run(reply.prose, reply.facts.card) >= _CARD_RUN
        or overlap.shared_groups(reply.prose, [reply.facts.card], 4) > settings.echo_premise
    )


def leaves_character(reply: Reply) -> bool:
    """It does not speak as a language model, think aloud about its task, or announce itself."""
    text = reply.prose.text
    return (
        names_a_model(text, machine=reply.facts.machine)
        or without_asides(text) != text
        or without_tail(text) != text.rstrip()
        or is_tail(text)
        or backstage.thinks_aloud(text, reply.facts.own_names, reply.facts.message.text)
        or any(is_lead(line) and line.endswith(":") for line in reply.prose.paragraphs)
    )


def in_other_language(reply: Reply) -> bool:
    """It is in the user's language or in the one set; where either is not plain, it passes."""
    least = reply.settings.language_words
    found = other_than(reply.prose, reply.facts.language, least)
    if found is None:
        return False
    message = reply.facts.message
    wanted = language_of(message, 3)
    if wanted is None:
        return len(message.words) >= _REPEATED_WORDS and not has_words_of(message, found)
    return wanted != found


def has_layout(reply: Reply) -> bool:
    """It has no headings, no options for the user, no data or markup around it."""
    text, facts = reply.prose.text, reply.facts
    if any(layout.is_heading(line, chat=True) for line in reply.prose.paragraphs) or _plain(text, facts) != text:
        return True
    return _without_offers(text, facts) != text


CHECKS: Final[tuple[CraftCheck[Reply], ...]] = (
    CraftCheck("empty", "the reply says nothing", says_nothing, growing=False),
    CraftCheck("long", "the reply is too long", too_long),
    CraftCheck("fragment", "the last sentence breaks off", breaks_off, growing=False),
    CraftCheck("own_label", "no name before the words", labels_itself),
    CraftCheck("other_speaker", "only your own lines", speaks_as_others),
    CraftCheck("user_action", "do not act for the user", acts_for_user),
    CraftCheck("name", "that is not your name", takes_other_name),
    CraftCheck("person", "speak in the first person", narrates_itself),
    CraftCheck("loop", "the reply repeats itself", runs_in_circles),
    CraftCheck("opening", "it begins like an earlier reply", begins_alike),
    CraftCheck("earlier", "it copies an earlier reply", echoes_replies),
    CraftCheck("parrot", "it repeats the user's words", echoes_message),
    CraftCheck("instructions", "it recites the instructions", recites),
    CraftCheck("machine", "stay the person you are", leaves_character),
    CraftCheck("language", "it is in another language", in_other_language),
    CraftCheck("headings", "plain words only, no headings", has_layout),
)
"""What every reply passes, each with what is said to a model that fails it."""


def examine_reply(text: str, facts: ReplyFacts, settings: CraftSettings) -> CraftExamination[str]:
    """Return a reply as it may be shown: unchanged if it passes, else mended by deletion and examined again."""
    reply = Reply(Prose(text), facts, settings)
    failed = run(CHECKS, reply)
    if not failed:
        return CraftExamination(text)
    mended = mend_reply(reply)
    findings = run(CHECKS, Reply(Prose(mended), facts, settings))
    return CraftExamination(mended, findings, failed, empty=not mended.strip())


def mend_reply(reply: Reply) -> str:
    """Return a reply without what does not belong there: nothing is added."""
    facts, limit = reply.facts, reply.settings.reply_chars
    text = _plain(loops.cut_loop(reply.prose.text), facts)
    text = backstage.without_thoughts(text, facts.own_names, facts.message.text)
    text = without_asides(_without_announcement(text))
    text = without_tail(text)
    text = facts.speakers.without_labels(text[: _stranger_at(text, facts)])
    text = _without_offers(text, facts)
    for name in facts.people_in(text):
        text = without_reader(voice.without_others_actions(text, name), name)
    text = "\n".join(line for line in text.split("\n") if not layout.is_heading(line, chat=True))
    text = loops.drop_repeats(text)
    text = _without_recital(text, facts)
    if len(text) > limit:
        text = cut_at_sentence(text[:limit])
    if begins_alike(Reply(Prose(text), facts, reply.settings)):
        text = _without_first(text)
    if breaks_off(Reply(Prose(text), facts, reply.settings)):
        text = cut_at_sentence(text)
    return loops.tidy(text)


def shown_reply(text: str, facts: ReplyFacts, settings: CraftSettings) -> str:
    """Return what may be shown of a reply that is being written: what passes of it, up to its last whole sentence."""
    head = text.lstrip()
    if "\n" not in head and may_become_lead(head) and len(head) < 80:
        return ""
    held = layout.unfinished_line(head)
    found = pieces(head[: len(head.rstrip()) - len(held)] if held else head)
    while found and not ends_sentence(found[-1]):
        found.pop()
    whole = "".join(found).rstrip()
    mended = mend_reply(Reply(Prose(whole), facts, settings)) if whole else ""
    growing = [check for check in CHECKS if check.growing]
    return mended if mended and not run(growing, Reply(Prose(mended), facts, settings)) else ""


def _stranger_at(text: str, facts: ReplyFacts) -> int | None:
    """Return where somebody unknown begins to speak, in the first line only if others follow; None if nobody does."""
    first = len(text) - len(text.lstrip())
    found = [at for at in said_at(text) if not facts.speakers.own.match(text, at)]
    if len(found) == 1 and found[0] <= first and not facts.speakers.own_label(text):
        return None
    return found[0] if found else None


def _plain(text: str, facts: ReplyFacts) -> str:
    return wrapping.unwrapped(text, facts.message.text)


def _without_offers(text: str, facts: ReplyFacts) -> str:
    """Return a reply without the options that it lists under a call to choose, unless it was asked for some."""
    return text if _OPTIONS.search(facts.message.text) else layout.without_offers(text)


def _opening(reply: Prose) -> tuple[str, ...]:
    return tuple(reply.words[:_OPENING])


def _without_announcement(text: str) -> str:
    first, colon, rest = text.lstrip().partition("\n")
    return rest if colon and is_lead(first.strip()) and first.rstrip().endswith(":") else text


def _without_recital(text: str, facts: ReplyFacts) -> str:
    return "".join(each for each in pieces(text) if plain(each) not in facts.told_sentences or not plain(each))


def _without_first(text: str) -> str:
    """Return a reply without its first sentence; all of it if there is no other."""
    first, *rest = pieces(text)
    return "".join(rest).strip() if any(plain(each) for each in rest) else first


def language_asked(message: str, tag: str) -> str:
    """Return the language of a reply to ``message``: the user's own if it is plain, else the one set, by its tag."""
    return language_of(Prose(message), 3) or base_tag(tag)
