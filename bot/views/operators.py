"""Messages of what the operators decide."""

from typing import Final

from bot.messages import Message
from bot.views.base import ViewContext, ViewSpec
from db import access
from db.payloads.operators import Banned


async def banned(view: ViewContext, payload: Banned) -> Message | None:
    """Compose the answer to somebody who is banned: which rule, until when, and whom to ask."""
    rule = await access.get(payload.rule)
    if rule is None:
        return None
    whom = "banned_place" if rule.subject == "place" else "banned"
    lines = [view.words(f"operators.{whom}")]
    lines.append(
        view.words("operators.for_ever") if rule.ends_at is None else view.words("operators.until", when=rule.ends_at)
    )
    if rule.reason:
        lines.append(view.words("operators.reason", reason=rule.reason))
    lines.append(
        view.words("operators.appeal", appeal=view.around.appeal)
        if view.around.appeal
        else view.words("operators.appeal_nobody")
    )
    return Message(" ".join(lines), private=True)


VIEWS: Final = (ViewSpec(Banned, banned),)
