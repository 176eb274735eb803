"""From a command's raw values to typed ones: free text, names, numbers and choices, with bounds."""

import re
from collections.abc import Mapping
from typing import Any, Final

from bot.commands.base import CommandRegistry, CommandSpec, Parameter
from bot.commands.typed import free_parameter, nearest, values_before
from bot.events import Command
from db.errors import BadInput, NotAllowed

_SHOWN: Final = 60
"""How much of a mistake is repeated in the answer, in characters."""
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


def read_command(
    command: Command, commands: CommandRegistry, *, operator: bool = False
) -> tuple[CommandSpec, dict[str, str]]:
    """Return a command's spec and its values by name; free text goes to the first required
    parameter without a value, else to the first text parameter.

    Raises `BadInput` for a command or a parameter that does not exist, and for text that no parameter takes;
    `NotAllowed` for the bare name of a group whose commands are all for operators, unless an ``operator`` asks.
    """
    spec = commands.get(command.name)
    if spec is None:
        words = command.name.split()
        group = commands.groups().get(words[0] if words else "")
        if group is not None and len(words) == 1:
            if not operator and all(s.operator for s in group):
                raise NotAllowed("operators.only")
            verbs = ", ".join(s.name.split()[-1] for s in group)
            raise BadInput("command.group", name=command.name, verbs=verbs)
        if meant := nearest(command, commands):
            raise BadInput("command.unknown_near", name=command.name[:_SHOWN], nearest=meant)
        raise BadInput("command.unknown", name=command.name[:_SHOWN])
    values = {k: v for k, v in command.values.items() if v.strip()}
    if spec.file is not None:
        values.pop(spec.file.name, None)
    known = [p.name for p in spec.parameters]
    if unknown := values.keys() - set(known):
        names, parameter = ", ".join(f"{name}=…" for name in known), min(unknown)[:_SHOWN]
        raise BadInput("command.unknown_parameter", name=spec.name, parameter=parameter, names=names)
    rest, chosen = _take_words(spec, values, command.rest.strip())
    if chosen:
        named, rest = values_before(spec, rest, values)
        values |= named
    if rest:
        takes = free_parameter(spec, values)
        if chosen and (takes is None or takes.name in values):
            takes = next((p for p in spec.parameters if p.kind is str and p.name not in values), None)
        if takes is not None and takes.name not in values:
            if takes.choices:
                _typed(takes, rest)  # refused before anything else is asked for
            values[takes.name] = rest
        elif spec.parameters:
            raise BadInput("command.leftover", name=spec.name, text=rest[:_SHOWN])
    return spec, values


def _take_words(spec: CommandSpec, values: dict[str, str], rest: str) -> tuple[str, bool]:
    """Move leading words of ``rest`` that are choices of required parameters, or that such a parameter takes, into
    ``values``: ``imagine guest``, ``#12 She is well.``.

    Returns what remains, and whether anything was taken.
    """
    taken = False
    while rest:
        free = free_parameter(spec, values)
        if free is None or not free.required or free.name in values:
            break
        word = _leading(free, rest)
        if word is None:
            break
        values[free.name], rest, taken = rest[: len(word)], rest[len(word) :].strip(), True
    return rest, taken


def _leading(parameter: Parameter, rest: str) -> str | None:
    """Return the word, or the words of a choice, with which ``rest`` begins and that are the parameter's."""
    if parameter.word:
        return rest.split(maxsplit=1)[0]
    words = sorted((w for pair in parameter.choices for w in pair), key=len, reverse=True)
    return next((w for w in words if f"{rest} ".casefold().startswith(f"{w} ".casefold())), None)


def typed_values(spec: CommandSpec, values: Mapping[str, str]) -> dict[str, Any]:
    """Convert the values to their parameters' types. Raises `BadInput`."""
    return {p.name: _typed(p, value) for p in spec.parameters if (value := values.get(p.name)) is not None}


def read_integer(parameter: str, value: str, minimum: int, maximum: int) -> int:
    """Parse a number. Raises `BadInput` unless it is one within the bounds."""
    if _INTEGER.fullmatch(value.strip()) is None:
        raise BadInput("command.bad_number", parameter=parameter, value=value[:40])
    number = int(value)
    if not minimum <= number <= maximum:
        raise BadInput("command.out_of_range", parameter=parameter, minimum=minimum, maximum=maximum)
    return number


def _typed(parameter: Parameter, value: str) -> Any:
    if len(value) > parameter.max_length:
        raise BadInput("command.too_long", parameter=parameter.name, length=len(value), limit=parameter.max_length)
    if parameter.choices:
        by_word = {w.casefold(): v for label, v in parameter.choices for w in (label, v)}
        if value.casefold() not in by_word:
            choices = ", ".join(v for _, v in parameter.choices)
            raise BadInput("command.bad_choice", parameter=parameter.name, choices=choices, value=value)
        return by_word[value.casefold()]
    if parameter.kind is bytes:  # a file is represented by the id of its saved copy
        return int(value)
    if parameter.kind is int:
        return read_integer(parameter.name, value, parameter.minimum, parameter.maximum)
    if parameter.kind is bool:
        word = value.strip().casefold()
        if word not in _TRUE | _FALSE:
            raise BadInput("command.bad_choice", parameter=parameter.name, choices="yes, no", value=value)
        return word in _TRUE
    return value
