"""`/chat suggest`: what one might say next, shown to oneself, to be sent or not."""

from typing import Any, Final

from bot.commands.base import CommandSpec
from bot.context import Context
from bot.ratings import allowed_here
from db import chat_turns, chats, personas
from db.chat_suggestions import SuggestLine
from db.errors import NotFound


async def suggest(context: Context, values: dict[str, Any]) -> None:
    """Suggest what to say behind the last answer here."""
    del values
    here = context.who.conversation
    last = await chats.last_reply(here.id, (await personas.active(here)).id, here.epoch)
    if last is None:
        raise NotFound("chat.nothing_said")
    await suggest_behind(context, last)


async def suggest_behind(context: Context, message: int) -> None:
    """Suggest what to say behind an answer. Raises `NotFound` if it is not the last one here."""
    await chat_turns.hold_last(context.who.conversation, message)
    found = await chats.get(context.account_id, message)
    if found is None:
        raise NotFound("chat.unknown_message")
    context.private = True
    await context.work(SuggestLine(persona=found[1].id, reply=message, allowance=allowed_here(context)))


COMMANDS: Final = (
    CommandSpec("chat suggest", "Suggest what you might say next, for you to send or not", suggest, permission="chat"),
)
