"""Whether and where the progress of a job may be shown: decided by the rows of its event, never by memory."""

from dataclasses import dataclass
from typing import Any

from db.records import Json, fetch_one


@dataclass(frozen=True, slots=True)
class ProgressPlace:
    """``placeholder``: the platform's id of the message to edit; empty: the platform's own deferral.

    ``language`` is the person's; empty if it is unknown.
    """

    platform: str
    destination: Json[dict[str, Any]]
    placeholder: str
    language: str


async def place_of_progress(job_id: int, event_key: str) -> ProgressPlace | None:
    """Return where a job's progress may be shown now.

    None if its event has an answer, sent or not, or a placeholder that has not been sent yet.
    """
    return await fetch_one(
        ProgressPlace,
        "SELECT c.platform, j.destination, coalesce(p.message_ids ->> 0, '') AS placeholder, "
        "coalesce((SELECT i.language FROM identities i WHERE i.platform = c.platform "
        "AND i.external_id = j.destination ->> 'user_id'), '') AS language "
        "FROM jobs j JOIN conversations c ON c.id = j.conversation_id "
        "LEFT JOIN outbox p ON p.event_key = j.event_key AND p.part = 'placeholder' "
        "WHERE j.id = $1 AND j.event_key = $2 AND j.destination IS NOT NULL "
        "AND (p.id IS NULL OR (p.state IN ('sending', 'sent') AND p.message_ids <> '[]')) "
        "AND NOT EXISTS (SELECT FROM outbox r WHERE r.event_key = $2 AND r.part = 'reply')",
        job_id, event_key,
    )  # fmt: skip
