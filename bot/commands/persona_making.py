"""`/persona create`, `edit`, `copy`, `share`, `delete`: making personas, and keeping them."""

from typing import Any, Final, cast, get_args

from bot.commands.base import CommandSpec, Parameter
from bot.commands.persona import NAME, complete_persona, persona_meant, require_rating, show_card
from bot.context import Context
from bot.links import LinkSpec
from bot.moderation import screen
from bot.panels import OpenPanel, fresh_panel
from bot.persona_fields import CardField, checked_card
from bot.ratings import allowed_here
from db import jobs, personas
from db.errors import NotAllowed, NotFound
from db.payloads.persona import DeletePersona, PersonaLink, SharedPersona
from db.people import PERSONAL
from db.personas import Persona, Visibility
from db.personas.judging import JudgePersona
from prompts.safety.rating import exceeds, parse_rating

LINK: Final = "persona"
"""The prefix of links that give a copy of a persona."""


async def create(context: Context, values: dict[str, Any]) -> None:
    """Make a persona of a name and what they are like; the rest is added by a second form, or later."""
    name, about = str(values["name"]), str(values["about"])
    card = checked_card({"name": name.strip(), "description": about.strip(), "rating": allowed_here(context)})
    verdict = await screen(context, name=name, about=about)
    await context.use("personas")
    made = await personas.create(
        context.account_id, context.user_id, card, verdict=verdict, visibility=usual_visibility(context)
    )
    await context.audit("persona_create", str(made.id))
    await judge(context, made)
    await show_card(context, fresh_panel(context), made, edit=True, done="persona.created")


def usual_visibility(context: Context) -> Visibility:
    """Return who sees what a person makes here, if they say nothing else."""
    return "owner" if context.who.account.kind in PERSONAL else "place"


async def judge(context: Context, persona: Persona) -> None:
    """Have a persona judged beside the answer, unless it is."""
    if persona.verdict != "unchecked":
        return
    parameters = JudgePersona(persona=persona.id, allowance=allowed_here(context))
    job_id = await jobs.add(
        parameters, account_id=context.account_id, user_id=context.user_id, conversation_id=context.conversation_id
    )
    context.wakes.append(jobs.Wakeup(job_id, jobs.queue_of(parameters), jobs.INTERACTIVE))


async def edit(context: Context, values: dict[str, Any]) -> None:
    """Show what can be changed of a persona."""
    persona = await persona_meant(context, values.get("name"))
    await require_change(context, persona.id)
    await show_card(context, fresh_panel(context), persona, edit=True)


async def require_change(context: Context, persona_id: int) -> Persona:
    """Return a persona that the person may change. Raises `NotFound`, `NotAllowed`."""
    persona = await personas.seen(context.account_id, context.user_id, persona_id, moderate=context.may("moderate"))
    if persona.account_id is None:
        raise NotAllowed("persona.ships", name=persona.name)
    if not personas.may_change(persona, context.account_id, context.user_id, moderate=context.may("moderate")):
        raise NotAllowed("persona.not_yours", name=persona.name)
    return persona


async def change(context: Context, panel: OpenPanel, persona_id: int, changes: dict[CardField, str]) -> None:
    """Set fields of a persona to what the person has typed. Raises `BadInput`, `NotFound`, `NotAllowed`."""
    persona = await require_change(context, persona_id)
    read: dict[str, Any] = {}
    for field, text in changes.items():
        read |= field.put({**persona.card, **read}, field.read(text))
    card = checked_card({**persona.card, **read})
    if exceeds(parse_rating(card.get("rating")), allowed_here(context)) and "rating" in read:
        raise NotAllowed("rating.place_refuses")
    verdict = await screen(context, text="\n".join(changes.values()))
    now = await personas.edit(
        context.account_id,
        context.user_id,
        persona_id,
        {name: card.get(name, "") for name in read},
        moderate=context.may("moderate"),
        verdict=verdict,
    )
    if now.revision != persona.revision:
        await context.audit("persona_edit", str(persona_id))
        await judge(context, now)
    await show_card(context, panel, now, edit=True, done="persona.changed")


async def copy(context: Context, values: dict[str, Any]) -> None:
    """Copy a persona, as the person's own."""
    await copy_persona(context, fresh_panel(context), await persona_meant(context, values.get("name")))


