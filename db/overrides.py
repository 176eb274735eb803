"""An account's prompt overrides: its own source for a prompt, for all its personas or for one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from db import outbox
from db.agents import SamplingChoice
from db.connection import row, rows, transaction
from db.errors import NotFound
from db.moderation import Verdict
from db.payloads.notice import Notice
from db.sampling import read_choices

LIMIT_HITS: Final = 2
"""An override that breaks a limit of the sandbox this many times in a row is switched off until it is changed."""


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
    """An account's choices for a text: its sources for the prompt, the text model ("" if none), and how to sample.

    ``doubtful``: one of the sources broke a limit the last time.
    """

    persona: str | None
    account: str | None
    text_model: str
    doubtful: bool = False
    sampling: Mapping[str, SamplingChoice] = field(default_factory=dict[str, SamplingChoice])


async def in_force(account_id: int, name: str, persona_id: int | None) -> InForce:
    """Return an account's choices for a text written from a prompt, with or without a persona.

    Overrides that are switched off are none.
    """
    found = await row(
        "SELECT settings ->> 'text_model' AS model, jsonb_typeof(settings -> 'text_model') AS kind, "
        "settings -> 'sampling' AS sampling, "
        "p.source AS persona, o.source AS account, coalesce(p.limit_hits, 0) + coalesce(o.limit_hits, 0) AS hits "
        "FROM accounts a "
        "LEFT JOIN prompt_overrides p ON p.account_id = a.id AND p.name = $2 AND p.persona_id = $3 "
        "AND p.limit_hits < $4 AND p.verdict = 'checked' "
        "LEFT JOIN prompt_overrides o ON o.account_id = a.id AND o.name = $2 AND o.persona_id IS NULL "
        "AND o.limit_hits < $4 AND o.verdict = 'checked' "
        "WHERE a.id = $1",
        account_id, name, persona_id, LIMIT_HITS,
    )  # fmt: skip
    if found is None:
        return InForce(None, None, "")
    model = found["model"] if found["kind"] == "string" else ""
    sampling = read_choices(found["sampling"])
    return InForce(found["persona"], found["account"], model, doubtful=found["hits"] > 0, sampling=sampling)


async def note_rendered(account_id: int, name: str, source: str) -> None:
    """Record that a source of the account kept the limits."""
    await rows(
        "UPDATE prompt_overrides SET limit_hits = 0 "
        "WHERE account_id = $1 AND name = $2 AND source = $3 AND limit_hits BETWEEN 1 AND $4",
        account_id, name, source, LIMIT_HITS - 1,
    )  # fmt: skip


async def note_limit(account_id: int, name: str, source: str, *, problem: str, conversation_id: int | None) -> str:
    """Record that a source broke a limit; the second time in a row it is switched off and its owner is told.

    The notice goes to the account's direct chat, else to ``conversation_id``. Returns the notice's platform, "" if
    there is none.
    """
    async with transaction():
        found = await row(
            "UPDATE prompt_overrides SET limit_hits = limit_hits + 1 "
            "WHERE account_id = $1 AND name = $2 AND source = $3 AND limit_hits < $4 "
            "RETURNING id, limit_hits, updated_by, updated_at",
            account_id, name, source, LIMIT_HITS,
        )  # fmt: skip
        if found is None or found["limit_hits"] < LIMIT_HITS:
            return ""
        chat = await row(
            "SELECT id FROM conversations WHERE account_id = $1 AND kind = 'dm' AND platform <> 'unlinked' "
            "ORDER BY active_at DESC, id DESC LIMIT 1",
            account_id,
        )
        there = chat["id"] if chat is not None else conversation_id
        place = None if there is None else await outbox.place_of(there, found["updated_by"])
        if there is None or place is None:
            return ""
        await outbox.add(
            f"override:{found['id']}:{found['updated_at'].timestamp():.6f}",
            outbox.NOTICE,
            platform=place.platform,
            conversation_id=there,
            payload=Notice(key="prompt.switched_off", values={"name": name, "problem": problem}),
            destination=place.destination,
        )
        return place.platform


async def is_off(account_id: int, name: str) -> bool:
    """Return whether the account's override of a prompt is switched off."""
    found = await row(
        "SELECT 1 FROM prompt_overrides "
        "WHERE account_id = $1 AND name = $2 AND persona_id IS NULL AND limit_hits >= $3",
        account_id, name, LIMIT_HITS,
    )  # fmt: skip
    return found is not None


async def put(
    account_id: int,
    name: str,
    source: str,
    *,
    user_id: int,
    persona_id: int | None = None,
    verdict: Verdict = "checked",
) -> int:
    """Set the account's source for a prompt; return its id. Validate it first (prompts.registry).

    It is in force when its ``verdict`` is that it is checked. Raises `NotFound` for a persona that the account may not
    use.
    """
    found = await row(
        "INSERT INTO prompt_overrides (account_id, persona_id, name, source, updated_by, verdict) "
        "SELECT $1, $2, $3, $4, $5, $6 WHERE $2::bigint IS NULL "
        "OR EXISTS (SELECT FROM personas WHERE id = $2 AND (account_id = $1 OR account_id IS NULL)) "
        "ON CONFLICT (account_id, coalesce(persona_id, 0), name) DO UPDATE "
        "SET source = excluded.source, updated_by = excluded.updated_by, updated_at = now(), limit_hits = 0, "
        "verdict = excluded.verdict RETURNING id",
        account_id, persona_id, name, source, user_id, verdict,
    )  # fmt: skip
    if found is None:
        raise NotFound("persona.unknown")
    return found["id"]


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


async def unchecked(override_id: int) -> tuple[str, str, str] | None:
    """Return name, source and version of an override that waits for a verdict; None if there is none."""
    found = await row(
        "SELECT name, source, updated_at::text AS version FROM prompt_overrides "
        "WHERE id = $1 AND verdict = 'unchecked'",
        override_id,
    )
    return None if found is None else (found["name"], found["source"], found["version"])


async def judge(override_id: int, version: str, verdict: Verdict) -> bool:
    """Record the verdict on a version of an override; False if it was dropped or changed meanwhile."""
    found = await rows(
        "UPDATE prompt_overrides SET verdict = $3 WHERE id = $1 AND updated_at::text = $2 "
        "AND verdict = 'unchecked' RETURNING id",
        override_id, version, verdict,
    )  # fmt: skip
    return bool(found)
