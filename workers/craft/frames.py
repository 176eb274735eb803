"""What a model sets around a page: a yes to whoever asked, a title in quotation marks, the page in another language."""

import re
from typing import Final

from workers.craft.languages import other_than
from workers.craft.prose import Prose, pieces

_YES: Final = re.compile(
    r"(?:sure(?: thing)?|certainly|absolutely|understood|got it|no problem|will do)[!.]+"
    r"|(?:i['’]d be|i would be|i['’]m|i am) (?:happy|glad|delighted) to (?:help|assist|continue|oblige)\b"
    r"[^.!?\n]{0,60}[.!]+"
    r"|i can (?:certainly |definitely )?help(?: you)? with that[.!]+",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"[\"“„«](?P<title>[^\"”“»\n]{3,60}[^\W_])[\"”“»]")
_STOPPED: Final = re.compile(r"(?P<title>(?:The|A|An)(?: [^\s.:]{1,20}){2,6})[.:]")
_SMALL: Final = frozenset({"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"})


def without_yes(text: str) -> str:
    """Return a page without the sentences at its beginning that only agree to write it."""
    found = pieces(text.lstrip())
    begin = 0
    while begin < len(found) - 1 and (not (said := found[begin].strip()) or _YES.fullmatch(said)):
        begin += 1
    return "".join(found[begin:]).lstrip() if any(each.strip() for each in found[:begin]) else text


def without_title(text: str) -> str:
    """Return a page without a title in its first line that has quotation marks, a full stop or a colon."""
    first, _, rest = text.lstrip().partition("\n")
    found = _QUOTED.fullmatch(first.strip()) or _STOPPED.fullmatch(first.strip())
    return rest.lstrip() if found and rest.strip() and _is_title(found["title"]) else text


def without_translation(text: str, tag: str, least: int) -> str:
    """Return a page without its last paragraphs in another language than the first, which is in the one asked for."""
    lines = text.rstrip().split("\n")
    end = len(lines)
    while end > 1 and (not lines[end - 1].strip() or _is_foreign(lines[end - 1], tag, least)):
        end -= 1
    cut = any(line.strip() for line in lines[end:])
    return "\n".join(lines[:end]).rstrip() if cut and not _is_foreign(lines[0], tag, least) else text


def _is_title(words: str) -> bool:
    """Return whether words have capital letters as a title's have."""
    found = words.split()
    return len(found) > 1 and all(word[:1].isupper() or word in _SMALL for word in found)


def _is_foreign(line: str, tag: str, least: int) -> bool:
    return other_than(Prose(Prose(line).narration), tag, least) is not None
