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
from db.payloads.persona import ChatReply, Reworded, TurnUndone

SAID: Final = 600
"""Characters of what a person had said that are shown when it is taken back: to say it again, in other words."""


async def reply(view: ViewContext, payload: ChatReply) -> Message | None:
    """Compose a persona's reply, with what can be done with the last one."""
    found = await chat_turns.shown(view.account_id, payload.message)
    if found is None:
        return None
    message = found.message
    if found.hidden:
        return _hidden(view, found)
    quoted = view.words("chat.quoted", said=shortened(found.said, SAID)) if payload.quoted and found.said else ""
    stopped = view.words("chat.stopped") if payload.stopped else ""
    unseen = view.words("chat.unseen") if payload.unseen else ""
    notes = (quoted, stopped, unseen, edited_note(view, found))
    return Message(
        message.text,
        speaker=found.persona.name,
        face=face_of(view.account_id, found.persona.id, message.id),
        footer=" ".join(filter(None, notes)),
        buttons=reply_buttons(view, found),
    )


def _hidden(view: ViewContext, found: ShownReply) -> Message:
    """Return what stands in place of an answer that a person has hidden."""
    said = shortened(found.message.text, SAID)
    return Message(
        view.words("chat.hidden", name=found.persona.name, said=said),
        buttons=((view.button("unhide", found.message.id),),),
    )


async def undone(view: ViewContext, payload: TurnUndone) -> Message | None:
    """Compose what stands in place of a reply that was taken back."""
    found = await chat_turns.shown(view.account_id, payload.message)
    if found is None:
        return None
    more = () if payload.last is None else ((view.button("undo", payload.last, label="undo_more"),),)
    return Message(view.words("chat.undone", said=shortened(found.said, SAID)), buttons=more)


async def reworded(view: ViewContext, payload: Reworded) -> Message:
    """Compose the offer to answer what a person has edited."""
    return Message(view.words("chat.reworded"), buttons=((view.button("variant", payload.message, label="again"),),))


def reply_buttons(view: ViewContext, found: ShownReply) -> tuple[tuple[Button, ...], ...]:
    """Return the buttons under an answer: what can be done with it, most of that while it is the last one."""
    message = found.message.id
    if found.opens:
        return ((*swipes(view, found), view.button("edit", message)),)
    keeps, votes = (
        (view.button("moment", message), view.button("remember", message)),
        vote_buttons(view, "reply", message),
    )
    if not found.last:
        return ((*keeps, view.button("edit", message), *votes),)
    changes = (view.button(verb, message) for verb in ("continue", "edit", "undo"))
    return ((*swipes(view, found), view.button("variant", message, label="again"), *keeps), (*changes, *votes))


def swipes(view: ViewContext, found: ShownReply | None) -> tuple[Button, ...]:
    """Return the buttons that lead to the other variants of an answer, if it has any and nobody went on behind it."""
    if found is None or found.count < 2 or not (found.last and found.holds):
        return ()
    back = view.button("swipe", found.message.id, "previous", text="◀")
    on = view.button("swipe", found.message.id, "next", text=f"{found.number}/{found.count} ▶")
    return replace(back, word="previous"), replace(on, word="next")


def edited_note(view: ViewContext, found: ShownReply | None) -> str:
    """Return a note under what a person has put into a persona's mouth."""
    return view.words("chat.edited") if found is not None and found.message.user_id is not None else ""


VIEWS: Final = (ViewSpec(ChatReply, reply), ViewSpec(TurnUndone, undone), ViewSpec(Reworded, reworded))
