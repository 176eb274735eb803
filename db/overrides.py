"""The prompts that an account changed: its own source for a prompt's name, for all its personas or for one."""

from db.connection import row, rows


async def get(account_id: int, name: str, persona_id: int | None = None) -> str | None:
    """Return the account's source for a prompt (for one persona if ``persona_id`` is given), or None."""
    found = await row(
        "SELECT source FROM prompt_overrides "
        "WHERE account_id = $1 AND name = $2 AND persona_id IS NOT DISTINCT FROM $3",
        account_id, name, persona_id,
    )  # fmt: skip
    return None if found is None else found["source"]


async def put(account_id: int, name: str, source: str, *, user_id: int, persona_id: int | None = None) -> None:
    """Set the account's source for a prompt. Validate it first (prompts.registry)."""
    await rows(
        "INSERT INTO prompt_overrides (account_id, persona_id, name, source, updated_by) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (account_id, coalesce(persona_id, 0), name) DO UPDATE "
        "SET source = excluded.source, updated_by = excluded.updated_by, updated_at = now()",
        account_id, persona_id, name, source, user_id,
    )  # fmt: skip


async def drop(account_id: int, name: str, persona_id: int | None = None) -> bool:
    """Go back to the default for a prompt; False if it was not changed."""
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
