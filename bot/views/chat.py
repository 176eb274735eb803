"""Messages of persona chat."""

from dataclasses import replace
from typing import Final

from bot.messages import Button, Message
from bot.text.splitting import shortened
from bot.views.base import ViewContext, ViewSpec
from bot.views.faces import face_of
from bot.views.vote import vote_buttons
from db import chat_turns
from db.chat_turns import ShownReply
from db.payloads.persona import ChatReply, TurnUndone

SAID: Final = 600
"""Characters of what a person had said that are shown when it is taken back: to say it again, in other words."""


async def reply(view: ViewContext, payload: ChatReply) -> Message | None:
    """Compose a persona's reply, with what can be done with the last one."""
    found = await chat_turns.shown(view.account_id, payload.message)
    if found is None:
        return None
    message = found.message
    notes = (view.words("chat.stopped") if payload.stopped else "", edited_note(view, found))
    return Message(
        message.text,
        speaker=found.persona.name,
        face=face_of(view.account_id, found.persona.id, message.id),
        footer=" ".join(filter(None, notes)),
        buttons=(
            (*swipes(view, found), view.button("variant", message.id, label="again")),
            (
                *(view.button(verb, message.id) for verb in ("continue", "edit", "undo")),
                *vote_buttons(view, "reply", message.id),
            ),
        ),
    )


async def undone(view: ViewContext, payload: TurnUndone) -> Message | None:
    """Compose what stands in place of a reply that was taken back."""
    found = await chat_turns.shown(view.account_id, payload.message)
    if found is None:
        return None
    more = () if payload.last is None else ((view.button("undo", payload.last, label="undo_more"),),)
    return Message(view.words("chat.undone", said=shortened(found.said, SAID)), buttons=more)


def swipes(view: ViewContext, found: ShownReply | None) -> tuple[Button, ...]:
    """Return the buttons that lead to the other variants of an answer, if it has any and nobody went on behind it."""
    if found is None or found.count < 2 or not (found.last and found.holds):
        return ()
    back = view.button("swipe", found.message.id, "previous", text="◀")
    on = view.button("swipe", found.message.id, "next", text=f"{found.number}/{found.count} ▶")
    return replace(back, word="previous"), replace(on, word="next")


def edited_note(view: ViewContext, found: ShownReply) -> str:
    """Return a note under what a person has put into a persona's mouth."""
    return view.words("chat.edited") if found.message.user_id is not None else ""


VIEWS: Final = (ViewSpec(ChatReply, reply), ViewSpec(TurnUndone, undone))
