"""Personas: those that ship with the product, and an account's own."""

from collections.abc import Sequence
from typing import Any

from tortoise.expressions import Q

from db.connection import jsonb, rows
from db.errors import NotFound
from db.models import Conversation, Persona


async def sync_shipped(cards: Sequence[dict[str, Any]]) -> None:
    """Bring the shipped personas up to date with their cards (each has ``key`` and ``name``), in the cards' order.

    A persona that no longer ships is kept: conversations may still talk to it.
    """
    for position, card in enumerate(cards):
        await rows(
            "INSERT INTO personas (account_id, key, position, name, card) VALUES (NULL, $1, $2, $3, $4::jsonb) "
            "ON CONFLICT (coalesce(account_id, 0), key) DO UPDATE "
            "SET position = excluded.position, name = excluded.name, card = excluded.card",
            card["key"], position, card["name"], jsonb(card),
        )  # fmt: skip


async def known(account_id: int, *, search: str = "") -> list[Persona]:
    """Return the personas that an account may use, shipped ones first; ``search`` is a part of the name."""
    # Descending order puts NULL first: the shipped ones have no account.
    return await Persona.filter(Q(account_id=account_id) | Q(account_id__isnull=True), name__icontains=search).order_by(
        "-account_id", "position", "id"
    )


async def get(account_id: int, persona_id: int) -> Persona:
    """Return a persona that an account may use. Raises `NotFound`."""
    found = await Persona.filter(Q(account_id=account_id) | Q(account_id__isnull=True)).get_or_none(id=persona_id)
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
    """Let a conversation talk to a persona from now on."""
    await rows("UPDATE conversations SET persona_id = $2, mode = 'chat' WHERE id = $1", conversation_id, persona_id)


async def active(conversation: Conversation) -> Persona:
    """Return the persona of a conversation: the chosen one, else the first that ships. Raises `NotFound`."""
    if conversation.persona_id is not None:
        return await get(conversation.account_id, conversation.persona_id)
    first = await Persona.filter(account_id__isnull=True).order_by("position").first()
    if first is None:
        raise NotFound("persona.none")
    return first
