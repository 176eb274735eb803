"""Commands written as text, read alike on every platform: ``/story new genre=horror a keeper finds a door``.

A command may be spelt ``/story new``, ``/story_new`` or ``/story-new``. Values of declared parameters precede or follow
the free text as ``name=value``; quoted ones may stand anywhere. If the parameter that takes the free text is named too,
every value reaches to the next name.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bot.commands.base import CommandRegistry, CommandSpec, Parameter, spelling
from bot.events import Command

_COMMAND: Final = re.compile(r"/+[ \t]*(?P<name>[^\s@]*)(?:@(?P<bot>\w+))?")
_VERB: Final = re.compile(r"\s+(\S+)")
_PUNCTUATION: Final = ":;,.!?"
_PAIR: Final = re.compile(
    r"(?<!\S)(?P<name>[^\W\d_]\w*)="
    r"""(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|“(?P<curly>[^”]*)”|«(?P<angle>[^»]*)»|(?P<bare>\S+))"""
    r"(?!\S)"
)
_SHORT: Final = 2
"""Text may begin with ``x=1``: a name of so few letters that no parameter has is not taken for a mistake."""
_LIKE: Final = 0.75
"""How similar a misspelt name is to the right one (the ratio of `difflib.SequenceMatcher`)."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A command as typed. ``spec`` is None if there is no such command; ``bot`` is the name it is addressed to."""

    command: Command
    spec: CommandSpec | None
    bot: str = ""


def read_typed(text: str, commands: CommandRegistry) -> Typed | None:
    """Read a text that begins with a slash; None for any other."""
    match = _COMMAND.match(text.lstrip())
    if match is None:
        return None
    found = split_command(text, commands)
    bot = match["bot"] or ""
    if found is None:
        rest = text.lstrip()[match.end() :].strip()
        return Typed(Command(name=match["name"], rest=rest), None, bot)
    spec, behind = found
    values, rest = split_values(spec, behind)
    return Typed(Command(name=spec.name, values=values, rest=rest), spec, bot)


def split_command(text: str, commands: CommandRegistry) -> tuple[CommandSpec, str] | None:
    """Return the command that a text with a slash names, and the rest of the text, unchanged."""
    text = text.lstrip()
    match = _COMMAND.match(text)
    if match is None:
        return None
    by_spelling = {spelling(spec.name): spec for spec in commands}
    name, behind = _spelt(match["name"]), text[match.end() :]
    verb = _VERB.match(behind)
    if verb is not None and (spec := by_spelling.get(f"{name}_{_spelt(verb[1])}")) is not None:
        return spec, behind[verb.end() :]
    spec = by_spelling.get(name)
    return None if spec is None else (spec, behind)


def split_values(spec: CommandSpec, text: str) -> tuple[dict[str, str], str]:
    """Take ``name=value`` of parameters out of ``text``; return them, and the text that remains.

    A name that no parameter has is returned too where it can only be meant as one: the caller refuses it.
    """
    text = text.strip()
    known = {p.name for p in spec.parameters}
    pairs = list(_PAIR.finditer(text))
    free = free_parameter(spec, {})
    if pairs and not pairs[0].start() and free is not None and free.kind is str:
        starts = [pair for pair in pairs if _name(pair) in known]
        if pairs[0] in starts and any(_name(pair) == free.name for pair in starts):
            return _named(text, starts), ""
    known.discard(free.name if free is not None and free.kind is str else "")
    values: dict[str, str] = {}
    taken: list[re.Match[str]] = []
    begin, end = 0, len(text)
    for pair in pairs:
        if text[begin : pair.start()].strip() or not _meant(pair, known, values, leading=True):
            break
        begin = pair.end()
        values[_name(pair)] = _value(pair)
    for pair in reversed(pairs):
        if pair.start() < begin or text[pair.end() : end].strip() or not _meant(pair, known, values):
            break
        end = pair.start()
        values[_name(pair)] = _value(pair)
    for pair in pairs:
        inside = begin <= pair.start() and pair.end() <= end
        quoted = pair["bare"] is None
        if inside and quoted and _name(pair) in {p.name for p in spec.parameters} - values.keys():
            values[_name(pair)] = _value(pair)
            taken.append(pair)
    pieces: list[str] = []
    for pair in taken:
        pieces.append(text[begin : pair.start()])
        begin = pair.end() + len(text[pair.end() :]) - len(text[pair.end() :].lstrip())
    rest = "".join([*pieces, text[begin:end]]).strip()
    return values, rest


