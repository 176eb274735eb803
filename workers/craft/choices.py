"""Choices at the end of a page: what is examined before people are offered them, and which are left out.

See `pages` and `replies` for their twins.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from workers.craft import wrapping
from workers.craft.actions import QUOTES, is_action
from workers.craft.findings import CraftCheck, CraftExamination, run
from workers.craft.languages import base_tag, is_unspaced, other_than
from workers.craft.overlap import alike, measured
from workers.craft.phrases import is_about_text, is_lead
from workers.craft.prose import Prose, pieces, plain, ratio, stems, unspaced
from workers.craft.settings import CraftSettings

FEWEST: Final = 2
MOST: Final = 4
_GENERIC: Final = re.compile(
    r"(?:the )?(?:story|tale|adventure|journey) (?:goes on|continues|ends)(?: here)?"
    r"|continue(?: (?:the|your|with the) (?:story|adventure|journey|path|page)| on| reading)?|go on"
    r"|keep (?:going|reading)|(?:the )?(?:next|previous) (?:page|choice|step|chapter|scene)|move on|carry on|proceed"
    r"|(?:the )?(?:(?:first|second|third|fourth|bold|careful|curious|right|wrong|other|best) )?"
    r"(?:option|choice|action|path|answer|alternative)(?: (?:\w|\d+|one|two|three|four|text))?|(?:make|take"
    r"|choose) (?:a|the|your|another) (?:choice"
    r"|action|decision|option|path|bold action)|do (?:nothing|something(?: else)?|it)|something else|none of (?:the"
    r"|these)(?: above)?|end (?:of )?(?:the|this) (?:story|page)|the end|yes|no|maybe|ok|bold|careful|curious"
    r"|(?:(?:be|act|stay) )(?:bold|careful|curious)(?:ly)?"
    r"|(?:die |der )?(?:geschichte (?:geht weiter|fortsetzen)|auswahl|option \w+)|weiter(?:machen|gehen"
    r"|lesen)?|fortfahren|(?:la )?historia continúa|continuar(?: (?:la|a) "
    r"(?:historia|história))?|opción \w+|opção \w+|(?:l['’])?histoire continue|continuer(?: l['’]histoire)?|choix \w+"
    r"|(?:la )?storia continua|continua(?:re)?|scelta \w+|doorgaan|ga verder|keuze \w+|kontynuuj|dalej|opcja \w+"
    r"|продолж(?:ить|ай)(?: историю)?|дальше|вариант \w+|продовжити|далі|варіант \w+|devam(?: et)?|seçenek \w+"
    r"|继续(?:故事)?|选项.?|续|続ける|次へ|選択肢.?|계속(?:하기)?|선택지? ?.?",
    re.IGNORECASE,
)
_COUNTED: Final = re.compile(r"\b(?:\d|two|three|four) (?:actions|choices|options)\b", re.IGNORECASE)
"""What was asked for, given back."""
_OF_STORY: Final = re.compile(r"\b(?:(?:your|this|their)|(?:from|in|into|of|about) the) story\b", re.IGNORECASE)
"""What a choice is not about, unless its page is."""
_END: Final = " .!…。！"
_STOPS: Final = (",", ";", ":")
_DANGLING: Final = frozenset(
    {
        "a", "an", "the", "and", "or", "but", "nor", "because", "of", "to", "your", "my", "our", "their",
        "its", "very", "can't", "you're", "don't",
    }
)  # fmt: skip
"""English words with which no action ends."""
_DANGLING_LATE: Final = frozenset(
    {
        "i", "you", "he", "she", "it", "we", "they", "who", "which", "that", "than", "as", "so", "if", "in",
        "on", "at", "by", "for", "from", "with", "into", "is", "are", "was", "be", "his", "her",
    }
)  # fmt: skip
"""Words with which a long one does not end: it was cut at its maximum length."""
_LONG: Final = 60
_LEADS_ON: Final = re.compile(r"\b(?:what|who|whom|which|where|that)\b", re.IGNORECASE)
"""Behind one of these a preposition may be the last word: "find out what the light is for"."""
_AFTER_JOINT: Final = re.compile(r"\b(?:and|or|but) (?:this|that|these|those|it|he|she|they|you|i)$")
"""A clause that was cut behind its first word."""
_SHORT_WORDS: Final = frozenset(
    {
        "a", "am", "an", "as", "at", "be", "by", "do", "go", "he", "hi", "i", "id", "if", "in", "is", "it", "ma", "me",
        "my", "no", "o", "of", "oh", "ok", "on", "or", "pa", "so", "to", "tv", "up", "us", "we",
    }
)  # fmt: skip
"""English words of one and two letters: others at the end are beginnings of words."""
_CLOSING: Final = '"”»«“」』'
"""Marks at which words spoken end."""
_SENTENCE_ENDS: Final = frozenset(".!?…。！？")
_OPENED: Final = re.compile(r"[ ([{“\"„«‘—–-]+$")
"""What stands before words that did not follow."""
_NUMBERED: Final = re.compile(
    r"(?:option|choice|action|auswahl|opción|opção|choix|scelta|optie|opcja|вариант|варіант|seçenek)"
    r" *\w{1,2} *[:.)–-]+ *",
    re.IGNORECASE,
)
_KIND: Final = re.compile(
    r"^[\[(](?:bold|careful|curious)[\])] ?| ?[\[(](?:bold|careful|curious)[\])][.]?$"
    r"| [-–—] (?:(?:this|it) is )?(?:(?:an?|the) )?(?:bold|careful|curious)(?: (?:choice|action|option|move))?[.]?$",
    re.IGNORECASE,
)
"""The kind of a choice, in its words."""
_SPEECH: Final = frozenset(
    {"say", "ask", "tell", "reply", "answer", "shout", "whisper", "call", "cry", "write", "knock"}
)
_NAMED: Final = re.compile(r"([A-Z][\w’'-]{1,20}): (?=[A-Z])")
_FEW_SIGNS: Final = 2
"""Characters of an action in a script without spaces: "open the door" has two."""


class ChoiceFacts:
    """What choices are examined against: their page, its language, the prompt's own words, how many were asked for."""

    def __init__(
        self, *, page: str, language: str = "en", instructions: str = "", count: int = 3, own_prompt: bool = False
    ) -> None:
        """``own_prompt``: somebody's own may ask for choices of one kind, or of one word."""
        self.language, self.count, self.own_prompt = language, count, own_prompt
        self.page, self.instructions = Prose(page), measured(instructions)

    @cached_property
    def told(self) -> str:
        """The instructions as their words."""
        return f" {' '.join(self.instructions.words)} "


