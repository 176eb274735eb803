"""Making and changing personas: each is its maker's, and who moderates a place may change those that are made there.

What a card was before its last changes is kept, so that they can be taken back. A deleted persona keeps its chats; it
can be brought back as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from db.connection import jsonb, row, rows, transaction
from db.errors import LimitReached, NotAllowed, NotFound
from db.moderation import Verdict
from db.personas.library import LIVE, Persona, seen
from db.records import Json, columns, fetch_one

PersonaSource = Literal["", "written", "generated", "imported", "copied"]
MAX_PERSONAS: Final = 500
"""Of an account."""
KEPT_REVISIONS: Final = 20
"""Of a persona, besides what it is now."""
LARGE: Final = frozenset({"source", "assets", "lorebook", "picture", "files"})
"""Fields of a card that no prompt is told, which are stored apart from what is read with every message."""


@dataclass(frozen=True, slots=True)
class _Content:
    content: Json[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Revision:
    card: Json[dict[str, Any]]
    verdict: Verdict


async def create(
    account_id: int,
    owner_id: int,
    card: Mapping[str, Any],
    *,
    source: PersonaSource = "written",
    visibility: str = "place",
    verdict: Verdict = "unchecked",
    origin_id: int | None = None,
) -> Persona:
    """Keep a persona that a person has made in an account. Raises `LimitReached` if that has enough of them."""
    small = {name: value for name, value in card.items() if name not in LARGE}
    async with transaction():
        await rows("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"personas:{account_id}")
        count = await row(f"SELECT count(*) AS n FROM personas p WHERE account_id = $1 AND {LIVE}", account_id)
        if count is not None and count["n"] >= MAX_PERSONAS:
            raise LimitReached("persona.full", limit=MAX_PERSONAS)
        made = await fetch_one(
            Persona,
            "INSERT INTO personas AS p (account_id, owner_id, key, name, card, source, visibility, verdict, origin_id) "
            "VALUES ($1, $2, gen_random_uuid()::text, $3, $4::jsonb, $5, $6, $7, $8) "
            f"RETURNING {columns(Persona, 'p')}",
            account_id, owner_id, small["name"], jsonb(small), source, visibility, verdict, origin_id,
        )  # fmt: skip
        assert made is not None
        if large := {name: value for name, value in card.items() if name in LARGE and value}:
            await rows(
                "INSERT INTO persona_originals (persona_id, author_id, content) VALUES ($1, $2, $3::jsonb)",
                made.id, owner_id, jsonb(large),
            )  # fmt: skip
    return made


async def whole_card(account_id: int, user_id: int, persona_id: int) -> dict[str, Any]:
    """Return the card of a persona that a person sees, with what is stored apart. Raises `NotFound`."""
    persona = await seen(account_id, user_id, persona_id)
    large = await fetch_one(_Content, "SELECT content FROM persona_originals WHERE persona_id = $1", persona.id)
    return persona.card | ({} if large is None else large.content)


async def edit(
    account_id: int,
    user_id: int,
    persona_id: int,
    changes: Mapping[str, Any],
    *,
    moderate: bool = False,
    verdict: Verdict = "unchecked",
) -> Persona:
    """Change fields of a card; empty ones are taken out. What it was before can be brought back (`undo`).

    ``verdict`` is that on the changes: the whole is checked if both were. Raises `NotFound`, `NotAllowed`.
    """
    async with transaction():
        old = await changeable(account_id, user_id, persona_id, moderate=moderate)
        card = {name: value for name, value in (old.card | dict(changes)).items() if value not in ("", [], None)}
        if card == old.card:
            return old
        await _keep_revision(old)
        return await _put(old, card, "checked" if {old.verdict, verdict} == {"checked"} else "unchecked")


async def undo(account_id: int, user_id: int, persona_id: int, *, moderate: bool = False) -> Persona:
    """Take back the last change of a persona. Raises `NotFound` if there is none to take back, `NotAllowed`."""
    async with transaction():
        now = await changeable(account_id, user_id, persona_id, moderate=moderate)
        before = await fetch_one(
            _Revision,
            "DELETE FROM persona_revisions WHERE id = (SELECT id FROM persona_revisions WHERE persona_id = $1 "
            "ORDER BY revision DESC LIMIT 1) RETURNING card, verdict",
            persona_id,
        )
        if before is None:
            raise NotFound("persona.nothing_to_undo", name=now.name)
        return await _put(now, before.card, before.verdict)


async def revisions(account_id: int, user_id: int, persona_id: int, *, moderate: bool = False) -> int:
    """Return how many changes of a persona that a person sees can be taken back. Raises `NotFound`."""
    persona = await seen(account_id, user_id, persona_id, moderate=moderate)
    found = await row("SELECT count(*) AS n FROM persona_revisions WHERE persona_id = $1", persona.id)
    return 0 if found is None else found["n"]


async def copy(account_id: int, user_id: int, origin: Persona, *, visibility: str = "owner") -> Persona:
    """Copy a persona that a person may have into an account, as their own. Raises `LimitReached`."""
    found = await fetch_one(_Content, "SELECT content FROM persona_originals WHERE persona_id = $1", origin.id)
    card = origin.card | ({} if found is None else found.content)
    return await create(
        account_id, user_id, card, source="copied", visibility=visibility, verdict=origin.verdict, origin_id=origin.id
    )  # fmt: skip


async def adopt(account_id: int, user_id: int, persona: Persona) -> Persona:
    """Return a persona for use in an account: itself if it is that one's, else the person's copy of it there.

    A copy that nobody has changed follows its original. Raises `LimitReached`.
    """
    if persona.account_id in (None, account_id):
        return persona
    there = await fetch_one(
        Persona,
        f"SELECT {columns(Persona, 'p')} FROM personas p WHERE p.account_id = $1 AND p.owner_id = $2 "
        f"AND p.origin_id = $3 AND {LIVE} ORDER BY p.id LIMIT 1",
        account_id, user_id, persona.id,
    )  # fmt: skip
    if there is None:
        return await copy(account_id, user_id, persona)
    if there.revision > 1 or there.card == persona.card:
        return there
    await rows(
        "UPDATE personas SET card = $2::jsonb, name = $3, verdict = $4 WHERE id = $1",
        there.id, jsonb(persona.card), persona.name, persona.verdict,
    )  # fmt: skip
    return await seen(account_id, user_id, there.id)


async def remove(account_id: int, user_id: int, persona_id: int, *, moderate: bool = False) -> Persona:
    """Delete a persona; its chats stay. Nobody talks with it any more, and its link leads nowhere.

    Raises `NotFound`, `NotAllowed`.
    """
    async with transaction():
        gone = await changeable(account_id, user_id, persona_id, moderate=moderate)
        await rows("UPDATE personas SET deleted_at = now(), share_code = NULL WHERE id = $1", gone.id)
        # Where others are, too, they go on in its chat.
        await rows(
            "UPDATE conversations c SET persona_id = NULL WHERE c.persona_id = $1 AND NOT EXISTS (SELECT "
            f"FROM company m JOIN personas p ON p.id = m.persona_id WHERE m.conversation_id = c.id AND {LIVE})",
            gone.id,
        )
    return gone


async def restore(account_id: int, user_id: int, persona_id: int, *, moderate: bool = False) -> Persona:
    """Bring a deleted persona back. Raises `NotFound`, `NotAllowed`."""
    found = await fetch_one(
        Persona,
        f"SELECT {columns(Persona, 'p')} FROM personas p WHERE p.id = $2 AND p.deleted_at IS NOT NULL AND p.name <> '' "
        "AND (p.account_id = $1 OR p.owner_id = $3)",
        account_id, persona_id, user_id,
    )  # fmt: skip
    if found is None:
        raise NotFound("persona.unknown")
    _require_change(found, account_id, user_id, moderate=moderate)
    await rows("UPDATE personas SET deleted_at = NULL WHERE id = $1", persona_id)
    return found


async def changeable(account_id: int, user_id: int, persona_id: int, *, moderate: bool = False) -> Persona:
    """Return a persona that a person may change, locked. Raises `NotFound`, `NotAllowed`."""
    found = await seen(account_id, user_id, persona_id, moderate=moderate)
    _require_change(found, account_id, user_id, moderate=moderate)
    locked = await fetch_one(
        Persona, f"SELECT {columns(Persona, 'p')} FROM personas p WHERE p.id = $1 AND {LIVE} FOR UPDATE", persona_id
    )
    if locked is None:
        raise NotFound("persona.unknown")
    return locked


def may_change(persona: Persona, account_id: int, user_id: int, *, moderate: bool = False) -> bool:
    """Return whether a person may change a persona: their own, or one of the account if they may ``moderate`` there."""
    own = persona.owner_id is not None and persona.owner_id == user_id
    return persona.account_id is not None and (own or (moderate and persona.account_id == account_id))


def _require_change(persona: Persona, account_id: int, user_id: int, *, moderate: bool) -> None:
    if persona.account_id is None:
        raise NotAllowed("persona.ships", name=persona.name)
    if not may_change(persona, account_id, user_id, moderate=moderate):
        raise NotAllowed("persona.not_yours", name=persona.name)


async def _keep_revision(old: Persona) -> None:
    await rows(
        "WITH kept AS (INSERT INTO persona_revisions (persona_id, author_id, revision, card, verdict) "
        "VALUES ($1, $2, $3, $4::jsonb, $5)) "
        "DELETE FROM persona_revisions WHERE persona_id = $1 AND revision <= $3 - $6",
        old.id, old.owner_id, old.revision, jsonb(old.card), old.verdict, KEPT_REVISIONS,
    )  # fmt: skip


async def _put(old: Persona, card: Mapping[str, Any], verdict: Verdict) -> Persona:
    made = await fetch_one(
        Persona,
        "UPDATE personas p SET card = $2::jsonb, name = $3, verdict = $4, revision = p.revision + 1 WHERE p.id = $1 "
        f"RETURNING {columns(Persona, 'p')}",
        old.id, jsonb(dict(card)), card["name"], verdict,
    )  # fmt: skip
    assert made is not None
    return made
