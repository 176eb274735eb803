"""Steps that decide what shall be drawn: by a person's words, or as the language model tells a page or a persona."""

from typing import Any, ClassVar, Final

from db import jobs, personas, pictures, stories
from db.errors import NotFound
from db.pictures import Picture as Kept
from prompts.safety.check import scan
from prompts.safety.rating import lowest, parse_rating
from workers.functions import registry
from workers.functions.engine import CallContext, FunctionEngine
from workers.functions.extract_scenes import SceneInputs
from workers.functions.write_image_prompt import ImagePromptInputs
from workers.pictures.order import Order, describe
from workers.pictures.safety import card_texts
from workers.steps.base import Run, Step

VARIATION_STRENGTH: Final = 0.55
UPSCALE_STRENGTH: Final = 0.3
UPSCALE: Final = 2


class OrderStep(Step):
    """Decide what shall be drawn; all kinds leave it under the same name."""

    name: ClassVar[str] = "order"


class OrderImagined(OrderStep):
    """What a person described, as it is."""

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`."""
        order = Order.model_validate(run.job.parameters)
        return order.model_copy(update={"alt": order.alt or describe(order.prompt)}).model_dump()


class OrderAgain(OrderStep):
    """A picture once more."""

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`."""
        return (await _order_of(run)).model_dump()


class OrderVariation(OrderStep):
    """A picture, redrawn so that it stays recognisable."""

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`."""
        changes = {"kind": "variation", "source": int(run.job.parameters["picture"]), "strength": VARIATION_STRENGTH}
        return (await _order_of(run)).model_copy(update=changes).model_dump()


class OrderUpscaled(OrderStep):
    """A picture at twice its size, redrawn a little so that it gains detail."""

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`."""
        source = int(run.job.parameters["picture"])
        kept = await kept_picture(run, source)
        changes = {
            "kind": "upscaled", "source": source, "strength": UPSCALE_STRENGTH, "scale": UPSCALE, "seed": kept.seed,
        }  # fmt: skip
        return (await _order_of(run)).model_copy(update=changes).model_dump()


class OrderPage(OrderStep):
    """The best moment of a page, as the language model tells it."""

    queue: ClassVar[jobs.Queue | None] = "cpu"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`. Raises `NotFound` if the page is gone."""
        p = run.job.parameters
        page_id = int(p["illustrates"])
        found = await stories.page(page_id)
        if found is None or found[1].state != "ready":
            raise NotFound("story.unknown")
        story, page, _ = found
        rating = lowest(story.rating, p.get("allowance"))
        functions = FunctionEngine(run.services)
        caller = CallContext(run.tracker, run.job.account_id)
        scenes = await functions.run(
            registry.get("extract_scenes"),
            SceneInputs(page_text=page.text, title=page.title, genre=story.genre, rating=rating, seed=story.seed),
            caller,
        )
        scene = scenes.scenes[0]
        written = await functions.run(
            registry.get("write_image_prompt"),
            ImagePromptInputs(
                scene=scene.description,
                context=f"{story.premise} {scene.mood}",
                style=str(p.get("style") or ""),
                rating=rating,
                seed=story.seed + page.id,
                variant=int(p.get("random_seed", 0)) % 1000,
            ),
            caller,
        )
        return Order(
            kind="page",
            prompt=written.prompt,
            negative=written.negative,
            alt=describe(scene.description),
            style=written.style,
            size=str(p.get("size") or "landscape"),
            quality=str(p.get("quality") or ""),
            random_seed=int(p.get("random_seed", 0)),
            rating=rating,
            allowance=parse_rating(p.get("allowance")),
            page=page.id,
        ).model_dump()


class OrderPortrait(OrderStep):
    """A persona, as the language model tells it from the card."""

    queue: ClassVar[jobs.Queue | None] = "cpu"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`."""
        p = run.job.parameters
        assert run.job.account_id is not None
        persona = await personas.get(run.job.account_id, int(p["persona"]))
        young = scan(*card_texts(persona.card)).minors
        rating = "sfw" if young else lowest(persona.card.get("rating"), p.get("allowance"))
        written = await FunctionEngine(run.services).run(
            registry.get("write_image_prompt"),
            ImagePromptInputs(
                scene=str(p.get("prompt") or ""),
                persona=persona.card,
                style=str(p.get("style") or ""),
                rating=rating,
                portrait=True,
                seed=persona.id,
                variant=int(p.get("random_seed", 0)) % 1000,
            ),
            CallContext(run.tracker, run.job.account_id, persona.id),
        )
        return Order(
            kind="portrait",
            prompt=written.prompt,
            negative=written.negative,
            alt=describe(f"{persona.name}: {persona.card.get('appearance') or persona.card.get('tagline') or ''}"),
            style=written.style,
            size=str(p.get("size") or "portrait"),
            quality=str(p.get("quality") or ""),
            random_seed=int(p.get("random_seed", 0)),
            rating=rating,
            allowance=parse_rating(p.get("allowance")),
            persona=persona.id,
        ).model_dump()


async def kept_picture(run: Run, picture_id: int) -> Kept:
    """Return a picture of the job's account. Raises `NotFound`."""
    assert run.job.account_id is not None
    return await pictures.get(run.job.account_id, picture_id)


async def full_file(kept: Kept) -> pictures.PictureFile:
    """Return the best file of a picture. Raises `NotFound`."""
    found = await pictures.file(kept.id, "full")
    if found is None:
        raise NotFound("picture.unknown")
    return found


async def _order_of(run: Run) -> Order:
    """Return the order of the picture that the job is about, with a new seed and for the place where it was asked."""
    p = run.job.parameters
    kept = await kept_picture(run, int(p["picture"]))
    source = None if kept.source_id is None or kept.kind in ("variation", "upscaled") else kept.source_id
    kinds: dict[str, Any] = {"page": "page", "portrait": "portrait"}
    return Order(
        kind=kinds.get(kept.kind, "imagined"),
        prompt=kept.prompt,
        negative=kept.negative,
        alt=kept.alt,
        style=kept.style,
        size=kept.size,
        quality=kept.quality,
        lora=kept.lora,
        random_seed=int(p.get("random_seed", 0)),
        # A portrait's seed is the persona's, so that the face stays: again means another one.
        seed=int(p.get("random_seed", 0)) if kept.persona_id is not None else None,
        rating=parse_rating(kept.rating),
        allowance=parse_rating(p.get("allowance")),
        page=kept.page_id,
        persona=kept.persona_id,
        source=source,
        strength=kept.strength if source is not None else 0.6,
    )
