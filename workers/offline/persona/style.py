"""How somebody speaks, as far as a rule can tell it from their card: how they begin, how much they say."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from workers.offline.persona.words import WORD, sentences, word_set

MOST_CHARS: Final = 8_000
MOST_VOICE: Final = 30_000
MOST_OPENERS: Final = 12
_OPENER_WORDS: Final = 4
_SAYS: Final = re.compile(
    r"\b(?:says?|mutters?|begins? with|starts? with|exclaims?)\b[^\"“.]{0,40}[\"“](?P<said>[^\"“”\n]{2,40})[\"”]",
    re.IGNORECASE,
)
_CALLS: Final = re.compile(
    r"\bcalls? (?:people|everyone|everybody|you|{{user}}|others|strangers|her friends|his friends|whoever \w+) "
    r"[\"“'‘]?(?P<one>[a-z]{3,12})[\"”'’]?(?: or [\"“'‘]?(?P<other>[a-z]{3,12})\b)?",
    re.IGNORECASE,
)  # fmt: skip
_NO_ADDRESS: Final = word_set("by the names out for from with and what things only their his her something")
_TERSE: Final = re.compile(
    r"\b(?:terse|laconic|few words|sparing|short,? (?:unhurried )?sentences|curt|quiet|reserved|blunt|says little|"
    r"monosyllab\w+|taciturn|clipped)\b",
    re.IGNORECASE,
)
_LIVELY: Final = re.compile(
    r"\b(?:cheerful|bubbly|energetic|excit\w+|hyper|bouncy|exclaims?|enthusias\w+|playful|lively|loud)\b", re.IGNORECASE
)
_SHY: Final = re.compile(r"\b(?:shy|timid|stutter\w*|stammer\w*|bashful|hesitant|nervous)\b", re.IGNORECASE)
_LIVELY_OPENERS: Final = ("Oh!", "Ha!", "Ooh!", "Yes!", "Listen!", "Guess what!")
_SHY_OPENERS: Final = ("Um.", "Oh. Well.", "Ah. I mean.", "Erm.", "Well. You see.")


_SHORT: Final = re.compile(r"\b(?:\w+n't|I'm|I'd|I'll|I've|it's|that's|you're)\b", re.IGNORECASE)
_LONG: Final = re.compile(r"\b(?:I am|I would|I will|do not|is not|it is|that is|cannot|you are)\b", re.IGNORECASE)
_FEW: Final = 2
_CONTRACTIONS: Final = tuple(
    (re.compile(pattern), short)
    for pattern, short in (
        (r"(?<!than )(?<!as )(?<!who )(?<!what )\bI am (?=[a-z])", "I'm "),
        (r"\b([Cc])annot\b", r"\1an't"),
        (r"\b([Ww])ill not\b", r"\1on't"),
        (r"\b([Dd]o|[Dd]oes|[Dd]id|[Ii]s|[Aa]re|[Ww]as|[Ww]ere) not\b", r"\1n't"),
        (r"\b([Ww]ould|[Ss]hould|[Cc]ould|[Hh]ave|[Hh]as|[Hh]ad) not\b", r"\1n't"),
        (r"\b(I|[Yy]ou|[Ww]e|[Tt]hey) would (?=[a-z])", r"\1'd "),
        (r"\b(I|[Yy]ou|[Ww]e|[Tt]hey) will (?=[a-z])", r"\1'll "),
        (r"\b(It|That|There) is (?=[a-z])", r"\1's "),
        (r"\b([Yy]ou|[Ww]e|[Tt]hey) are (?=[a-z])", r"\1're "),
    )
)


@dataclass(frozen=True, slots=True)
class SpeakingStyle:
    """``openers`` may stand before anything; ``address`` is what people are called; ``terse``: one sentence does.

    ``contracts``: "I'm" rather than "I am".
    """

    openers: tuple[str, ...] = ()
    address: str = ""
    terse: bool = False
    contracts: bool = False


def style_of(card: Mapping[str, Any], names: Sequence[str]) -> SpeakingStyle:
    """Return how the persona of a card speaks."""
    told = " ".join(str(card.get(name) or "") for name in ("speaking_style", "description"))[:MOST_CHARS]
    manner = f"{card.get('speaking_style') or ''} {card.get('personality') or ''}"[:MOST_CHARS]
    openers = [*_said_often(told), *_from_examples(str(card.get("example_dialogue") or "")[:MOST_CHARS], names)]
    if _SHY.search(manner):
        openers += _SHY_OPENERS
    elif _LIVELY.search(manner):
        openers += _LIVELY_OPENERS
    lines = f"{card.get('example_dialogue') or ''} {card.get('voice') or ''}"[:MOST_VOICE].replace("’", "'")
    short, long = len(_SHORT.findall(lines)), len(_LONG.findall(lines))
    return SpeakingStyle(
        tuple(dict.fromkeys(openers))[:MOST_OPENERS],
        _address(told),
        _TERSE.search(manner) is not None,
        short >= _FEW and short > long,
    )


def contracted(text: str) -> str:
    """Return a text as somebody says it who contracts: "I'd", "don't"."""
    for pattern, short in _CONTRACTIONS:
        text = pattern.sub(short, text)
    return text


def _said_often(told: str) -> list[str]:
    found = (" ".join(match["said"].split()).rstrip(".,!") for match in _SAYS.finditer(told))
    return [f"{each[:1].upper()}{each[1:]}." for each in found if 1 <= len(WORD.findall(each)) <= _OPENER_WORDS]


def _from_examples(examples: str, names: Sequence[str]) -> list[str]:
    """Return the short first sentences of what the persona says in the example dialogue: "Right.", "Hm."."""
    own = {each.lower() for name in names for each in (name, *name.split()[:1])}
    found: list[str] = []
    for line in examples.split("\n"):
        label, colon, said = line.partition(":")
        if not colon or label.strip(" *").lower() not in own:
            continue
        first = next(iter(sentences(re.sub(r"\*[^*\n]*\*", "", said).strip(' "“”'))), "")
        if 1 <= len(WORD.findall(first)) <= 2 and first[-1] in ".!…" and "{" not in first:
            found.append(first)
    return found


def _address(told: str) -> str:
    match = _CALLS.search(told)
    found = [word.lower() for word in (match["one"], match["other"]) if word] if match else []
    return next((word for word in found if word not in _NO_ADDRESS), "")
