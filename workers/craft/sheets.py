"""What is written about a persona: what is examined before people read it, and what is left out so that it passes.

See `pages`, `choices` and `replies` for what is read as a text.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from workers.craft import loops, overlap
from workers.craft.findings import CraftCheck, CraftExamination, run
from workers.craft.languages import other_than
from workers.craft.overlap import alike
from workers.craft.phrases import is_about_text, is_lead, is_machine, names_a_model
from workers.craft.prose import Prose, pieces, plain, unspaced
from workers.craft.settings import CraftSettings
from workers.craft.voice import is_talk
from workers.cutting import cut_at_sentence, ends_sentence

Fields = Mapping[str, str | tuple[str, ...]]
"""What is said of somebody, by what it is: texts, and lists of a few words each. Nothing of it is empty."""
SPOKEN: Final = "greeting"
"""The field that the persona says."""
WEIGHTY: Final = "description"
"""The field that says who somebody is."""
_ENTRY_WORDS: Final = 8
_ENTRY_SIGNS: Final = 24
"""Words of a trait or an interest at most; in a script without spaces its characters."""
_NAME_WORDS: Final = 6
_DESCRIBES: Final = re.compile(r"(?:an?|the \w+ who|somebody|someone|i am|my name)\b", re.IGNORECASE)
"""How descriptions begin that stand in place of a name."""
_SAME: Final = 0.8
_FEW_WORDS: Final = 4
"""Words in common from which on two fields say the same, and words below which only the same ones do."""
_TOLD_WORDS: Final = 4
_CLAUSE: Final = re.compile(
    r"(?:and|but|or|who|whom|whose|which|because|when|where|so|the one|s?he['’]?s?|they|it['’]?s?|you|i|we)\b"
    r"(?!-)(?-i:(?! [A-Z]))",
    re.IGNORECASE,
)
"""How the parts of an English sentence begin that was taken apart at its commas; "So-so jokes", "I Ching" are names."""
_GREETS: Final = re.compile(
    r"[\W_]*(?:welcome|come|hello|hi|hey|good (?:morning|day|evening|night)|greetings|ahoy|sit|mind|enter|stay|look"
    r"|listen|watch|step|quiet|hush|s+h+|halt|stop|well|thank|please|close|shut|wipe|leave|put|hold|wait|don['’]t"
    r"|let['’]s|careful|willkommen|herzlich|gute[nrs]?|hallo|komm|bienvenue|bonjour|bonsoir|salut|entrez|entre"
    r"|welkom|kom|goede[nm]?|dag)\b",
    re.IGNORECASE,
)
"""How what is said to somebody begins that names nobody."""
_FEW_SPOKEN: Final = 6
"""Words of a greeting from which on it names somebody."""
_FILLER: Final = re.compile(
    r"(?:none|null|nothing|n/?a|tbd|todo|unknown|unspecified|not (?:specified|given|known|applicable)|empty|string|text"
    r"|name|tagline|description|appearance|personality|interests|preferences|greeting|scenario|keine|nichts|aucune?"
    r"|ninguno|nessuno|lorem ipsum.*|[^\w]*)[.!]?",
    re.IGNORECASE,
)
"""What stands in a field that a model had nothing for: its name, or a word for nothing."""
_OF_CARD: Final = re.compile(
    r"\b(?:the|this|that|your|our) (?:personas?|users?|prompt|json|character (?:sheet|card|profile))\b"
    r"|\bthis (?:character|person) (?:is|was) (?:designed|created|written|meant)\b",
    re.IGNORECASE,
)
_OWN_LABEL: Final = (
    r"\A[\s*_#-]*(?:name|tagline|who|description|about|bio|appearance|looks|personality|traits|interests|likes"
    r"|preferences|speaking[ _]style|talks|scenario|scene|greeting|says first{name})[*_]{{0,2}} *[:：] *[*_]{{0,2}}"
)


class SheetFacts:
    """What a sheet is examined against.

    ``name`` is the persona's, ``told`` what was said of it before: the card, or a wish. ``instructions`` are the
    prompt's own words, ``needed`` the fields without which it is none; at least one there must be.
    """

    def __init__(
        self,
        *,
        language: str = "en",
        name: str = "",
        told: str = "",
        instructions: str = "",
        needed: Collection[str] = (),
    ) -> None:
        self.language, self.name, self.needed = language, name, tuple(needed)
        self.instructions = overlap.measured(instructions)
        self.machine = is_machine(told)

    @cached_property
    def told_sentences(self) -> frozenset[str]:
        """The sentences and lines of the instructions, as their words."""
        return overlap.lines_of(self.instructions.text, _TOLD_WORDS)

    def label(self, name: str) -> re.Pattern[str]:
        """Return what a field of a persona called ``name`` must not begin with."""
        return re.compile(_OWN_LABEL.format(name=f"|{re.escape(name)}" if name else ""), re.IGNORECASE)


@dataclass(frozen=True)
class Sheet:
    """What is examined."""

    fields: Fields
    facts: SheetFacts
    settings: CraftSettings

    @cached_property
    def texts(self) -> dict[str, str]:
        """The fields that are texts."""
        return {name: value for name, value in self.fields.items() if isinstance(value, str)}

    @cached_property
    def lists(self) -> dict[str, tuple[str, ...]]:
        """The fields that are lists."""
        return {name: value for name, value in self.fields.items() if isinstance(value, tuple)}

    @cached_property
    def whole(self) -> Prose:
        """All that is said."""
        return Prose("\n".join([*self.texts.values(), *(each for found in self.lists.values() for each in found)]))

    @property
    def name(self) -> str:
        """The persona's name, given or written."""
        return self.facts.name or self.texts.get("name", "")


