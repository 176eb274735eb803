"""Tests of several variants of a prompt: each conversation keeps to one, and votes and retries are counted for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from db.connection import row, rows
from db.errors import BadInput, NotFound
from db.moderation import Verdict
from db.overrides import EVERYTHING, LIMIT_HITS, PromptScope
from db.prompts_in_force import CONTROL
from db.records import columns, fetch, fetch_one

LABELS: Final = "BCDEF"
"""Labels of the variants besides the control."""
LARGEST: Final = 95
"""Per cent of the conversations that all variants besides the control have at most."""
_OF: Final = "account_id = $1 AND name = $2 AND persona_id IS NOT DISTINCT FROM $3 AND job_type IS NOT DISTINCT FROM $4"
_ADD: Final = "INSERT INTO prompt_variants (account_id, test_id, name, label, share, source, updated_by, verdict)"
# What a person edited, or had continued, is not written again: a continuation begins with what it continues. What is
# being written, or failed, has no text that would tell which of them it is.
_RESULTS: Final = """
WITH texts AS (
    SELECT t.variant_id, t.page_id, t.message_id, CASE
        WHEN p.id IS NOT NULL THEN EXISTS (SELECT FROM pages o WHERE o.story_id = p.story_id
            AND o.choice_id IS NOT DISTINCT FROM p.choice_id AND o.variant_index > p.variant_index)
        ELSE EXISTS (SELECT FROM chat_messages o WHERE o.reply_to_id = m.reply_to_id
            AND o.variant_index > m.variant_index AND o.user_id IS NULL AND o.state = 'ready'
            AND NOT EXISTS (SELECT FROM chat_messages c WHERE c.reply_to_id = o.reply_to_id
                AND c.variant_index < o.variant_index AND c.text <> '' AND starts_with(o.text, c.text)))
        END AS again
    FROM tested_texts t JOIN prompt_variants v ON v.id = t.variant_id
    LEFT JOIN pages p ON p.id = t.page_id LEFT JOIN chat_messages m ON m.id = t.message_id
    WHERE v.test_id = $1 AND 'ready' IN (p.state, m.state)),
thumbs AS (
    SELECT t.variant_id, o.up FROM texts t JOIN votes o ON o.page_id = t.page_id
    UNION ALL SELECT t.variant_id, o.up FROM texts t JOIN votes o ON o.message_id = t.message_id)
SELECT v.label, v.share, v.verdict, v.limit_hits >= $3 AS off,
    (SELECT count(*) FROM texts t WHERE t.variant_id = v.id) AS texts,
    (SELECT count(*) FROM texts t WHERE t.variant_id = v.id AND t.again) AS rerolls,
    (SELECT count(*) FROM thumbs t WHERE t.variant_id = v.id AND t.up) AS up,
    (SELECT count(*) FROM thumbs t WHERE t.variant_id = v.id AND NOT t.up) AS down
FROM prompt_variants v WHERE v.test_id = $1 AND v.account_id = $2 ORDER BY v.label"""


@dataclass(frozen=True, slots=True)
class PromptTest:
    """A test of a prompt, for everything, a persona or a type of jobs; it runs until ``ended_at``."""

    id: int
    name: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class VariantResult:
    """What became of the texts of a variant. ``rerolls`` is how many of them somebody had written again.

    ``off``: it broke the limits of the sandbox. A person has one vote for each text.
    """

    label: str
    share: int
    verdict: Verdict
    off: bool
    texts: int
    rerolls: int
    up: int
    down: int


async def latest(account_id: int, name: str, scope: PromptScope = EVERYTHING) -> PromptTest | None:
    """Return an account's test of a prompt for a scope: the running one, else the last; None if there is none."""
    return await fetch_one(
        PromptTest,
        f"SELECT {columns(PromptTest)} FROM prompt_tests WHERE {_OF} "
        "ORDER BY ended_at DESC NULLS FIRST, id DESC LIMIT 1",
        account_id, name, scope.persona_id, scope.job_type,
    )  # fmt: skip


