"""`/report` and the entry *Report* of messages' menus; `/operator reports` for the operators."""

from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter
from bot.context import Context
from bot.events import MenuPick
from bot.menus import MenuSpec
from db import moderation, outbox, reports
from db.errors import NotFound
from db.payloads.notice import Notice
from db.payloads.report import ReportList
from db.permissions import EVERYBODY
from db.reports import REASON_LENGTH, Kind

MENU: Final = "Report"


async def report(context: Context, values: dict[str, Any]) -> None:
    """Report the message that the command replies to, else what was last shown here."""
    reason = str(values.get("reason") or "").strip()
    if context.replied_to:
        await send_report(context, *await _shown_by(context, context.replied_to), reason=reason)
        return
    found = await reports.here(context.conversation_id)
    if found is None:
        raise NotFound("report.nothing")
    await send_report(context, *found, reason=reason)


async def report_message(context: Context, picked: MenuPick) -> None:
    """Report the message whose menu was opened."""
    await send_report(context, *await _shown_by(context, picked.message_id), reason="")


async def send_report(context: Context, kind: Kind, subject: int, *, reason: str) -> None:
    """Record a report and tell the operators; nobody learns who reported."""
    made = await reports.add(
        kind,
        subject,
        account_id=context.account_id,
        conversation_id=context.conversation_id,
        reporter_id=context.user_id,
        reason=reason,
    )
    if made is not None:
        told = Notice(key="report.operators", values={"report": made})
        context.couriers |= await moderation.tell_operators(context.moderation, f"report:{made}", told)
    await context.notice("report.thanks")


async def _shown_by(context: Context, message_id: str) -> tuple[Kind, int]:
    """Return what a message of this chat shows. Raises `NotFound` if it is none of ours, or nothing to report."""
    shown = await outbox.row_of_message(context.account_id, context.event.conversation.chat_id, message_id)
    found = None if shown is None else reports.subject_of(shown.kind, shown.payload)
    if found is None:
        raise NotFound("report.not_mine")
    return found


async def list_reports(context: Context, values: dict[str, Any]) -> None:
    """List the open reports."""
    del values
    await context.say(ReportList(), ordered=False, private=True)


COMMANDS: Final = (
    CommandSpec(
        "report",
        "Tell the operators about the message you reply to, or what was last shown here",
        report,
        (Parameter("reason", "What is wrong with it", max_length=REASON_LENGTH, multiline=True),),
        always=True,
        permission=EVERYBODY,
        example="the picture shows somebody I know",
    ),
    CommandSpec(
        "operator reports",
        "List what people reported",
        list_reports,
        operator=True,
        always=True,
        permission=EVERYBODY,
    ),
)
MENUS: Final = (MenuSpec(MENU, report_message, command="report", always=True, permission=EVERYBODY),)
