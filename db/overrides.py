"""An account's prompt overrides: its own source for a prompt, for all its personas or for one."""

from dataclasses import dataclass

from db.connection import row, rows


async def get(account_id: int, name: str, persona_id: int | None = None) -> str | None:
    """Return the account's source for a prompt (for one persona if ``persona_id`` is given), or None."""
    found = await row(
        "SELECT source FROM prompt_overrides "
        "WHERE account_id = $1 AND name = $2 AND persona_id IS NOT DISTINCT FROM $3",
        account_id, name, persona_id,
    )  # fmt: skip
    return None if found is None else found["source"]


@dataclass(frozen=True, slots=True)
class InForce:
    """An account's choices for a text: its sources for the prompt, and the text model ("" if none)."""

    persona: str | None
    account: str | None
    text_model: str


async def in_force(account_id: int, name: str, persona_id: int | None) -> InForce:
    """Return an account's choices for a text written from a prompt, with or without a persona."""
    found = await row(
        "SELECT settings ->> 'text_model' AS model, jsonb_typeof(settings -> 'text_model') AS kind, "
        "(SELECT source FROM prompt_overrides o WHERE o.account_id = a.id AND o.name = $2 AND o.persona_id = $3) "
        "AS persona, "
        "(SELECT source FROM prompt_overrides o WHERE o.account_id = a.id AND o.name = $2 AND o.persona_id IS NULL) "
        "AS account FROM accounts a WHERE a.id = $1",
        account_id, name, persona_id,
    )  # fmt: skip
    if found is None:
        return InForce(None, None, "")
    return InForce(found["persona"], found["account"], found["model"] if found["kind"] == "string" else "")


async def put(account_id: int, name: str, source: str, *, user_id: int, persona_id: int | None = None) -> None:
    """Set the account's source for a prompt. Validate it first (prompts.registry)."""
    await rows(
        "INSERT INTO prompt_overrides (account_id, persona_id, name, source, updated_by) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (account_id, coalesce(persona_id, 0), name) DO UPDATE "
        "SET source = excluded.source, updated_by = excluded.updated_by, updated_at = now()",
        account_id, persona_id, name, source, user_id,
    )  # fmt: skip


async def drop(account_id: int, name: str, persona_id: int | None = None) -> bool:
    """Restore the default of a prompt; False if it was not changed."""
    found = await row(
        "DELETE FROM prompt_overrides WHERE account_id = $1 AND name = $2 AND persona_id IS NOT DISTINCT FROM $3 "
        "RETURNING id",
        account_id, name, persona_id,
    )  # fmt: skip
    return found is not None


async def names(account_id: int) -> set[str]:
    """Return the names of the prompts that an account changed for all its personas."""
    found = await rows("SELECT name FROM prompt_overrides WHERE account_id = $1 AND persona_id IS NULL", account_id)
    return {f["name"] for f in found}
