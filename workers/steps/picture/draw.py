"""The step that draws a picture and keeps it."""

from typing import Any, ClassVar

from db import accounts, jobs, personas, pictures
from db.errors import BadInput, NotAllowed
from prompts.pictures import nearest_size
from prompts.pictures import size as size_of
from prompts.safety.check import refusal, scan
from prompts.safety.rating import exceeds, parse_rating
from workers.functions.persona_card import drawn_card
from workers.pictures.attachments import clean_attachment, fit
from workers.pictures.encoding import DISCORD, TELEGRAM_PHOTO, EncodedFile, encode
from workers.pictures.loras import chosen_loras
from workers.pictures.order import Order, describe
from workers.pictures.request import PictureOrder, VisualIdentity, build_request, join_terms
from workers.pictures.safety import card_texts, check_prompt, verdict
from workers.pictures.upscaling import tiling
from workers.steps.base import Run, Step
from workers.steps.picture.base import OrderStep
from workers.steps.picture.order import UPSCALE, full_file, kept_picture
from workers.steps.picture.requests import draw_tiles, draw_whole


class DrawPicture(Step):
    """Draw what was ordered, classify the result and store it with its files."""

    name: ClassVar[str] = "draw"
    queue: ClassVar[jobs.WorkerQueue | None] = "gpu"
    kind: ClassVar[str] = "image"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the picture's id. Raises `UserError` for what is not drawn, `Retryable` for transient errors."""
        order, images = Order.model_validate(run.outputs[OrderStep.leaves]), run.services.images
        choice = await accounts.chosen_image_engine(run.job.account_id)
        engine = images.first(choice)
        if engine is None:
            raise NotAllowed("picture.no_model")
        card = await _card(run, order.persona)
        identity = VisualIdentity.of_card(drawn_card(card))
        known = scan(*card_texts(card))
        if known.forbidden:
            raise NotAllowed("picture.refused_minors")
        redrawn = None if order.source is None else await kept_picture(run, order.source)
        clearance = check_prompt(
            order.prompt,
            identity.words,
            # An attached picture may show anyone.
            rating="sfw" if redrawn is not None and redrawn.kind == "attached" else order.rating,
            young=known.minors,
            allowance=order.allowance,
            negative=join_terms(order.negative, identity.negative),
            classifier=engine.has_classifier,
            settings=run.services.safety,
        )
        if redrawn is not None and exceeds(parse_rating(redrawn.rating), clearance.rating):
            raise NotAllowed("picture.refused_rating", rating=clearance.rating)
        loras = chosen_loras(order.lora, images.loras)
        source, (width, height) = await _source(run, order, engine.max_pixels // UPSCALE**2)
        if width * height > engine.max_pixels:
            raise BadInput("picture.too_large")
        plan = None
        if source is not None and order.scale > 1 and engine.tile_side is not None:
            plan = tiling(width, height, engine.tile_side)
        in_tiles = plan is not None and len(plan) > 1
        if source is not None and not in_tiles:
            source = await fit(source, width, height)
        request = build_request(
            PictureOrder(
                id=f"job-{run.job.id}",
                prompt=order.prompt,
                random_seed=order.random_seed,
                rating=clearance.rating,
                style=order.style,
                size=order.size,
                quality=order.quality,
                negative=order.negative,
                seed=order.seed,
                identity=identity,
                loras=loras,
                source=source,
                strength=order.strength,
                dimensions=(width, height),
                tenant=str(run.job.account_id or ""),
                priority=run.job.priority,
            ),
            images.loras,
        )
        if plan is not None and in_tiles:
            drawn = await draw_tiles(run, request, plan, choice)
        else:
            drawn = await draw_whole(run, request, choice)
        action = verdict(clearance, drawn.unsafe, run.services.safety, young=drawn.young)
        if action == "refuse":
            raise NotAllowed("picture.refused_result")
        assert run.job.lease_token is not None
        picture_id = await pictures.save(
            run.job.id,
            run.job.lease_token,
            pictures.NewPicture(
                kind=order.kind,
                prompt=order.prompt,
                negative=order.negative,
                alt=order.alt if refusal(clearance.rating, order.alt) is None else describe(order.prompt),
                style=order.style,
                size=order.size,
                quality=order.quality,
                strength=order.strength if order.source is not None else 1.0,
                seed=drawn.seed,
                rating=clearance.rating,
                hidden=action == "hide" or clearance.rating == "nsfw" or (redrawn is not None and redrawn.hidden),
                width=drawn.width,
                height=drawn.height,
                engine=drawn.engine,
                model=drawn.model,
                page_id=order.page,
                persona_id=order.persona,
                source_id=order.source,
                lora=order.lora,
                typed=order.typed,
                prompt_source=order.prompt_source,
                tokens=drawn.prompt_tokens,
            ),
            await stored_files(drawn.data),
        )
        return {"picture": picture_id}


async def _card(run: Run, persona_id: int | None) -> dict[str, Any]:
    if persona_id is None or run.job.account_id is None:
        return {}
    return (await personas.get(run.job.account_id, persona_id)).card


async def _source(run: Run, order: Order, max_pixels: int) -> tuple[bytes | None, tuple[int, int]]:
    """Return the picture to redraw (cleaned, in its own size), if there is one, and the size of the new one.

    ``max_pixels`` bounds the new picture, unless it was ordered larger than its source.
    """
    if order.source is None:
        chosen = size_of(order.size)
        return None, within(chosen.width, chosen.height, max_pixels)
    kept = await kept_picture(run, order.source)
    if kept.kind == "attached":
        chosen = size_of(order.size) if order.size else nearest_size(kept.width, kept.height)
        width, height = within(chosen.width, chosen.height, max_pixels)
    else:
        width, height = (side * order.scale // 8 * 8 for side in (kept.width, kept.height))
    # The stored file may be WebP if PNG was too large: cleaning makes it a PNG again.
    clean = await clean_attachment((await full_file(kept)).data)
    return clean.data, (width, height)


def within(width: int, height: int, max_pixels: int) -> tuple[int, int]:
    """Return a size of the same shape with at most ``max_pixels`` pixels, its sides multiples of 8."""
    factor = min(1.0, (max_pixels / (width * height)) ** 0.5)
    return max(64, int(width * factor) // 8 * 8), max(64, int(height * factor) // 8 * 8)


async def stored_files(png: bytes) -> list[pictures.StoredFile]:
    """Return the files that are kept of a picture."""
    full, photo = await encode(png, DISCORD), await encode(png, TELEGRAM_PHOTO)
    return [_kept_file("full", full), _kept_file("photo", photo)]


def _kept_file(form: pictures.Form, file: EncodedFile) -> pictures.StoredFile:
    return pictures.StoredFile(form, file.mime, file.data)
