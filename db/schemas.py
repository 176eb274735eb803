"""Tables that packages add: each package's in a PostgreSQL schema of its own, with its migrations, owners, lifetimes.

A package names a `SchemaSpec` by an entry point in the group ``storyfork.schemas``. Its migrations run after ours,
with its own schema first in the search path; at run time its SQL names tables with their schema (``dice.rolls``).
Export, deletion, clean-up and backup include its tables.
"""

import re
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, Final

from db.registry import Problem, Registry, load_plugins

GROUP: Final = "storyfork.schemas"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RESERVED: Final = frozenset({"public", "information_schema"})


@dataclass(frozen=True, slots=True)
class OwnerLink:
    """Ownership without a foreign key: a row belongs to the rows of ``table`` whose ``others`` equal its ``columns``.

    ``table`` is written with its schema: ``public.jobs``.
    """

    columns: tuple[str, ...]
    table: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retention:
    """Rows are deleted ``days`` after the time in their column ``since``; ``only`` those that meet an SQL condition."""

    days: int
    since: str
    only: str = "true"


@dataclass(frozen=True, slots=True)
class TableRule:
    """The owners of the rows of a table, and how long they are kept.

    A row dies with what its ``owner`` names (columns with a foreign key, or an `OwnerLink`), by ``retention``, or both;
    ``permanent`` rows have no owner. ``shared`` rows, such as users, are deleted once nothing refers to them; a
    ``part`` of them, such as an identity, neither keeps them nor goes before them: its foreign key deletes it then.
    ``omit`` lists the columns that an export leaves out. Raises `ValueError` without a lifetime.
    """

    table: str
    owner: tuple[str | OwnerLink, ...] = ()
    retention: Retention | None = None
    permanent: bool = False
    shared: bool = False
    part: bool = False
    omit: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.permanent == bool(self.owner or self.retention):
            raise ValueError(f"table {self.table}: name an owner or a retention, or else say that it is permanent")


@dataclass(frozen=True, slots=True)
class SchemaSpec:
    """A package's PostgreSQL schema, its folder of numbered SQL files, and a rule for each table.

    ``migrations`` is a folder of the package: ``files("my_package") / "migrations"``. Raises `ValueError` for a name
    that is no plain identifier or is taken by PostgreSQL, and for a rule that names its table with the schema.
    """

    name: str
    migrations: Traversable
    tables: tuple[TableRule, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in _RESERVED or self.name.startswith("pg_"):
            raise ValueError(f"{self.name!r} cannot name a schema: use a-z, 0-9 and _, but not a name of PostgreSQL's")
        if wrong := [rule.table for rule in self.tables if "." in rule.table]:
            raise ValueError(f"the rule of table {wrong[0]!r} must name it without a schema")


@dataclass(frozen=True, slots=True)
class Schemas:
    """The schemas of the installed packages, and the problems found."""

    registry: Registry[SchemaSpec]
    problems: tuple[Problem, ...]

    @property
    def specs(self) -> tuple[SchemaSpec, ...]:
        """The usable schemas."""
        return tuple(self.registry)


def load_schemas() -> Schemas:
    """Load the schemas of all installed packages. A broken package becomes a problem; nothing is raised."""
    registry = Registry[SchemaSpec]("schema", lambda spec: spec.name)

    def add(loaded: Any, package: str) -> None:
        if not isinstance(loaded, SchemaSpec):
            raise TypeError(f"{type(loaded).__name__} is not a SchemaSpec")
        registry.add(loaded, package)

    problems = load_plugins(GROUP, add)
    return Schemas(registry, tuple(problems))


def quoted(table: str) -> str:
    """Return ``schema.table`` as SQL writes it."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split(".", 1))
