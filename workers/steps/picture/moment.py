"""The step that decides what to draw of a chat."""

from typing import Any, ClassVar

from db import chat_moments, jobs
from db.chat_moments import ChatMoment, DrawMoment
from db.errors import NotFound
from db.picture_looks import PictureLook
from prompts.safety.rating import lowest
from workers.functions.engine import CallContext, FunctionEngine
from workers.functions.extract_scenes import ExtractScenes, SceneInputs
from workers.functions.write_image_prompt import ImagePromptInputs
from workers.pictures.order import Order, describe
from workers.steps.base import Run
from workers.steps.picture.base import OrderStep, as_written, chosen_look
from workers.steps.picture.people import sitter, write_prompt


class OrderMoment(OrderStep):
    """What can be seen in the last exchange of a chat, with the looks of the persona."""

    name: ClassVar[str] = "order_moment"
    queue: ClassVar[jobs.WorkerQueue | None] = "cpu"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an `Order`. Raises `NotFound` if the reply is gone."""
        p = run.parameters(DrawMoment)
        found = await chat_moments.moment(run.job.account_id, p.reply)
        if found is None:
            raise NotFound("chat.unknown_message")
        who = await sitter(run, found.persona_id)
        rating = lowest(who.rating, p.allowance)
        look = await chosen_look(run, PictureLook(p.style, p.size, p.quality), who.look)
        scenes = await FunctionEngine(run.services).run(
            ExtractScenes(),
            SceneInputs(page_text=told(who.name, found), title=who.name, rating=rating, seed=p.reply),
            CallContext(run.tracker, run.job.account_id, who.id, rating=rating),
        )
        scene = scenes.scenes[0]
        written = await write_prompt(
            run,
            who,
            ImagePromptInputs(
                scene=scene.description,
                context=f"{who.card.get('scenario') or ''} {scene.mood}".strip(),
                style=look.style,
                rating=rating,
                seed=p.reply,
                variant=p.random_seed % 1000,
            ),
        )
        return Order(
            kind="moment",
            **as_written(written, look),
            alt=describe(f"{who.name}: {scene.description}"),
            size=look.size or "landscape",
            quality=look.quality,
            random_seed=p.random_seed,
            rating=rating,
            allowance=p.allowance,
            persona=who.id,
        ).model_dump()


def told(name: str, moment: ChatMoment) -> str:
    """Return an exchange as a page: what was said to the persona in quotation marks, then the reply as it is."""
    said = moment.said.replace("“", "‘").replace("”", "’")
    return "\n\n".join(part for part in (f"To {name}: “{said}”" if said else "", moment.reply) if part)
