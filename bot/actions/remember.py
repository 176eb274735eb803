"""The button that has an answer of a persona's remembered, in words that a person may shorten."""

from collections.abc import Mapping
from typing import Final

from bot.actions.answers import entry
from bot.actions.base import ActionSpec, Arg, FormSpec
from bot.commands.memory import add
from bot.context import Context
from bot.messages import Field
from bot.text.splitting import shortened
from db import chat_turns
from db.chat_turns import ShownReply
from db.errors import NotFound
from db.memory import facts


async def remember(context: Context, values: Mapping[str, str], message: int) -> None:
    """Have something that the persona said remembered in this chat."""
    found = await _said_here(context, message)
    await add(context, {"text": values.get("text", ""), "about": found.persona.name, "of": "chat"})


async def check(context: Context, message: int) -> None:
    """Refuse the form for what was not said in the chat that is open here."""
    await _said_here(context, message)


async def present(context: Context, message: int) -> Mapping[str, str]:
    """Return the words of the answer."""
    return {"text": shortened((await _said_here(context, message)).message.text, facts.TEXT_CHARS)}


async def _said_here(context: Context, message: int) -> ShownReply:
    found, here = await chat_turns.shown(context.account_id, message), context.who.conversation
    if found is None or (found.message.conversation_id, found.message.epoch) != (here.id, here.epoch):
        raise NotFound("chat.unknown_message")
    return found


FORM: Final = FormSpec(
    "memory.remember_title",
    (Field("text", "memory.remember_field", multiline=True, max_length=facts.TEXT_CHARS),),
    prefill=present,
)
ACTIONS: Final = (ActionSpec("remember", remember, (Arg("message"),), form=FORM, check=check, permission="chat"),)
ENTRIES: Final = (entry("remember", "remember", lambda _, found: not found.hidden),)