def values_before(spec: CommandSpec, text: str, given: Iterable[str]) -> tuple[dict[str, str], str]:
    """Take the values of parameters, besides those ``given``, with which a text begins; return them, and the text.

    The parameter that takes free text has all that follows: ``persona=Vex text=Be brief.``
    """
    known = {p.name for p in spec.parameters} - set(given)
    values: dict[str, str] = {}
    while (pair := _PAIR.match(text)) is not None and _name(pair) in known - values.keys():
        free = next((p for p in spec.parameters if p.name == _name(pair)), None)
        if free is not None and free.multiline:
            return values | {free.name: text[pair.end("name") + 1 :].strip()}, ""
        values[_name(pair)], text = _value(pair), text[pair.end() :].lstrip()
    return values, text


def named_behind(spec: CommandSpec, text: str) -> tuple[dict[str, str], str]:
    """Return the values that are named behind a text, each reaching to the next name, and that text."""
    known = {p.name for p in spec.parameters}
    pairs = [pair for pair in _PAIR.finditer(text) if _name(pair) in known]
    return (_named(text, pairs), text[: pairs[0].start()].strip()) if pairs else ({}, text)


def free_parameter(spec: CommandSpec, values: Iterable[str]) -> Parameter | None:
    """Return the parameter that takes free text beside these values: the first required one, else the first text."""
    given = frozenset(values)
    missing = next((p for p in spec.parameters if p.required and p.name not in given), None)
    return missing or next((p for p in spec.parameters if p.kind is str), None)


def nearest(command: Command, commands: CommandRegistry) -> str:
    """Return the name of the command that a misspelt one was meant to be; empty if none is similar."""
    names = {spelling(spec.name): spec.name for spec in commands}
    word = _spelt(command.name)
    verb = _spelt(command.rest.split(maxsplit=1)[0]) if command.rest.strip() else ""
    for typed in (f"{word}_{verb}", word):
        if found := difflib.get_close_matches(typed, names, n=1, cutoff=_LIKE):
            return names[found[0]]
    return ""


def _spelt(word: str) -> str:
    return spelling(word.strip(_PUNCTUATION).casefold())


def _name(pair: re.Match[str]) -> str:
    return pair["name"].lower()


def _value(pair: re.Match[str]) -> str:
    escaped = pair["double"] if pair["double"] is not None else pair["single"]
    if escaped is not None:
        return re.sub(r"\\(.)", r"\1", escaped)
    return next(pair[kind] for kind in ("curly", "angle", "bare") if pair[kind] is not None)


def _named(text: str, pairs: list[re.Match[str]]) -> dict[str, str]:
    """Return values of which each reaches to the next name."""
    values: dict[str, str] = {}
    ends = [*(pair.start() for pair in pairs[1:]), len(text)]
    for pair, end in zip(pairs, ends, strict=True):
        behind = text[pair.end() : end].strip()
        values[_name(pair)] = f"{_value(pair) if not behind else text[pair.end('name') + 1 : end].strip()}"
    return values


def _meant(pair: re.Match[str], known: set[str], values: dict[str, str], *, leading: bool = False) -> bool:
    """Tell whether a pair is meant for a parameter, or for one that does not exist."""
    name = _name(pair)
    if name in values:
        return False
    if name in known:
        return True
    if leading and len(name) > _SHORT and known:
        return True
    return bool(difflib.get_close_matches(name, known, n=1, cutoff=_LIKE))
