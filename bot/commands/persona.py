"""`/persona …` and `/chat …`: whom to talk with, and forgetting what was said."""

from typing import Any, Final

from bot.commands.registry import CommandSpec, Parameter
from bot.turn import Turn
from db import chats, personas
from db.models import Persona


async def list_personas(turn: Turn, values: dict[str, Any]) -> None:
    """List the personas one can talk with here."""
    del values
    await turn.say("personas", {"account": turn.account_id})


async def use(turn: Turn, values: dict[str, Any]) -> None:
    """Talk with a persona here from now on."""
    await use_persona(turn, await personas.named(turn.account_id, str(values["name"])))


async def use_persona(turn: Turn, persona: Persona) -> None:
    """Talk with a persona here from now on; it greets."""
    await personas.use(turn.conversation_id, persona.id)
    await turn.say("greeting", {"account": turn.account_id, "persona": persona.id})


async def reset(turn: Turn, values: dict[str, Any]) -> None:
    """Let the persona forget what was said here."""
    del values
    persona = await personas.active(turn.who.conversation)
    await chats.reset(turn.conversation_id)
    await turn.notice("chat.reset", private=False, name=persona.name)


SPECS: Final = (
    CommandSpec("persona list", "List whom you can talk with", list_personas),
    CommandSpec(
        "persona use",
        "Talk with somebody else from now on",
        use,
        (Parameter("name", "The persona's name", required=True, completes="personas"),),
    ),
    CommandSpec("chat reset", "Let the persona forget this conversation", reset),
)
