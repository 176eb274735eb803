"""The command registry: one neutral definition of each command, from which every surface derives its own form."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.files import Accepts

if TYPE_CHECKING:
    from bot.context import Context

Handler = Callable[["Context", dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A typed parameter. ``kind`` is ``str``, ``int``, ``bool`` or ``bytes`` (an attached file, at most one).

    ``choices`` are ``(label, value)`` of an enum.
    ``completes`` names a source of suggestions (``stories``, ``personas``, ``prompts``, ``styles``, ``models``).
    ``max_length`` in characters. ``accepts`` is what an attached file must be. ``admin``: reserved for those who manage
    the account.
    """

    name: str
    help: str
    kind: type[str] | type[int] | type[bool] | type[bytes] = str
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    completes: str = ""
    max_length: int = 200
    multiline: bool = False
    placeholder: str = ""
    admin: bool = False
    accepts: Accepts = "any"


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command. ``name`` is ``group verb`` or one word, lower case; ``admin``: only who manages the account."""

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
        """Whether it matters who manages the account."""
        return self.admin or any(p.admin for p in self.parameters)

    def manages(self, values: Mapping[str, str]) -> bool:
        """Whether only who manages the account may do it with these values."""
        return self.admin or any(p.admin and values.get(p.name, "").strip() for p in self.parameters)

    def missing(self, values: dict[str, str]) -> list[Parameter]:
        """Return the required parameters that ``values`` does not hold."""
        return [p for p in self.parameters if p.required and not values.get(p.name, "").strip()]


@dataclass(slots=True)
class CommandRegistry:
    """All commands by name, in the order of registration."""

    _specs: dict[str, CommandSpec] = field(default_factory=dict[str, CommandSpec])

    def add(self, spec: CommandSpec) -> None:
        """Add a command. Raises `ValueError` if the name is taken."""
        if spec.name in self._specs:
            raise ValueError(f"command {spec.name!r} is registered twice")
        self._specs[spec.name] = spec

    def get(self, name: str) -> CommandSpec | None:
        """Return the command of that name."""
        return self._specs.get(name)

    def index(self, name: str) -> int:
        """Return the command's place in the registry, for packed buttons."""
        return list(self._specs).index(name)

    def at(self, index: int) -> CommandSpec | None:
        """Return the command at that place."""
        specs = list(self._specs.values())
        return specs[index] if index < len(specs) else None

    def __iter__(self):
        """Iterate over the commands."""
        return iter(self._specs.values())

    def groups(self) -> dict[str, list[CommandSpec]]:
        """Return commands by their first word, in order."""
        groups: dict[str, list[CommandSpec]] = {}
        for spec in self._specs.values():
            groups.setdefault(spec.name.split()[0], []).append(spec)
        return groups
