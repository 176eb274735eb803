"""Words by their stems, and which of them belong together: what questions and facts are compared by."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final

from pydantic import BaseModel, ConfigDict

from prompts.yaml_text import parse_yaml

WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
"""A word of an alphabet; a whole run of characters where words are not spaced."""
_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])[”\"’*)]*\s+|\n+")
_IRREGULAR_WORDS: Final = (
    "steal stole stolen|take took taken|give gave given|go went gone|see saw seen|eat ate eaten|write wrote written|"
    "sing sang sung|swim swam swum|drink drank drunk|buy bought|catch caught|teach taught|think thought|bring brought|"
    "fight fought|find found|lose lost loss|keep kept|sleep slept|feel felt|leave left|meet met|tell told|sell sold|"
    "make made|say said|know knew known|grow grew grown|fly flew flown|throw threw thrown|draw drew drawn|"
    "break broke broken|speak spoke spoken|wear wore worn|bear bore born|drive drove driven|ride rode ridden|"
    "fall fell fallen|forget forgot forgotten|hide hid hidden|bite bit bitten|choose chose chosen|wake woke woken|"
    "win won|run ran|come came|become became|begin began begun|die dead death died dying|live life lives living lived|"
    "man men|woman women|child children|mouse mice|foot feet|tooth teeth|wife wives|thief thieves theft|knife knives|"
    "build built|hold held|stand stood|sit sat|cut|read|hear heard|pay paid|understand understood|spend spent|"
    "love loves loved loving|like likes liked liking|hate hates hated hating|care cares cared caring|use used using|"
    "make making|write writing|ride riding|hide hiding|take taking|give giving|have having|ride riding|dive diving|"
    "burglar burgle burglary|baker bakery bake baking|fear afraid scared scare|friend friendship|magic magician|"
    "old age aged|sew sewn|swear swore sworn|shoot shot|freeze froze frozen|rob robber robbery"
)
_SHORT: Final = 4
"""Letters of a word that keeps its last: hate is no hat."""
_FORMS: Final[Mapping[str, str]] = {
    form: forms.split()[0] for forms in _IRREGULAR_WORDS.split("|") for form in forms.split()
}


def word_set(listed: str) -> frozenset[str]:
    """Return the words of a list that are separated by spaces."""
    return frozenset(listed.split())


_LEFT: Final = re.compile(r"\bleft (?=(?:hand|arm|eye|ear|leg|foot|knee|shoulder|side|cheek|wrist)\b)", re.IGNORECASE)
"""Nobody left."""
_STOPS: Final = word_set(
    "a an the and or but nor so yet for of from to with without by about against after before until while during "
    "since as than then when where why how who whom whose which what that this these those if because although "
    "though unless is are was were be been being am has have had having do does did done will would shall should "
    "can could may might must not no never always only just also very too here there now today it he she they we "
    "you i me him her them us my your his its our their mine yours hers ours every each all both either neither "
    "once again ever still even between among along upon off out up down via per like get got really much many "
    "more most some any one thing things something anything nothing everything somebody anybody nobody someone "
    "anyone well yes okay please tell think mean say said says know let don't dont can't cant i'm you're it's "
    "that's what's who's there's isn't aren't wasn't weren't won't wouldn't didn't doesn't i've you've i'd you'd "
    "i'll you'll let's on in at into onto over under back own same such quite rather kind sort way lot bit go "
    "going want make take people person oh ah hey hello hi"
)
"""Words that do not say what a text is about."""
_FUNCTION_WORDS: Final = 0.4
"""Share of such words that English has."""


_CONTRACTED: Final = tuple(
    (re.compile(pattern), long)
    for pattern, long in (
        (r"\bwon't\b", "will not"), (r"\bcan(?:'t|not)\b", "can not"), (r"n't\b", " not"), (r"'m\b", " am"),
        (r"'re\b", " are"), (r"'ve\b", " have"), (r"'d\b", " would"), (r"'ll\b", " will"),
        (r"\b(it|that|there)'s\b", r"\1 is"),
    )
)  # fmt: skip


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    aspects: dict[str, str]
    topics: dict[str, str]


def sentences(text: str) -> list[str]:
    """Return the sentences and lines of a text."""
    return [found for part in _SENTENCE_END.split(text) if (found := part.strip())]


def plain_words(text: str) -> str:
    """Return a text as its words in lower case, to compare it with another: "I'm" is "I am"."""
    words = " ".join(WORD.findall(text)).lower().replace("’", "'")
    for short, long in _CONTRACTED:
        words = short.sub(long, words)
    return words


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """Return what the forms of an English word have in common: ``steal`` of ``stolen``, ``lov`` of ``loving``."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    if word in _FORMS:
        return _FORMS[word]
    for ending, instead in (("ies", "y"), ("ing", ""), ("ied", "y"), ("ed", ""), ("es", "e"), ("s", ""), ("er", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: len(word) - len(ending)] + instead
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "aeiosl":
        word = word[:-1]
    return _FORMS.get(word, word.removesuffix("e") if len(word) > _SHORT else word)


def content(text: str) -> frozenset[str]:
    """Return the stems of the words that say what a text is about."""
    found = (word.lower().replace("’", "'") for word in WORD.findall(_LEFT.sub("", text)))
    stems = {stem(part) for word in found for part in (word, *_parts(word)) if part not in _STOPS}
    return frozenset(stems - _STOPS)


def looks_english(text: str) -> bool:
    """Return whether a text has as many English function words as English has."""
    found = [word.lower().replace("’", "'") for word in WORD.findall(text)]
    return text.isascii() and sum(word in _STOPS for word in found) >= _FUNCTION_WORDS * len(found)


def _parts(word: str) -> list[str]:
    return [part for part in word.split("-") if len(part) > 2] if "-" in word else []


@lru_cache(maxsize=1)
def _table() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    text = (files("prompts") / "personas" / "voices" / "topics.yaml").read_text(encoding="utf-8")
    table = _Table.model_validate(parse_yaml(text))
    return _stemmed(table.aspects), _stemmed(table.topics)


def _stemmed(lists: Mapping[str, str]) -> dict[str, frozenset[str]]:
    return {name: frozenset(map(stem, words.split())) for name, words in lists.items()}


def aspects_of(stems: Iterable[str]) -> frozenset[str]:
    """Return what of a person words with these stems speak of, such as work or fears."""
    found = frozenset(stems)
    return frozenset(name for name, words in _table()[0].items() if words & found)


def topics_of(stems: Iterable[str]) -> frozenset[str]:
    """Return the fields of things that words with these stems belong to, such as food or the sea."""
    found = frozenset(stems)
    return frozenset(name for name, words in _table()[1].items() if words & found)
