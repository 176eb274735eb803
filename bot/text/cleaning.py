"""What every renderer does to neutral text first: spell commands, drop what no message may carry.

A text names a command by a reference (`command_reference`), because platforms spell commands differently:
``/story new``, ``/story_new``. A reference is enclosed in Unicode noncharacters, which no keyboard types; one in a
person's text would do no more than a typed ``/``. References to moments are those of `bot.text.moments`.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

from bot.text import moments

_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_NEXT, _IS = "\ufdd5", "\ufdd6"
_COMMAND: Final = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}{_NEXT}]*)((?:{_NEXT}[^{_OPEN}{_CLOSE}]*)?){_CLOSE}")
_MOMENT: Final = re.compile(
    f"{moments.OPEN}([0-9]{{1,12}}){moments.MIDDLE}([^{moments.OPEN}{moments.CLOSE}]*){moments.CLOSE}"
)
_LINE_ENDS: Final = re.compile(r"\r\n?|\x85|[\u2028\u2029]")
_DROPPED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates: they would reorder the words around a name
    "\ufdd0-\ufdef\ufffe\uffff]"  # noncharacters
)


def command_reference(name: str, values: Mapping[str, str] | None = None) -> str:
    """Return the reference to a command, by its name in the registry (``story new``).

    With ``values`` it is an example: those of its parameters, that of the free text first.
    """
    given = "".join(f"{_NEXT}{parameter}{_IS}{value}" for parameter, value in (values or {}).items())
    return f"{_OPEN}{name}{given}{_CLOSE}"


def clean(
    text: str,
    spell: Callable[[str], str] = str,
    moment: Callable[[int, str], str] = lambda _seconds, words: words,
    *,
    named: bool = False,
) -> str:
    """Return ``text`` as a platform may show it; ``spell`` returns a command's name as the platform writes it.

    ``moment`` returns what stands for a moment, given in seconds since 1970 and in words. ``named``: the platform asks
    for every parameter by its name, also for that of the free text.

    Left out are control characters, bidirectional controls and noncharacters; lone surrogates, which neither JSON nor
    the platforms carry, become U+FFFD; line ends become line feeds. Marks of direction (U+200E, U+200F, U+061C) stay:
    they affect their neighbours only, and texts from right to left need them.
    """
    text = _COMMAND.sub(lambda found: f"/{spell(found[1])}{_given(found[2], named=named)}", text)
    text = _MOMENT.sub(lambda found: moment(int(found[1]), found[2]), text)
    text = _LINE_ENDS.sub("\n", text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _DROPPED.sub("", text)


def is_unseen(text: str) -> bool:
    """Return whether nothing of a text can be seen: blanks, control and format characters, which no platform sends."""
    return all(character.isspace() or unicodedata.category(character) in {"Cc", "Cf"} for character in text)


def _given(values: str, *, named: bool) -> str:
    """Return the values of an example as they are given: ``premise: a keeper``, or ``a keeper genre=mystery``."""
    shown: list[str] = []
    for pair in values.split(_NEXT)[1:]:
        parameter, _, value = pair.partition(_IS)
        if named:
            shown.append(f"{parameter}: {value}")
        else:
            shown.append(f"{parameter}={value}" if shown else value)
    return "".join(f" {one}" for one in shown)