def lacks_fields(sheet: Sheet) -> bool:
    """It has what was asked for, and no field is filled with a word for nothing."""
    missing = not sheet.fields or any(not sheet.fields.get(name) for name in sheet.facts.needed)
    return missing or any(_FILLER.fullmatch(text.strip()) for text in sheet.texts.values())


def no_name(sheet: Sheet) -> bool:
    """A name is a few words, and no sentence."""
    return _is_no_name(sheet.texts.get("name", ""))


def too_short(sheet: Sheet) -> bool:
    """A description has at least so many characters."""
    return 0 < Prose(sheet.texts.get(WEIGHTY, "")).size < sheet.settings.sheet_chars


def breaks_off(sheet: Sheet) -> bool:
    """A field with whole sentences ends with one, and none ends with a comma."""
    return any(_breaks_off(text) for text in sheet.texts.values())


def echoes_instructions(sheet: Sheet) -> bool:
    """It has no sentence and no run of words of the prompt's own."""
    return any(_recites(Prose(text), sheet) for text in sheet.texts.values())


def about_card(sheet: Sheet) -> bool:
    """It is about a person, and does not speak of a persona, a user, a card or a language model."""
    return any(
        is_lead(text) or any(_is_about_card(each, sheet.facts) for each in pieces(text)) for text in _told(sheet)
    )


def runs_in_circles(sheet: Sheet) -> bool:
    """No field repeats itself."""
    return any(
        loops.drop_repeats(text) != loops.tidy(text) or loops.runs_in_circles(Prose(text), sheet.settings)
        for text in _told(sheet)
    )


def says_twice(sheet: Sheet) -> bool:
    """No two fields, traits or interests say the same."""
    said = [*sheet.texts.values()]
    twice = any(_same(one, other) for at, one in enumerate(said) for other in said[:at])
    return twice or any(len({plain(each) for each in found}) < len(found) for found in sheet.lists.values())


def long_entries(sheet: Sheet) -> bool:
    """Traits and interests are a few words each."""
    return any(not _is_entry(each) for found in sheet.lists.values() for each in found)


def greets_nobody(sheet: Sheet) -> bool:
    """The greeting is what the persona says, to somebody: it has "I" or "you"."""
    return _is_no_talk(sheet.texts.get(SPOKEN, ""), sheet.facts)


def has_labels(sheet: Sheet) -> bool:
    """No field begins with its own name as a label, the greeting not with the persona's."""
    label = sheet.facts.label(sheet.name)
    return any(label.match(text) for text in sheet.texts.values())


def in_other_language(sheet: Sheet) -> bool:
    """It is in the language asked for."""
    least = sheet.settings.language_words
    return any(other_than(each, sheet.facts.language, least) for each in (sheet.whole, *map(Prose, _told(sheet))))