@dataclass(frozen=True, slots=True)
class ExaminedChoice:
    """A choice: its words, its kind, "" if it has none, and its place in the answer, which it keeps if it is mended."""

    text: str
    kind: str = ""
    place: int = 0


@dataclass(frozen=True)
class Offers:
    """Choices that are examined."""

    choices: tuple[ExaminedChoice, ...]
    facts: ChoiceFacts
    settings: CraftSettings


def wrong_number(offers: Offers) -> bool:
    """There are two to four."""
    return not FEWEST <= len(offers.choices) <= MOST


def wrong_length(offers: Offers) -> bool:
    """Each has its characters: more than a word, no paragraph."""
    return any(_wrong_length(each, offers) for each in offers.choices)


def breaks_off(offers: Offers) -> bool:
    """Each is one sentence, and a whole one."""
    return any(_whole(each.text, offers) != each.text for each in offers.choices)


def alike_choices(offers: Offers) -> bool:
    """They differ in words."""
    return len(_distinct(offers)) < len(offers.choices)


def one_kind(offers: Offers) -> bool:
    """Three and more are not all bold or all careful, where kinds were asked for."""
    kinds = {each.kind for each in offers.choices}
    return (
        not offers.facts.own_prompt and len(offers.choices) > FEWEST and len(kinds) == 1 and not kinds & {"", "curious"}
    )


def no_action(offers: Offers) -> bool:
    """Each is an action, or words to say in quotation marks: no thing, no question to the reader."""
    return any(_no_action(each, offers) for each in offers.choices)


def generic_choices(offers: Offers) -> bool:
    """None would fit any page, as "The story goes on" does, or is the prompt's own words."""
    return any(_generic(each, offers) for each in offers.choices)


def rootless(offers: Offers) -> bool:
    """Enough of them name something of the page, in whatever form of the word."""
    rooted = sum(_rooted(each, offers) for each in offers.choices)
    return ratio(rooted, len(offers.choices)) < offers.settings.choice_rooted


def in_other_language(offers: Offers) -> bool:
    """They are in the language asked for."""
    together = Prose(". ".join(each.text for each in offers.choices))
    return other_than(together, offers.facts.language, offers.settings.language_words) is not None


CHECKS: Final[tuple[CraftCheck[Offers], ...]] = (
    CraftCheck("count", "two to four choices are needed", wrong_number),
    CraftCheck("length", "a choice has the wrong length", wrong_length),
    CraftCheck("fragment", "a choice is one whole sentence", breaks_off),
    CraftCheck("alike", "two choices are the same", alike_choices),
    CraftCheck("kinds", "all choices are of one kind", one_kind),
    CraftCheck("no_action", "each choice must be an action", no_action),
    CraftCheck("generic", "a choice would fit any page", generic_choices),
    CraftCheck("rootless", "choices must fit this page", rootless),
    CraftCheck("language", "they are in another language", in_other_language),
)
"""What all choices of a page pass, each with what is said to a model that fails it."""


def examine_choices(
    choices: Sequence[ExaminedChoice], facts: ChoiceFacts, settings: CraftSettings
) -> CraftExamination[tuple[ExaminedChoice, ...]]:
    """Return choices as they may be offered: all if they pass, else those that do, if these are enough."""
    offers = Offers(tuple(choices), facts, settings)
    failed = run(CHECKS, offers)
    if not failed:
        return CraftExamination(offers.choices)
    kept = mend_choices(offers)
    return CraftExamination(kept, run(CHECKS, Offers(kept, facts, settings)), failed, empty=len(kept) < FEWEST)


