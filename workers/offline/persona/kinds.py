"""What kind of thing somebody says: a greeting, a question for a reason, a request, nonsense. English, by rule."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

from pydantic import BaseModel, ConfigDict

from prompts.yaml_text import parse_yaml
from workers.offline.english import known_base
from workers.offline.persona.words import WORD, aspects_of, content, sentences, topics_of, word_set

MOST_CHARS: Final = 1_500
"""Characters of a message that are read."""
_FEW_WORDS: Final = 4
_WH: Final = re.compile(
    r"^(?:(?:and|but|so|well|ok|okay|oh|hey|hi|hello|please|tell me|say|do you know|can you tell me|i wonder|"
    r"[a-z]+ly)[, ]+)*"
    r"(?P<wh>how many|how much|how old|how long|how often|how far|how come|what time|what year|which year|since when|"
    r"why|when|where|whose|whom|who|which|what|how)\b(?P<short>['’]s|['’]re|['’]d)?(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_KIND_OF: Final[Mapping[str, str]] = {
    "how many": "how_many", "how much": "how_many", "how old": "how_many", "how long": "how_many",
    "how often": "how_many", "how far": "how_many", "how come": "why", "what time": "when", "what year": "when",
    "which year": "when", "since when": "when", "whose": "who", "whom": "who", "which": "what",
}  # fmt: skip
_AUX: Final = re.compile(
    r"^(?:(?:and|but|so|well|ok|okay|oh|hey|hi|hello|please|tell me|say)[, ]+)*"
    r"(?:do|does|did|are|is|was|were|am|can|could|will|would|shall|should|have|has|had|may|might|must|don['’]t|doesn['’]t|"
    r"didn['’]t|aren['’]t|isn['’]t|can['’]t|won['’]t|wouldn['’]t|haven['’]t|ever|any)\b",
    re.IGNORECASE,
)  # fmt: skip
_OPTIONS: Final = re.compile(
    r"(?:^|[,:]|\b(?:prefer|like|be|want|have|choose|rather|pick|take|are you|is it|a|an|the))\s*"
    r"(?P<one>[^\W\d_][\w'’ -]{0,40}?),? or (?P<other>[^\W\d_][\w'’ -]{0,40}?)\s*[?.!]*$",
    re.IGNORECASE,
)
_TELL: Final = re.compile(
    r"\b(?:tell|talk|speak)(?: to)?(?: me| us)?(?: something| more| a bit| everything)? (?:about|of)\b"
    r"|^\W*(?:describe|introduce|explain)\b",
    re.IGNORECASE,
)
_ASKS_THOUGHT: Final = re.compile(
    r"\bwhat do you think\b|\byour (?:opinion|view|thoughts)\b|\bhow do you feel about\b|\bdo you believe\b",
    re.IGNORECASE,
)
_IMPERATIVE: Final = re.compile(
    r"^\W*(?:please |now |just |go |quick(?:ly)?,? )*(?:open|close|take|put|look|listen|wait|sit|"
    r"stand|run|jump|hide|fight|attack|kiss|hug|hold|"
    r"touch|read|write|draw|play|cook|make|get|go|turn|smile|wake|sleep|try|describe|guess|choose|pick|imagine|pretend|act|"
    r"repeat|say|do|be|fetch|drop|climb|dance|eat|drink|tell|promise|ask|call|answer|think|"
    r"stay|leave)\b(?! (?:you|is|are|was)\b)",
    re.IGNORECASE,
)  # fmt: skip
_MINE: Final = re.compile(r"\b(?:i|i['’]m|i['’]ve|my|me|we)\b", re.IGNORECASE)
_YOU: Final = re.compile(r"\b(?:you|your|yours|yourself|u|you['’]re)\b", re.IGNORECASE)
_TO_ME: Final = re.compile(
    r"\b(?:tell|show|give|help|let|teach|sing|read|bring|play|write|make) (?:me|us)\b", re.IGNORECASE
)
_DID: Final = re.compile(r"\b(?:did|was|were|have you ever|last|happened|used to)\b", re.IGNORECASE)
_HERE: Final = re.compile(r"\b(?:we|us|here|this place)\b", re.IGNORECASE)
_MASH: Final = re.compile(
    r"[^aeiouyäöüáéíóú\W\d_]{5,}|^[^aeiouy\W\d_]{3,}$|(\w)\1{3,}|asdf|qwer|hjkl|zxcv", re.IGNORECASE
)
_ABBREVIATIONS: Final = word_set("hmm hmmm pfft psst brb btw tbh idk omg wtf thx mmm grr shh tv dvd pdf")


class _Patterns(BaseModel):
    """The regular expressions of `asked.yaml`, by kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    follow: dict[str, re.Pattern[str]]
    social: dict[str, re.Pattern[str]]
    request: dict[str, re.Pattern[str]]
    aspects: dict[str, re.Pattern[str]]
    feelings: dict[str, re.Pattern[str]]


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    text = (files("workers.offline.persona") / "asked.yaml").read_text(encoding="utf-8")
    listed: dict[str, dict[str, list[str]]] = parse_yaml(text)
    return _Patterns.model_validate(
        {
            group: {kind: re.compile("|".join(ways), re.IGNORECASE) for kind, ways in kinds.items()}
            for group, kinds in listed.items()
        }
    )