CHECKS: Final[tuple[CraftCheck[Sheet], ...]] = (
    CraftCheck("missing", "something asked for is missing", lacks_fields),
    CraftCheck("name", "the name is no name", no_name),
    CraftCheck("short", "the description is too short", too_short),
    CraftCheck("fragment", "a sentence breaks off", breaks_off),
    CraftCheck("instructions", "it repeats its instructions", echoes_instructions),
    CraftCheck("about_card", "write about a person only", about_card),
    CraftCheck("loop", "it repeats itself", runs_in_circles),
    CraftCheck("twice", "two parts say the same", says_twice),
    CraftCheck("entries", "traits are a few words each", long_entries),
    CraftCheck("greeting", "the greeting is spoken to somebody", greets_nobody),
    CraftCheck("labels", "no labels before the words", has_labels),
    CraftCheck("language", "it is in another language", in_other_language),
)
"""What everything that is written about a persona passes, each with what is said to a model that fails it."""


def examine_sheet(fields: Fields, facts: SheetFacts, settings: CraftSettings) -> CraftExamination[Fields]:
    """Return a sheet as it may be shown: unchanged if it passes, else without what fails, and examined again."""
    sheet = Sheet(fields, facts, settings)
    failed = run(CHECKS, sheet)
    if not failed:
        return CraftExamination(fields)
    mended = mend_sheet(sheet)
    return CraftExamination(mended, run(CHECKS, Sheet(mended, facts, settings)), failed)


def mend_sheet(sheet: Sheet) -> Fields:
    """Return a sheet without what does not belong there, perhaps without whole fields: nothing is added."""
    kept: dict[str, str | tuple[str, ...]] = {}
    for name, value in sheet.fields.items():
        if isinstance(value, tuple):
            entries = {plain(each): each for each in reversed(value) if _is_entry(each)}
            found: str | tuple[str, ...] = tuple(reversed(entries.values()))
        else:
            found = _mended(value, sheet)
            if (name == SPOKEN and _is_no_talk(found, sheet.facts)) or any(
                _same(found, other) for other in kept.values() if isinstance(other, str)
            ):
                found = ""
        if found:
            kept[name] = found
    return kept


def _mended(text: str, sheet: Sheet) -> str:
    facts = sheet.facts
    text = facts.label(sheet.name).sub("", text).strip()
    if _FILLER.fullmatch(text) or is_lead(text):
        return ""
    text = loops.drop_repeats(loops.cut_loop(text))
    told = [
        each for each in pieces(text) if not _is_about_card(each, facts) and plain(each) not in facts.told_sentences
    ]
    text = loops.tidy("".join(told))
    if _breaks_off(text):
        cut = cut_at_sentence(text)
        text = cut if ends_sentence(cut) and not cut.endswith(" …") else ""
    whole = Prose(text)
    if (
        _recites(whole, sheet)
        or loops.runs_in_circles(whole, sheet.settings)
        or other_than(whole, facts.language, sheet.settings.language_words)
    ):
        return ""
    return text


def _is_no_name(name: str) -> bool:
    """Return whether a name is too long for one, or describes somebody: "A very curious man"."""
    words = name.split()
    return len(words) > _NAME_WORDS or name.rstrip().endswith(("!", "?", ":")) or _DESCRIBES.match(name) is not None


def _is_no_talk(greeting: str, facts: SheetFacts) -> bool:
    said = Prose(greeting)
    if len(said.words) < _FEW_SPOKEN or "?" in greeting or _GREETS.match(greeting):
        return False
    return not is_talk(said, facts.language)


def _told(sheet: Sheet) -> list[str]:
    return list(sheet.texts.values())


def _breaks_off(text: str) -> bool:
    text = text.rstrip()
    if not text or ends_sentence(text):
        return False
    return text[-1] in ",;:-–(" or any(ends_sentence(each) for each in pieces(text)[:-1])


def _recites(text: Prose, sheet: Sheet) -> bool:
    facts = sheet.facts
    if any(plain(each) in facts.told_sentences for each in text.sentences):
        return True
    return overlap.longest_run(text, facts.instructions) >= sheet.settings.echo_run


def _is_about_card(sentence: str, facts: SheetFacts) -> bool:
    said = sentence.strip()
    if names_a_model(said, machine=facts.machine):
        return True
    return not facts.machine and (_OF_CARD.search(said) is not None or is_about_text(said))


def _same(one: str, other: str) -> bool:
    first, second = plain(one), plain(other)
    if first == second:
        return bool(first)
    words = first.split(), second.split()
    return min(map(len, words)) >= _FEW_WORDS and alike(*words) >= _SAME


def _is_entry(entry: str) -> bool:
    most = _ENTRY_SIGNS if unspaced(entry) else _ENTRY_WORDS
    short = 0 < len(plain(entry).split()) <= most
    return short and _FILLER.fullmatch(entry.strip()) is None and _CLAUSE.match(entry.strip()) is None
