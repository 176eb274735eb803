"""Packed button data: what a button does, in at most 64 bytes, versioned, valid across restarts.

``1.choose.g4.2.1`` = version, verb, arguments in base 36. 64 bytes is Telegram's limit for callback data (Discord
allows 100 characters). Packed ids grant nothing: who may press is checked at the click.
"""

from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

VERSION: Final = "1"
MAX_BYTES: Final = 64
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"

Verb = Literal[
    "choose",  # page, revision, choice position
    "back",  # page, revision
    "retry",  # page, revision
    "own",  # page, revision: opens the form for the person's own action
    "current",  # story: show where the story is now
    "open",  # story: make it this conversation's story and show it
    "delete",  # story: delete it
    "keep",  # story: do not delete it
    "persona",  # persona: talk to it here
    "variant",  # chat message: answer again
    "cancel",  # job
    "picture",  # page: draw it
    "portrait",  # persona: draw them
    "redraw",  # picture: draw the same again with another seed
    "vary",  # picture: redraw it a little differently
    "change",  # picture: opens the form for what it shall show instead
    "upscale",  # picture: redraw it at twice its size
    "prompt",  # picture: show what it was drawn from
    "file",  # picture: send its best file
    "erase",  # picture: delete it
    "fill",  # index of a command: opens the form for its missing parameters
]


class BadButton(ValueError):
    """The data is not a button of ours, or of a version that is no longer understood."""


@dataclass(frozen=True, slots=True)
class Action:
    """What a press means. ``args`` are database ids and small numbers, all non-negative."""

    verb: Verb
    args: tuple[int, ...] = ()

    def pack(self) -> str:
        """Return the button's data. Raises `ValueError` if it does not fit."""
        data = ".".join((VERSION, self.verb, *(_encode(n) for n in self.args)))
        if len(data.encode()) > MAX_BYTES:
            raise ValueError(f"button data longer than {MAX_BYTES} bytes: {data}")
        return data


def unpack(data: str) -> Action:
    """Read a button's data. Raises `BadButton`."""
    version, _, rest = data.partition(".")
    verb, *args = rest.split(".")
    if version != VERSION or verb not in get_args(Verb):
        raise BadButton(data)
    try:
        return Action(cast("Verb", verb), tuple(int(a, 36) for a in args))
    except ValueError as e:
        raise BadButton(data) from e


def _encode(n: int) -> str:
    if n < 0:
        raise ValueError(f"button arguments are not negative: {n}")
    digits = ""
    while True:
        n, rest = divmod(n, 36)
        digits = _DIGITS[rest] + digits
        if n == 0:
            return digits
