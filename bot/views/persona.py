"""Messages of personas."""

from typing import Final

from bot.messages import Message
from bot.views.base import ViewContext, ViewSpec, in_rows
from db import personas
from db.payloads.persona import Greeting, PersonaList
from db.personas.greetings import greetings

BUTTONS: Final = 20


async def persona_list(view: ViewContext, payload: PersonaList) -> Message:
    """Compose the list of personas."""
    found = await personas.known(payload.account, payload.user)
    if not found:
        return Message(view.words("persona.none"), private=True)
    lines = [view.words("persona.list_line", name=p.name, tagline=p.card.get("tagline", "")) for p in found]
    return Message(
        "\n".join(lines),
        title=view.words("persona.list_title"),
        footer=view.words("persona.list_footer"),
        buttons=in_rows([view.button("persona", p.id, text=p.name) for p in found[:BUTTONS]]),
    )


async def greeting(view: ViewContext, payload: Greeting) -> Message:
    """Compose a persona's first words."""
    persona = await personas.get(payload.account, payload.persona)
    return Message(
        next(iter(greetings(persona.card)), "") or view.words("chat.nothing", name=persona.name),
        speaker=persona.name,
        buttons=((view.button("portrait", persona.id),),),
    )


VIEWS: Final = (ViewSpec(PersonaList, persona_list), ViewSpec(Greeting, greeting))
