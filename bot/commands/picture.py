"""`/imagine`, `/persona portrait`, `/image_model`, `/rating`: pictures, who draws them, and what they may show here."""

import secrets
from typing import Any, Final

from bot.commands.registry import CommandSpec, Parameter
from bot.context import Context
from bot.events import Command
from db import accounts, personas, pictures, stories
from db.errors import BadInput, NotAllowed, NotFound
from db.personas import Persona
from db.work import FromPicture, IllustratePage, Imagine, PersonaPortrait, PictureTerms
from prompts.pictures import qualities, sizes, styles
from prompts.safety.rating import RATINGS, Rating, exceeds, lowest, parse_rating, place_allowance
from workers.queue import Queue

DEFAULT: Final = "default"
"""What to type for the operator's order of engines."""
PROMPT_LENGTH: Final = 4000
NEGATIVE_LENGTH: Final = 1000
LORA_LENGTH: Final = 500
CHANGE: Final = 60
"""How much of a picture is redrawn unless the person says it, in percent."""
SEED_LIMIT: Final = 2**32
_STYLE: Final = Parameter("style", "How it looks", completes="styles")
_SIZE: Final = Parameter("size", "Its shape", choices=tuple((s.name, s.key) for s in sizes().values()))
_QUALITY: Final = Parameter(
    "quality", "How much work goes into it", choices=tuple((q.name, q.key) for q in qualities().values())
)
_LABELS: Final[dict[Rating, str]] = {
    "sfw": "Safe for everybody",
    "suggestive": "Suggestive, for teens and older",
    "nsfw": "Adults only",
}


async def imagine(context: Context, values: dict[str, Any]) -> None:
    """Draw what is described, or redraw an attached picture."""
    seed = values.get("seed")
    if seed is not None and not 0 <= seed < SEED_LIMIT:
        raise BadInput("picture.bad_seed", limit=SEED_LIMIT - 1)
    source, strength = values.get("picture"), values.get("change", CHANGE)
    if source is not None and not 5 <= strength <= 100:
        raise BadInput("picture.bad_change")
    order = Imagine(
        prompt=" ".join(str(values["prompt"]).split()),
        negative=values.get("negative") or "",
        lora=" ".join(str(values.get("lora") or "").split()),
        seed=seed,
        rating=setting_of(context),
        source=source,
        strength=CHANGE / 100 if source is None else strength / 100,
        **_look(values),
        **picture_terms(context).model_dump(),
    )
    await context.work(order)


async def illustrate(context: Context, page_id: int) -> None:
    """Draw a page. Raises `NotFound`."""
    found = await stories.page(page_id)
    if found is None or found[0].account_id != context.account_id or found[1].state != "ready":
        raise NotFound("story.unknown")
    await context.work(IllustratePage(illustrates=page_id, **picture_terms(context).model_dump()))


async def portrait(context: Context, values: dict[str, Any]) -> None:
    """Draw a persona: the one that is named, else the one that is talked with here."""
    name = str(values.get("name") or "").strip()
    persona = await (personas.named(context.account_id, name) if name else personas.active(context.who.conversation))
    await portray(context, persona, **_look(values))


async def portray(context: Context, persona: Persona, **look: str) -> None:
    """Draw a persona."""
    await context.work(PersonaPortrait(persona=persona.id, **look, **picture_terms(context).model_dump()))


async def change(context: Context, picture_id: int, prompt: str) -> None:
    """Redraw a picture as something else. Raises `NotFound`."""
    picture = await pictures.get(context.account_id, picture_id)
    order = Imagine(
        prompt=" ".join(prompt.split()),
        negative=picture.negative,
        lora=picture.lora,
        style=picture.style,
        size=picture.size,
        quality=picture.quality,
        rating=setting_of(context),
        source=picture.id,
        strength=CHANGE / 100,
        **picture_terms(context).model_dump(),
    )
    await context.work(order)


async def redraw(context: Context, how: type[FromPicture], picture_id: int) -> None:
    """Make another picture from one. Raises `NotFound`."""
    picture = await pictures.get(context.account_id, picture_id)
    await context.work(how(picture=picture.id, **picture_terms(context).model_dump()))


async def rate(context: Context, values: dict[str, Any]) -> None:
    """Say what pictures may show here, as far as the place allows it."""
    level = parse_rating(values["level"])
    allowed = place_allowance(
        adult_channel=context.event.conversation.adult,
        direct=context.event.conversation.kind == "dm",
        opted_in=True,
        operator_adult=context.adults,
        ordinary="suggestive",
    )
    if exceeds(level, allowed):
        raise NotAllowed("picture.place_refuses")
    await accounts.set_rating(context.account_id, level)
    await context.notice("picture.rating_set", private=False, level=_LABELS[level])


