"""Short messages: a wording by its key."""

from typing import Any, Final

from bot.messages import Message
from bot.views.base import ViewContext, ViewSpec
from bot.views.story import current_button
from db.errors import Moved, UserError
from db.payloads.notice import Notice


async def notice(view: ViewContext, payload: Notice) -> Message:
    """Compose a wording."""
    return words_of(view, payload.key, payload.values, story=payload.story, private=payload.private)


def error(view: ViewContext, e: UserError) -> Message:
    """Compose the message that explains an error to the person."""
    return words_of(view, e.key, e.values, story=e.story_id if isinstance(e, Moved) else None)


def words_of(
    view: ViewContext, key: str, values: dict[str, Any], *, story: int | None = None, private: bool = True
) -> Message:
    """Compose a wording, with a button to a story's current page if one is named."""
    buttons = () if story is None else current_button(view, story)
    return Message(view.words(key, **values), private=private, buttons=buttons)


VIEWS: Final = (ViewSpec(Notice, notice),)
