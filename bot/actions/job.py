"""The button of a running job."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.context import Context
from db import jobs, work
from db.errors import NotAllowed, NotFound
from db.permissions import EVERYBODY
from db.work import Failure


async def cancel(context: Context, job: int) -> None:
    """Cancel a job, or end it early and keep what was written."""
    found = await jobs.get(job)
    if found is None or found.account_id != context.account_id or found.state in ("done", "dead", "cancelled"):
        raise NotFound("job.over")
    if found.user_id != context.user_id and not context.may("moderate"):
        raise NotAllowed("job.not_yours")
    if work.stoppable(found) and found.state == "running":
        # The worker stops here, and the text written so far becomes the answer.
        asked = await jobs.ask_to_stop(found.id)
        context.cancels.append(found.id)
        if asked:
            return
        found = await jobs.get(found.id) or found
        if found.state == "running" and found.stop_requested:
            await context.notice("job.stopping")
            return
    await context.answer_for(await jobs.abandon(found.id, Failure("job.cancelled")))


ACTIONS: Final = (ActionSpec("cancel", cancel, (Arg("job"),), always=True, permission=EVERYBODY),)
