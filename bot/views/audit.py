"""Messages of the audit log."""

from typing import Final

from bot import locales
from bot.commands.audit import ACTIONS_OF, EVERY_ACTION, noted_actions
from bot.messages import Message
from bot.text.moments import past_reference
from bot.views.base import ViewContext, ViewSpec
from db import audit
from db.audit import AuditEntry
from db.payloads.operators import AuditPage


async def page(view: ViewContext, payload: AuditPage) -> Message:
    """Compose a page of entries, the newest first."""
    found = await audit.entries(
        account_id=payload.account, user_id=payload.user, action=payload.action, before=payload.before,
        limit=audit.PAGE + 1,
    )  # fmt: skip
    shown, more = found[: audit.PAGE], len(found) > audit.PAGE
    title = view.words("audit_log.title")
    if not shown and payload.action and f"{ACTIONS_OF}{payload.action}" not in locales.known_keys():
        names = ", ".join(noted_actions())
        return Message(view.words("audit_log.no_action", name=payload.action, names=names), title=title, private=True)
    if not shown:
        return Message(view.words("audit_log.none"), title=title, private=True)
    buttons = (
        ((view.button("audit_older", shown[-1].id, payload.user or 0, payload.action or EVERY_ACTION, label="older"),),)
        if more
        else ()
    )
    lines = [_line(view, entry, everywhere=payload.account is None) for entry in shown]
    return Message("\n".join(lines), title=title, buttons=buttons, private=True)


def _line(view: ViewContext, entry: AuditEntry, *, everywhere: bool) -> str:
    known = f"{ACTIONS_OF}{entry.action}" in locales.known_keys()
    what = view.words(
        f"{ACTIONS_OF}{entry.action}" if known else "audit_log.other",
        **{"action": entry.action, "subject": entry.subject, **entry.details},
    )
    if channel := entry.details.get("channel"):
        what += view.words("audit_log.channel", channel=channel)
    who = entry.name or view.words("audit_log.somebody")
    values = {"when": past_reference(entry.created_at, view.words), "who": who, "what": what}
    if everywhere and entry.account_id is not None:
        return view.words("audit_log.line_place", place=entry.place or f"#{entry.account_id}", **values)
    return view.words("audit_log.line", **values)


VIEWS: Final = (ViewSpec(AuditPage, page),)
