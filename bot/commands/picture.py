"""`/imagine`, `/persona portrait`, `/chat picture`, `/image_model`: pictures and their engine."""

import secrets
from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.commands.persona import complete_persona, persona_meant
from bot.context import Context, Enquiry
from bot.events import Command
from bot.moderation import screen
from bot.preferences import PreferenceOption, PreferenceSpec
from bot.ratings import allowed_here, rating_here
from db import accounts, chats, heartbeats, personas, pictures
from db.chat_moments import DrawMoment
from db.errors import BadInput, NotAllowed, NotFound
from db.personas import Persona
from db.work import Imagine, PersonaPortrait, PictureTerms
from prompts.pictures import qualities, sizes, styles

DEFAULT: Final = "default"
"""The value that selects the operator's order of engines."""
PROMPT_LENGTH: Final = 4000
NEGATIVE_LENGTH: Final = 1000
LORA_LENGTH: Final = 500
SCENE_LENGTH: Final = 1000
CHANGE: Final = 60
"""Default share of a picture that is redrawn, in percent."""
SEED_LIMIT: Final = 2**32


async def complete_style(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest styles."""
    del enquiry
    return [(s.name, s.key) for s in styles().values() if prefix.lower() in f"{s.key} {s.name}".lower()]


async def complete_image_engine(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest the image engines that workers have."""
    del enquiry
    names = (DEFAULT, *await heartbeats.image_engines())
    return [(name, name) for name in names if prefix.casefold() in name.casefold()]


STYLE: Final = Parameter("style", "How it looks", completes=complete_style)
SIZE: Final = Parameter("size", "Its shape", choices=tuple((s.name, s.key) for s in sizes().values()))
QUALITY: Final = Parameter(
    "quality", "How much work goes into it", choices=tuple((q.name, q.key) for q in qualities().values())
)


async def imagine(context: Context, values: dict[str, Any]) -> None:
    """Draw from a description, with a persona in it if one is named, or redraw an attached picture."""
    source, prompt = values.get("picture"), " ".join(str(values["prompt"]).split())
    await screen(context, prompt=prompt, negative=values.get("negative") or "")
    persona = await sitter(context, values.get("persona"))
    order = Imagine(
        prompt=prompt,
        negative=values.get("negative") or "",
        lora=" ".join(str(values.get("lora") or "").split()),
        seed=values.get("seed"),
        rating=rating_here(context),
        source=source,
        strength=(CHANGE if source is None else values.get("change", CHANGE)) / 100,
        persona=None if persona is None else persona.id,
        enhance=bool(values.get("enhance")),
        **look_of(values),
        **picture_terms(context).model_dump(),
    )
    await context.work(order)


async def sitter(context: Context, name: object) -> Persona | None:
    """Return the persona whom a person names for a picture, copied into this account if need be. Raises `NotFound`."""
    if not str(name or "").strip():
        return None
    return await personas.adopt(context.account_id, context.user_id, await persona_meant(context, name))


async def check_that_somebody_draws(context: Context) -> None:
    """Raise `NotAllowed` if nobody does; the job itself waits for somebody who starts."""
    del context
    if (missing := await heartbeats.missing_for_pictures()) in {"worker", "model"}:
        raise NotAllowed(f"picture.no_{missing}")


async def portrait(context: Context, values: dict[str, Any]) -> None:
    """Draw the named persona, else the active one."""
    scene = str(values.get("scene") or "").strip()
    await screen(context, scene=scene)
    await portray(context, await persona_meant(context, values.get("name")), prompt=scene, **look_of(values))


async def portray(context: Context, persona: Persona, **look: str) -> None:
    """Draw a persona; one of elsewhere is copied into this account first."""
    here = await personas.adopt(context.account_id, context.user_id, persona)
    await context.work(PersonaPortrait(persona=here.id, **look, **picture_terms(context).model_dump()))


async def picture_of_chat(context: Context, values: dict[str, Any]) -> None:
    """Draw the moment of the last reply here."""
    here = context.who.conversation
    persona = await personas.active(here)
    reply = await chats.last_reply(here.id, persona.id, here.epoch)
    if reply is None:
        raise NotFound("picture.no_moment", name=persona.name)
    await draw_moment(context, reply, **look_of(values))


async def draw_moment(context: Context, reply: int, **look: str) -> None:
    """Draw the moment of a reply of this chat. Raises `NotFound`."""
    here, found = context.who.conversation, await chats.get(context.account_id, reply)
    if found is None or (found[0].conversation_id, found[0].epoch, found[0].role) != (here.id, here.epoch, "persona"):
        raise NotFound("chat.unknown_message")
    await context.work(DrawMoment(reply=reply, **look, **picture_terms(context).model_dump()))


async def image_model(context: Context, values: dict[str, Any]) -> None:
    """Choose the image engine of the account."""
    wanted = str(values["name"]).strip().casefold()
    if wanted == DEFAULT:
        await accounts.choose_image_engine(context.account_id, "")
        await context.audit("image_engine", DEFAULT)
        await context.notice("picture.image_engine_reset", private=False)
        return
    known = await heartbeats.image_engines()
    if wanted not in known:
        raise NotFound("picture.no_image_engine", name=wanted, names=", ".join((DEFAULT, *known)))
    await accounts.choose_image_engine(context.account_id, wanted)
    await context.audit("image_engine", wanted)
    await context.notice("picture.image_engine_set", private=False, name=wanted)


def picture_terms(context: Context) -> PictureTerms:
    """Return the parameters common to all picture jobs: the allowed rating and a seed that survives retries."""
    return PictureTerms(allowance=allowed_here(context), random_seed=secrets.randbelow(SEED_LIMIT))


def look_of(values: dict[str, Any]) -> dict[str, str]:
    """Return the keys of the style, size and quality that a person names, "" for the others. Raises `BadInput`."""
    style = str(values.get("style") or "").strip()
    if style:
        known = {word.casefold(): s.key for s in styles().values() for word in (s.key, s.name)}
        if style.casefold() not in known:
            names = ", ".join(s.key for s in styles().values())
            raise BadInput("command.bad_choice", parameter="style", choices=names, value=style)
        style = known[style.casefold()]
    return {"style": style, "size": values.get("size") or "", "quality": values.get("quality") or ""}


async def attached(context: Context) -> int | None:
    """Save the picture attached to a command and return its id; None if there is none. Raises `BadInput`."""
    payload = context.event.payload
    if not isinstance(payload, Command):
        return None
    file = payload.file
    if file is None:
        return None
    if file.problem:
        raise BadInput(file.problem, **file.values)
    return await pictures.attach(context.account_id, context.user_id, context.conversation_id, file.data)


async def read_image_engine(context: Context) -> str:
    """Return the chosen image engine, "" for the operator's order."""
    return await accounts.chosen_image_engine(context.account_id)


async def write_image_engine(context: Context, value: str) -> None:
    """Choose an image engine, "" for the operator's order."""
    await accounts.choose_image_engine(context.account_id, value)


async def image_engine_options(context: Context) -> list[PreferenceOption]:
    """Return the image engines of the workers."""
    del context
    known = await heartbeats.image_engines()
    return [PreferenceOption("", "settings.usual"), *(PreferenceOption(name) for name in known)]


async def draws_somebody(context: Context) -> bool:
    """Return whether an image engine is there to be chosen."""
    del context
    return bool(await heartbeats.image_engines())


PREFERENCES: Final = (
    PreferenceSpec(
        "image_model",
        "settings.image_model",
        "place",
        read_image_engine,
        write_image_engine,
        image_engine_options,
        permission="models",
        help="settings.image_model_help",
        available=draws_somebody,
        command="image_model",
    ),
)
COMMANDS: Final = (
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
            Parameter("persona", "Who is in it: a persona's name", completes=complete_persona),
            Parameter("enhance", "Have your words written out before they are drawn", bool),
            STYLE,
            SIZE,
            QUALITY,
            Parameter(
                "seed", "A number: the same one draws the same picture again", int, minimum=0, maximum=SEED_LIMIT - 1
            ),
            Parameter("negative", "What it must not show", max_length=NEGATIVE_LENGTH),
            Parameter("lora", "LoRAs by name, with a weight where you like: ink:0.8", max_length=LORA_LENGTH),
            Parameter("picture", "A picture of yours to be redrawn", bytes, accepts="picture", store=attached),
            Parameter("change", "How much of your picture is redrawn, 5 to 100 percent", int, minimum=5, maximum=100),
        ),
        check=check_that_somebody_draws,
        permission="imagine",
        example="a lighthouse keeper at an open door under the sea style=watercolour",
    ),
    CommandSpec(
        "persona portrait",
        "Draw whom you talk with",
        portrait,
        (
            Parameter("name", "The persona's name", completes=complete_persona),
            Parameter("scene", "Where, and doing what", max_length=SCENE_LENGTH),
            STYLE,
            SIZE,
            QUALITY,
        ),
        permission="imagine",
        check=check_that_somebody_draws,
        example="Marlow style=ink",
    ),
    CommandSpec(
        "chat picture",
        "Draw this moment of the chat",
        picture_of_chat,
        (STYLE, SIZE, QUALITY),
        permission="imagine",
        check=check_that_somebody_draws,
        example="style=ink",
    ),
    CommandSpec(
        "image_model",
        "Choose who draws the pictures here",
        image_model,
        (
            Parameter(
                "name", f"The engine, or {DEFAULT} for the usual one", required=True, completes=complete_image_engine
            ),
        ),
        permission="models",
    ),
)
