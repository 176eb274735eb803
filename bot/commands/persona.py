"""`/persona …` and `/chat …`: choosing a persona, and resetting the conversation."""

from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.context import Context, Enquiry
from db import chats, data_choices, personas
from db.conversations import DEFAULT_MODE
from db.payloads.persona import Greeting, PersonaList
from db.permissions import EVERYBODY
from db.personas import Persona


async def list_personas(context: Context, values: dict[str, Any]) -> None:
    """List the personas available here."""
    del values
    await context.say(PersonaList(account=context.account_id))


async def use(context: Context, values: dict[str, Any]) -> None:
    """Make a persona the active one in this conversation."""
    await use_persona(context, await personas.named(context.account_id, str(values["name"])))


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


async def complete_persona(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest the personas that the account may use."""
    who = await enquiry.who()
    return [(p.name, p.name) for p in await personas.known(who.account.id, search=prefix)]


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
