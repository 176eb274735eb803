"""What an error of the database means: the one place that reads SQLSTATE codes and the driver's exceptions.

Every statement and transaction of `db.connection` runs inside `translated`, which turns them into the kinds of
`db.errors` (codes: PostgreSQL manual, appendix A):

- `AccessRefused`: 28 authorization, 3D000 no such database.
- `Outage`: 08 connection, 25006 read-only, 25P03 and 25P04 timed-out transactions, 53 resources (disk full, out of
  memory, too many connections), 55P03 lock timeout, 57 operator intervention (shutdown, cancelled query), 58 system
  error, `OSError`, `TimeoutError`, the driver's own.
- `Outage` that may succeed at once: 40 serialisation and deadlock; 26000, 42P05 and stale plans, when prepared
  statements and the server's memory of them differ; 23503 for an account, a person or a conversation that has just
  become part of another one or was deleted: whoever looks again finds the right one.
- `Unstorable`: 22 data, 23 constraints, 54 limits, and values that the driver cannot encode.
- Anything else is a defect, and is raised unchanged.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import asyncpg
from asyncpg.exceptions import _base as driver  # the two classes called DataError: `asyncpg` exports only one
from tortoise.exceptions import DBConnectionError, OperationalError, TransactionManagementError

from db.errors import AccessRefused, Outage, Unstorable

_REFUSED_CLASSES: Final = {"28"}
_REFUSED_CODES: Final = {"3D000"}
_OUTAGE_CLASSES: Final = {"08", "53", "57", "58"}
_OUTAGE_CODES: Final = {"25006", "25P03", "25P04", "55P03"}
_AGAIN_CLASSES: Final = {"40"}
_AGAIN_CODES: Final = {"26000", "42P05"}
_NO_SUCH_ROW: Final = "23503"
_JOINED: Final = ("accounts", "users", "conversations")
_DATA_CLASSES: Final = {"22", "23", "54"}


def fault(error: Exception) -> Outage | Unstorable | None:
    """Return what an exception of the driver or the ORM means, None if it is a defect (or no error of theirs).

    The messages are for logs: they hold no parameters and no row's values.
    """
    cause = _cause(error)
    if isinstance(cause, asyncpg.PostgresError):
        return _by_code(cause)
    if isinstance(cause, driver.DataError):
        return Unstorable("a value that the driver cannot encode")
    if isinstance(cause, asyncpg.InternalClientError):  # among them the outdated schema cache
        return Outage(_line(cause), at_once=True)
    if isinstance(cause, (OSError, TimeoutError, asyncpg.InterfaceError, DBConnectionError)):
        return Outage(_line(cause))
    return None


@contextmanager
def translated() -> Generator[None]:
    """Raise `Outage` or `Unstorable` for what the driver and the ORM raise inside; other errors pass."""
    try:
        yield
    except Exception as e:
        if (found := fault(e)) is None:
            raise
        # Not "from e": the driver's text quotes rows and parameters.
        raise found from None


def _cause(error: Exception) -> BaseException:
    """Return the driver's error that the ORM wrapped."""
    wrapped = isinstance(error, (OperationalError, TransactionManagementError)) and error.__cause__ is not None
    return error.__cause__ if wrapped and error.__cause__ is not None else error


def _by_code(error: Any) -> Outage | Unstorable | None:
    code = error.sqlstate or ""
    if code == _NO_SUCH_ROW and any(f'"{t}"' in (error.detail or "") for t in _JOINED):
        return Outage(f"{code} {error.constraint_name}", at_once=True)
    if code[:2] in _DATA_CLASSES:
        place = error.constraint_name or error.column_name or error.table_name or ""
        return Unstorable(f"{code} {type(error).__name__} {place}".rstrip())
    if code[:2] in _AGAIN_CLASSES or code in _AGAIN_CODES or isinstance(error, asyncpg.InvalidCachedStatementError):
        return Outage(f"{code} {_line(error)}", at_once=True)
    if code[:2] in _REFUSED_CLASSES or code in _REFUSED_CODES:
        return AccessRefused(f"{code} {_line(error)}")
    if code[:2] in _OUTAGE_CLASSES or code in _OUTAGE_CODES or isinstance(error, asyncpg.PostgresConnectionError):
        return Outage(f"{code} {_line(error)}")
    return None


def _line(error: BaseException) -> str:
    text = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
