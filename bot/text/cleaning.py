"""What every renderer does to neutral text first: spell commands, drop what no message may carry.

A text names a command by a reference (`command_reference`), because platforms spell commands differently:
``/story new``, ``/story_new``. A reference is enclosed in Unicode noncharacters, which no keyboard types; one in a
person's text would do no more than a typed ``/``. References to moments are those of `bot.text.moments`.
"""

import re
from collections.abc import Callable
from typing import Final

from bot.text import moments

_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_COMMAND: Final = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}")
_MOMENT: Final = re.compile(
    f"{moments.OPEN}([0-9]{{1,12}}){moments.MIDDLE}([^{moments.OPEN}{moments.CLOSE}]*){moments.CLOSE}"
)
_LINE_ENDS: Final = re.compile(r"\r\n?|\x85|[\u2028\u2029]")
_DROPPED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates: they would reorder the words around a name
    "\ufdd0-\ufdef\ufffe\uffff]"  # noncharacters
)


def command_reference(name: str) -> str:
    """Return the reference to a command, by its name in the registry (``story new``)."""
    return f"{_OPEN}{name}{_CLOSE}"


def clean(
    text: str, spell: Callable[[str], str] = str, moment: Callable[[int, str], str] = lambda _seconds, words: words
) -> str:
    """Return ``text`` as a platform may show it; ``spell`` returns a command's name as the platform writes it.

    ``moment`` returns what stands for a moment, given in seconds since 1970 and in words.

    Left out are control characters, bidirectional controls and noncharacters; lone surrogates, which neither JSON nor
    the platforms carry, become U+FFFD; line ends become line feeds. Marks of direction (U+200E, U+200F, U+061C) stay:
    they affect their neighbours only, and texts from right to left need them.
    """
    text = _COMMAND.sub(lambda found: "/" + spell(found[1]), text)
    text = _MOMENT.sub(lambda found: moment(int(found[1]), found[2]), text)
    text = _LINE_ENDS.sub("\n", text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _DROPPED.sub("", text)
