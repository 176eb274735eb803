"""Parsing of typed lines: a command, a button press, plain text, or a line that the console answers itself."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

from bot.commands.base import CommandRegistry, usage
from bot.commands.typed import read_typed
from bot.events import Command, TextMessage
from bot.messages import Button, ButtonRole, Field, Message

_ROLES: Final[dict[str, tuple[ButtonRole, ...]]] = {"": ("keep", "skip"), "-": ("clear",)}
"""Lines that answer a question without text, and the roles of the buttons that they press."""
_KEYS: Final[dict[ButtonRole, str]] = {"keep": "⏎ ", "skip": "⏎ ", "clear": "- "}
_NUMBER: Final = re.compile(r"(\d{1,4})[.)]?")


@dataclass(frozen=True, slots=True)
class Offer:
    """The buttons of one message. ``spent``: the message has been answered, its buttons are gone."""

    message_id: str
    buttons: tuple[Button, ...]
    spent: bool = False


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button of the message ``message_id``."""

    button: Button
    message_id: str


@dataclass(frozen=True, slots=True)
class Local:
    """A message of the console itself; nothing is dispatched."""

    text: str


@dataclass(frozen=True, slots=True)
class Quit:
    """The person leaves."""


Reading = Command | Pressed | TextMessage | Local | Quit


def read_line(line: str, registry: CommandRegistry, offers: Sequence[Offer], asks: Field | None = None) -> Reading:
    """Parse ``line``, which may be blank only if `leaves_field` returns a button for it.

    ``offers`` are the buttons that can be pressed now, the most recent message first. ``asks`` is the field that this
    line answers, unless it is a command.
    """
    text = line.strip()
    if text.startswith("/"):
        return _command(text, registry)
    if asks is not None:
        return leaves_field(text, offers) or TextMessage(text=text)
    return _press(text, offers) or TextMessage(text=text)


def leaves_field(line: str, offers: Sequence[Offer]) -> Pressed | None:
    """Return the button of a question that a line without an answer presses: a blank line keeps or skips the field, a
    hyphen clears it.
    """
    roles = _ROLES.get(line.strip(), ())
    for offer in offers:
        for button in offer.buttons:
            if button.role in roles and not offer.spent:
                return Pressed(button, offer.message_id)
    return None


def pressable(message: Message) -> tuple[Button, ...]:
    """Return all buttons of a message, select options first, without links."""
    options = [Button(o.label, o.action, o.word) for select in message.selects for o in select.options]
    return (*options, *(button for row in message.buttons for button in row if not button.url))


def numbered(message: Message) -> Message:
    """Return a menu with numbers to type for all of its buttons and options; any other message as it is.

    Options come first, unless buttons have numbers of their own already.
    """
    if not message.menu:
        return message
    taken = [int(button.word) for row in message.buttons for button in row if button.word.isdigit()]
    numbers = count(max(taken, default=0) + 1)

    def of_buttons() -> tuple[tuple[Button, ...], ...]:
        return tuple(
            tuple(b if b.word.isdigit() or b.url else replace(b, word=str(next(numbers))) for b in row)
            for row in message.buttons
        )

    rows = of_buttons() if taken else ()
    selects = tuple(
        replace(select, options=tuple(replace(option, word=str(next(numbers))) for option in select.options))
        for select in message.selects
    )
    rows = rows or of_buttons()
    return replace(message, buttons=rows, selects=selects)


def word_of(button: Button) -> str:
    """Return the text to type for pressing ``button``."""
    return button.word or button.label


def _command(line: str, registry: CommandRegistry) -> Reading:
    typed = read_typed(line, registry)
    assert typed is not None
    if typed.spec is not None:
        return typed.command
    first, rest = typed.command.name.lower(), typed.command.rest
    if first in {"quit", "exit"}:
        return Quit()
    group = registry.groups().get(first)
    if group:
        unknown = f"There is no /{first} {rest.split()[0]}. " if rest else ""
        lines = [f"{usage(spec, '/' + spec.name)} – {spec.help}" for spec in group]
        return Local(f"{unknown}There is:\n" + "\n".join(lines))
    return typed.command


def _press(text: str, offers: Sequence[Offer]) -> Pressed | Local | None:
    number = _NUMBER.fullmatch(text)
    wanted = number.group(1).lstrip("0") or "0" if number else text.casefold()
    numbered: Offer | None = None
    for offer in offers:
        for button in offer.buttons:
            if button.disabled and not offer.spent:
                continue
            if wanted in {word_of(button).casefold(), button.label.casefold()}:
                return Local("That has been answered already.") if offer.spent else Pressed(button, offer.message_id)
        if numbered is None and any(word_of(button).isdigit() for button in offer.buttons):
            numbered = offer
    if number is None or numbered is None:
        return None
    if numbered.spent:
        return Local("That has been answered already.")
    return Local(f"There is no {wanted} here. There is: {hint(numbered.buttons)}")


def hint(buttons: Sequence[Button]) -> str:
    """Return the typing hints, ``[1] [2] [3]  back · retry``, or ``⏎ keep · - clear`` for a question."""
    words = [_KEYS.get(b.role, "") + (b.label if b.role else word_of(b)) for b in buttons if not b.disabled]
    numbers = " ".join(f"[{word}]" for word in words if word.isdigit())
    others = " · ".join(word for word in words if not word.isdigit())
    return "  ".join(part for part in (numbers, others) if part)
