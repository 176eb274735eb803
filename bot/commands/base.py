"""Commands: one neutral definition of each, from which every surface derives its own form."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.context import Context, Enquiry
from bot.files import Accepts
from db.registry import Registry

Handler = Callable[[Context, dict[str, Any]], Awaitable[None]]
Suggestion = tuple[str, str]
"""Label and value."""
Completer = Callable[[Enquiry, str], Awaitable[list[Suggestion]]]
"""Returns what the person may choose, matching what is typed so far."""
INTEGER: Final = 2**53
"""The largest integer that Discord and JSON carry exactly."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A typed parameter. ``kind`` is ``str``, ``int``, ``bool`` or ``bytes`` (an attached file, at most one).

    ``choices`` are ``(label, value)`` of an enum. ``completes`` returns suggestions. ``max_length`` in characters,
    ``minimum`` and ``maximum`` bound an ``int``. ``accepts`` is what an attached file must be; ``store`` keeps it and
    returns its id, which is then the parameter's value. ``admin``: reserved for those who manage the account.
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
    placeholder: str = ""
    admin: bool = False
    accepts: Accepts = "any"
    store: Callable[[Context], Awaitable[int | None]] | None = None


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command. ``name`` is ``group verb`` or one word, lower case. ``admin``: reserved for those who manage."""

    name: str
    help: str
    handler: Handler
    parameters: tuple[Parameter, ...] = ()
    admin: bool = False

    @property
    def file(self) -> Parameter | None:
        """The parameter that takes an attached file, if there is one."""
        return next((p for p in self.parameters if p.kind is bytes), None)

    @property
    def managing(self) -> bool:
        """Whether it matters if the person manages the account."""
        return self.admin or any(p.admin for p in self.parameters)

    def manages(self, values: Mapping[str, str]) -> bool:
        """Whether these values are reserved for those who manage the account."""
        return self.admin or any(p.admin and values.get(p.name, "").strip() for p in self.parameters)

    def missing(self, values: Mapping[str, str]) -> list[Parameter]:
        """Return the required parameters that ``values`` does not hold."""
        return [p for p in self.parameters if p.required and not values.get(p.name, "").strip()]


class CommandRegistry(Registry[CommandSpec]):
    """All commands, in the order in which help lists them."""

    def __init__(self, own: Iterable[CommandSpec] = ()) -> None:
        """``own`` are the product's. Raises `db.registry.NameTaken`."""
        super().__init__("command", lambda spec: spec.name, own)

    def groups(self) -> dict[str, list[CommandSpec]]:
        """Return commands by their first word, in order."""
        groups: dict[str, list[CommandSpec]] = {}
        for spec in self:
            groups.setdefault(spec.name.split()[0], []).append(spec)
        return groups
