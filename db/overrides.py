"""An account's own prompts: for a story, a type of jobs, a persona, or for everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from db import outbox
from db.connection import row, rows, transaction
from db.errors import NotFound
from db.moderation import Verdict
from db.payloads.notice import Notice
from db.records import fetch

LIMIT_HITS: Final = 2
"""A text that breaks a limit of the sandbox this many times in a row is switched off until it is changed."""
PromptLevel = Literal["story", "job", "persona", "account"]
LEVELS: Final[tuple[PromptLevel, ...]] = get_args(PromptLevel)
"""What a text is for; the first that has one counts."""
PromptKind = Literal["override", "task", "variant"]
"""Where a text stands: that of a persona or the account, that of a story or a type of jobs, in a test."""
_TABLES: Final[Mapping[PromptKind, str]] = {
    "override": "prompt_overrides", "task": "task_prompts", "variant": "prompt_variants"
}  # fmt: skip
OWN: Final = (
    "SELECT CASE WHEN story_id IS NULL THEN 'job' ELSE 'story' END AS level, 'task' AS kind, id, source, limit_hits, "
    "verdict FROM task_prompts WHERE account_id = $1 AND name = $2 AND (story_id = $4 OR job_type = $5) "
    "UNION ALL SELECT CASE WHEN persona_id IS NULL THEN 'account' ELSE 'persona' END, 'override', id, source, "
    "limit_hits, verdict FROM prompt_overrides "
    "WHERE account_id = $1 AND name = $2 AND (persona_id IS NULL OR persona_id = $3)"
)
"""SQL: the texts of the account ``$1`` for the prompt ``$2``, where a persona, story or type of jobs is concerned."""


@dataclass(frozen=True, slots=True)
class PromptScope:
    """What a text is for: a persona, a story or a type of jobs; without any, everything. A job concerns several."""

    persona_id: int | None = None
    story_id: int | None = None
    job_type: str | None = None

    @property
    def level(self) -> PromptLevel:
        """The level of a text that is for it."""
        if self.story_id is not None:
            return "story"
        if self.job_type is not None:
            return "job"
        return "account" if self.persona_id is None else "persona"


EVERYTHING: Final = PromptScope()


@dataclass(frozen=True, slots=True)
class OwnPrompt:
    """An account's own text for a prompt. ``limit_hits`` counts how often in a row it broke a limit."""

    level: PromptLevel
    kind: PromptKind
    id: int
    source: str
    limit_hits: int
    verdict: Verdict

    @property
    def off(self) -> bool:
        """Whether it is switched off."""
        return self.limit_hits >= LIMIT_HITS

    @property
    def usable(self) -> bool:
        """Whether it may be used: it is checked and not switched off."""
        return self.verdict == "checked" and not self.off


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """For what an account has a text: a type of jobs, everything, or ``count`` stories or personas."""

    level: PromptLevel
    job_type: str
    count: int


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A text that waits for a verdict. ``version`` changes with it."""

    level: PromptLevel
    kind: PromptKind
    name: str
    source: str
    version: str


def saved_wording(kind: PromptKind, level: PromptLevel) -> str:
    """Return the key of the wording that a text is in force from now on."""
    if kind == "variant":
        return "prompt.saved_variant"
    return "prompt.saved" if level == "account" else f"prompt.saved_{level}"


async def of(account_id: int, name: str, scope: PromptScope = EVERYTHING) -> list[OwnPrompt]:
    """Return an account's own texts for a prompt, where a scope is concerned, the one that counts first."""
    found = await fetch(OwnPrompt, OWN, account_id, name, scope.persona_id, scope.story_id, scope.job_type)
    return sorted(found, key=lambda own: LEVELS.index(own.level))


async def places(account_id: int, name: str) -> list[OwnPlace]:
    """Return for what an account has texts for a prompt, the most specific first."""
    found = await fetch(
        OwnPlace,
        "SELECT CASE WHEN story_id IS NULL THEN 'job' ELSE 'story' END AS level, coalesce(job_type, '') AS job_type, "
        "count(*) AS count FROM task_prompts WHERE account_id = $1 AND name = $2 GROUP BY 1, 2 UNION ALL "
        "SELECT CASE WHEN persona_id IS NULL THEN 'account' ELSE 'persona' END, '', count(*) FROM prompt_overrides "
        "WHERE account_id = $1 AND name = $2 GROUP BY 1",
        account_id, name,
    )  # fmt: skip
    return sorted(found, key=lambda place: (LEVELS.index(place.level), place.job_type))


async def get(account_id: int, name: str, scope: PromptScope = EVERYTHING) -> str | None:
    """Return the account's text for a prompt and exactly that scope, or None."""
    return next((own.source for own in await of(account_id, name, scope) if own.level == scope.level), None)


