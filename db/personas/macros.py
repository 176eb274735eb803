r"""Macros in the texts of cards: ``{{char}}``, ``{{random:a,b}}`` and their kin, as Character Card V3 and SillyTavern.

They are words that stand for others, and no templates: what they become is never read again, what is not known stays
as it is. Each text is gone over once; the number of macros in it, and the length that it may reach, are bounded.

Known are char, user, original, random, pick, roll, reverse, ``// …``, comment, hidden_key, newline, trim, noop, time,
date, weekday, isotime, isodate and time_UTC+2, also within each other; ``<BOT>``, ``<CHAR>`` and ``<USER>``. Arguments
follow a colon, two colons or a space, and are set apart by commas (``\,`` is none) or two colons.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import blake2b
from typing import Final

SOMEBODY: Final = "friend"
"""What a person without a name is called."""
MAX_MACROS: Final = 5_000
"""Macros of one text; those after them stay as they are."""
MAX_EXPANDED: Final = 400_000
"""Characters that macros may make of one text."""
MAX_DICE: Final = 100
MAX_SIDES: Final = 1_000_000
_MARKS: Final = re.compile(r"\{\{|\}\}|<(?:bot|char|user)>", re.IGNORECASE)
_CALL: Final = re.compile(r"\s*(//|[a-z_]+(?:[+-]\d{1,2})?)(?:\s*::|\s*:|\s+|$)?", re.IGNORECASE)
_DICE: Final = re.compile(r"(\d{0,3})\s*d\s*(\d{1,7})\s*([+-]\s*\d{1,7})?|(\d{1,7})", re.IGNORECASE)
_UTC: Final = re.compile(r"time_utc([+-]\d{1,2})", re.IGNORECASE)
_TRIM: Final = "\0t"
_HELD: Final = {",": "\0c", ":": "\0k"}
"""What stands in the value of a macro within another is no separator. NUL is in no text that is stored."""


@dataclass(frozen=True, slots=True)
class MacroValues:
    """What macros stand for. ``original`` is the text in whose place the expanded one stands.

    ``seed`` decides what ``{{random}}`` and ``{{roll}}`` say, ``place`` what ``{{pick}}`` says, which stays with a
    place. ``now`` None: what asks for the time stays as it is.
    """

    char: str
    user: str
    original: str = ""
    seed: int = 0
    place: str = ""
    now: datetime | None = None

    def with_original(self, original: str) -> "MacroValues":
        """Return the same with another ``original``."""
        return replace(self, original=original)


def expand(text: str, values: MacroValues, field: str = "") -> str:
    """Return a text with its macros replaced. Two texts of one ``field`` roll the same dice."""
    if "{{" not in text and "<" not in text:
        return text
    return _Expansion(values, field).run(text.replace("\0", ""))


class _Expansion:
    """One going over a text; ``stack`` holds what was read of the macros that are still open."""

    def __init__(self, values: MacroValues, field: str) -> None:
        self._values = values
        self._field = field
        self._count = 0
        self._length = 0

    def run(self, text: str) -> str:
        stack: list[list[str]] = [[]]
        at = 0
        for mark in _MARKS.finditer(text):
            stack[-1].append(text[at : mark.start()])
            at = mark.end()
            if mark[0] == "{{":
                stack.append([])
            elif mark[0] == "}}":
                self._close(stack)
            else:
                name = "user" if mark[0].lower() == "<user>" else "char"
                stack[-1].append(self._value(name, mark[0], within=len(stack) > 1))
        stack[-1].append(text[at:])
        whole = "{{".join("".join(each) for each in stack)
        return _released(re.sub(rf"[\r\n]*{_TRIM}[\r\n]*", "", whole))

    def _close(self, stack: list[list[str]]) -> None:
        if len(stack) == 1:
            stack[0].append("}}")
            return
        body = "".join(stack.pop())
        stack[-1].append(self._value(body, "{{" + body + "}}", within=len(stack) > 1))

    def _value(self, body: str, written: str, *, within: bool) -> str:
        """Return what a macro stands for, as it was ``written`` if it is not known or too much by now."""
        self._count += 1
        if self._count > MAX_MACROS or self._length > MAX_EXPANDED:
            return written
        found = self._known(body)
        if found is None:
            return written
        self._length += len(found)
        return _held(found) if within else found

    def _known(self, body: str) -> str | None:
        values = self._values
        call = _CALL.match(body)
        if call is None:
            return None
        name, rest = call[1].lower(), body[call.end() :]
        if not rest and name in _TIMES and values.now is not None:
            return _TIMES[name](values.now)
        if values.now is not None and (zone := _UTC.fullmatch(name)):
            return _clock(values.now.astimezone(timezone(timedelta(hours=max(-12, min(14, int(zone[1])))))))
        match name:
            case "char" | "user" | "original" if not rest:
                return str(getattr(values, name))
            case "random" if rest:
                return _chosen(_arguments(rest), self._number(str(values.seed)))
            case "pick" if rest:
                return _chosen(_arguments(rest), self._number(values.place))
            case "roll" if rest:
                return self._rolled(rest)
            case "reverse":
                return _released(rest)[::-1]
            case "//" | "comment" | "hidden_key" | "noop":
                return ""
            case "newline":
                return "\n"
            case "trim":
                return _TRIM
            case _:
                return None

    def _rolled(self, rest: str) -> str:
        dice = _DICE.fullmatch(_released(rest).strip())
        if dice is None:
            return ""
        sides = min(int(dice[2] or dice[4]), MAX_SIDES)
        number = min(int(dice[1] or 1), MAX_DICE)
        if not sides:
            return "0"
        thrown = sum(1 + self._number(str(self._values.seed), at) % sides for at in range(number))
        return str(thrown + int((dice[3] or "0").replace(" ", "")))

    def _number(self, seed: str, at: int = 0) -> int:
        """Return a number that depends on the seed and on where in the text the macro stands."""
        key = f"{seed}\n{self._field}\n{self._count}\n{at}".encode()
        return int.from_bytes(blake2b(key, digest_size=8).digest())


def _arguments(rest: str) -> list[str]:
    parts = rest.split("::") if "::" in rest else rest.replace("\\,", _HELD[","]).split(",")
    return [_released(each).strip() for each in parts]


def _chosen(options: list[str], number: int) -> str:
    return options[number % len(options)]


def _held(text: str) -> str:
    for sign, held in _HELD.items():
        text = text.replace(sign, held)
    return text


def _released(text: str) -> str:
    for sign, held in _HELD.items():
        text = text.replace(held, sign)
    return text


def _clock(now: datetime) -> str:
    return f"{now:%I:%M %p}".lstrip("0")


_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TIMES: Final[Mapping[str, Callable[[datetime], str]]] = {
    "time": _clock,
    "date": lambda now: f"{_MONTHS[now.month - 1]} {now.day}, {now.year}",
    "weekday": lambda now: _DAYS[now.weekday()],
    "isotime": lambda now: f"{now:%H:%M}",
    "isodate": lambda now: f"{now:%Y-%m-%d}",
}


def at_utc(moment: str) -> datetime | None:
    """Return a moment that was stored as text (ISO 8601), in UTC; None if it is none."""
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
