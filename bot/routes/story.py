"""Plain text in an open story: the person's custom action on its page."""

from collections.abc import Mapping
from typing import Any, Final

from bot.actions.story import take_own
from bot.commands.story import here
from bot.context import Context
from bot.events import TextMessage
from bot.routes.base import TextRoute
from db import stories
from db.errors import NotAllowed


async def act(context: Context, message: TextMessage) -> bool:
    """Take the text as an action on the story's current page; False if no story is open here.

    Nor if it is somebody else's, unless the story has the thread for itself: else it would keep others from talking.
    """
    if context.who.conversation.story_id is None:
        return False
    try:
        story, page = await here(context)
    except NotAllowed:
        if context.who.conversation.kind == "thread":
            raise
        return False
    await take_own(context, page.id, story.revision, message.text)
    return True


async def reply_to_page(context: Context, payload: Mapping[str, Any], message: TextMessage) -> bool:
    """Take the text as an action on the page that it replies to; False if the page is gone."""
    found = await stories.page(context.account_id, int(payload["page"]))
    if found is None:
        return False
    story, page, _ = found
    await take_own(context, page.id, story.revision, message.text)
    return True


ROUTES: Final = (TextRoute("story", act, {"page": reply_to_page}, permission="play"),)
