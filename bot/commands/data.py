"""`/data …` and `/privacy`: export, deletion and choices of one's own data, and what becomes of it."""

import time
from dataclasses import dataclass
from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter
from bot.context import Context
from db import audit, data_exports, jobs, outbox, people
from db.errors import BadInput, NotAllowed
from db.payloads.base import Payload
from db.payloads.data import ChoicesShown, ErasePersonAsked, ErasePlaceAsked, PrivacyNotice
from db.people import PERSONAL
from db.permissions import EVERYBODY
from db.work import ExportData

PLACE: Final = "place"
PART_BYTES: Final = 100_000_000
"""Maximum size of a part of an export: it is held in memory when it is complete, and when it is sent."""
_ASIDE: Final = "aside"
"""The part of an answer that goes to the person's private chat, where the place would show it to everybody."""
_WHAT: Final = Parameter(
    "what",
    "Yours, or all of this place (for those who manage it)",
    choices=(("What is mine", "mine"), ("All of this place", PLACE)),
)


@dataclass(frozen=True, slots=True)
class Aside:
    """A person's private chat, where a question from elsewhere is answered."""

    conversation_id: int
    destination: dict[str, Any]


async def export(context: Context, values: dict[str, Any]) -> None:
    """Write an archive of the person's data, or of the place's, and send it in private."""
    _require_somebody(context)
    place = context.account_id if values.get("what") == PLACE else None
    if place is not None:
        require_manager(context)
        await audit.note("export_place", account_id=place, user_id=context.user_id)
    aside = await place_aside(context, "data.only_private" if place is None else "data.only_private_place")
    parameters = ExportData(
        export=await data_exports.begin(context.user_id, place),
        person=context.user_id,
        place=place,
        limit=min(context.file_bytes, PART_BYTES),
        answers=aside is None,
    )
    if aside is None:
        context.private = True
        await context.work(parameters)
        return
    await context.use("work", "exports")
    job_id = await jobs.add(
        parameters, account_id=context.account_id, user_id=context.user_id, conversation_id=aside.conversation_id,
        event_key=context.event.key, destination=aside.destination,
    )  # fmt: skip
    context.wakes.append(jobs.Wakeup(job_id, jobs.queue_of(parameters), jobs.INTERACTIVE))
    await context.notice("data.in_private")


async def delete(context: Context, values: dict[str, Any]) -> None:
    """Say what goes and what stays, and ask."""
    _require_somebody(context)
    asked = int(time.time())
    if values.get("what") == PLACE:
        require_manager(context)
        await context.say(ErasePlaceAsked(account=context.account_id, asked=asked), private=True)
        return
    await say_in_private(context, ErasePersonAsked(user=context.user_id, asked=asked))


async def choices(context: Context, values: dict[str, Any]) -> None:
    """Show what the person has chosen for their data."""
    del values
    _require_somebody(context)
    await say_in_private(context, ChoicesShown(user=context.user_id))


async def privacy(context: Context, values: dict[str, Any]) -> None:
    """Say what is stored, for how long, who gets it, and what the person can do."""
    del values
    await context.say(PrivacyNotice(user=context.user_id), ordered=False, private=True)


def require_manager(context: Context) -> None:
    """Raise `NotAllowed` unless the person manages this place, and `BadInput` in their own chat."""
    if context.who.account.kind in PERSONAL:
        raise BadInput("data.no_place")
    context.require("settings")
    if context.role not in {"owner", "admin"}:
        raise NotAllowed("data.managers_only")


async def place_aside(context: Context, refusal: str = "data.only_private") -> Aside | None:
    """Return the person's private chat, if only they may read the answer and this place would show it to everybody.

    Raises `NotAllowed` with the wording ``refusal`` if there is none yet.
    """
    event = context.event
    if event.conversation.kind == "dm" or event.deferred:
        return None  # it is private, or the platform shows the answer to the person alone
    chat = await people.private_chat(event.platform, event.user.external_id)
    place = None if chat is None else await outbox.place_of(chat, context.user_id)
    if chat is None or place is None:
        raise NotAllowed(refusal)
    return Aside(chat, place.destination)


async def say_in_private(context: Context, payload: Payload) -> None:
    """Answer where nobody else reads it. Raises `NotAllowed` if there is no such place yet."""
    aside = await place_aside(context)
    if aside is None:
        await context.say(payload, ordered=False, private=True)
        return
    await outbox.add(
        context.event.key, _ASIDE, platform=context.event.platform, conversation_id=aside.conversation_id,
        payload=payload, destination=aside.destination, ordered=False,
    )  # fmt: skip
    await context.notice("data.in_private")


def _require_somebody(context: Context) -> None:
    """Raise `NotAllowed` for an administrator who hides behind the group: they are nobody in particular."""
    if context.event.user.anonymous:
        raise NotAllowed("data.anonymous")


COMMANDS: Final = (
    CommandSpec(
        "data export", "Get a copy of your data", export, (_WHAT,), always=True, own_data=True, permission=EVERYBODY
    ),
    CommandSpec("data delete", "Delete your data", delete, (_WHAT,), always=True, own_data=True, permission=EVERYBODY),
    CommandSpec("data settings", "Choose what is kept of your data", choices, always=True, permission=EVERYBODY),
    CommandSpec(
        "privacy", "What is stored, and who gets it", privacy, always=True, own_data=True, permission=EVERYBODY
    ),
)
