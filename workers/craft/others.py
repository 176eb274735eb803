"""What a reply tells as prose of what its reader does: "Sam nods", "*your heart beats fast*", "You take my hand"."""

import re
from functools import lru_cache
from typing import Final

from workers.craft.prose import Prose, pieces

_SAYS: Final = (
    "says|asks|replies|answers|whispers|mutters|shouts|said|asked|replied|answered|whispered|muttered|shouted"
)
_DOES: Final = "nods|smiles|sighs|blushes|grins|laughs|gasps|shrugs|giggles|chuckles|frowns|trembles"
_OF_BODY: Final = "eyes|heart|cheeks|face|lips|breath|hands?|knees|voice|body|pulse|smile|stomach|jaw"
_FELT: Final = re.compile(r"\byou (?:feel|say|whisper|nod|smile|blush|gasp|tremble|sigh)\b(?!\?)", re.IGNORECASE)
_TO_ME: Final = re.compile(
    r"\byou (?:take|hold|grab|squeeze|kiss|hug|touch|pull|embrace|lean|look|smile|nod)"
    r" (?:\w+ ){0,3}(?:my (?:hand|arm|face|lips|cheek|shoulder|head|eyes)|me)\b",
    re.IGNORECASE,
)
_DONE: Final = re.compile(
    r"(?:^|\band |, )you (?:take|hold|grab|squeeze|kiss|hug|touch|pull|embrace|lean|look|feel|say|whisper|nod|smile"
    r"|blush|gasp|tremble|sigh|step|walk|turn|open|close|sit|stand|reach)\b",
    re.IGNORECASE,
)
_MANY: Final = 3
"""Things that "you" do from which on they are told, not talked of."""


@lru_cache(maxsize=256)
def _by_name(name: str) -> re.Pattern[str]:
    """Return the pattern of a sentence in which somebody acts or speaks by name."""
    who = re.escape(name)
    return re.compile(
        rf"^[*_]?{who} (?:{_DOES})\b(?! (?:at (?!me\b)|like|when|if|every)\b)|^{who} (?:{_SAYS})[:,] ?[\"“A-Z]"
        rf"|[,.!?][\"”] (?:{who} (?:{_SAYS})|(?:{_SAYS}) {who})\b"
    )


@lru_cache(maxsize=256)
def _of_body(name: str) -> re.Pattern[str]:
    """Return the pattern of an action between asterisks of somebody's body."""
    whose = rf"(?:your|{re.escape(name)}['’]s)" if name else "your"
    return re.compile(rf"(?<!\*)\*{whose} (?:{_OF_BODY}) [^*\n]{{2,200}}\*(?!\*)", re.IGNORECASE)


def tells_of_reader(text: str, name: str) -> bool:
    """Return whether a reply tells what its reader, of this name, does, says or feels."""
    return without_reader(text, name) != text


def without_reader(text: str, name: str) -> str:
    """Return a reply without the sentences that tell what its reader, of this name, does, says or feels."""
    name = name.strip()
    kept = _of_body(name).sub("", text)
    named = _by_name(name) if name[:1].isupper() else None
    told = _is_told(kept)
    if kept == text and not told and (named is None or not any(named.search(each.strip()) for each in pieces(kept))):
        return text
    return "".join(
        each
        for each in pieces(kept)
        if not (named and named.search(each.strip())) and not (told and _DONE.match(each.strip()))
    ).strip()


def _is_told(text: str) -> bool:
    """Return whether "you" do something to the speaker, feel or say something, and more: who did it knows it."""
    said = [each for each in Prose(Prose(text).narration).sentences if not each.endswith("?") and _DONE.match(each)]
    together = " ".join(said)
    done = sum(len(_DONE.findall(each)) for each in said)
    return done >= _MANY and _TO_ME.search(together) is not None and _FELT.search(together) is not None
