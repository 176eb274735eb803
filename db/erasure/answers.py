"""Answers to events that wait for what is cancelled by erasing."""

from typing import Any

from db import outbox
from db.jobs import Abandoned
from db.payloads.base import Payload


async def answer_all(abandoned: list[Abandoned]) -> tuple[int, ...]:
    """Answer the events of cancelled jobs and return the jobs' ids; call it in the transaction."""
    for each in abandoned:
        await answer(each.job.event_key, each.job.conversation_id, each.job.destination, each.notification)
    return tuple(each.job.id for each in abandoned)


async def answer(
    event_key: str | None, conversation_id: int | None, destination: dict[str, Any] | None, payload: Payload | None
) -> None:
    """Answer an event, if anybody waits for its answer."""
    if event_key is None or conversation_id is None or destination is None or payload is None:
        return
    await outbox.add(
        event_key,
        outbox.REPLY,
        platform=event_key.partition(":")[0],
        conversation_id=conversation_id,
        payload=payload,
        destination=destination,
    )
