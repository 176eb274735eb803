"""Context sessions: what a story, a chat or a project has its models told, and what they were told last.

A story and a chat have one session each, opened when something is written for them. People copy a session to try other
pins, filters and elements; a project is a session of a person's own. Sessions are found by id within an account.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from db.connection import jsonb, row, rows, transaction
from db.errors import NotFound, UserError
from db.records import Json, columns, fetch, fetch_one
from db.work import JobParameters

SessionKind = Literal["story", "chat", "project"]
MOST: Final = 50
"""Maximum number of copies and projects that a person may have in an account."""
ELEMENTS: Final = 200
PINS: Final = 200
FILTERS: Final = 200
"""Maximum numbers in a session."""
ELEMENTS_BYTES: Final = 256 * 1024
ID_LENGTH: Final = 120
"""Maximum length of the id of an element, in characters."""
NAME_LENGTH: Final = 80
PAGE: Final = 25
"""Sessions that are listed at a time."""


@dataclass(frozen=True, slots=True)
class ContextSession:
    """A session. ``elements`` are its own, as `workers.context.elements` reads them; ``pins`` are ids of elements.

    ``filters`` holds under ``without`` what is left out: tags, kinds and ids. ``build`` is the record of the last
    build: tokens by layer, ids of elements, what was left out and why; no texts. Times are UTC.
    """

    id: int
    account_id: int
    user_id: int | None
    kind: SessionKind
    story_id: int | None
    conversation_id: int | None
    persona_id: int | None
    epoch: int | None
    copied_from: int | None
    name: str
    elements: Json[list[dict[str, Any]]]
    pins: Json[list[str]]
    filters: Json[dict[str, list[str]]]
    build: Json[dict[str, Any]]
    built_at: datetime | None
    created_at: datetime
    updated_at: datetime


_COLUMNS: Final = columns(ContextSession)


async def of_story(account_id: int, story_id: int) -> ContextSession:
    """Return the session of an account's story, opened if there is none yet. Raises `NotFound`."""
    found = await fetch_one(
        ContextSession,
        "INSERT INTO context_sessions (account_id, kind, story_id) "
        "SELECT account_id, 'story', id FROM stories WHERE id = $2 AND account_id = $1 "
        "ON CONFLICT (story_id) WHERE story_id IS NOT NULL AND user_id IS NULL "
        f"DO UPDATE SET account_id = excluded.account_id RETURNING {_COLUMNS}",
        account_id, story_id,
    )  # fmt: skip
    if found is None:
        raise NotFound("story.unknown")
    return found


async def of_chat(account_id: int, conversation_id: int, persona_id: int, epoch: int) -> ContextSession:
    """Return the session of a persona's chat in an account's conversation, opened if there is none yet.

    Each chat of a place has its own; one that is reset begins with nothing (`db.chats.reset`). Raises `NotFound`.
    """
    found = await fetch_one(
        ContextSession,
        "INSERT INTO context_sessions (account_id, kind, conversation_id, persona_id, epoch) "
        "SELECT c.account_id, 'chat', c.id, p.id, $4 FROM conversations c JOIN personas p ON p.id = $3 "
        "WHERE c.id = $2 AND c.account_id = $1 "
        "ON CONFLICT (conversation_id, persona_id, epoch) WHERE conversation_id IS NOT NULL AND user_id IS NULL "
        "DO UPDATE SET account_id = excluded.account_id "
        f"RETURNING {_COLUMNS}",
        account_id, conversation_id, persona_id, epoch,
    )  # fmt: skip
    if found is None:
        raise NotFound("session.unknown")
    return found


class ReplayContext(JobParameters):
    """Build the context of ``session`` anew, for ``person``: what would be told now, without asking a model.

    ``adults``: what is for adults may be named where it is shown.
    """

    type: ClassVar[str] = "replay_context"
    session: int
    person: int
    adults: bool = False


async def opened(account_id: int, session_id: int, user_id: int | None = None) -> ContextSession:
    """Return a session by its id, to be shown or replayed: an account's own, or the person's copy or project there.

    Raises `NotFound`.
    """
    found = await fetch_one(
        ContextSession,
        f"SELECT {_COLUMNS} FROM context_sessions WHERE id = $2 AND account_id = $1 "
        "AND (user_id IS NULL OR user_id = $3)",
        account_id, session_id, user_id,
    )  # fmt: skip
    if found is None:
        raise NotFound("session.unknown")
    return found


async def listed(account_id: int, user_id: int, before: int | None = None) -> list[ContextSession]:
    """Return an account's sessions and the person's own there, the newest first: `PAGE` of those with ids below."""
    return await fetch(
        ContextSession,
        f"SELECT {_COLUMNS} FROM context_sessions WHERE account_id = $1 AND (user_id IS NULL OR user_id = $2) "
        "AND ($3::bigint IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
        account_id, user_id, before, PAGE,
    )  # fmt: skip


