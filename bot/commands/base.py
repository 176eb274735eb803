"""Commands: one platform-neutral definition each, from which every platform derives its own form."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.context import Context, Enquiry
from bot.files import Accepts
from bot.messages import FIELDS
from bot.text.cleaning import command_reference
from db.permissions import DEFAULTS, EVERYBODY, Everybody, Permission, at_least
from db.registry import OWN, NameTaken, Registry

Handler = Callable[[Context, dict[str, Any]], Awaitable[None]]
Suggestion = tuple[str, str]
"""Label and value."""
Completer = Callable[[Enquiry, str], Awaitable[list[Suggestion]]]
"""Returns the suggestions that match the text typed so far."""
_LISTED: Final = 24
"""Maximum length of the listed values of an enum, in characters."""
INTEGER: Final = 2**53
"""The largest integer that Discord and JSON carry exactly."""
PARAMETERS: Final = 25
"""Discord's maximum number of parameters of a command."""
_WORD: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_PARAMETER: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_NAME_LENGTH: Final = 40
"""Command names are also packed into buttons (bot.actions.packing)."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A typed parameter. ``kind`` is ``str``, ``int``, ``bool`` or ``bytes`` (an attached file, at most one).

    ``choices`` are ``(label, value)`` of an enum. ``completes`` returns suggestions. ``max_length`` in characters,
    ``minimum`` and ``maximum`` bound an ``int``. ``accepts`` is the kind of file taken; ``store`` saves it and returns
    its id, which becomes the parameter's value. ``permission``: what giving it takes, besides the command's own.
    ``word``: of free text it takes the first word, and what follows is another parameter's.
    """

    name: str
    help: str
    kind: type[str] | type[int] | type[bool] | type[bytes] = str
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    completes: Completer | None = None
    max_length: int = 200
    minimum: int = -INTEGER
    maximum: int = INTEGER
    multiline: bool = False
    word: bool = False
    placeholder: str = ""
    permission: Permission | None = None
    accepts: Accepts = "any"
    store: Callable[[Context], Awaitable[int | None]] | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError` for what a platform would refuse, and with it all other commands."""
        if _PARAMETER.fullmatch(self.name) is None:
            raise ValueError(f"not a parameter's name: {self.name!r}")
        if not self.help.strip():
            raise ValueError(f"parameter {self.name!r} has no help")
        if self.kind not in (str, int, bool, bytes):
            raise ValueError(f"parameter {self.name!r}: {self.kind!r} is no kind of parameter")
        if self.choices and self.kind is not str:
            raise ValueError(f"parameter {self.name!r}: only a text has choices")
        if self.completes is not None and self.kind not in (str, int):
            raise ValueError(f"parameter {self.name!r}: only a text or a number has suggestions")


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command. ``name`` is ``group verb`` or one word, lower case.

    ``operator``: reserved for the operators of the service. ``always``: it can neither be switched off nor does
    maintenance mode stop it. ``own_data``: in their private chat, people who are banned or not on the list may use it,
    too; it is only about what is stored of them.

    ``age_restricted``: a platform that knows its users' age keeps minors from it.
    ``check`` raises before any parameter is asked for if the command would be refused anyway; it only reads.
    ``example``: what is typed behind the command, as `/help` shows it: ``a keeper finds a door genre=mystery``.
    ``about_reading``: it depends on what the platform shows the bot there (`bot.events.Event.reads_all`).
    ``permission`` is what it takes (`EVERYBODY`: none).
    """

    name: str
    help: str
    handler: Handler
    parameters: tuple[Parameter, ...] = ()
    age_restricted: bool = False
    check: Callable[[Context], Awaitable[None]] | None = None
    example: str = ""
    operator: bool = False
    always: bool = False
    own_data: bool = False
    about_reading: bool = False
    permission: Permission | Everybody = field(kw_only=True)

    def __post_init__(self) -> None:
        """Raise `ValueError` for what a platform would refuse, and with it all other commands."""
        words = self.name.split(" ")
        if len(words) > 2 or len(self.name) > _NAME_LENGTH or not all(map(_WORD.fullmatch, words)):
            raise ValueError(f"not a command's name: {self.name!r}")
        if not self.help.strip():
            raise ValueError(f"command {self.name!r} has no help")
        if len(self.parameters) > PARAMETERS:
            raise ValueError(f"command {self.name!r} has more than {PARAMETERS} parameters")
        if sum(p.required for p in self.parameters) > FIELDS:
            raise ValueError(
                f"command {self.name!r} requires more than {FIELDS} parameters, which no form could ask for"
            )
        if len({p.name for p in self.parameters}) < len(self.parameters):
            raise ValueError(f"command {self.name!r} has two parameters of one name")

    @property
    def command(self) -> str:
        """The command's name, as for what belongs to it (`bot.admission.Switchable`)."""
        return self.name

    @property
    def file(self) -> Parameter | None:
        """The parameter that takes an attached file, if there is one."""
        return next((p for p in self.parameters if p.kind is bytes), None)

    @property
    def managing(self) -> bool:
        """Whether any use of the command takes more than members have by default."""
        needed = self.needs({p.name: "any" for p in self.parameters})
        return any(not at_least("member", DEFAULTS[permission]) for permission in needed)

    def needs(self, values: Mapping[str, str]) -> list[Permission]:
        """Return what the command takes with these values."""
        given: list[Permission] = [
            p.permission for p in self.parameters if p.permission is not None and values.get(p.name, "").strip()
        ]
        return given if self.permission == EVERYBODY else [self.permission, *given]

    def missing(self, values: Mapping[str, str]) -> list[Parameter]:
        """Return the required parameters that ``values`` does not hold."""
        return [p for p in self.parameters if p.required and not values.get(p.name, "").strip()]


class CommandRegistry(Registry[CommandSpec]):
    """All commands, in the order in which help lists them."""

    def __init__(self, own: Iterable[CommandSpec] = ()) -> None:
        """``own`` are the product's commands. Raises `db.registry.NameTaken`."""
        super().__init__("command", lambda spec: spec.name, own)

    def add(self, spec: CommandSpec, source: str = OWN) -> None:
        """Add a command. Raises `db.registry.NameTaken` if its name is taken or conflicts with another."""
        self._refuse_beside(spec.name, self.names)
        super().add(spec, source)

    def check(self, specs: Iterable[object], type_: type) -> None:
        """Raise what `add` would raise for these."""
        given = tuple(specs)
        super().check(given, type_)
        names = self.names
        for spec in given:
            if isinstance(spec, CommandSpec):
                self._refuse_beside(spec.name, names)
                names.append(spec.name)

    def _refuse_beside(self, name: str, others: Iterable[str]) -> None:
        """A group cannot also be a command (Discord), and joined names must be unique (Telegram: ``story_new``)."""
        for other in others:
            if other == name:
                continue
            if spelling(other) == spelling(name) or other.split(" ")[0] == name or name.split(" ")[0] == other:
                source = self.source(other) if other in self else "the same topic"
                raise NameTaken(f"command {name!r} cannot stand beside {other!r} of {source}")

    def group_names(self) -> list[str]:
        """Return the first words of commands of two words."""
        return [group for group, specs in self.groups().items() if specs[0].name != group]

    def named(self, text: str) -> str:
        """Return the name of the command or group that a text names, however it is spelt; empty if there is none."""
        spelt = spelling(" ".join(text.strip().lstrip("/").casefold().split()))
        by_spelling = {spelling(name): name for name in (*self.names, *self.group_names())}
        return by_spelling.get(spelt, "")

    def is_fixed(self, name: str) -> bool:
        """Whether a command or a whole group can never be switched off."""
        return all(spec.always for spec in self if name in {spec.name, spec.name.partition(" ")[0]})

    def groups(self) -> dict[str, list[CommandSpec]]:
        """Return commands by their first word, in order."""
        groups: dict[str, list[CommandSpec]] = {}
        for spec in self:
            groups.setdefault(spec.name.split()[0], []).append(spec)
        return groups


def spelling(name: str) -> str:
    """Return a command's name in one word: ``story new`` → ``story_new``."""
    return name.replace(" ", "_").replace("-", "_")


def usage(spec: CommandSpec, shown: str = "") -> str:
    """Return how a command is typed: ``/story new premise… [genre=…]``; the first parameter takes free text.

    Of a command about a file that is its path, which only the console can type.
    ``shown`` is the command as the platform spells it; without it, a reference (bot.text.cleaning).
    """
    words = [p for p in spec.parameters if p.word]
    free = next((p for p in spec.parameters if (p.required or p.kind is str) and p not in words), None)
    if spec.file is not None and spec.parameters[0] is spec.file:
        free = spec.file
    parts = [shown or command_reference(spec.name)]
    for parameter in spec.parameters:
        values = "|".join(value for _, value in parameter.choices)
        if not values or len(values) > _LISTED:
            values = "…"
        part = f"{parameter.name}…" if parameter is free else f"{parameter.name}={values}"
        part = parameter.name if parameter in words else part
        parts.append(part if parameter.required else f"[{part}]")
    return " ".join(parts)
