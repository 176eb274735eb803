"""Buttons of what a person might say next: have it suggested, send it as one's own."""

from typing import Final

from bot.actions.answers import entry
from bot.actions.base import ActionSpec, Arg
from bot.commands.suggestions import suggest_behind
from bot.context import Context
from bot.panels import pressed_row, private_chat
from bot.routes.chat import say_to_persona
from db import chat_turns, chats, personas, sent_messages
from db.errors import NotAllowed, NotFound
from db.payloads.persona import LineSuggested


async def suggest(context: Context, message: int) -> None:
    """Suggest what to say behind an answer."""
    await suggest_behind(context, message)


async def send(context: Context, message: int) -> None:
    """Say what was suggested, in the person's own name."""
    row = await pressed_row(context)
    if row is None or row.kind != LineSuggested.kind or row.payload.get("message") != message:
        raise NotFound("router.not_here")
    suggested = LineSuggested.model_validate(row.payload)
    if suggested.user != context.user_id:
        raise NotAllowed("panel.not_yours")
    await chat_turns.hold_last(context.who.conversation, message)
    found = await chats.get(context.account_id, message)
    if found is None or found[0].persona_id != (await personas.active(context.who.conversation)).id:
        raise NotFound("chat.not_last")  # somebody else talks here now
    if not suggested.text:
        raise NotFound("router.not_here")
    # It was shown to the person alone: where others are, the answer says what it answers.
    await say_to_persona(context, suggested.text, quoted=not private_chat(context))
    await sent_messages.forget_text(context.conversation_id, row.id)
    await context.change_pressed(suggested.model_copy(update={"sent": True}))


_MESSAGE: Final = (Arg("message"),)
ACTIONS: Final = (
    ActionSpec("suggest", suggest, _MESSAGE, permission="chat"),
    ActionSpec("send_line", send, _MESSAGE, permission="chat"),
)
ENTRIES: Final = (entry("suggest", "suggest", lambda _, found: found.last and not found.hidden),)
