"""Buttons of people's data: delete it, or not; choose what is kept."""

import time
from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.commands.data import require_manager, say_in_private
from bot.context import Context
from db import audit, data_choices, erasure, jobs, outbox
from db.erasure import Closed
from db.errors import BadInput, NotAllowed
from db.payloads.data import ChoicesShown
from db.permissions import EVERYBODY

CONFIRM_SECONDS: Final = 15 * 60
"""How long a question whether to delete can be confirmed."""


async def erase_person(context: Context, user: int, asked: int) -> None:
    """Delete the person's data: their accounts are closed at once, a job deletes the rest."""
    if user != context.user_id:
        raise NotAllowed("data.not_yours")
    _require_fresh(asked)
    await context.leave_form()
    await _begin(context, await erasure.close_person(user))
    await audit.note("erase_person")
    await context.notice("data.erasing")


async def erase_place(context: Context, account: int, asked: int) -> None:
    """Delete a place's data."""
    require_manager(context)
    if account != context.account_id:
        raise NotAllowed("data.not_here")
    _require_fresh(asked)
    await audit.note("erase_place", user_id=context.user_id)
    await _begin(context, await erasure.close_place(account))
    await context.notice("data.erasing_place", private=False)


async def keep(context: Context) -> None:
    """Delete nothing."""
    await context.notice("data.kept")


async def learn(context: Context, allowed: int) -> None:
    """Set whether feedback may be learnt from."""
    await data_choices.set_learning(context.user_id, bool(allowed))
    await _show(context)


async def archive(context: Context, allowed: int) -> None:
    """Set whether what was said before a chat was reset is kept."""
    await data_choices.set_archive(context.user_id, bool(allowed))
    await _show(context)


async def keep_days(context: Context, days: int) -> None:
    """Set after how many days the person's data is deleted; 0: not by its age."""
    await data_choices.set_keep_days(context.user_id, days or None)
    await _show(context)


async def _show(context: Context) -> None:
    """Show the choices as they are now, in place of the message whose button was pressed."""
    chat, pressed = context.event.conversation.chat_id, context.event.destination.pressed_message
    row = await outbox.row_of_message(context.account_id, chat, pressed) if pressed else None
    shown = ChoicesShown(user=context.user_id)
    if row is None or row.kind != ChoicesShown.kind:
        await say_in_private(context, shown)
    else:
        await context.say(shown, ordered=False, private=True, edits_row=row.id)


def _require_fresh(asked: int) -> None:
    if not 0 <= time.time() - asked <= CONFIRM_SECONDS:
        raise BadInput("data.too_late")


async def _begin(context: Context, closed: Closed) -> None:
    job_id = await jobs.add(closed.parameters)
    context.wakes.append(jobs.Wakeup(job_id, jobs.queue_of(closed.parameters), jobs.INTERACTIVE))
    context.cancels += closed.cancelled


_ALLOWED: Final = (Arg("allowed", "number"),)
ACTIONS: Final = (
    ActionSpec(
        "wipe", erase_person, (Arg("user"), Arg("asked", "number")), always=True, own_data=True, permission=EVERYBODY
    ),
    ActionSpec("wipe_place", erase_place, (Arg("account"), Arg("asked", "number")), always=True, permission="settings"),
    ActionSpec("unwipe", keep, always=True, own_data=True, permission=EVERYBODY),
    ActionSpec("data_learn", learn, _ALLOWED, always=True, permission=EVERYBODY),
    ActionSpec("data_archive", archive, _ALLOWED, always=True, permission=EVERYBODY),
    ActionSpec("data_days", keep_days, (Arg("days", "number"),), always=True, permission=EVERYBODY),
)
