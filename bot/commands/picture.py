"""`/imagine`, `/persona portrait`, `/painter`, `/rating`: pictures, who draws them, and what they may show here."""

import secrets
from typing import Any, Final

from bot.commands.registry import CommandSpec, Parameter
from bot.events import Command
from bot.turn import Turn
from db import accounts, personas, pictures, stories
from db.errors import BadInput, NotAllowed, NotFound
from db.models import Persona
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


async def imagine(turn: Turn, values: dict[str, Any]) -> None:
    """Draw what is described, or redraw an attached picture."""
    seed = values.get("seed")
    if seed is not None and not 0 <= seed < SEED_LIMIT:
        raise BadInput("picture.bad_seed", limit=SEED_LIMIT - 1)
    order: dict[str, Any] = {
        "prompt": " ".join(str(values["prompt"]).split()),
        "negative": values.get("negative") or "",
        "lora": " ".join(str(values.get("lora") or "").split()),
        "seed": seed,
        "rating": setting_of(turn),
        **_look(values),
        **chances(turn),
    }
    source = values.get("picture")
    if source is not None:
        strength = values.get("change", CHANGE)
        if not 5 <= strength <= 100:
            raise BadInput("picture.bad_change")
        order |= {"source": source, "strength": strength / 100}
    await turn.work("imagine", order)


async def illustrate(turn: Turn, page_id: int) -> None:
    """Draw a page. Raises `NotFound`."""
    found = await stories.page(page_id)
    if found is None or found[0].account_id != turn.account_id or found[1].state != "ready":
        raise NotFound("story.unknown")
    await turn.work("illustrate_page", {"illustrates": page_id, **chances(turn)})


async def portrait(turn: Turn, values: dict[str, Any]) -> None:
    """Draw a persona: the one that is named, else the one that is talked with here."""
    name = str(values.get("name") or "").strip()
    persona = await (personas.named(turn.account_id, name) if name else personas.active(turn.who.conversation))
    await portray(turn, persona, **_look(values))


async def portray(turn: Turn, persona: Persona, **look: str) -> None:
    """Draw a persona."""
    await turn.work("persona_portrait", {"persona": persona.id, **look, **chances(turn)})


async def change(turn: Turn, picture_id: int, prompt: str) -> None:
    """Redraw a picture as something else. Raises `NotFound`."""
    picture = await pictures.get(turn.account_id, picture_id)
    look = {"style": picture.style, "size": picture.size, "quality": picture.quality, "lora": picture.lora}
    await turn.work(
        "imagine",
        {
            "prompt": " ".join(prompt.split()),
            "negative": picture.negative,
            "seed": None,
            "rating": setting_of(turn),
            "source": picture.id,
            "strength": CHANGE / 100,
            **look,
            **chances(turn),
        },
    )


async def redraw(turn: Turn, how: str, picture_id: int) -> None:
    """Make another picture from one: ``how`` is the job's type. Raises `NotFound`."""
    picture = await pictures.get(turn.account_id, picture_id)
    await turn.work(how, {"picture": picture.id, **chances(turn)})


async def rate(turn: Turn, values: dict[str, Any]) -> None:
    """Say what pictures may show here, as far as the place allows it."""
    level = parse_rating(values["level"])
    allowed = place_allowance(
        adult_channel=turn.event.conversation.adult,
        direct=turn.event.conversation.kind == "dm",
        opted_in=True,
        operator_adult=turn.adults,
        ordinary="suggestive",
    )
    if exceeds(level, allowed):
        raise NotAllowed("picture.place_refuses")
    await accounts.set_rating(turn.account_id, level)
    await turn.notice("picture.rating_set", private=False, level=_LABELS[level])


async def painter(turn: Turn, values: dict[str, Any]) -> None:
    """Choose which engine draws for the account."""
    wanted = str(values["name"]).strip().casefold()
    if wanted == DEFAULT:
        await accounts.choose_painter(turn.account_id, "")
        await turn.notice("picture.painter_reset", private=False)
        return
    known = await painters(turn.queue)
    if wanted not in known:
        raise NotFound("picture.no_painter", name=wanted, names=", ".join((DEFAULT, *known)))
    await accounts.choose_painter(turn.account_id, wanted)
    await turn.notice("picture.painter_set", private=False, name=wanted)


async def painters(queue: Queue) -> list[str]:
    """Return the names of the image engines that workers have."""
    workers = await queue.vitals() or []
    return list(dict.fromkeys(str(e.get("engine")) for worker in workers for e in worker.get("pictures", ())))


def chances(turn: Turn) -> dict[str, Any]:
    """Return what a picture's job is told besides: what may be shown here, and a seed (kept for when it runs again)."""
    return {"allowance": allowed_here(turn), "random_seed": secrets.randbelow(SEED_LIMIT)}


def allowed_here(turn: Turn) -> Rating:
    """Return the highest rating that may be shown here: what the place allows, and not more than `/rating` said."""
    setting = setting_of(turn)
    allowance = place_allowance(
        adult_channel=turn.event.conversation.adult,
        direct=turn.event.conversation.kind == "dm",
        opted_in=setting == "nsfw",
        operator_adult=turn.adults,
        ordinary="sfw" if setting == "sfw" else "suggestive",
    )
    return lowest(allowance, setting) if "rating" in turn.who.account.settings else allowance


def setting_of(turn: Turn) -> Rating:
    """Return the rating that the account has chosen."""
    return parse_rating(turn.who.account.settings.get("rating"))


def _look(values: dict[str, Any]) -> dict[str, str]:
    style = str(values.get("style") or "").strip()
    if style:
        known = {word.casefold(): s.key for s in styles().values() for word in (s.key, s.name)}
        if style.casefold() not in known:
            names = ", ".join(s.key for s in styles().values())
            raise BadInput("command.bad_choice", parameter="style", choices=names, value=style)
        style = known[style.casefold()]
    return {"style": style, "size": values.get("size") or "", "quality": values.get("quality") or ""}


async def attached(turn: Turn) -> int | None:
    """Keep the picture that came with a command and return its id; None if there is none. Raises `BadInput`."""
    payload = turn.event.payload
    if not isinstance(payload, Command):
        return None
    if payload.file_problem:
        raise BadInput(payload.file_problem, limit_mb=pictures.ATTACHED_BYTES // 1_000_000)
    if not payload.file:
        return None
    if len(payload.file) > pictures.ATTACHED_BYTES:
        raise BadInput("attachment.too_big", limit_mb=pictures.ATTACHED_BYTES // 1_000_000)
    return await pictures.attach(turn.account_id, turn.user_id, turn.conversation_id, payload.file)


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
            Parameter("picture", "A picture of yours to be redrawn", bytes),
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
        "painter",
        "Choose who draws the pictures here",
        painter,
        (Parameter("name", f"The engine, or {DEFAULT} for the usual one", required=True, completes="painters"),),
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
