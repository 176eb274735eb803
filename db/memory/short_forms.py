"""Shorter forms of the texts that every prompt of a story or chat holds, by the hash of what they are of."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from db.connection import row, rows
from db.records import columns, fetch

ShortKind = Literal["dialogue", "narration", "sheet", "plot"]
SHORT_FORMS: Final = "SELECT jsonb_object_agg(h.key, h.text) FROM short_forms h WHERE h.memory_id = %s"
"""All of a memory as one object, for a statement that reads more."""


@dataclass(frozen=True, slots=True)
class ShortForm:
    """A shorter form of the text whose hash is ``key``; ``version`` says how it was made."""

    key: str
    kind: ShortKind
    text: str
    version: str


async def of(memory_id: int) -> list[ShortForm]:
    """Return the shorter forms of a memory."""
    return await fetch(ShortForm, f"SELECT {columns(ShortForm)} FROM short_forms WHERE memory_id = $1", memory_id)


async def told_always(memory_id: int) -> tuple[dict[str, Any], str]:
    """Return the card of the persona, or the premise of the story, that a memory is about."""
    found = await row(
        "SELECT p.card, s.premise FROM memories m LEFT JOIN personas p ON p.id = m.persona_id "
        "LEFT JOIN stories s ON s.id = m.story_id WHERE m.id = $1",
        memory_id,
    )
    return ({}, "") if found is None else (json.loads(found["card"] or "{}"), found["premise"] or "")


async def put(memory_id: int, form: ShortForm) -> None:
    """Store a shorter form in place of the one that is there."""
    await rows(
        "INSERT INTO short_forms (memory_id, key, kind, text, version) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (memory_id, key) DO UPDATE SET text = excluded.text, version = excluded.version",
        memory_id, form.key, form.kind, form.text, form.version,
    )  # fmt: skip


async def keep_only(memory_id: int, keys: Sequence[str]) -> None:
    """Delete a memory's shorter forms of texts that are there no more: of all but these."""
    await rows("DELETE FROM short_forms WHERE memory_id = $1 AND key <> ALL ($2::text[])", memory_id, list(keys))