async def add_variant(
    account_id: int,
    name: str,
    source: str,
    share: int,
    *,
    user_id: int,
    scope: PromptScope = EVERYTHING,
    verdict: Verdict,
) -> tuple[int, str]:
    """Add a variant to the running test of a prompt, which begins if there is none; return its id and label.

    Raises `BadInput` if the variants would have more than `LARGEST` per cent, or are too many already, and `NotFound`
    for a persona that the account may not use.
    """
    test_id = await _running(account_id, name, scope)
    taken = {
        each["label"]: each["share"]
        for each in await rows("SELECT label, share FROM prompt_variants WHERE test_id = $1", test_id)
    }
    free = LARGEST - sum(taken.values())
    if share > free:
        raise BadInput("prompt.share_too_large", free=free)
    label = next((each for each in LABELS if each not in taken), "")
    if not label:
        raise BadInput("prompt.too_many_variants", most=len(LABELS))
    made = await row(
        f"{_ADD} VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        account_id, test_id, name, label, share, source, user_id, verdict,
    )  # fmt: skip
    assert made is not None
    return made["id"], label


async def end(account_id: int, name: str, scope: PromptScope = EVERYTHING, keep: str = "") -> tuple[str, int] | None:
    """End the running test of a prompt; return the text of the variant to ``keep`` and who wrote it.

    None if that is none, or the control. Raises `NotFound` if no test runs or it has no such variant, and `BadInput`
    for one that may not be used.
    """
    test = await row(
        f"UPDATE prompt_tests SET ended_at = now() WHERE {_OF} AND ended_at IS NULL RETURNING id",
        account_id, name, scope.persona_id, scope.job_type,
    )  # fmt: skip
    if test is None:
        raise NotFound("prompt.no_test", name=name)
    if keep in {"", CONTROL}:
        return None
    kept = await row(
        "SELECT source, updated_by, verdict = 'checked' AND limit_hits < $3 AS usable FROM prompt_variants "
        "WHERE test_id = $1 AND label = $2",
        test["id"], keep, LIMIT_HITS,
    )  # fmt: skip
    if kept is None:
        raise NotFound("prompt.no_variant", label=keep)
    if not kept["usable"]:
        raise BadInput("prompt.variant_unusable", label=keep)
    return kept["source"], kept["updated_by"]


async def note_text(variant_id: int, *, page_id: int | None, message_id: int | None) -> None:
    """Record which variant wrote a page or a reply; nothing happens if one of them is gone."""
    await rows(
        "INSERT INTO tested_texts (variant_id, page_id, message_id) SELECT v.id, p.id, m.id FROM prompt_variants v "
        "LEFT JOIN pages p ON p.id = $2 LEFT JOIN chat_messages m ON m.id = $3 "
        "WHERE v.id = $1 AND num_nonnulls(p.id, m.id) = 1 ON CONFLICT DO NOTHING",
        variant_id, page_id, message_id,
    )  # fmt: skip


async def results(account_id: int, test_id: int) -> list[VariantResult]:
    """Return the results of a test's variants, the control first."""
    return await fetch(VariantResult, _RESULTS, test_id, account_id, LIMIT_HITS)


async def _running(account_id: int, name: str, scope: PromptScope) -> int:
    """Return the running test of a prompt, locked; it begins if there is none."""
    begun = await row(
        "INSERT INTO prompt_tests (account_id, persona_id, job_type, name) SELECT $1, $3, $4, $2 "
        "WHERE $3::bigint IS NULL OR EXISTS (SELECT FROM personas WHERE id = $3 AND (account_id = $1 OR account_id IS "
        "NULL)) ON CONFLICT (account_id, coalesce(persona_id, 0), coalesce(job_type, ''), name) "
        "WHERE ended_at IS NULL DO NOTHING RETURNING id",
        account_id, name, scope.persona_id, scope.job_type,
    )  # fmt: skip
    if begun is not None:
        # It holds nobody's words, so that it stays when somebody's are deleted.
        await rows(f"{_ADD} VALUES ($1, $2, $3, $4, 0, '', NULL, 'checked')", account_id, begun["id"], name, CONTROL)
        return begun["id"]
    found = await row(
        f"SELECT id FROM prompt_tests WHERE {_OF} AND ended_at IS NULL FOR UPDATE",
        account_id, name, scope.persona_id, scope.job_type,
    )  # fmt: skip
    if found is None:
        raise NotFound("persona.unknown")
    return found["id"]
