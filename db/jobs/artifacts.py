"""The results of finished steps of jobs: a rerun continues from them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from db.connection import jsonb, row
from db.errors import LeaseLost
from db.records import Json, columns, fetch


@dataclass(frozen=True, slots=True)
class Artifact:
    """The result of a finished step of a job."""

    id: int
    job_id: int
    step: str
    kind: str
    parent_id: int | None
    metadata: Json[dict[str, Any]]
    content: Json[Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Saved:
    """An artifact's id, and the event that its job answers, fixed until the transaction ends."""

    id: int
    event_key: str | None


async def save_artifact(
    job_id: int,
    token: UUID,
    step: str,
    kind: str,
    content: Any,
    *,
    metadata: dict[str, Any] | None = None,
    parent_id: int | None = None,
) -> Saved:
    """Save the result of a step; a second save of the same step changes nothing. Raises `LeaseLost`."""
    found = await row(
        "WITH held AS (SELECT id, event_key FROM jobs WHERE id = $1 AND lease_token = $2 FOR SHARE), "
        "saved AS (INSERT INTO artifacts (job_id, step, kind, content, metadata, parent_id) "
        "SELECT id, $3, $4, $5::jsonb, $6::jsonb, $7 FROM held "
        "ON CONFLICT (job_id, step) DO UPDATE SET step = excluded.step RETURNING id) "
        "SELECT saved.id, held.event_key FROM saved, held",
        job_id, token, step, kind, jsonb(content), jsonb(metadata or {}), parent_id,
    )  # fmt: skip
    if found is None:
        raise LeaseLost(f"job {job_id}")
    return Saved(found["id"], found["event_key"])


async def artifacts(job_id: int) -> dict[str, Artifact]:
    """Return the results of a job's finished steps, by step."""
    found = await fetch(Artifact, f"SELECT {columns(Artifact)} FROM artifacts WHERE job_id = $1 ORDER BY id", job_id)
    return {artifact.step: artifact for artifact in found}
