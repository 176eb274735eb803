"""The base of the steps that decide what to draw, and how it looks where nobody says."""

from typing import Any, ClassVar

from db import picture_looks
from db.picture_looks import PictureLook
from workers.cutting import cut_at_word
from workers.functions.write_image_prompt import ImagePrompt
from workers.pictures.request import MAX_NEGATIVE_CHARS, join_terms
from workers.steps.base import Run, Step


class OrderStep(Step):
    """Decide what to draw; all kinds leave it under the same name."""

    leaves: ClassVar[str] = "order"


async def chosen_look(run: Run, *chosen: PictureLook) -> PictureLook:
    """Return the look of a picture: what was ``chosen``, the first goes first, then the account's, the operator's."""
    look = PictureLook()
    for each in (*chosen, await picture_looks.of_account(run.job.account_id), run.services.look):
        look = look.over(each)
    return look


def never_shown(*negatives: str) -> str:
    """Return what must not be seen as one list, the first first, as long as a request may be."""
    return cut_at_word(join_terms(*negatives), MAX_NEGATIVE_CHARS, "").rstrip(", ")


def as_written(written: ImagePrompt, look: PictureLook) -> dict[str, Any]:
    """Return what a written prompt decides of an `Order`."""
    return {
        "prompt": written.prompt,
        "negative": never_shown(look.negative, written.negative),
        "style": written.style,
        "prompt_source": written.source,
    }