async def copy(account_id: int, session_id: int, user_id: int, name: str = "") -> ContextSession:
    """Copy a session for a person, with everything in it. Raises `NotFound`, and `UserError` if they have too many."""
    async with transaction():
        await _make_room(account_id, user_id)
        found = await fetch_one(
            ContextSession,
            "INSERT INTO context_sessions (account_id, user_id, kind, story_id, conversation_id, persona_id, epoch, "
            "copied_from, name, elements, pins, filters, build, built_at) SELECT account_id, $3, kind, story_id, "
            "conversation_id, persona_id, epoch, id, $4, elements, pins, filters, build, built_at "
            "FROM context_sessions WHERE id = $2 AND account_id = $1 AND (user_id IS NULL OR user_id = $3) "
            f"RETURNING {_COLUMNS}",
            account_id, session_id, user_id, name[:NAME_LENGTH],
        )  # fmt: skip
        if found is None:
            raise NotFound("session.unknown")
        return found


async def begin_project(account_id: int, user_id: int, name: str) -> ContextSession:
    """Begin a project of a person's. Raises `UserError` if they have too many."""
    async with transaction():
        await _make_room(account_id, user_id)
        found = await fetch_one(
            ContextSession,
            "INSERT INTO context_sessions (account_id, user_id, kind, name) VALUES ($1, $2, 'project', $3) "
            f"RETURNING {_COLUMNS}",
            account_id, user_id, name[:NAME_LENGTH],
        )  # fmt: skip
        assert found is not None
        return found


async def change(
    account_id: int,
    session_id: int,
    user_id: int | None = None,
    *,
    elements: list[dict[str, Any]] | None = None,
    pins: list[str] | None = None,
    filters: dict[str, list[str]] | None = None,
) -> ContextSession:
    """Change what a session has told; None leaves it as it is. Elements of its own: copies and projects only.

    Raises `NotFound`, and `UserError` if it would hold too much.
    """
    _check(elements, pins, filters)
    found = await fetch_one(
        ContextSession,
        "UPDATE context_sessions SET elements = coalesce($4::jsonb, elements), pins = coalesce($5::jsonb, pins), "
        "filters = coalesce($6::jsonb, filters), updated_at = now() WHERE id = $2 AND account_id = $1 "
        "AND (user_id IS NULL OR user_id = $3) "
        "AND (user_id IS NOT NULL OR $4::jsonb IS NULL OR $4::jsonb = '[]'::jsonb) "
        f"RETURNING {_COLUMNS}",
        account_id, session_id, user_id, _json(elements), _json(pins), _json(filters),
    )  # fmt: skip
    if found is None:
        raise NotFound("session.unknown")
    return found


async def keep_build(account_id: int, session_id: int, build: dict[str, Any]) -> None:
    """Record what was told last, without texts; no longer lists than `db.usage` keeps in a receipt."""
    await rows(
        "UPDATE context_sessions SET build = $3::jsonb, built_at = now() WHERE id = $2 AND account_id = $1",
        account_id, session_id, jsonb(build),
    )  # fmt: skip


async def remove(account_id: int, session_id: int, user_id: int) -> bool:
    """Delete a person's copy or project; False if there is none."""
    found = await row(
        "DELETE FROM context_sessions WHERE id = $2 AND account_id = $1 AND user_id = $3 RETURNING id",
        account_id, session_id, user_id,
    )  # fmt: skip
    return found is not None


async def _make_room(account_id: int, user_id: int) -> None:
    # The lock on the person makes two at once wait for each other.
    await row("SELECT 1 FROM users WHERE id = $1 FOR UPDATE", user_id)
    found = await row(
        "SELECT count(*) AS number FROM context_sessions WHERE account_id = $1 AND user_id = $2", account_id, user_id
    )
    if found is not None and found["number"] >= MOST:
        raise UserError("session.too_many", most=MOST)


def _check(elements: list[dict[str, Any]] | None, pins: list[str] | None, filters: dict[str, list[str]] | None) -> None:
    given = [*(pins or ()), *(each for values in (filters or {}).values() for each in values)]
    too_many = len(elements or ()) > ELEMENTS or len(pins or ()) > PINS or len(given) > PINS + FILTERS
    too_long = any(len(each) > ID_LENGTH for each in given) or (
        elements is not None and len(json.dumps(elements)) > ELEMENTS_BYTES
    )
    if too_many or too_long:
        raise UserError("session.too_much", elements=ELEMENTS, pins=PINS)


def _json(value: Any) -> str | None:
    return None if value is None else jsonb(value)
