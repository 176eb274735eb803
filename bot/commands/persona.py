"""`/persona …` and `/chat …`: choosing a persona, and resetting the conversation."""

from collections import Counter
from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.context import Context, Enquiry
from bot.ratings import may_choose
from db import chats, data_choices, personas
from db.conversations import DEFAULT_MODE
from db.payloads.persona import Greeting, PersonaList
from db.permissions import EVERYBODY
from db.personas import Persona

SUGGESTED: Final = 25


async def list_personas(context: Context, values: dict[str, Any]) -> None:
    """List the personas available here."""
    del values
    await context.say(PersonaList(account=context.account_id, user=context.user_id))


async def use(context: Context, values: dict[str, Any]) -> None:
    """Make a persona the active one in this conversation."""
    await use_persona(context, await persona_meant(context, values["name"]))


async def use_persona(context: Context, persona: Persona) -> None:
    """Make a persona the active one in this conversation; it greets."""
    await personas.use(context.conversation_id, persona.id)
    await context.audit("persona_use", persona.key if persona.account_id is None else str(persona.id))
    await context.say(Greeting(account=context.account_id, persona=persona.id))


async def reset(context: Context, values: dict[str, Any]) -> None:
    """Reset the persona's memory of this conversation."""
    del values
    conversation = context.who.conversation
    persona = await personas.active(conversation)
    await chats.reset(context.conversation_id)
    await context.audit("chat_reset", str(context.conversation_id))
    await data_choices.forget_archived(context.user_id)
    told = "chat.reset" if conversation.mode == DEFAULT_MODE else "chat.reset_elsewhere"
    await context.notice(told, private=False, name=persona.name)


async def persona_meant(context: Context, name: object = "") -> Persona:
    """Return the persona that a person names, by default the one who talks here. Raises `NotFound`."""
    wanted = str(name or "").strip()
    if not wanted:
        return await personas.active(context.who.conversation)
    return await personas.named(context.account_id, wanted, context.user_id, adults=may_choose(context, "nsfw"))


async def complete_persona(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest the personas that the account may use."""
    who = await enquiry.who()
    found = await personas.known(who.account.id, who.user.id, adults=enquiry.adults, search=prefix, most=SUGGESTED)
    doubles = Counter(persona.name for persona in found)
    return [(p.name, p.name if doubles[p.name] == 1 else f"#{p.id}") for p in found]


COMMANDS: Final = (
    CommandSpec("persona list", "List whom you can talk with", list_personas, permission=EVERYBODY),
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
