"""What people reported, and what became of it. Who reported is never shown to anybody."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from db.connection import lock_name, row, rows
from db.errors import BadInput, NotFound
from db.pictures import StoredPicture
from db.quotes import MARK
from db.records import columns, fetch, fetch_one

Kind = Literal["page", "message", "picture"]
DAILY: Final = 20
"""Reports of one person a day."""
LISTED: Final = 10
REASON_LENGTH: Final = 500
_SUBJECTS: Final[dict[str, str]] = {
    "page": "SELECT p.id, s.owner_id AS user_id FROM pages p JOIN stories s ON s.id = p.story_id "
    "WHERE p.id = $1 AND s.account_id = $2 AND p.state = 'ready'",
    "message": "SELECT m.id, coalesce(m.user_id, said.user_id) AS user_id FROM chat_messages m "
    "JOIN conversations c ON c.id = m.conversation_id LEFT JOIN chat_messages said ON said.id = m.reply_to_id "
    "WHERE m.id = $1 AND c.account_id = $2 AND m.state = 'ready'",
    "picture": "SELECT id, user_id FROM pictures WHERE id = $1 AND account_id = $2",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a page, a chat message or a picture. ``subject_user_id`` is whose it is, if that is known."""

    id: int
    account_id: int
    subject_user_id: int | None
    page_id: int | None
    message_id: int | None
    picture_id: int | None
    reason: str
    state: str
    created_at: datetime

    @property
    def kind(self) -> Kind:
        """What was reported."""
        return "page" if self.page_id is not None else "message" if self.message_id is not None else "picture"


async def add(
    kind: Kind, subject_id: int, *, account_id: int, conversation_id: int, reporter_id: int, reason: str
) -> int | None:
    """Record a report and return its id; None if the person has reported it before. Call it in a transaction.

    Raises `NotFound` for what is not there, and `BadInput` after too many reports within a day.
    """
    subject = await row(_SUBJECTS[kind], subject_id, account_id)
    if subject is None:
        raise NotFound("report.nothing")
    await lock_name(f"reports:{reporter_id}")
    mine = await row(
        f"SELECT count(*) AS n, count(*) FILTER (WHERE {kind}_id = $2 AND state = 'open') AS same FROM reports "
        "WHERE reporter_id = $1 AND created_at > now() - interval '1 day'",
        reporter_id, subject_id,
    )  # fmt: skip
    assert mine is not None
    if mine["same"]:
        return None
    if mine["n"] >= DAILY:
        raise BadInput("report.too_many", limit=DAILY)
    made = await row(
        f"INSERT INTO reports (account_id, conversation_id, reporter_id, subject_user_id, {kind}_id, reason) "
        "VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        account_id, conversation_id, reporter_id, subject["user_id"], subject_id, reason[:REASON_LENGTH],
    )  # fmt: skip
    assert made is not None
    return made["id"]


async def here(conversation_id: int) -> tuple[Kind, int] | None:
    """Return what was last shown in a conversation and can be reported."""
    found = await row(
        "SELECT kind, payload FROM outbox WHERE conversation_id = $1 AND state = 'sent' "
        "AND kind IN ('page', 'chat_reply', 'picture') ORDER BY conversation_id DESC, id DESC LIMIT 1",
        conversation_id,
    )
    return None if found is None else subject_of(found["kind"], json.loads(found["payload"]))


def subject_of(kind: str, payload: dict[str, Any]) -> tuple[Kind, int] | None:
    """Return what an outbox row shows that can be reported."""
    names: dict[str, tuple[Kind, str]] = {
        "page": ("page", "page"), "chat_reply": ("message", "message"),
        "chat_opened": ("message", "message"), "greeting": ("message", "message"), "picture": ("picture", "picture"),
        "picture_file": ("picture", "picture"), "picture_prompt": ("picture", "picture"),
    }  # fmt: skip
    if kind not in names or type(payload.get(names[kind][1])) is not int:
        return None
    return names[kind][0], payload[names[kind][1]]


async def listed() -> list[Report]:
    """Return the oldest open reports."""
    return await fetch(
        Report, f"SELECT {columns(Report)} FROM reports WHERE state = 'open' ORDER BY id LIMIT $1", LISTED
    )


async def get(report_id: int) -> Report | None:
    """Return a report, None if it is gone."""
    return await fetch_one(Report, f"SELECT {columns(Report)} FROM reports WHERE id = $1", report_id)


async def content(report: Report) -> str:
    """Return the text that was reported: of a picture, what it was drawn from."""
    found = await row(
        "SELECT coalesce((SELECT text FROM pages WHERE id = $1), (SELECT text FROM chat_messages WHERE id = $2), "
        "(SELECT prompt FROM pictures WHERE id = $3), '') AS text",
        report.page_id, report.message_id, report.picture_id,
    )  # fmt: skip
    return "" if found is None else found["text"]


async def picture(report_id: int) -> StoredPicture | None:
    """Return the picture of an open report; None if the report is closed, or about something else."""
    return await fetch_one(
        StoredPicture,
        f"SELECT {columns(StoredPicture, 'p')} FROM reports r JOIN pictures p ON p.id = r.picture_id "
        "WHERE r.id = $1 AND r.state = 'open'",
        report_id,
    )


async def close(report_id: int, state: Literal["dismissed", "acted"]) -> Report:
    """Close an open report, and with ``acted`` all open ones of the same. Raises `NotFound` if it is not open."""
    report = await fetch_one(
        Report,
        "UPDATE reports SET state = $2, closed_at = now() WHERE id = $1 AND state = 'open' "
        f"RETURNING {columns(Report)}",
        report_id, state,
    )  # fmt: skip
    if report is None:
        raise NotFound("report.closed")
    if state == "acted":
        await rows(
            "UPDATE reports SET state = 'acted', closed_at = now() WHERE state = 'open' AND (page_id = $1 "
            "OR message_id = $2 OR picture_id = $3)",
            report.page_id, report.message_id, report.picture_id,
        )  # fmt: skip
    return report


async def remove_text(report: Report) -> None:
    """Empty the page or message that was reported: what follows it stays."""
    if report.page_id is not None:
        await rows("UPDATE pages SET title = '', text = $2 WHERE id = $1", report.page_id, MARK)
        await rows(
            "DELETE FROM artifacts a USING jobs j WHERE j.id = a.job_id AND j.page_id = $1 AND j.state <> 'running'",
            report.page_id,
        )
    if report.message_id is not None:
        await rows("UPDATE chat_messages SET text = $2, verdict = 'refused' WHERE id = $1", report.message_id, MARK)
        await rows(
            "DELETE FROM artifacts a USING jobs j WHERE j.id = a.job_id AND j.message_id = $1 AND j.state <> 'running'",
            report.message_id,
        )