async def image_model(context: Context, values: dict[str, Any]) -> None:
    """Choose which engine draws for the account."""
    wanted = str(values["name"]).strip().casefold()
    if wanted == DEFAULT:
        await accounts.choose_image_engine(context.account_id, "")
        await context.notice("picture.image_engine_reset", private=False)
        return
    known = await image_engines(context.queue)
    if wanted not in known:
        raise NotFound("picture.no_image_engine", name=wanted, names=", ".join((DEFAULT, *known)))
    await accounts.choose_image_engine(context.account_id, wanted)
    await context.notice("picture.image_engine_set", private=False, name=wanted)


async def image_engines(queue: Queue) -> list[str]:
    """Return the names of the image engines that workers have."""
    workers = await queue.heartbeats() or []
    return list(dict.fromkeys(str(e.get("engine")) for worker in workers for e in worker.get("pictures", ())))


def picture_terms(context: Context) -> PictureTerms:
    """Return the parameters common to all picture jobs: the allowed rating and a seed that survives retries."""
    return PictureTerms(allowance=allowed_here(context), random_seed=secrets.randbelow(SEED_LIMIT))


def allowed_here(context: Context) -> Rating:
    """Return the highest rating that may be shown here: what the place allows, and not more than `/rating` said."""
    setting = setting_of(context)
    allowance = place_allowance(
        adult_channel=context.event.conversation.adult,
        direct=context.event.conversation.kind == "dm",
        opted_in=setting == "nsfw",
        operator_adult=context.adults,
        ordinary="sfw" if setting == "sfw" else "suggestive",
    )
    return lowest(allowance, setting) if "rating" in context.who.account.settings else allowance


def setting_of(context: Context) -> Rating:
    """Return the rating that the account has chosen."""
    return parse_rating(context.who.account.settings.get("rating"))


def _look(values: dict[str, Any]) -> dict[str, str]:
    style = str(values.get("style") or "").strip()
    if style:
        known = {word.casefold(): s.key for s in styles().values() for word in (s.key, s.name)}
        if style.casefold() not in known:
            names = ", ".join(s.key for s in styles().values())
            raise BadInput("command.bad_choice", parameter="style", choices=names, value=style)
        style = known[style.casefold()]
    return {"style": style, "size": values.get("size") or "", "quality": values.get("quality") or ""}


async def attached(context: Context) -> int | None:
    """Keep the picture that came with a command and return its id; None if there is none. Raises `BadInput`."""
    payload = context.event.payload
    if not isinstance(payload, Command):
        return None
    file = payload.file
    if file is None:
        return None
    if file.problem:
        raise BadInput(file.problem, **file.values)
    return await pictures.attach(context.account_id, context.user_id, context.conversation_id, file.data)


SPECS: Final = (
    CommandSpec(
        "imagine",
        "Draw what you describe",
        imagine,
        (
            Parameter(
                "prompt",
                "What the picture shows",
                required=True,
                max_length=PROMPT_LENGTH,
                multiline=True,
                placeholder="a lighthouse keeper at an open door under the sea, lantern light",
            ),
            _STYLE,
            _SIZE,
            _QUALITY,
            Parameter("seed", "A number: the same one draws the same picture again", int),
            Parameter("negative", "What it must not show", max_length=NEGATIVE_LENGTH),
            Parameter("lora", "LoRAs by name, with a weight where you like: ink:0.8", max_length=LORA_LENGTH),
            Parameter("picture", "A picture of yours to be redrawn", bytes, accepts="picture"),
            Parameter("change", "How much of your picture is redrawn, 5 to 100 percent", int),
        ),
    ),
    CommandSpec(
        "persona portrait",
        "Draw whom you talk with",
        portrait,
        (Parameter("name", "The persona's name", completes="personas"), _STYLE, _SIZE, _QUALITY),
    ),
    CommandSpec(
        "image_model",
        "Choose who draws the pictures here",
        image_model,
        (Parameter("name", f"The engine, or {DEFAULT} for the usual one", required=True, completes="image_engines"),),
        admin=True,
    ),
    CommandSpec(
        "rating",
        "Say what pictures may show here",
        rate,
        (Parameter("level", "What may be shown", required=True, choices=tuple((_LABELS[r], r) for r in RATINGS)),),
        admin=True,
    ),
)
