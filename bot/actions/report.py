"""Buttons of reports, for operators: open one, dismiss it, or remove what was reported."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.context import Context
from db import audit, pictures, reports
from db.errors import NotFound
from db.payloads.report import ReportDetails, ReportedPicture
from db.permissions import EVERYBODY


async def show(context: Context, report: int) -> None:
    """Show a report with what was reported."""
    await context.say(ReportDetails(report=report), ordered=False, private=True)


async def show_picture(context: Context, report: int) -> None:
    """Show the picture that was reported."""
    if await reports.picture(report) is None:
        raise NotFound("report.closed")
    await audit.note("report_picture", user_id=context.user_id, subject=str(report))
    await context.say(ReportedPicture(report=report), ordered=False, private=True)


async def dismiss(context: Context, report: int) -> None:
    """Close a report without doing anything."""
    await reports.close(report, "dismissed")
    await audit.note("report_dismiss", user_id=context.user_id, subject=str(report))
    await context.change_pressed(ReportDetails(report=report))
    await context.notice("report.dismissed", report=report)


async def act(context: Context, report: int) -> None:
    """Remove what was reported, and close all reports of it."""
    found = await reports.close(report, "acted")
    await audit.note("report_act", user_id=context.user_id, subject=str(report), details={"kind": found.kind})
    await reports.remove_text(found)
    await context.change_pressed(ReportDetails(report=report))
    await context.notice("report.acted", report=report)
    if found.picture_id is not None:
        try:
            for each in await pictures.delete(found.account_id, context.user_id, found.picture_id, moderate=True):
                await context.answer_for(each)
        except NotFound:
            pass  # somebody was faster


_REPORT: Final = (Arg("report"),)
ACTIONS: Final = (
    ActionSpec("rep_show", show, _REPORT, operator=True, always=True, permission=EVERYBODY),
    ActionSpec("rep_picture", show_picture, _REPORT, operator=True, always=True, permission=EVERYBODY),
    ActionSpec("rep_dismiss", dismiss, _REPORT, operator=True, always=True, permission=EVERYBODY),
    ActionSpec("rep_act", act, _REPORT, operator=True, always=True, permission=EVERYBODY),
)