def _first(patterns: Mapping[str, re.Pattern[str]], text: str) -> str:
    """Return the first kind that a text is; empty if it is none."""
    return next((kind for kind, pattern in patterns.items() if pattern.search(text)), "")


@dataclass(frozen=True, slots=True)
class MessageRead:
    """What a message was understood as.

    ``kind``: a question word (why, when, yesno …), something social (greeting, insult …), ``follow_<kind>``, a
    request (``request_<kind>``), ``tell``, ``statement``, ``feeling_<kind>`` or ``nonsense``. ``aspect`` is what of
    the persona is asked, ``about`` of whom: persona, user or other. ``text`` is the sentence that decided.
    """

    kind: str
    text: str
    words: frozenset[str] = frozenset()
    aspect: str = ""
    about: str = "other"
    topics: frozenset[str] = frozenset()
    options: tuple[str, ...] = ()
    thought: bool = False
    aspects: frozenset[str] = frozenset()
    past: bool = False


def read_message(message: str, names: Sequence[str] = ()) -> MessageRead:
    """Return what somebody's message is. Any text is something."""
    text = unicodedata.normalize("NFC", message[:MOST_CHARS]).strip()
    if not WORD.search(text):
        return MessageRead(_wordless(text), text)
    if _is_nonsense(text):
        return MessageRead("nonsense", text)
    if follow := _first(_patterns().follow, text):
        return MessageRead(f"follow_{follow}", text)
    parts = sentences(text)
    question = next((part for part in reversed(parts) if _is_question(part)), "")
    social = _social(question or text, whole=text)
    if social and (not question or social in _ASKING or len(question.split()) <= 2):
        return MessageRead(social, text, content(text), about="user")
    if request := _first(_patterns().request, question or parts[-1]):
        return _read(f"request_{request}", question or parts[-1], names)
    if question:
        return _question(question, names)
    if _TELL.search(text):
        return _read("tell", text, names)
    if _MINE.search(text) and (feeling := _first(_patterns().feelings, text)):
        return _read(f"feeling_{feeling}", text, names)
    if social := _social(text, whole=text):
        return MessageRead(social, text, content(text), about="user")
    if _IMPERATIVE.match(parts[-1]):
        return _read("request_any", parts[-1], names)
    return _read("statement", text, names)


_ASKING: Final = frozenset({"how_are_you", "machine", "user_name", "recall", "think_of_user", "love_you", "insult"})
"""What is social although it is a question."""


_SAID_ANYWHERE: Final = frozenset({"thanks", "goodbye", "sorry"})


def _social(part: str, *, whole: str) -> str:
    for kind, pattern in _patterns().social.items():
        said = whole if kind in _SAID_ANYWHERE else part
        if pattern.search(said) and (kind != "greeting" or len(whole.split()) <= _FEW_WORDS):
            return kind
    return ""


def _wordless(text: str) -> str:
    if not text:
        return "empty"
    if set(text) <= set("?!¿？！ ") and ("?" in text or "？" in text):
        return "huh"
    if any(unicodedata.category(sign) in ("So", "Sk") or ord(sign) > 0x1F000 for sign in text) or re.search(
        r"[:;=]['-]?[()DPpo3/\\|]|<3", text
    ):
        return "emoji"
    return "empty" if set(text) <= set(". …,-–—*_~") else "nonsense"


def _is_nonsense(text: str) -> bool:
    found = WORD.findall(text)
    if not text.isascii() or len(found) > _FEW_WORDS or not found:
        return False
    return all(_MASH.search(word) and word.lower() not in _ABBREVIATIONS for word in found)


