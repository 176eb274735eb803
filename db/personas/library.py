"""Personas as a whole: which there are for a person in an account, and which one a conversation has.

A person sees what ships, their own wherever they are, what belongs to the place, and what somebody has published for
everybody on this service; of others only what has passed the gate. Only an account's own personas, and those that ship,
talk there: another one is copied first (`db.personas.making.adopt`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from db.connection import jsonb, rows
from db.conversations import Conversation
from db.errors import NotFound
from db.moderation import Verdict
from db.personas.card import PersonaCard
from db.records import Json, columns, fetch, fetch_one

Visibility = Literal["owner", "place", "service"]
"""Who sees a persona: who made it, everybody where it was made, everybody on this service."""
MOST_KNOWN: Final = 200
"""Personas that are looked through for a name, and that are shown one by one."""
LIVE: Final = "p.deleted_at IS NULL AND p.name <> ''"
"""SQL: a persona is not deleted, and its maker's words in it are not."""
OTHERS_TALK: Final = (
    "EXISTS (SELECT FROM company m JOIN personas o ON o.id = m.persona_id WHERE m.conversation_id = $3 "
    "AND o.deleted_at IS NULL AND o.name <> '' AND o.verdict <> 'refused')"
)
"""SQL: several personas talk in the conversation ``$3``, or did, and one of them still does."""
SEEN: Final = (
    f"{LIVE} AND (p.account_id IS NULL OR p.owner_id = $2 OR p.verdict = 'checked' "
    "AND (p.visibility = 'service' OR p.account_id = $1 AND p.visibility = 'place'))"
)
"""SQL: the person ``$2`` sees a persona in the account ``$1``."""


@dataclass(frozen=True, slots=True)
class Persona:
    """A persona. ``account_id`` None: it ships with the product. ``card`` is a `PersonaCard`, as stored.

    ``owner_id`` is who made it (None: nobody in particular); ``revision`` counts its changes.
    """

    id: int
    account_id: int | None
    key: str
    position: int
    name: str
    card: Json[dict[str, Any]]
    owner_id: int | None
    visibility: Visibility
    source: str
    revision: int
    verdict: Verdict
    share_code: str | None


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


async def known(
    account_id: int, user_id: int = 0, *, adults: bool = True, search: str = "", most: int = MOST_KNOWN, skip: int = 0
) -> list[Persona]:
    """Return the personas that a person sees in an account, those that ship first, then the newest.

    Without a person, those that everybody sees there. ``search`` is part of the name; without ``adults`` those for
    adults are left out.
    """
    return await fetch(
        Persona,
        f"SELECT {columns(Persona, 'p')} FROM personas p WHERE {SEEN} AND strpos(lower(p.name), lower($3)) > 0 "
        "AND ($4 OR coalesce(p.card ->> 'rating', '') <> 'nsfw') "
        "ORDER BY p.account_id IS NOT NULL, p.position, p.id DESC LIMIT $5 OFFSET $6",
        account_id, user_id, search, adults, most, skip,
    )  # fmt: skip


async def get(account_id: int, persona_id: int) -> Persona:
    """Return a persona that talks in an account: its own, or one that ships. Raises `NotFound`.

    Whether somebody may know of it is `seen`'s to say.
    """
    found = await fetch_one(
        Persona,
        f"SELECT {columns(Persona, 'p')} FROM personas p WHERE p.id = $2 AND p.name <> '' "
        "AND (p.account_id = $1 OR p.account_id IS NULL)",
        account_id, persona_id,
    )  # fmt: skip
    if found is None:
        raise NotFound("persona.unknown")
    return found


async def seen(account_id: int, user_id: int, persona_id: int, *, moderate: bool = False) -> Persona:
    """Return a persona that a person sees in an account; all of the account's if they ``moderate``.

    Raises `NotFound`.
    """
    found = await fetch_one(
        Persona,
        f"SELECT {columns(Persona, 'p')} FROM personas p WHERE p.id = $3 "
        f"AND ({SEEN} OR $4 AND p.account_id = $1 AND {LIVE})",
        account_id, user_id, persona_id, moderate,
    )  # fmt: skip
    if found is None:
        raise NotFound("persona.unknown")
    return found


async def named(account_id: int, name: str, user_id: int = 0, *, adults: bool = True) -> Persona:
    """Return the persona that a person means by a name, a key, or an id as ``#12`` or ``12``. Raises `NotFound`."""
    wanted = name.strip().casefold()
    for persona in await known(account_id, user_id, adults=adults):
        if wanted in (persona.name.casefold(), persona.key.casefold(), str(persona.id), f"#{persona.id}"):
            return persona
    found = await known(account_id, user_id, adults=adults, search=name.strip(), most=2)
    if len(found) != 1:
        raise NotFound("persona.no_such_name", name=name)
    return found[0]


async def use(conversation_id: int, persona_id: int) -> None:
    """Make a persona that its account may use the active one of a conversation, alone."""
    await rows(
        "WITH gone AS (DELETE FROM company WHERE conversation_id = $1) "
        "UPDATE conversations c SET persona_id = p.id, mode = 'chat' FROM personas p "
        f"WHERE c.id = $1 AND p.id = $2 AND (p.account_id = c.account_id OR p.account_id IS NULL) AND {LIVE}",
        conversation_id, persona_id,
    )  # fmt: skip


async def active(conversation: Conversation) -> Persona:
    """Return the persona of a conversation: the chosen one, else the first shipped one. Raises `NotFound`.

    One that was deleted stays while others talk in its chat (`db.company`), which they have heard and said.
    """
    if conversation.persona_id is not None:
        chosen = await fetch_one(
            Persona,
            f"SELECT {columns(Persona, 'p')} FROM personas p WHERE p.id = $2 AND ({LIVE} "
            f"OR p.name <> '' AND {OTHERS_TALK}) AND (p.account_id = $1 OR p.account_id IS NULL)",
            conversation.account_id, conversation.persona_id, conversation.id,
        )  # fmt: skip
        if chosen is not None:
            return chosen
    first = await fetch_one(
        Persona,
        f"SELECT {columns(Persona, 'p')} FROM personas p WHERE p.account_id IS NULL ORDER BY p.position LIMIT 1",
    )
    if first is None:
        raise NotFound("persona.none")
    return first
