"""Steps that decide what to draw of people: from somebody's words, with a persona in them or not, and portraits."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, cast

from db import jobs, personas
from db.picture_looks import PictureLook
from db.work import Imagine, PersonaPortrait
from prompts.safety.check import scan
from prompts.safety.rating import Rating, lowest
from workers.functions.engine import CallContext, FunctionEngine
from workers.functions.persona_card import drawn_card
from workers.functions.write_image_prompt import ImagePrompt, ImagePromptInputs, WriteImagePrompt
from workers.pictures.order import Order, describe
from workers.pictures.request import VisualIdentity
from workers.pictures.safety import card_texts
from workers.steps.base import Run
from workers.steps.picture.base import OrderStep, as_written, chosen_look, never_shown


@dataclass(frozen=True, slots=True)
class Sitter:
    """The persona in a picture: its card as it is drawn, and the rating that the card allows."""

    id: int | None = None
    name: str = ""
    card: dict[str, Any] = field(default_factory=dict[str, Any])
    rating: Rating = "nsfw"

    @property
    def look(self) -> PictureLook:
        """What the persona's pictures look like. What must never be seen of it is part of its visual identity."""
        visual = self.card.get("visual")
        if not isinstance(visual, dict):
            return PictureLook()
        return replace(PictureLook.read(cast("dict[str, Any]", visual)), negative="")

    @property
    def words(self) -> str:
        """What is drawn of the persona in every picture."""
        return VisualIdentity.of_card(self.card).words if self.card else ""


async def sitter(run: Run, persona_id: int | None) -> Sitter:
    """Return the persona in a picture; of nobody's the rating is the highest. Raises `NotFound`."""
    if persona_id is None or run.job.account_id is None:
        return Sitter()
    persona = await personas.get(run.job.account_id, persona_id)
    young = scan(*card_texts(persona.card)).minors
    rating: Rating = "sfw" if young else lowest(persona.card.get("rating"))
    return Sitter(persona.id, persona.name, drawn_card(persona.card), rating)


async def write_prompt(run: Run, who: Sitter, inputs: ImagePromptInputs) -> ImagePrompt:
    """Return a prompt with the looks of the persona in it, if there is one."""
    caller = CallContext(run.tracker, run.job.account_id, who.id, rating=inputs.rating)
    return await FunctionEngine(run.services).run(
        WriteImagePrompt(), inputs.model_copy(update={"persona": who.card}), caller
    )


class OrderImagined(OrderStep):
    """What a person described: unchanged or written out, with the looks of the persona whom they name."""

    name: ClassVar[str] = "order_imagined"
    queue: ClassVar[jobs.WorkerQueue | None] = "cpu"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`."""
        p = run.parameters(Imagine)
        who = await sitter(run, p.persona)
        rating = lowest(p.rating, who.rating)
        look = await chosen_look(run, PictureLook(p.style, p.size, p.quality, p.negative), who.look)
        # A picture that is redrawn keeps its shape.
        look = replace(look, size=look.size if p.source is None else p.size, negative=never_shown(look.negative))
        order = Order.model_validate({**p.model_dump(), **asdict(look)}).model_copy(
            update={"alt": p.alt or describe(p.prompt), "rating": rating, "prompt_source": "own"}
        )
        if not p.enhance:
            told = {"prompt": f"{who.words}, {p.prompt}", "typed": p.prompt} if who.words else {}
            return order.model_copy(update=told).model_dump()
        written = await write_prompt(
            run,
            who,
            ImagePromptInputs(
                scene=p.prompt,
                style=look.style,
                rating=lowest(rating, p.allowance),
                seed=who.id or 0,
                variant=p.random_seed % 1000,
            ),
        )
        return order.model_copy(update={**as_written(written, look), "typed": p.prompt}).model_dump()


class OrderPortrait(OrderStep):
    """A persona, as the language model describes it from the card."""

    name: ClassVar[str] = "order_portrait"
    queue: ClassVar[jobs.WorkerQueue | None] = "cpu"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`."""
        p = run.parameters(PersonaPortrait)
        who = await sitter(run, p.persona)
        rating = lowest(who.rating, p.allowance)
        look = await chosen_look(run, PictureLook(p.style, p.size, p.quality), who.look)
        written = await write_prompt(
            run,
            who,
            ImagePromptInputs(
                scene=p.prompt,
                style=look.style,
                rating=rating,
                portrait=True,
                seed=p.persona,
                variant=p.random_seed % 1000,
            ),
        )
        about = who.card.get("appearance") or who.card.get("tagline") or ""
        return Order(
            kind="portrait",
            **as_written(written, look),
            alt=describe(f"{who.name}: {about}"),
            size=look.size or "portrait",
            quality=look.quality,
            random_seed=p.random_seed,
            rating=rating,
            allowance=p.allowance,
            persona=p.persona,
            typed=p.prompt,
        ).model_dump()
