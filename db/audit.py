"""The audit log: what admins and operators did, and what was changed or deleted. Ids, names and numbers, no texts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from db.connection import jsonb, rows
from db.records import Json, fetch

ACTION: Final = re.compile(r"[a-z][a-z0-9_]{0,19}")
"""What names of actions look like: they are packed into buttons."""
SUBJECT_LENGTH: Final = 200
"""Characters of a subject that are kept."""
PAGE: Final = 10
"""Entries of one page."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that somebody did: ``user_id`` is None for the bot itself, or a person whose data was deleted.

    ``account_id`` is the place, None for the whole service; ``place`` and ``name`` are its name and the person's.
    ``subject`` is an id or the name of a setting, ``details`` its numbers and choices.
    """

    id: int
    action: str
    account_id: int | None
    user_id: int | None
    name: str
    place: str
    subject: str
    details: Json[dict[str, Any]]
    created_at: datetime


async def note(
    action: str,
    *,
    account_id: int | None = None,
    user_id: int | None = None,
    subject: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry, in the transaction of what it records. ``action`` names a wording (section ``audit``).

    ``account_id`` is the place that it concerns, None for the whole service; the entry is deleted with it.
    ``subject`` and ``details`` hold ids, names of settings, numbers and choices: no words of people.
    Raises `ValueError` for a name that is none of an action.
    """
    if ACTION.fullmatch(action) is None:
        raise ValueError(f"not a name for an action: {action!r}")
    await rows(
        "INSERT INTO audit (action, account_id, user_id, subject, details) VALUES ($1, $2, $3, $4, $5::jsonb)",
        action, account_id, user_id, subject[:SUBJECT_LENGTH], jsonb(dict(details or {})),
    )  # fmt: skip


async def entries(
    *,
    account_id: int | None = None,
    user_id: int | None = None,
    action: str = "",
    before: int | None = None,
    limit: int = PAGE,
) -> list[AuditEntry]:
    """Return the newest entries: of a place (None: of all), a person and an action, with ids below ``before``."""
    filters = {"account_id": account_id, "user_id": user_id, "action": action or None}
    asked = [(f"a.{column} =", value) for column, value in filters.items() if value is not None]
    asked += [] if before is None else [("a.id <", before)]
    where = " AND ".join(f"{condition} ${n}" for n, (condition, _) in enumerate(asked, start=2)) or "true"
    return await fetch(
        AuditEntry,
        "SELECT a.id, a.action, a.account_id, a.user_id, coalesce(u.name, '') AS name, "
        "coalesce((SELECT p.name FROM accounts p WHERE p.id = a.account_id), '') AS place, a.subject, a.details, "
        f"a.created_at FROM audit a LEFT JOIN users u ON u.id = a.user_id WHERE {where} ORDER BY a.id DESC LIMIT $1",
        limit, *(value for _, value in asked),
    )  # fmt: skip
