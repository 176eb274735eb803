"""Tables that packages add: each package's in a PostgreSQL schema of its own, with its migrations, owners, lifetimes.

A package names a `SchemaSpec` by an entry point in the group ``storyfork.schemas``. Its migrations run after ours,
with its own schema first in the search path; at run time its SQL names tables with their schema (``dice.rolls``).
Export, deletion, clean-up and backup include its tables.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any, Final, Literal, cast, get_args

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
    """Rows are deleted ``days`` after the time in their column ``since``; ``only`` those that meet an SQL condition.

    The operator may set other days (`db.retention`), ``least`` of them.
    """

    days: int
    since: str
    only: str = "true"
    least: int = 1


TextKind = Literal["words", "derived", "names", "ids", "settings", "state"]
"""What a column of text, JSON or bytes holds: what people wrote or sent, what was made from it, names of people and
places, ids, choices among what we offer, or the state of a machine. Only the first three are somebody's."""
SOMEBODYS: Final[frozenset[TextKind]] = frozenset({"words", "derived", "names"})
Scope = Literal["story", "conversation", "picture"]


def texts(**kinds: str) -> Mapping[str, TextKind]:
    """Return the kinds of columns: ``texts(words="premise", settings="genre mode")``. Raises `ValueError`."""
    if unknown := sorted(kinds.keys() - set(get_args(TextKind))):
        raise ValueError(f"no kind of text: {unknown[0]}")
    return {column: cast("TextKind", kind) for kind, columns in kinds.items() for column in columns.split()}


@dataclass(frozen=True, slots=True)
class Quotes:
    """Where a person may be quoted by what others keep: in ``columns`` of the rows that meet an SQL condition.

    In ``rows``, ``$1`` is the id of the story, conversation or picture (``scope``) to which the person's words belong.
    """

    scope: Scope
    rows: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableRule:
    """The owners of the rows of a table, how long they are kept, and what becomes of a person's part in them.

    A row dies with what its ``owner`` names (columns with a foreign key, or an `OwnerLink`), by ``retention``, or both;
    ``permanent`` rows have no owner. ``shared`` rows, such as users, are deleted once nothing refers to them; a
    ``part`` of them, such as an identity, neither keeps them nor goes before them: its foreign key deletes it then.
    ``omit`` lists the columns that an export leaves out. ``texts`` says what each column of text holds; a package may
    leave it out: all of them count as words.

    ``author`` is the column that names the person who wrote a row. When that person has their data deleted, but the
    row's account stays, the row is deleted; with ``leaves_row`` only its words are, and its author. ``quotes`` says
    where what others keep may repeat the person's words.

    Raises `ValueError` without a lifetime, and for quotes that are not among the texts.
    """

    table: str
    owner: tuple[str | OwnerLink, ...] = ()
    retention: Retention | None = None
    permanent: bool = False
    shared: bool = False
    part: bool = False
    omit: tuple[str, ...] = ()
    texts: Mapping[str, TextKind] = field(default_factory=dict[str, TextKind])
    author: str = ""
    leaves_row: bool = False
    quotes: tuple[Quotes, ...] = ()

    def __post_init__(self) -> None:
        if self.permanent == bool(self.owner or self.retention):
            raise ValueError(f"table {self.table}: name an owner or a retention, or else say that it is permanent")
        if self.permanent and (held := [c for c, kind in self.texts.items() if kind in SOMEBODYS]):
            raise ValueError(f"table {self.table}: {held[0]} is somebody's, so that its rows need an owner")
        if self.leaves_row and not self.author:
            raise ValueError(f"table {self.table}: only what has an author can keep its row")
        if wrong := {c for quotes in self.quotes for c in quotes.columns if self.texts.get(c) not in SOMEBODYS}:
            raise ValueError(f"table {self.table}: {min(wrong)} holds no words to cut")

    @property
    def words(self) -> tuple[str, ...]:
        """The columns of what people wrote."""
        return tuple(column for column, kind in self.texts.items() if kind == "words")


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
