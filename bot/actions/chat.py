"""Buttons of persona chat: what can be done with the last turn. Each changes the message under which it stands."""

from collections.abc import Mapping, Sequence
from typing import Final

from bot.actions.base import ActionSpec, Arg, FormSpec
from bot.commands.chats import SHOWING
from bot.context import Context
from bot.messages import Field
from bot.moderation import screen
from bot.panels import pressed_row
from bot.ratings import allowed_here
from db import chat_turns, personas
from db.chat_turns import EDIT_CHARS, JudgeEdit
from db.chats import StoredMessage
from db.errors import BadInput, NotAllowed
from db.payloads.persona import ChatReply, Greeting, TurnUndone
from db.sent_messages import SentMessage, rows_showing, shown_in
from db.work import PersonaReply
from prompts.safety.rating import lowest

MARKED: Final = 8
"""Messages of answers that were taken back with another one which say so: the newest."""
_STEPS: Final = {"previous": -1, "next": 1}


async def variant(context: Context, message: int) -> None:
    """Answer again; the old answer is kept as a variant."""
    await _write(context, message)


async def go_on(context: Context, message: int) -> None:
    """Let the persona go on where its answer ends; the shorter answer is kept as a variant."""
    await _write(context, message, continues=message)


async def _write(context: Context, message: int, *, continues: int | None = None) -> None:
    start = chat_turns.again if continues is None else chat_turns.go_on
    for_others = context.may("choose_for_others")
    exchange = await start(context.who.conversation, message, context.user_id, for_others=for_others)
    parameters = PersonaReply(
        reply=exchange.reply.id,
        allowance=allowed_here(context),
        continues=continues,
        shown=await row_showing(context, message),
    )
    await context.work(parameters)


async def swipe(context: Context, message: int, step: str) -> None:
    """Choose the variant before or behind one."""
    if step not in _STEPS:
        raise BadInput("router.old_button")
    row = await row_showing(context, message)
    chosen = await chat_turns.choose(
        context.who.conversation,
        message,
        _STEPS[step],
        context.user_id,
        for_others=context.may("choose_for_others"),
    )
    await show_answer(context, chosen, row)


async def edit(context: Context, values: Mapping[str, str], message: int) -> None:
    """Put a person's own words in place of an answer; the old answer is kept as a variant."""
    text = values.get("text", "").strip()
    if not text:
        raise BadInput("form.required")
    now = await _editable(context, message)
    row = await row_showing(context, message)
    persona = await personas.get(context.account_id, now.speaker)
    allowance = allowed_here(context)
    rating = lowest(persona.card.get("rating"), allowance)
    verdict = await screen(context, rating=rating, message=text)
    made = await chat_turns.edit(
        context.who.conversation,
        message,
        context.user_id,
        text,
        verdict,
        for_others=context.may("choose_for_others"),
    )
    if made.state == "pending":
        await context.work(JudgeEdit(reply=made.id, allowance=rating, shown=row))
    else:
        await show_answer(context, made, row)


async def check_edit(context: Context, message: int) -> None:
    """Refuse the form to who may not edit the answer, and for one that no form could hold."""
    if len((await _editable(context, message)).text) > EDIT_CHARS:
        raise BadInput("chat.too_long_to_edit", limit=EDIT_CHARS)


async def present(context: Context, message: int) -> Mapping[str, str]:
    """Return how the answer reads now."""
    return {"text": (await _editable(context, message)).text}


async def undo(context: Context, message: int) -> None:
    """Take back the last turn; the message of its answer says so, and offers to take back more."""
    row = await row_showing(context, message)
    undone = await chat_turns.undo(
        context.who.conversation, message, context.user_id, for_others=context.may("choose_for_others")
    )
    pressed = await pressed_row(context)
    if pressed is not None and pressed.kind == TurnUndone.kind:
        # It has offered this: what was undone before stays marked, without a button that has been used.
        await context.change_pressed(TurnUndone(message=int(pressed.payload["message"])))
    await mark_undone(context, undone.others)
    await context.say(TurnUndone(message=undone.reply, last=undone.last), ordered=False, edits_row=row)


async def mark_undone(context: Context, replies: Sequence[int]) -> None:
    """Have the messages of answers that were taken back with another one say so: the newest of them."""
    if not replies:
        return
    here = context.conversation_id
    showing = await rows_showing(here, sorted(SHOWING), replies[-MARKED:])
    for reply, row in showing.items():
        await context.rewrite(SentMessage(here, row), context.user_id, TurnUndone(message=reply))


async def _editable(context: Context, message: int) -> StoredMessage:
    return await chat_turns.editable(
        context.who.conversation, message, context.user_id, for_others=context.may("choose_for_others")
    )


async def row_showing(context: Context, message: int) -> int | None:
    """Return the row of the outbox whose message shows an answer: the pressed one, else the newest here; or None."""
    pressed = await pressed_row(context)
    if pressed is not None and pressed.payload.get("message") == message and pressed.kind in SHOWING:
        return pressed.id
    for kind in sorted(SHOWING):
        if found := await shown_in(context.conversation_id, kind, "message", message):
            return found[0].row_id
    return None


async def show_answer(context: Context, message: StoredMessage, row: int | None) -> None:
    """Show a variant in place of another one. Raises `NotAllowed` if its persona was refused meanwhile."""
    persona = await personas.get(context.account_id, message.speaker)
    if persona.verdict == "refused":
        raise NotAllowed("persona.refused", name=persona.name)
    await context.say(await _payload(context, message), ordered=False, edits_row=row)


async def _payload(context: Context, message: StoredMessage) -> ChatReply | Greeting:
    shown = await chat_turns.shown(context.account_id, message.id)
    if shown is not None and shown.opens:
        return Greeting(account=context.account_id, persona=message.persona_id, message=message.id)
    return ChatReply(message=message.id)


_MESSAGE: Final = (Arg("message"),)
EDIT_FORM: Final = FormSpec(
    "chat.edit_title",
    (Field("text", "chat.edit_field", multiline=True, max_length=EDIT_CHARS),),
    prefill=present,
)
ACTIONS: Final = (
    ActionSpec("variant", variant, _MESSAGE, permission="chat"),
    ActionSpec("continue", go_on, _MESSAGE, permission="chat"),
    ActionSpec("swipe", swipe, (*_MESSAGE, Arg("step", "name")), permission="chat"),
    ActionSpec("edit", edit, _MESSAGE, form=EDIT_FORM, check=check_edit, permission="chat"),
    ActionSpec("undo", undo, _MESSAGE, permission="chat"),
)
