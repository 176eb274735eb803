"""Records: the frozen dataclasses that this package hands out, and how they are read.

A record's fields are columns of one table (or of a query), under the same names. ORM rows stay inside `db`: a record
neither changes nor reads anything by itself.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Final, TypeVar, get_type_hints

from db.connection import rows

R = TypeVar("R")
T = TypeVar("T")
_JSON: Final = "json"
Json = Annotated[T, _JSON]
"""The type of a field whose column is JSON."""


@cache
def _columns(kind: type) -> tuple[tuple[str, bool], ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple((name, _JSON in getattr(hint, "__metadata__", ())) for name, hint in hints.items())


def columns(kind: type, table: str = "", *, without: Iterable[str] = ()) -> str:
    """Return a record's columns for SELECT or RETURNING, each after ``table`` if that is given."""
    prefix = f"{table}." if table else ""
    left_out = frozenset(without)
    return ", ".join(prefix + name for name, _ in _columns(kind) if name not in left_out)


def build(kind: type[R], row: Mapping[str, Any]) -> R:
    """Return a record from a row of SQL; columns that the record does not have are ignored."""
    values = {name: row[name] for name, _ in _columns(kind)}
    for name, is_json in _columns(kind):
        if is_json and isinstance(values[name], str):
            values[name] = json.loads(values[name])
    return kind(**values)


def copy(kind: type[R], row: object) -> R:
    """Return a record with the values of a row of the ORM."""
    return kind(**{name: getattr(row, name) for name, _ in _columns(kind)})


async def fetch(kind: type[R], sql: str, *values: Any) -> list[R]:
    """Run a statement and return its rows as records."""
    return [build(kind, row) for row in await rows(sql, *values)]


async def fetch_one(kind: type[R], sql: str, *values: Any) -> R | None:
    """Run a statement and return its first row as a record, if any."""
    found = await fetch(kind, sql, *values)
    return found[0] if found else None