async def copy_persona(context: Context, panel: OpenPanel, origin: Persona) -> None:
    """Copy a persona that the person may have, as their own. Raises `NotAllowed`."""
    require_rating(context, origin)
    await context.use("personas")
    made = await personas.copy(
        context.account_id, context.user_id, origin, visibility=usual_visibility(context)
    )  # fmt: skip
    await context.audit("persona_create", str(made.id))
    await show_card(context, panel, made, done="persona.copied")


async def share(context: Context, values: dict[str, Any]) -> None:
    """Give the link by which others may copy one's persona, or take it back, or say who sees it."""
    persona = await persona_meant(context, values.get("name"))
    if seen_by := values.get("seen"):
        await set_visibility(context, fresh_panel(context), persona.id, str(seen_by))
        return
    if values.get("stop"):
        await unshare(context, persona.id)
        return
    await personas.share(context.account_id, context.user_id, persona.id)
    await context.audit("persona_share", str(persona.id))
    await context.say(PersonaLink(user=context.user_id, persona=persona.id), ordered=False, private=True)


async def unshare(context: Context, persona_id: int) -> None:
    """Take a persona's link back."""
    await personas.unshare(context.account_id, context.user_id, persona_id, moderate=context.may("moderate"))
    await context.audit("persona_unshare", str(persona_id))
    await context.notice("persona.unshared")


async def set_visibility(context: Context, panel: OpenPanel, persona_id: int, seen_by: str) -> None:
    """Set who sees a persona."""
    if seen_by not in get_args(Visibility):
        raise NotFound("router.old_button")
    if seen_by == "service":
        context.require("share")
    found = await personas.show_to(
        context.account_id,
        context.user_id,
        persona_id,
        cast("Visibility", seen_by),
        moderate=context.may("moderate"),
    )
    await context.audit("persona_visibility", str(persona_id), seen=seen_by)
    await show_card(context, panel, found, edit=True, done=f"persona.seen_by_{seen_by}")


async def follow(context: Context, code: str) -> None:
    """Show the persona of a link, and offer a copy."""
    require_rating(context, await personas.shared(code))
    await context.say(SharedPersona(code=code), ordered=False, private=True)


async def delete(context: Context, values: dict[str, Any]) -> None:
    """Ask whether to delete a persona."""
    await ask_to_delete(context, (await persona_meant(context, values["name"])).id)


async def ask_to_delete(context: Context, persona_id: int) -> None:
    """Ask whether to delete a persona that the person may change."""
    persona = await require_change(context, persona_id)
    assert persona.account_id is not None
    await context.say(DeletePersona(account=persona.account_id, persona=persona.id), ordered=False, private=True)


COMMANDS: Final = (
    CommandSpec(
        "persona create",
        "Make a persona of your own",
        create,
        (
            Parameter("name", "What they are called", required=True, max_length=100),
            Parameter(
                "about",
                "Who they are, in a few sentences",
                required=True,
                max_length=4000,
                multiline=True,
                placeholder="a patient clockmaker of forty who talks to the clocks",
            ),
        ),
        permission="create_persona",
    ),
    CommandSpec(
        "persona edit", "Change a persona of yours", edit, (NAME,), permission="create_persona", example="Mira"
    ),
    CommandSpec(
        "persona copy", "Copy a persona, to change the copy", copy, (NAME,), permission="create_persona",
        example="Marlow",
    ),
    CommandSpec(
        "persona share",
        "Give others a link to copy your persona, or say who sees it",
        share,
        (
            NAME,
            Parameter(
                "seen",
                "Who sees it",
                choices=(("Only me", "owner"), ("Everybody here", "place"), ("Everybody on this service", "service")),
            ),
            Parameter("stop", "Take the link back", bool),
        ),
        permission="share",
        example="Mira",
    ),
    CommandSpec(
        "persona delete",
        "Delete a persona of yours",
        delete,
        (Parameter("name", "The persona's name", required=True, completes=complete_persona),),
        permission="create_persona",
        example="Mira",
    ),
)  # fmt: skip
LINKS: Final = (LinkSpec(LINK, follow),)