def mend_choices(offers: Offers) -> tuple[ExaminedChoice, ...]:
    """Return the choices that pass by themselves, of those alike the first, and no more than may be."""
    tests = (_wrong_length, _no_action, _generic)
    whole = [replace(each, text=_whole(each.text, offers)) for each in offers.choices]
    kept = tuple(each for each in whole if not any(fails(each, offers) for fails in tests))
    fewer = _distinct(Offers(kept, offers.facts, offers.settings))[:MOST]
    rooted = tuple(each for each in fewer if _rooted(each, offers))
    if len(rooted) >= FEWEST and ratio(len(rooted), len(fewer)) < offers.settings.choice_rooted:
        return rooted
    return fewer


def least_chars(settings: CraftSettings, tag: str) -> int:
    """Return the characters of a choice in a language at least."""
    return _FEW_SIGNS if is_unspaced(tag) else settings.choice_min_chars


def _wrong_length(choice: ExaminedChoice, offers: Offers) -> bool:
    text = choice.text.strip()
    few = offers.facts.own_prompt or unspaced(text)
    enough = len(text) >= _FEW_SIGNS if few else Prose(text).size >= offers.settings.choice_min_chars
    return not enough or len(choice.text) > offers.settings.choice_max_chars


def _whole(text: str, offers: Offers) -> str:
    """Return a choice without what follows its first sentence, or its last comma where it stops in the middle.

    Its number, a name before it and marks around it go, too. It is "" if nothing is whole. Words in quotation marks
    stay as they are; what is a sentence of its own behind them goes.
    """
    english = base_tag(offers.facts.language) == "en"
    text = _bare(text, english=english)
    if any(sign in text for sign in QUOTES if sign not in "'‘"):
        return _to_end_of_speech(text)
    first = next(iter(pieces(text)), "").strip()
    while _stops_in_the_middle(first, english=english):
        first = first.rstrip(" ,;:") if first.endswith(_STOPS) else first.rpartition(",")[0].rstrip()
    return first


def _to_end_of_speech(text: str) -> str:
    end = max(text.rfind(sign) for sign in _CLOSING) + 1
    said, behind = text[:end], text[end:]
    if not end or not behind.strip():
        return text
    if said[-2:-1] in _SENTENCE_ENDS and behind.lstrip()[:1].isupper():
        return said
    return (said + next(iter(pieces(behind)), "")).rstrip()


def _bare(text: str, *, english: bool) -> str:
    """Return a choice without its number and kind, who would do it, what it is packed in, a mark that opens nothing."""
    text = _KIND.sub("", wrapping.unwrapped(text)) or text
    if _OPENED.search(text) and text[-1:] != '"':
        text = _OPENED.sub("", text)
    elif text.count('"') == 1 and text.endswith('"'):
        text = text[:-1].rstrip()
    if len(text) > 4 and text.startswith(("**", "__")) and text.endswith(text[:2]):
        text = text[2:-2].strip()
    text = text[found.end() :] if (found := _NUMBERED.match(text)) and found.end() < len(text) else text
    named = _NAMED.match(text) if english else None
    return text[named.end() :] if named and named[1].lower() not in _SPEECH else text


def _stops_in_the_middle(text: str, *, english: bool) -> bool:
    if text.endswith(_STOPS) or not english:
        return text.endswith(_STOPS)
    words = plain(text)
    last = words.rpartition(" ")[2]
    if last in _DANGLING or _AFTER_JOINT.search(words) or text.endswith(("n’", "n'")):
        return True
    if len(last) <= 2 and text.rpartition(" ")[2].islower() and last not in _SHORT_WORDS:
        return True
    return len(text) >= _LONG and last in _DANGLING_LATE and not _LEADS_ON.search(words)


def _no_action(choice: ExaminedChoice, offers: Offers) -> bool:
    return not is_action(choice.text, offers.facts.language)


def _generic(choice: ExaminedChoice, offers: Offers) -> bool:
    text = choice.text.strip(_END + QUOTES + "*_[]()")
    if _GENERIC.fullmatch(text) or _COUNTED.search(text) or is_lead(text) or is_about_text(text):
        return True
    if _OF_STORY.search(text) and "story" not in offers.facts.page.stems:
        return True
    words = " ".join(Prose(text).words)
    return words.count(" ") >= 3 and f" {words} " in offers.facts.told


def _distinct(offers: Offers) -> tuple[ExaminedChoice, ...]:
    kept: list[tuple[list[str], ExaminedChoice]] = []
    for choice in offers.choices:
        words = Prose(choice.text).words
        said = stems(words) or words
        if all(alike(said, other) < offers.settings.choice_alike for other, _ in kept):
            kept.append((said, choice))
    return tuple(choice for _, choice in kept)


def _rooted(choice: ExaminedChoice, offers: Offers) -> bool:
    """Return whether a choice names something of the page: a content word in any form, or words spoken."""
    page = offers.facts.page.stems
    found = stems(Prose(choice.text).words)
    if choice.text.strip()[:1] in QUOTES:
        return True
    # A form may differ before the fifth letter: Stadt and Städte, luz and luces.
    return any(stem in page or any(other.startswith(stem[:4]) for other in page) for stem in found)
