"""`/persona …` and `/chat …`: choosing a persona, and resetting the conversation."""

from collections import Counter
from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.context import Context, Enquiry
from bot.panels import OpenPanel, fresh_panel, private_chat, show_panel
from bot.ratings import allowed_here, may_choose
from db import chat_openings, chats, company, data_choices, personas
from db.conversations import DEFAULT_MODE
from db.errors import NotAllowed
from db.payloads.persona import Greeting, PersonaList, PersonaShown
from db.permissions import EVERYBODY
from db.personas import Persona
from db.personas.greetings import greetings
from prompts.safety.rating import exceeds, parse_rating

SUGGESTED: Final = 25


async def list_personas(context: Context, values: dict[str, Any]) -> None:
    """List the personas that the person sees."""
    del values
    await show_list(context, fresh_panel(context))


async def show_list(context: Context, panel: OpenPanel, start: int = 0) -> None:
    """List the personas that the person sees, from one on."""
    here = await company.present(context.who.conversation)
    payload = PersonaList(
        here=tuple(each.id for each in here),
        called=tuple(each.id for each in here if each.when_called),
        owner=panel.owner,
        opened=panel.opened,
        start=start,
        adults=may_choose(context, "nsfw"),
        talks=context.may("use_persona"),
    )
    await show_panel(context, panel, payload)


async def show(context: Context, values: dict[str, Any]) -> None:
    """Show a persona."""
    await show_card(context, fresh_panel(context), await persona_meant(context, values.get("name")))


async def show_card(
    context: Context, panel: OpenPanel, persona: Persona, *, edit: bool = False, done: str = ""
) -> None:
    """Show a persona, or the menu to change it. ``done`` is the wording of what has just happened."""
    require_rating(context, persona)
    payload = PersonaShown(
        owner=panel.owner,
        opened=panel.opened,
        persona=persona.id,
        page="edit" if edit else "card",
        done=done,
        moderates=context.may("moderate"),
        talks=context.may("use_persona"),
    )
    await show_panel(context, panel, payload)


async def use(context: Context, values: dict[str, Any]) -> None:
    """Make a persona the active one in this conversation."""
    await use_persona(context, await persona_meant(context, values["name"]))


async def use_persona(context: Context, persona: Persona) -> None:
    """Make a persona the only one who talks in this conversation; it greets."""
    here = await admit(context, persona)
    await personas.use(context.conversation_id, here.id)
    await context.audit("persona_use", here.key if here.account_id is None else str(here.id))
    await greet(context, here, context.who.conversation.epoch)


async def admit(context: Context, persona: Persona) -> Persona:
    """Return a persona as it may talk here: of other places a copy. Raises `NotAllowed`, `LimitReached`."""
    require_rating(context, persona)
    if persona.verdict == "refused":
        raise NotAllowed("persona.refused", name=persona.name)
    if persona.verdict == "unchecked" and not private_chat(context):
        raise NotAllowed("persona.being_checked", name=persona.name)
    if persona.account_id not in (None, context.account_id):
        await context.use("personas")
    return await personas.adopt(context.account_id, context.user_id, persona)


async def greet(context: Context, persona: Persona, epoch: int, *, forgot: bool = False, begun: bool = False) -> bool:
    """Show a persona's first words; they are the first message of a chat that has not begun in this ``epoch``.

    ``forgot``: the chat was reset; then False, and nothing is shown, if the persona has no first words.
    ``begun``: it is another chat beside those that there are.
    """
    here = context.who.conversation
    told = greetings(persona.card, context.who.user.name, group=not private_chat(context), seed=here.id)
    opened = await chat_openings.open_chat(here.id, persona.id, epoch, told, persona.verdict, context.user_id)
    if forgot and opened is None:
        return False
    account = context.account_id
    await context.say(Greeting(account=account, persona=persona.id, message=opened, forgot=forgot, begun=begun))
    return True


def require_rating(context: Context, persona: Persona) -> None:
    """Raise `NotAllowed` if a persona is for adults and nothing of that kind may be shown here."""
    rating = parse_rating(persona.card.get("rating"))
    if rating == "nsfw" and exceeds(rating, allowed_here(context)) and not may_choose(context, rating):
        raise NotAllowed("rating.place_refuses")


async def reset(context: Context, values: dict[str, Any]) -> None:
    """Reset the persona's memory of this conversation."""
    del values
    conversation = context.who.conversation
    persona = await company.lead(conversation)
    epoch = await chats.reset(context.conversation_id)
    await context.audit("chat_reset", str(context.conversation_id))
    await data_choices.forget_archived(context.user_id)
    if conversation.mode != DEFAULT_MODE:
        await context.notice("chat.reset_elsewhere", private=False, name=persona.name)
    elif not await greet(context, persona, epoch, forgot=True):
        await context.notice("chat.reset", private=False, name=persona.name)


async def persona_meant(context: Context, name: object = "") -> Persona:
    """Return the persona that a person names, by default the one who talks here. Raises `NotFound`."""
    wanted = str(name or "").strip()
    if not wanted:
        return (await company.present(context.who.conversation))[0]
    return await personas.named(context.account_id, wanted, context.user_id, adults=may_choose(context, "nsfw"))


async def complete_persona(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest the personas that the person sees."""
    who = await enquiry.who()
    found = await personas.known(who.account.id, who.user.id, adults=enquiry.adults, search=prefix, most=SUGGESTED)
    doubles = Counter(persona.name for persona in found)
    return [(p.name, p.name if doubles[p.name] == 1 else f"#{p.id}") for p in found]


NAME: Final = Parameter("name", "The persona's name; by default who talks here", completes=complete_persona)
COMMANDS: Final = (
    CommandSpec("persona list", "List whom you can talk with", list_personas, permission=EVERYBODY),
    CommandSpec("persona show", "Show a persona", show, (NAME,), permission=EVERYBODY, example="Marlow"),
    CommandSpec(
        "persona use",
        "Talk with another persona from now on",
        use,
        (Parameter("name", "The persona's name", required=True, completes=complete_persona),),
        permission="use_persona",
        example="Marlow",
    ),
    CommandSpec("chat reset", "Let the persona forget this conversation", reset, permission="reset"),
)
