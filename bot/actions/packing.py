"""Packed button data: a verb and its arguments in at most 64 bytes, versioned, valid across restarts and releases.

``1.choose.g4.2.1`` = version, verb, arguments: numbers in base 36, names verbatim. Everything is a name or a
database id, never a list index, so that adding a command or an action does not invalidate existing buttons.
64 bytes is Telegram's limit for callback data (Discord allows 100 characters). Packed ids grant nothing:
permissions are checked when the button is pressed.
"""

import re
from typing import Final

VERSION: Final = "1"
MAX_BYTES: Final = 64
VERB: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_ -]{0,39}")
"""Pattern of a name argument: a command, a field, a style."""
FILL: Final = "fill"
"""The verb of the form that asks for a command's missing parameters; its argument is the command's name."""
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_NUMBER: Final = re.compile(r"[0-9a-z]{1,13}")
"""2⁶³ - 1, the largest database id, has 13 digits."""


class BadButton(ValueError):
    """The data is not one of our buttons, or its version is no longer supported."""


def pack(verb: str, *args: int | str) -> str:
    """Return a button's data. Raises `ValueError` if it does not fit or an argument cannot be packed."""
    if VERB.fullmatch(verb) is None:
        raise ValueError(f"not a verb: {verb!r}")
    data = ".".join((VERSION, verb, *(_number(a) if isinstance(a, int) else _name(a) for a in args)))
    if len(data.encode()) > MAX_BYTES:
        raise ValueError(f"button data longer than {MAX_BYTES} bytes: {data}")
    return data


def split(data: str) -> tuple[str, list[str]]:
    """Return the verb and the packed arguments of a button's data. Raises `BadButton`."""
    version, *rest = data.split(".") if len(data) <= MAX_BYTES else [""]
    if version != VERSION or not rest or VERB.fullmatch(rest[0]) is None:
        raise BadButton(data[:MAX_BYTES])
    return rest[0], rest[1:]


def read_number(packed: str, most: int) -> int:
    """Return a packed number of at most ``most``. Raises `BadButton`."""
    if _NUMBER.fullmatch(packed) is None or (number := int(packed, 36)) > most:
        raise BadButton(packed[:MAX_BYTES])
    return number


def read_name(packed: str) -> str:
    """Return a packed name. Raises `BadButton`."""
    if NAME.fullmatch(packed) is None:
        raise BadButton(packed[:MAX_BYTES])
    return packed


def _name(name: str) -> str:
    if NAME.fullmatch(name) is None:
        raise ValueError(f"not a name that can be packed: {name!r}")
    return name


def _number(number: int) -> str:
    if number < 0:
        raise ValueError(f"button arguments are not negative: {number}")
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
        if number == 0:
            return digits
