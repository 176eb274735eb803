"""What models put behind a reply in a chat: a word to whoever asked for it, data, a fence."""

import re
from typing import Final

from workers.craft.layout import has_code
from workers.craft.prose import pieces, plain

_OF_MODELS: Final = re.compile(
    r"(?:i hope (?:that )?(?:you (?:liked|enjoyed) (?:this|that)|(?:this|that) (?:helps|helped|answers your question)"
    r"|you (?:like|enjoy|liked|enjoyed) (?:this|the|my) (?:reply|response|answer|part|conversation|chat|role-?play))"
    r"|(?:please |just )*(?:let me know|feel free to (?:ask|tell me|let me know)) (?:if|how|whether|what)"
    r" (?:you(?:['’]d| would)? (?:need|want|have|like)|there(?:['’]s| is))"
    r" (?:me to|to (?:continue|proceed|go on|change)|(?:any|some)(?:thing|one)? ?(?:else|more|other|further"
    r"|changes|questions)|more)\b"
    r"|(?:is there anything else|do you have any (?:other|more|further) questions)\b"
    r"|if you have any (?:other |more |further )?questions?,? (?:please |just )*(?:feel free|let me know|ask)\b"
    r"|(?:please )?feel free to ask (?:me )?(?:if|any|more|further)\b)[^.!?\n]{0,60}[.!?]*",
    re.IGNORECASE,
)
"""Sentences of an assistant at the end of its work."""
_FENCE: Final = "```"
_AROUND: Final = ' \n*_()[]"'


def is_tail(text: str) -> bool:
    """Return whether a reply is nothing but what stands at the end of others."""
    said = [each.strip(_AROUND) for each in pieces(text)]
    return any(said) and all(not each or _OF_MODELS.fullmatch(each) for each in said)


def without_tail(text: str) -> str:
    """Return a reply without what is no part of it at its end; all of it if there is nothing else."""
    kept = _without_words(_without_data(text.rstrip()))
    return kept if plain(kept) else text


def _without_data(text: str) -> str:
    lines = text.split("\n")
    fences = [at for at, line in enumerate(lines) if line.strip().startswith(_FENCE)]
    # A fence that is closed, or has code behind it, is what somebody asked for.
    if len(fences) % 2 and not any(line.strip() for line in lines[fences[-1] + 1 :]):
        lines = lines[: fences[-1]]
    elif not fences:
        end = len(lines)
        while end and (has_code(lines[end - 1]) or not lines[end - 1].strip()):
            end -= 1
        lines = lines[:end]
    return "\n".join(lines).rstrip()


def _without_words(text: str) -> str:
    found = pieces(text)
    while found and (not found[-1].strip() or _OF_MODELS.fullmatch(found[-1].strip(_AROUND))):
        found.pop()
    return "".join(found).rstrip() if len(found) < len(pieces(text)) else text
