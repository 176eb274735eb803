"""What can be done with any answer of a persona's, not only the last: hide it, write it anew, keep it as example.

The entries of its panel are here as well (`bot.menus.EntrySpec`).
"""

from collections.abc import Callable
from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.actions.chat import mark_undone, row_showing, show_answer
from bot.commands.chats import SHOWING
from bot.commands.persona_making import change, require_change
from bot.context import Context
from bot.menus import EntrySpec, PickedMessage
from bot.panels import fresh_panel
from bot.persona_fields import LONGEST, field_named
from bot.ratings import allowed_here
from db import chat_turns, personas
from db.chat_turns import ShownReply
from db.errors import BadInput, NotFound
from db.payloads.persona import ChatReply
from db.work import PersonaReply

EXAMPLE: Final = "example_dialogue"
_START: Final = "<START>"
"""Begins an example of how somebody speaks, in cards of every program."""


async def hide(context: Context, message: int) -> None:
    """Hide an answer: nobody is told of it any more."""
    row = await row_showing(context, message)
    others = context.may("choose_for_others")
    await chat_turns.hide(context.who.conversation, message, context.user_id, for_others=others)
    await context.say(ChatReply(message=message), ordered=False, edits_row=row)


async def unhide(context: Context, message: int) -> None:
    """Show an answer again that was hidden."""
    row = await row_showing(context, message)
    others = context.may("choose_for_others")
    await chat_turns.unhide(context.who.conversation, message, context.user_id, for_others=others)
    await show_answer(context, (await _answer(context, message)).message, row)


async def regenerate(context: Context, message: int) -> None:
    """Take back what was said behind an answer, and write that anew."""
    here, others = context.who.conversation, context.may("choose_for_others")
    gone = await chat_turns.rewind(here, message, context.user_id, for_others=others)
    exchange = await chat_turns.again(here, message, context.user_id, for_others=others)
    await mark_undone(context, gone)
    # What was taken back stands between the old answer and the new one, which therefore is a message of its own.
    await context.work(PersonaReply(reply=exchange.reply.id, allowance=allowed_here(context)))


async def save_example(context: Context, message: int) -> None:
    """Append what was said and an answer to the example dialogue of its persona, as an edit of the card."""
    found = await _answer(context, message)
    field, persona = field_named(EXAMPLE), await require_change(context, found.persona.id)
    lines = [f"{{{{user}}}}: {found.said}"] if found.said else []
    added = "\n".join([_START, *lines, f"{{{{char}}}}: {found.message.text}"])
    before = str(field.of(persona.card)).strip()
    # Of an answer that is an example already nothing is added: a button may be pressed twice.
    text = before if f"{added}\n" in f"{before}\n" else "\n".join(filter(None, (before, added)))
    if len(text) > LONGEST:
        raise BadInput("chat.example_too_long", limit=LONGEST)
    await change(context, fresh_panel(context), persona.id, {field: text})


async def _answer(context: Context, message: int) -> ShownReply:
    """Return an answer of this chat. Raises `NotFound`."""
    found = await chat_turns.shown(context.account_id, message)
    if found is None or found.message.conversation_id != context.conversation_id:
        raise NotFound("chat.unknown_message")
    return found


async def answer_shown_by(picked: PickedMessage) -> ShownReply | None:
    """Return the answer of the open chat that a message shows; None if it shows none, or one that was taken back."""
    if "answer" not in picked.known:
        here, message = picked.context.who.conversation, picked.row.payload.get("message")
        found = await chat_turns.shown(picked.context.account_id, message) if type(message) is int else None
        if found is not None and (found.message.conversation_id, found.message.epoch) != (here.id, here.epoch):
            found = None
        picked.known["answer"] = found if found is not None and found.holds else None
    return picked.known["answer"]


def entry(name: str, verb: str, applies: Callable[[Context, ShownReply], bool]) -> EntrySpec:
    """Return an entry of answers, whose button has the answer as its one argument."""

    async def offer(picked: PickedMessage) -> tuple[int, ...] | None:
        found = await answer_shown_by(picked)
        return None if found is None or not applies(picked.context, found) else (found.message.id,)

    return EntrySpec(name, verb, SHOWING, offer)


def _changes_persona(context: Context, found: ShownReply) -> bool:
    moderate = context.may("moderate")
    return personas.may_change(found.persona, context.account_id, context.user_id, moderate=moderate)


_MESSAGE: Final = (Arg("message"),)
ACTIONS: Final = (
    ActionSpec("hide", hide, _MESSAGE, permission="chat"),
    ActionSpec("unhide", unhide, _MESSAGE, permission="chat"),
    ActionSpec("regenerate", regenerate, _MESSAGE, permission="chat"),
    ActionSpec("example", save_example, _MESSAGE, permission="create_persona"),
)
ENTRIES: Final = (
    entry("again", "variant", lambda _, found: found.last and not found.opens),
    entry("continue", "continue", lambda _, found: found.last and not found.opens and not found.hidden),
    entry("edit", "edit", lambda _, found: not found.hidden),
    entry("undo", "undo", lambda _, found: found.last and not found.opens),
    entry("hide", "hide", lambda _, found: found.message.chosen),
    entry("unhide", "unhide", lambda _, found: found.hidden),
    entry("regenerate", "regenerate", lambda _, found: not found.last and not found.opens),
    entry("branch", "branch", lambda _, found: not found.hidden),
    entry("example", "example", _changes_persona),
)
