"""What a model says of its task in a reply, to itself or to whoever set it: "I need to answer as Vex"."""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from workers.craft.prose import pieces

_THOUGHT: Final = (
    r"\bthe user (?:wants|wanted|asked|asks|is asking|expects|would like|has asked|told) me (?:to|as)\b"
    r"|\b(?:in|for) this role-?play,? (?:i am|i['’]m|i should|i will|the user|you are|my role)\b"
    r"|\bi (?:should|must|need to|have to|ought to|will|['’]ll) (?:answer|respond|reply) (?:\w+ ){0,4}in[- ]character\b"
    r"|\b(?:the|this|my) (?:reply|response|answer) (?:\w+ ){0,5}in[- ]character\b"
)
_BEGUN: Final = re.compile(
    r"\W*(?:(?:okay|ok|alright|so|hmm|well|right)\W+)*the user (?:asks|asked|is|wants|says|said|just|has|greets|greeted"
    r"|mentions|mentioned|seems|wrote)\b",
    re.IGNORECASE,
)
"""The first words of a reply that is none."""
_USER: Final = re.compile(r"\busers?\b", re.IGNORECASE)


@lru_cache(maxsize=256)
def _thought(names: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of a thought about the task; ``names`` are whom it is to be answered as."""
    anybody = "|".join(re.escape(each) for each in names) or "(?!)"
    return re.compile(
        rf"{_THOUGHT}|\bi (?:should|must|need to|have to|ought to) (?:answer|respond|reply) (?:\w+ )?as (?:{anybody})\b"
        rf"|\bas (?:{anybody}), i (?:would|should|will|must|need to|have to) (?:say|answer|respond|reply)\b",
        re.IGNORECASE,
    )


def thinks_aloud(text: str, names: Collection[str], message: str) -> bool:
    """Return whether a reply speaks of its task. Who was asked about users may begin with one."""
    begins = _BEGUN.match(text) is not None and not _USER.search(message)
    return begins or _thought(tuple(names)).search(text) is not None


def without_thoughts(text: str, names: Collection[str], message: str) -> str:
    """Return a reply without its sentences that speak of the task."""
    if not thinks_aloud(text, names, message):
        return text
    thought, asked = _thought(tuple(names)), _USER.search(message) is not None
    return "".join(
        each for each in pieces(text) if not thought.search(each) and (asked or not _BEGUN.match(each))
    ).strip()
