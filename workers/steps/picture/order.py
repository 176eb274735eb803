"""Steps before a picture is drawn: that somebody draws, and what is drawn of a page, or of another picture."""

import asyncio
from typing import Any, ClassVar, Final

from db import heartbeats, jobs, picture_looks, pictures, stories
from db.errors import NotAllowed, NotFound
from db.picture_looks import PictureLook
from db.pictures import StoredPicture
from db.redrawing import FromPicture
from db.work import IllustratePage, Imagine
from prompts.safety.rating import lowest, parse_rating
from workers.functions.engine import CallContext, FunctionEngine
from workers.functions.extract_scenes import ExtractScenes, SceneInputs
from workers.functions.write_image_prompt import ImagePromptInputs, WriteImagePrompt
from workers.pictures.attachments import clean_attachment
from workers.pictures.order import Order, describe, parse_source
from workers.steps.base import Run, Step
from workers.steps.picture.base import OrderStep, as_written, chosen_look

VARIATION_STRENGTH: Final = 0.55
UPSCALE_STRENGTH: Final = 0.3
UPSCALE: Final = 2
_LOOK_SECONDS: Final = 0.4
_LOOKS: Final = 10
"""Checks, `_LOOK_SECONDS` apart, until a worker of the gpu queue is there, if it is being started again."""
_FIRST_LOOKS: Final = int(heartbeats.START_SECONDS / _LOOK_SECONDS) + _LOOKS
"""The same while the whole service starts."""


class FindImageEngine(Step):
    """Check that a worker draws pictures, so that the job does not wait for one that does not exist."""

    name: ClassVar[str] = "find_image_engine"
    queue: ClassVar[jobs.WorkerQueue | None] = "cpu"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping. Raises `NotAllowed` if no worker draws, and none appears in time."""
        del run
        for look in range(_FIRST_LOOKS):
            missing = await heartbeats.missing_for_pictures()
            if not missing:
                return {}
            if missing == "model":
                raise NotAllowed("picture.no_model")
            if missing == "worker" and look >= _LOOKS:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        raise NotAllowed("picture.no_worker")


class CleanSource(Step):
    """Sanitise an attached picture and discard the original."""

    name: ClassVar[str] = "clean_source"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping. Raises `UserError` for a file that is rejected."""
        source = run.parameters(Imagine).source
        if source is None:
            return {}
        kept = await kept_picture(run, source)
        if kept.kind == "attached" and not kept.width:
            clean = await clean_attachment((await full_file(kept)).data)
            await pictures.put_clean(kept.id, clean.data, clean.width, clean.height)
        return {}


class OrderAgain(OrderStep):
    """A picture once more."""

    name: ClassVar[str] = "order_again"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`."""
        return (await _order_of(run)).model_dump()


class OrderVariation(OrderStep):
    """A picture, redrawn so that it stays recognisable."""

    name: ClassVar[str] = "order_variation"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`."""
        changes = {"kind": "variation", "source": run.parameters(FromPicture).picture, "strength": VARIATION_STRENGTH}
        return (await _order_of(run)).model_copy(update=changes).model_dump()


class OrderUpscaled(OrderStep):
    """A picture at twice its size, redrawn a little so that it gains detail."""

    name: ClassVar[str] = "order_upscaled"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`."""
        source = run.parameters(FromPicture).picture
        kept = await kept_picture(run, source)
        changes = {
            "kind": "upscaled", "source": source, "strength": UPSCALE_STRENGTH, "scale": UPSCALE, "seed": kept.seed,
        }  # fmt: skip
        return (await _order_of(run)).model_copy(update=changes).model_dump()


class OrderPage(OrderStep):
    """The best moment of a page, as the language model describes it."""

    name: ClassVar[str] = "order_page"
    queue: ClassVar[jobs.WorkerQueue | None] = "cpu"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`. Raises `NotFound` if the page is gone."""
        p = run.parameters(IllustratePage)
        found = await stories.page(run.job.account_id, p.illustrates)
        if found is None or found[1].state != "ready":
            raise NotFound("story.unknown")
        story, page, _ = found
        rating = lowest(story.rating, p.allowance)
        of_story = await picture_looks.of_story(run.job.account_id, story.id)
        look = await chosen_look(run, PictureLook(p.style, p.size, p.quality), of_story)
        functions = FunctionEngine(run.services)
        caller = CallContext(run.tracker, run.job.account_id, rating=rating)
        scenes = await functions.run(
            ExtractScenes(),
            SceneInputs(page_text=page.text, title=page.title, genre=story.genre, rating=rating, seed=story.seed),
            caller,
        )
        scene = scenes.scenes[0]
        written = await functions.run(
            WriteImagePrompt(),
            ImagePromptInputs(
                scene=scene.description,
                context=f"{story.premise} {scene.mood}",
                style=look.style,
                rating=rating,
                seed=story.seed + page.id,
                variant=p.random_seed % 1000,
            ),
            caller,
        )
        return Order(
            kind="page",
            **as_written(written, look),
            alt=describe(scene.description),
            size=look.size or "landscape",
            quality=look.quality,
            random_seed=p.random_seed,
            rating=rating,
            allowance=p.allowance,
            page=page.id,
        ).model_dump()


async def kept_picture(run: Run, picture_id: int) -> StoredPicture:
    """Return a picture of the job's account. Raises `NotFound`."""
    assert run.job.account_id is not None
    return await pictures.get(run.job.account_id, picture_id)


async def full_file(kept: StoredPicture) -> pictures.StoredFile:
    """Return the best file of a picture. Raises `NotFound`."""
    found = await pictures.file(kept.account_id, kept.id, "full")
    if found is None:
        raise NotFound("picture.unknown")
    return found


async def _order_of(run: Run) -> Order:
    """Return the order of the picture that the job is about, with a new seed and for the requesting conversation."""
    p = run.parameters(FromPicture)
    kept = await kept_picture(run, p.picture)
    source = None if kept.source_id is None or kept.kind in ("variation", "upscaled") else kept.source_id
    kinds: dict[str, Any] = {kind: kind for kind in ("page", "portrait", "moment")}
    return Order(
        kind=kinds.get(kept.kind, "imagined"),
        prompt=kept.prompt,
        negative=kept.negative,
        alt=kept.alt,
        style=kept.style,
        size=kept.size,
        quality=kept.quality,
        lora=kept.lora,
        random_seed=p.random_seed,
        # A portrait's seed is the persona's, so that the face stays: drawing again means another one.
        seed=p.random_seed if kept.persona_id is not None else None,
        rating=parse_rating(kept.rating),
        allowance=p.allowance,
        page=kept.page_id,
        persona=kept.persona_id,
        source=source,
        strength=kept.strength if source is not None else 0.6,
        typed=kept.typed,
        prompt_source=parse_source(kept.prompt_source),
    )
