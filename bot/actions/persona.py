"""Buttons of personas."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.commands.persona import use_persona
from bot.commands.picture import portray
from bot.context import Context
from db import personas


async def use(context: Context, persona: int) -> None:
    """Make a persona the active one in this conversation."""
    await use_persona(context, await personas.get(context.account_id, persona))


async def portrait(context: Context, persona: int) -> None:
    """Draw a persona."""
    await portray(context, await personas.get(context.account_id, persona))


ACTIONS: Final = (
    ActionSpec("persona", use, (Arg("persona"),), permission="use_persona"),
    ActionSpec("portrait", portrait, (Arg("persona"),), permission="imagine"),
)
