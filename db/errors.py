"""The errors shared by all rooms: one tree, a few kinds.

StoryforkError
├── UserError   show it to the person, in their language
│   ├── NotFound     what they named does not exist or is not visible to them
│   ├── NotAllowed   they may not do that
│   │   └── LimitReached  … now: they have used up what the operator allows
│   ├── Moved        the story has moved on since the button was made
│   └── BadInput     what they typed is invalid
├── Retryable   retry later
├── Outage      infrastructure is away: wait and retry, at no cost of an attempt
│   ├── AccessRefused  … until somebody corrects the credentials
│   └── CommitUnknown  … or it has happened already: ask first
├── Unstorable  the database refuses these values, and always will: give up with an apology
└── LeaseLost   another process has it

Everything else is a defect: it is logged, and the person gets an apology with a reference id. The router in the bot
and the runner in the worker are the two places that handle all of them.
"""

from typing import Any, ClassVar, Final

_SAFE: Final = frozenset({"aiohttp", "arq", "redis", "ssl", "telegram"})
"""Packages whose errors speak of connections and of the service's own requests, not of what is in them."""
_LENGTH: Final = 500


def describe(error: BaseException) -> str:
    """Return an error as logs and the task log may hold it: its kind, and its text if that holds no words of people.

    A class vouches for its texts by the attribute ``loggable``. Of all others, codes and numbers are shown.
    """
    text = _loggable_text(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _loggable_text(error: BaseException) -> str:
    if isinstance(error, UserError):
        return error.key
    package = type(error).__module__.partition(".")[0]
    if getattr(type(error), "loggable", False) or package in _SAFE:
        return " ".join(str(error).split())[:_LENGTH]
    if isinstance(error, OSError) and error.strerror:
        return f"[Errno {error.errno}] {error.strerror}"
    numbers = ((name, getattr(error, name, None)) for name in ("status", "code", "sqlstate", "errno"))
    return ", ".join(f"{name} {value}" for name, value in numbers if isinstance(value, int | str) and value != "")


class StoryforkError(Exception):
    """Base of all errors here. ``loggable``: their texts hold no words of people."""

    loggable: ClassVar[bool] = True


class UserError(StoryforkError):
    """Something the person can understand and act on.

    ``key`` names the wording (bot/locales), ``values`` fill its slots; both cross the database as JSON.
    """

    def __init__(self, key: str, **values: Any) -> None:
        """``values`` must be JSON-serialisable."""
        super().__init__(f"{key} {values}" if values else key)
        self.key = key
        self.values = values


class NotFound(UserError):
    """What the person named does not exist or is not visible to them."""


class NotAllowed(UserError):
    """The person may not do that here."""


class LimitReached(NotAllowed):
    """The person, or the place, has used up what the operator allows; ``values["when"]`` says when more comes."""


class Moved(UserError):
    """The story has moved on: the button belongs to an earlier moment. ``story_id`` is the way to the current page."""

    def __init__(self, key: str, story_id: int, **values: Any) -> None:
        """``story_id`` is offered to the person as the way to the story's current page."""
        super().__init__(key, **values)
        self.story_id = story_id


class BadInput(UserError):
    """What the person typed is invalid; the wording says what is expected."""


class Retryable(StoryforkError):
    """A transient error: retry after ``delay`` seconds (None: the caller's own back-off)."""

    def __init__(self, message: str, delay: float | None = None) -> None:
        """``message`` is for the log."""
        super().__init__(message)
        self.delay = delay


class Outage(StoryforkError):
    """The database (or another server that everything needs) cannot serve now; what failed may be tried again.

    ``at_once``: it may succeed immediately (a resolved deadlock, a prepared statement that the server has lost).
    """

    def __init__(self, message: str, *, at_once: bool = False) -> None:
        """``message`` is for the log."""
        super().__init__(message)
        self.at_once = at_once


class AccessRefused(Outage):
    """The server refuses the credentials, or has no such database: somebody must act, here or there."""


class CommitUnknown(Outage):
    """COMMIT was sent and never answered: ask the database whether it happened before trying again."""


class Unstorable(StoryforkError):
    """The database refuses the values of a statement: trying again is of no use."""


class LeaseLost(StoryforkError):
    """Another process holds the job or the outbox row now: stop, and commit nothing."""