async def note_rendered(account_id: int, own: OwnPrompt) -> None:
    """Record that a text of the account kept the limits."""
    await rows(
        f"UPDATE {_TABLES[own.kind]} SET limit_hits = 0 "
        "WHERE account_id = $1 AND id = $2 AND source = $3 AND limit_hits BETWEEN 1 AND $4",
        account_id, own.id, own.source, LIMIT_HITS - 1,
    )  # fmt: skip


async def note_limit(account_id: int, own: OwnPrompt, *, problem: str, conversation_id: int | None) -> str:
    """Record that a text broke a limit; the second time in a row it is switched off and its owner is told.

    The notice goes to the account's direct chat, else to ``conversation_id``. Returns the notice's platform, "" if
    there is none.
    """
    async with transaction():
        found = await row(
            f"UPDATE {_TABLES[own.kind]} SET limit_hits = limit_hits + 1 "
            "WHERE account_id = $1 AND id = $2 AND source = $3 AND limit_hits < $4 "
            "RETURNING id, name, limit_hits, updated_by, updated_at",
            account_id, own.id, own.source, LIMIT_HITS,
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
            f"{own.kind}:{found['id']}:{found['updated_at'].timestamp():.6f}",
            outbox.NOTICE,
            platform=place.platform,
            conversation_id=there,
            payload=Notice(key="prompt.switched_off", values={"name": found["name"], "problem": problem}),
            destination=place.destination,
        )
        return place.platform


async def put(
    account_id: int,
    name: str,
    source: str,
    *,
    user_id: int,
    scope: PromptScope = EVERYTHING,
    verdict: Verdict = "checked",
) -> int:
    """Set the account's text for a prompt and a scope; return its id. Validate it first (prompts.registry).

    It is in force when its ``verdict`` is that it is checked. Raises `NotFound` for a persona that the account may not
    use, and for a story that it does not have.
    """
    renewed = (
        "DO UPDATE SET source = excluded.source, updated_by = excluded.updated_by, updated_at = now(), "
        "limit_hits = 0, verdict = excluded.verdict RETURNING id"
    )
    if scope.level in {"story", "job"}:
        found = await row(
            "INSERT INTO task_prompts (account_id, story_id, job_type, name, source, updated_by, verdict) "
            "SELECT $1, $2, $3, $4, $5, $6, $7 WHERE $2::bigint IS NULL "
            "OR EXISTS (SELECT FROM stories WHERE id = $2 AND account_id = $1) "
            f"ON CONFLICT (account_id, coalesce(story_id, 0), coalesce(job_type, ''), name) {renewed}",
            account_id, scope.story_id, scope.job_type, name, source, user_id, verdict,
        )  # fmt: skip
    else:
        found = await row(
            "INSERT INTO prompt_overrides (account_id, persona_id, name, source, updated_by, verdict) "
            "SELECT $1, $2, $3, $4, $5, $6 WHERE $2::bigint IS NULL "
            "OR EXISTS (SELECT FROM personas WHERE id = $2 AND (account_id = $1 OR account_id IS NULL)) "
            f"ON CONFLICT (account_id, coalesce(persona_id, 0), name) {renewed}",
            account_id, scope.persona_id, name, source, user_id, verdict,
        )  # fmt: skip
    if found is None:
        raise NotFound("persona.unknown" if scope.story_id is None else "story.unknown")
    return found["id"]


async def drop(account_id: int, name: str, scope: PromptScope = EVERYTHING) -> bool:
    """Drop the account's text for a prompt and a scope; False if there was none."""
    task = scope.level in {"story", "job"}
    found = await row(
        f"DELETE FROM {_TABLES['task' if task else 'override']} WHERE account_id = $1 AND name = $2 AND "
        + ("(story_id = $3 OR job_type = $4)" if task else "persona_id IS NOT DISTINCT FROM $3")
        + " RETURNING id",
        account_id, name, *([scope.story_id, scope.job_type] if task else [scope.persona_id]),
    )  # fmt: skip
    return found is not None


async def unchecked(kind: PromptKind, text_id: int) -> Unchecked | None:
    """Return a text that waits for a verdict; None if there is none."""
    level = {
        "task": "CASE WHEN story_id IS NULL THEN 'job' ELSE 'story' END",
        "override": "CASE WHEN persona_id IS NULL THEN 'account' ELSE 'persona' END",
        "variant": "'account'",
    }
    found = await fetch(
        Unchecked,
        f"SELECT {level[kind]} AS level, $2::text AS kind, name, source, updated_at::text AS version "
        f"FROM {_TABLES[kind]} WHERE id = $1 AND verdict = 'unchecked'",
        text_id, kind,
    )  # fmt: skip
    return found[0] if found else None


async def judge(kind: PromptKind, text_id: int, version: str, verdict: Verdict) -> bool:
    """Record the verdict on a version of a text; False if it was dropped or changed meanwhile."""
    found = await rows(
        f"UPDATE {_TABLES[kind]} SET verdict = $3 WHERE id = $1 AND updated_at::text = $2 "
        "AND verdict = 'unchecked' RETURNING id",
        text_id, version, verdict,
    )  # fmt: skip
    return bool(found)
