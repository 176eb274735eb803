"""Personas as a whole: which there are for an account, and which one a conversation has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from db.connection import jsonb, rows
from db.conversations import Conversation
from db.errors import NotFound
from db.personas.card import PersonaCard
from db.records import Json, columns, fetch, fetch_one


@dataclass(frozen=True, slots=True)
class Persona:
    """A persona. ``account_id`` None: it ships with the product. ``card`` is a `PersonaCard`, as stored."""

    id: int
    account_id: int | None
    key: str
    position: int
    name: str
    card: Json[dict[str, Any]]


async def sync_shipped(cards: Sequence[dict[str, Any]]) -> None:
    """Bring the shipped personas up to date with their cards (each has ``key`` and ``name``), in the cards' order.

    A persona that no longer ships is kept: conversations may still use it.
    """
    for position, card in enumerate(cards):
        await rows(
            "INSERT INTO personas (account_id, key, position, name, card, verdict) "
            "VALUES (NULL, $1, $2, $3, $4::jsonb, 'checked') "
            "ON CONFLICT (coalesce(account_id, 0), key) DO UPDATE "
            "SET position = excluded.position, name = excluded.name, card = excluded.card, verdict = 'checked'",
            card["key"], position, card["name"], jsonb(PersonaCard.model_validate(card).stored()),
        )  # fmt: skip


async def known(account_id: int, *, search: str = "") -> list[Persona]:
    """Return the personas that an account may use, shipped ones first; ``search`` is part of the name."""
    return await fetch(
        Persona,
        f"SELECT {columns(Persona)} FROM personas WHERE (account_id = $1 OR account_id IS NULL) "
        "AND strpos(lower(name), lower($2)) > 0 ORDER BY account_id NULLS FIRST, position, id",
        account_id, search,
    )  # fmt: skip


async def get(account_id: int, persona_id: int) -> Persona:
    """Return a persona that an account may use. Raises `NotFound`."""
    found = await fetch_one(
        Persona,
        f"SELECT {columns(Persona)} FROM personas WHERE id = $2 AND (account_id = $1 OR account_id IS NULL)",
        account_id, persona_id,
    )  # fmt: skip
    if found is None:
        raise NotFound("persona.unknown")
    return found


async def named(account_id: int, name: str) -> Persona:
    """Return the persona that a person means by a name, a key or an id. Raises `NotFound`."""
    wanted = name.strip().casefold()
    for persona in await known(account_id):
        if wanted in (persona.name.casefold(), persona.key.casefold(), str(persona.id)):
            return persona
    found = await known(account_id, search=name.strip())
    if len(found) != 1:
        raise NotFound("persona.no_such_name", name=name)
    return found[0]


async def use(conversation_id: int, persona_id: int) -> None:
    """Make a persona that its account may use the active one of a conversation."""
    await rows(
        "UPDATE conversations c SET persona_id = p.id, mode = 'chat' FROM personas p "
        "WHERE c.id = $1 AND p.id = $2 AND (p.account_id = c.account_id OR p.account_id IS NULL)",
        conversation_id, persona_id,
    )  # fmt: skip


async def active(conversation: Conversation) -> Persona:
    """Return the persona of a conversation: the chosen one, else the first shipped one. Raises `NotFound`."""
    if conversation.persona_id is not None:
        return await get(conversation.account_id, conversation.persona_id)
    first = await fetch_one(
        Persona, f"SELECT {columns(Persona)} FROM personas WHERE account_id IS NULL ORDER BY position LIMIT 1"
    )
    if first is None:
        raise NotFound("persona.none")
    return first
