"""`/persona add` and `/persona remove`: several personas in one conversation."""

from collections.abc import Sequence
from typing import Any, Final

from bot import locales
from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.commands.persona import admit, complete_persona, persona_meant
from bot.context import Context, Enquiry
from db import company
from db.company import PresentPersona
from db.errors import NotFound
from db.personas import Persona

WHEN: Final = (("Whenever it is their turn", "turn"), ("Only when called", "called"))


async def add(context: Context, values: dict[str, Any]) -> None:
    """Let one more persona talk in this conversation."""
    persona = await admit(context, await persona_meant(context, values["name"]))
    when_called = values.get("when") == "called"
    await company.join(context.who.conversation, persona.id, when_called=when_called, most=context.limits.company)
    await context.audit("persona_add", _subject(persona))
    await _tell(context, "company.joined_called" if when_called else "company.joined", persona)


async def remove(context: Context, values: dict[str, Any]) -> None:
    """Let a persona talk no more in this conversation; the others do."""
    persona = _meant(str(values["name"]), await company.present(context.who.conversation))
    await company.leave(context.who.conversation, persona.id)
    await context.audit("persona_remove", _subject(persona))
    await _tell(context, "company.left", persona)


async def complete_present(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest the personas of the conversation."""
    who = await enquiry.who()
    here = await company.present(who.conversation)
    return [(each.name, f"#{each.id}") for each in here if prefix.casefold() in each.name.casefold()]


async def _tell(context: Context, key: str, persona: Persona) -> None:
    """Tell everybody who has come or gone, and who is there now."""
    here = await company.present(context.who.conversation)
    names = (
        locales.text("company.called", {"name": each.name}, context.language) if each.when_called else each.name
        for each in here
    )
    await context.notice(key, private=False, name=persona.name, names=", ".join(names))


def _meant(name: str, here: Sequence[PresentPersona]) -> PresentPersona:
    """Return who of those who are there is meant by a name, a part of one, a key or an id. Raises `NotFound`."""
    wanted = name.strip().casefold()
    exactly = [each for each in here if wanted in (each.name.casefold(), each.key.casefold(), f"#{each.id}")]
    found = exactly or [each for each in here if wanted in each.name.casefold()]
    if not wanted or len(found) != 1:
        raise NotFound("company.not_here")
    return found[0]


def _subject(persona: Persona) -> str:
    return persona.key if persona.account_id is None else str(persona.id)


COMMANDS: Final = (
    CommandSpec(
        "persona add",
        "Let one more persona talk here",
        add,
        (
            Parameter("name", "The persona's name", required=True, completes=complete_persona),
            Parameter("when", "When it answers", choices=WHEN),
        ),
        permission="use_persona",
        example="Marlow",
    ),
    CommandSpec(
        "persona remove",
        "Let a persona talk here no more",
        remove,
        (Parameter("name", "The persona's name", required=True, completes=complete_present),),
        permission="use_persona",
        example="Marlow",
    ),
)
