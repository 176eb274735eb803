"""Messages of reports, for operators. Who reported is in none of them."""

from dataclasses import replace
from typing import Final

from bot.messages import Message
from bot.views.base import A_ROW, ViewContext, ViewSpec, in_rows
from bot.views.picture import outgoing_picture
from db import people, reports
from db.payloads.report import PauseBegun, ReportDetails, ReportedPicture, ReportList

SHOWN: Final = 1200
"""Characters of a reported text that are shown."""


async def report_list(view: ViewContext, payload: ReportList) -> Message:
    """Compose the list of open reports."""
    del payload
    if not view.for_operator:
        return Message(view.words("report.in_private"), private=True)
    found = await reports.listed()
    if not found:
        return Message(view.words("report.none"), private=True)
    buttons = [
        view.button("rep_show", each.id, text=view.words("report.line", report=each.id, kind=each.kind))
        for each in found
    ]
    rows = in_rows(buttons, A_ROW)
    return Message(view.words("report.choose"), title=view.words("report.title"), buttons=rows, private=True, menu=True)


async def report_details(view: ViewContext, payload: ReportDetails) -> Message | None:
    """Compose a report: what was reported, why, and how to ban whose it is."""
    found = await reports.get(payload.report)
    if found is None:
        return Message(view.words("report.closed"), private=True)
    if not view.for_operator:
        return Message(view.words("report.in_private"), private=True)
    text = (await reports.content(found))[:SHOWN]
    lines = [view.words("report.shown", kind=found.kind, text=text)]
    if found.reason:
        lines.append(view.words("report.reason", reason=found.reason))
    if found.subject_user_id is not None:
        lines.append(view.words("report.whose", who=await _ids(found.subject_user_id)))
    if found.state != "open":
        return Message("\n\n".join([*lines, view.words(f"report.is_{found.state}")]), private=True)
    look = (view.button("rep_picture", found.id),) if found.picture_id is not None else ()
    buttons = (*look, view.button("rep_dismiss", found.id), view.button("rep_act", found.id, style="danger"))
    title = view.words("report.one", report=found.id)
    return Message("\n\n".join(lines), title=title, buttons=(buttons,), private=True, menu=True)


async def reported_picture(view: ViewContext, payload: ReportedPicture) -> Message:
    """Compose the picture of an open report: to an operator in private, and always covered until they tap on it."""
    if not view.for_operator:
        return Message(view.words("report.in_private"), private=True)
    found = await reports.picture(payload.report)
    if found is None:
        return Message(view.words("report.closed"), private=True)
    shown = replace(outgoing_picture(found), hidden=True)
    return Message("", footer=view.words("report.one", report=payload.report), pictures=(shown,), private=True)


async def pause(view: ViewContext, payload: PauseBegun) -> Message:
    """Compose that somebody has to wait because of strikes, and what operators can do."""
    who = await _ids(payload.user) or view.words("audit_log.somebody")
    return Message(view.words("moderation.pause", who=who, strikes=payload.strikes, until=payload.until), private=True)


async def _ids(user_id: int) -> str:
    """Return a person's ids on their platforms, as commands of operators take them."""
    return ", ".join(f"{each.platform}:{each.external_id}" for each in await people.identities_of(user_id))


VIEWS: Final = (
    ViewSpec(ReportList, report_list),
    ViewSpec(ReportDetails, report_details),
    ViewSpec(ReportedPicture, reported_picture),
    ViewSpec(PauseBegun, pause),
)
