"""What is on a picture that somebody sends to a persona: described before the reply, and noted where it was sent.

It is no step of its own: replies to words alone would pay for it.
"""

from typing import Final

from db import sent_pictures
from db.chats import PendingReply
from db.moderation import TextRefused
from db.sent_pictures import SEEN, SENT
from db.work import PersonaReply
from prompts.safety.rating import Rating, lowest
from workers.decoding.limits import PictureLimits, PictureRefused
from workers.decoding.pictures import clean_picture
from workers.functions.describe_picture import DescribePicture, PictureInputs
from workers.functions.engine import CallContext, FunctionEngine
from workers.pictures.examining import examine
from workers.steps.base import Run

LIMITS: Final = PictureLimits(min_side=16, ratio=20, out_side=1024)
"""A model sees no more; what it is shown is a new PNG without metadata."""


async def look(run: Run, found: PendingReply) -> bool | None:
    """Have the picture described that came with what a reply answers, write that there, and drop the picture.

    Returns whether somebody has looked, None if there is no picture.
    """
    parameters, said = run.parameters(PersonaReply), found.said
    if parameters.picture is None:
        return None
    if not said.text.endswith(SENT):
        # An earlier run has looked, or the person has changed their words since, and the picture with them.
        return said.text.endswith("]") and SEEN in said.text
    rating = lowest(found.persona.card.get("rating"), parameters.allowance)
    seen = await _seen(run, found, parameters.picture, rating)
    await sent_pictures.note(said.id, parameters.picture, seen)
    return bool(seen)


async def _seen(run: Run, found: PendingReply, picture: int, rating: Rating) -> str:
    """Return what is on a picture, "" if nobody may or can look."""
    services, job = run.services, run.job
    if not services.text.sees or job.account_id is None or job.user_id is None:
        return ""
    file = await sent_pictures.sent(job.account_id, job.user_id, picture)
    if file is None:
        return ""
    try:
        clean = await clean_picture(file.data, LIMITS)
        if await examine(clean.data, rating, services.picture_classifier, services.safety) == "refuse":
            return ""
        inputs = PictureInputs(
            png=clean.data,
            said=sent_pictures.without_picture(found.said.text),
            language=found.language or "en",
        )
        caller = CallContext(run.tracker, job.account_id, found.persona.id, rating=rating)
        return (await FunctionEngine(services).run(DescribePicture(), inputs, caller)).text
    except (PictureRefused, TextRefused):
        return ""
