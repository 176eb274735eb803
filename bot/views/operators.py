"""Messages of what the operators decide."""

from typing import Final

from bot.messages import Message
from bot.views.base import ViewContext, ViewSpec
from db import access, announcements
from db.access import AccessRule
from db.payloads.operators import (
    AccessChanged,
    AccessList,
    Announced,
    AnnouncementDraft,
    AnnouncementResult,
    Banned,
)


async def banned(view: ViewContext, payload: Banned) -> Message | None:
    """Compose the answer to somebody who is banned: which rule, until when, and whom to ask."""
    rule = await access.get(payload.rule)
    if rule is None:
        return None
    whom = "banned_place" if rule.subject == "place" else "banned"
    lines = [view.words(f"operators.{whom}"), _end(view, rule)]
    if rule.reason:
        lines.append(view.words("operators.reason", reason=rule.reason))
    lines.append(
        view.words("operators.appeal", appeal=view.around.appeal)
        if view.around.appeal
        else view.words("operators.appeal_nobody")
    )
    if rule.subject == "user":
        lines.append(view.words("operators.own_data"))
    return Message(" ".join(lines), private=True)


async def changed(view: ViewContext, payload: AccessChanged) -> Message | None:
    """Compose the answer to an operator who banned or allowed somebody."""
    rule = await access.get(payload.rule)
    if rule is None:
        return None
    lines = [view.words("operators.is_banned" if rule.verdict == "banned" else "operators.allowed", who=_who(rule))]
    if rule.verdict == "banned":
        lines.append(_end(view, rule))
    if rule.reason:
        lines.append(view.words("operators.reason_given", reason=rule.reason))
    if payload.jobs:
        lines.append(view.words("operators.jobs_stopped", jobs=payload.jobs))
    return Message(" ".join(lines), private=True)


async def rules(view: ViewContext, payload: AccessList) -> Message:
    """Compose the bans, or the list of those who may use the bot."""
    found = await access.listed(payload.verdict)
    title = view.words(f"operators.{payload.verdict}_title")
    if not found:
        return Message(view.words(f"operators.{payload.verdict}_none"), title=title, private=True)
    lines: list[str] = []
    for rule in found:
        parts = [view.words("operators.rule", who=_who(rule))]
        if payload.verdict == "banned":
            parts.append(_end(view, rule))
        if rule.reason:
            parts.append(view.words("operators.reason_given", reason=rule.reason))
        lines.append(" ".join(parts))
    footer = view.words("operators.rules_more", count=access.LISTED) if len(found) == access.LISTED else ""
    return Message("\n".join(lines), title=title, footer=footer, private=True)


async def announced(view: ViewContext, payload: Announced) -> Message | None:
    """Compose an announcement, as a place gets it."""
    found = await announcements.get(payload.announcement)
    if found is None:
        return None
    key = "announced_person" if view.place == "dm" else "announced_place"
    return Message(found.text, footer=view.words(f"operators.{key}"))


async def announcement_draft(view: ViewContext, payload: AnnouncementDraft) -> Message | None:
    """Compose the question whether to send an announcement."""
    found = await announcements.get(payload.announcement)
    if found is None:
        return None
    if payload.settled:
        return Message(found.text, private=True)
    reach = await announcements.reach(listed_only=found.listed_only)
    ask = view.words("operators.announce_ask", places=reach.places, people=reach.people)
    send = view.button("announce", payload.announcement, style="primary")
    buttons = ((send, view.button("announce_drop", payload.announcement)),)
    return Message(f"{found.text}\n\n{ask}", buttons=buttons, private=True, menu=True)


async def announcement_result(view: ViewContext, payload: AnnouncementResult) -> Message | None:
    """Compose what became of an announcement."""
    found = await announcements.get(payload.announcement)
    if found is None:
        return None
    failed, waiting = await announcements.undelivered(found.id), await announcements.unsent(found.id)
    lines = [view.words("operators.announce_sent", sent=found.placed - failed - waiting, placed=found.placed)]
    if failed:
        lines.append(view.words("operators.announce_failed", failed=failed))
    if waiting:
        lines.append(view.words("operators.announce_waiting", waiting=waiting))
    return Message(" ".join(lines), private=True)


def _who(rule: AccessRule) -> str:
    return f"{rule.name} ({rule.target})" if rule.name else rule.target


def _end(view: ViewContext, rule: AccessRule) -> str:
    if rule.ends_at is None:
        return view.words("operators.for_ever")
    return view.words("operators.until", when=rule.ends_at)


VIEWS: Final = (
    ViewSpec(Banned, banned),
    ViewSpec(AccessChanged, changed),
    ViewSpec(AccessList, rules),
    ViewSpec(Announced, announced),
    ViewSpec(AnnouncementDraft, announcement_draft),
    ViewSpec(AnnouncementResult, announcement_result),
)
