"""Receipts of pages and replies: with what they were written, and what the writer was told, by ids (`db.usage`).

They are found as long as the job is kept that wrote the page or reply.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from db.records import Json, columns, fetch_one


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receipt of a run. ``receipt`` is that of `db.usage.TaskRecord`; without a model, at most its ``craft``."""

    id: int
    function: str
    engine: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal
    receipt: Json[dict[str, Any]]
    started_at: datetime
    finished_at: datetime | None

    @property
    def of_model(self) -> bool:
        """Whether a model wrote: the offline writer is not told anything."""
        return bool(self.model and self.receipt.keys() - {"craft"})

    @property
    def context(self) -> dict[str, Any]:
        """What the writer was told, as `workers.context.build.Build.record` has it; empty if it had no context."""
        found = self.receipt.get("context")
        return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]


_LAST: Final = (
    f"SELECT {columns(Receipt, 't')} FROM jobs j JOIN ai_tasks t ON t.job_id = j.id WHERE j.account_id = $1 "
    "AND t.function = $3 AND t.state IN ('done', 'cancelled') AND "
)


async def of_page(account_id: int, page_id: int) -> Receipt | None:
    """Return the receipt of a page of an account; None if there is none, or none any more."""
    return await fetch_one(
        Receipt, f"{_LAST} j.page_id = $2 ORDER BY t.id DESC LIMIT 1", account_id, page_id, "write_page"
    )


async def of_reply(account_id: int, message_id: int) -> Receipt | None:
    """Return the receipt of a persona's reply in an account; None if there is none, or none any more."""
    return await fetch_one(
        Receipt, f"{_LAST} j.message_id = $2 ORDER BY t.id DESC LIMIT 1", account_id, message_id, "answer_as_persona"
    )
