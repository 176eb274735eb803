"""Sharing personas: a code that others take a copy by, until it is taken back; and who sees a persona."""

import secrets
from typing import Final

from db.connection import rows, transaction
from db.errors import NotAllowed, NotFound
from db.personas.library import LIVE, Persona, Visibility
from db.personas.making import changeable
from db.records import columns, fetch_one

CODE_BYTES: Final = 12
"""Of a code, which nobody can guess: 96 bits."""


async def share(account_id: int, user_id: int, persona_id: int) -> str:
    """Return the code by which others may copy one's own persona; the same until it is taken back.

    Raises `NotFound`, `NotAllowed`.
    """
    async with transaction():
        persona = await changeable(account_id, user_id, persona_id)
        if persona.verdict == "refused":
            raise NotAllowed("persona.refused", name=persona.name)
        if persona.share_code:
            return persona.share_code
        code = secrets.token_hex(CODE_BYTES)
        await rows("UPDATE personas SET share_code = $2 WHERE id = $1", persona_id, code)
        return code


async def unshare(account_id: int, user_id: int, persona_id: int, *, moderate: bool = False) -> None:
    """Take a persona's code back. Raises `NotFound`, `NotAllowed`."""
    async with transaction():
        persona = await changeable(account_id, user_id, persona_id, moderate=moderate)
        await rows("UPDATE personas SET share_code = NULL WHERE id = $1", persona.id)


async def shared(code: str) -> Persona:
    """Return the persona of a code, once it has passed the gate. Raises `NotFound`."""
    found = await fetch_one(
        Persona,
        f"SELECT {columns(Persona, 'p')} FROM personas p WHERE p.share_code = $1 AND p.verdict = 'checked' AND {LIVE}",
        code,
    )
    if found is None:
        raise NotFound("persona.link_gone")
    return found


async def show_to(
    account_id: int, user_id: int, persona_id: int, visibility: Visibility, *, moderate: bool = False
) -> Persona:
    """Set who sees a persona. Raises `NotFound`, `NotAllowed`."""
    async with transaction():
        persona = await changeable(account_id, user_id, persona_id, moderate=moderate)
        await rows("UPDATE personas SET visibility = $2 WHERE id = $1", persona.id, visibility)
    return persona
