"""The product's own job types, and how each is abandoned."""

from typing import Final

from db import chats, stories
from db.payloads.base import Payload
from db.payloads.story import PageFailed
from db.work import (
    BranchingPage,
    DrawAgain,
    Failure,
    IllustratePage,
    Imagine,
    Job,
    JobType,
    PersonaPortrait,
    PersonaReply,
    Upscale,
    Variations,
    notice,
)

_DRAWING: Final = "job.preparing"
_PHASES: Final = {"AI_CALL": "job.imagining", "PARSE": "job.imagining"}
"""A picture whose description is being written is not told as writing."""


async def _page(job: Job, parameters: BranchingPage, failure: Failure) -> Payload | None:
    """Mark the page as failed; the story goes back to the previous page."""
    del job
    story = await stories.give_up(parameters.page)
    values = failure.values if story is None else {**failure.values, "story": story.id}
    return PageFailed(key=failure.key, values=values)


async def _reply(job: Job, parameters: PersonaReply, failure: Failure) -> Payload | None:
    """Mark the reply as failed."""
    await chats.give_up(parameters.reply)
    return await notice(job, parameters, failure)


async def _illustration(job: Job, parameters: IllustratePage, failure: Failure) -> Payload | None:
    """Abandon an automatic picture silently."""
    return None if parameters.automatic else await notice(job, parameters, failure)


SPECS: Final = (
    JobType(BranchingPage, _page),
    JobType(PersonaReply, _reply, stoppable=True),
    JobType(Imagine, wording=_DRAWING, phases=_PHASES),
    JobType(IllustratePage, _illustration, wording=_DRAWING, phases=_PHASES),
    JobType(PersonaPortrait, wording=_DRAWING, phases=_PHASES),
    JobType(DrawAgain, wording=_DRAWING, phases=_PHASES),
    JobType(Variations, wording=_DRAWING, phases=_PHASES),
    JobType(Upscale, wording=_DRAWING, phases=_PHASES),
)
