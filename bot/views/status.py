"""`/status`."""

from typing import Final

from bot.messages import Message
from bot.text.cleaning import command_reference
from bot.views import status_lines
from bot.views.base import ViewContext, ViewSpec
from db import inbox, jobs, limits, outbox, stories, switches, usage
from db.leaders import leaders
from db.payloads.account import ServiceStatus

CRAFT_DAYS: Final = 7
"""Days over which it is counted how texts came to be shown."""


async def status(view: ViewContext, payload: ServiceStatus) -> Message:
    """Compose the load of the service; an operator also sees workers, engines and open messages."""
    heartbeats = await view.around.queue.heartbeats()
    mine = await stories.count_owned(payload.account, payload.user)
    wait = (await jobs.outlook_now(payload.account, payload.user)).start_s
    lines = status_lines.everybody(view.words, heartbeats, await jobs.load(), wait)
    switched = await switches.switches()
    if (message := switched.get(switches.MAINTENANCE)) is not None:
        lines.insert(0, view.words("status.maintenance_message" if message else "status.maintenance", message=message))
    if off := sorted(switches.commands_off(switched)):
        lines.append(view.words("status.switched_off", commands=", ".join(map(command_reference, off))))
    lines.append(view.words("status.stories", stories=mine))
    if not view.for_operator:
        left = await limits.lookup(view.around.limits, payload.user)
        lines += status_lines.left(view.words, left)
    served = await leaders()
    if troubled := status_lines.troubled(served):
        lines.append(view.words("status.platforms_troubled", platforms=", ".join(troubled)))
    if view.for_operator:
        work, mail = await jobs.counts(), await outbox.counts()
        lines += ["", *status_lines.operators(view.words, heartbeats, work, mail)]
        lines += status_lines.platforms(view.words, served)
        lines += status_lines.acceptance(view.words, await usage.acceptance(CRAFT_DAYS, status_lines.SHOWN))
        if dead := await inbox.dead_letters():
            lines.append(view.words("status.dead_events", events=dead))
    return Message("\n".join(lines), title=view.words("status.title"), private=True)


VIEWS: Final = (ViewSpec(ServiceStatus, status),)