def _is_question(part: str) -> bool:
    if part.rstrip(' "”*)').endswith(("?", "？")):
        return True
    wh = _WH.match(part)
    if wh is not None:
        rest = wh["rest"].split()
        aux = (
            bool(wh["short"])
            or (bool(rest) and _AUX.match(rest[0]) is not None)
            or wh["wh"].lower().startswith(("how ", "what "))
        )
        return aux and len(part.split()) <= 20
    return (
        _AUX.match(part) is not None
        and _YOU.search(part) is not None
        and len(part.split()) <= 14
        and not part.lower().startswith(("do ", "don't", "may "))
    )


def _question(part: str, names: Sequence[str]) -> MessageRead:
    # The last of several: "Hi there, how old are you?"
    options = _options(part)
    if options:
        return _read("either", part, names, options)
    match = _WH.match(part)
    if match is None:
        clause = re.split(r"[,;:]\s+", part)[-1]
        match = _WH.match(clause)
    if match is not None:
        wh = match["wh"].lower()
        kind = _KIND_OF.get(wh, wh)
        return _read("how_many" if wh == "how old" else kind, part, names)
    return _read("yesno", part, names)


def _options(part: str) -> tuple[str, ...]:
    match = _OPTIONS.search(part) if " or " in part.lower() else None
    if match is None:
        return ()
    found = tuple(" ".join(match[name].split()).strip(" '’-") for name in ("one", "other"))
    cut = tuple(
        re.sub(
            r"^(?:you |the |a |an |to |do you |would you |is it )+(?:prefer |like |be |rather )?",
            "",
            each,
            flags=re.IGNORECASE,
        )
        for each in found
    )
    if match.start("one") == 0 and not cut[0][1:2].isupper():
        cut = (cut[0][:1].lower() + cut[0][1:], cut[1])
    if any(
        not each or len(each.split()) > 4 or each.lower() in ("not", "what", "no", "something", "so") for each in cut
    ):
        return ()
    return cut


def _read(kind: str, part: str, names: Sequence[str], options: tuple[str, ...] = ()) -> MessageRead:
    words = content(part) - {each for name in names for each in content(name)}
    named = any(re.search(rf"\b{re.escape(name)}\b", part, re.IGNORECASE) for name in names if name)
    said = _TO_ME.sub(" ", part)
    about = "persona" if _YOU.search(said) or named or _HERE.search(said) else "user" if _MINE.search(said) else "other"
    aspect = _first(_patterns().aspects, part)
    return MessageRead(
        kind,
        part,
        words,
        aspect,
        about,
        topics_of(words),
        options,
        _ASKS_THOUGHT.search(part) is not None,
        aspects_of(words),
        _DID.search(part) is not None,
    )


_SUBJECT: Final = re.compile(
    r"\b(?P<subject>(?:(?:an?|the|any|some|your) )?(?:(?-i:[A-Z])[\w'’-]* )*[^\W\d_][\w'’-]*)"
    r"(?: (?:last|today|now|first|then|yet|tonight|right now|ever|before|too|anyway|for|with|at|like|from|"
    r"about|to|mean))*\W*$",
    re.IGNORECASE,
)
_SUBJECT_BEFORE: Final = re.compile(
    r"\b(?:when|if|that|as|while|before|after) (?:it|i|you|he|she|we|they)\W*$", re.IGNORECASE
)
"""What follows is what somebody does."""
_NO_SUBJECTS: Final = word_set(
    "you me it that this them him her us there here do be are is i so not well one can "
    "hate like love enjoy fear dislike want wish mind life"
)


def subject_of(read: MessageRead) -> str:
    """Return the thing that a question ends in, to be said again: "noodles", "a sister"; empty if that is not plain."""
    found = _SUBJECT.search(read.text)
    if found is None or read.kind not in _SAID_AGAIN or _SUBJECT_BEFORE.search(read.text[: found.start()]):
        return ""
    said = re.sub(r"^(?:any|some) ", "", found["subject"], flags=re.IGNORECASE)
    last = said.split()[-1].lower()
    if (" " not in said and (known_base(last) or last.endswith("ing"))) or said.lower().startswith("your "):
        return ""
    if last in _NO_SUBJECTS or not content(last) or not said.isascii() or len(last) < _SHORTEST_SUBJECT:
        return ""
    return said if said[1:2].isupper() or said.split()[-1][:1].isupper() else said.lower()


_SAID_AGAIN: Final = frozenset({"what", "yesno", "why", "who", "how", "tell"})
_SHORTEST_SUBJECT: Final = 3
