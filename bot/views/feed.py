"""Messages about feeds."""

from typing import Final
from urllib.parse import urlsplit

from bot.messages import Message
from bot.text.moments import moment_reference, past_reference
from bot.text.splitting import shortened
from bot.views.base import ViewContext, ViewSpec
from db import feeds
from db.errors import NotFound
from db.feeds import Feed
from db.payloads.feed import FeedList, FeedRead

TITLE: Final = 80
ADDRESS: Final = 100


async def read(view: ViewContext, payload: FeedRead) -> Message:
    """Compose what came of reading a feed."""
    try:
        feed = await feeds.get(payload.account, payload.user, payload.feed, adults=True, moderate=True)
    except NotFound:
        return Message(view.words("feed.none_such", feed=payload.feed), private=True)
    title = shortened(feed.title, TITLE)
    if payload.problem:
        said = view.words("feed.failed", title=title, why=view.words(f"feed.short_{payload.problem}"))
    else:
        said = view.words("feed.read", title=title, name=feed.persona, new=payload.new)
    return Message(said, footer=view.words("feed.read_footer"), private=True)


async def feed_list(view: ViewContext, payload: FeedList) -> Message:
    """Compose the list of feeds."""
    found = await feeds.listed(payload.account, payload.user, adults=payload.adults, moderate=payload.moderates)
    if not found:
        return Message(view.words("feed.none"), private=True)
    lines = [line for feed in found for line in _lines(view, feed, payload.user)]
    footer = view.words("feed.footer")
    return Message("\n".join(lines), title=view.words("feed.title"), footer=footer, private=True)


def _lines(view: ViewContext, feed: Feed, user_id: int) -> list[str]:
    """Return a feed and how it fares. Others see where it is, who added it the whole address, which may have a key."""
    host = urlsplit(feed.url).hostname or ""
    where = shortened(feed.url, ADDRESS) if feed.user_id == user_id else host
    title = shortened(feed.title, TITLE) or host
    lines = [view.words("feed.line", feed=feed.id, title=title, name=feed.persona, items=feed.items, where=where)]
    if feed.problem and feed.due_at is not None:
        why, again = view.words(f"feed.short_{feed.problem}"), moment_reference(feed.due_at, view.words)
        lines.append(view.words("feed.line_failed", why=why, again=again, times=feed.failures))
    elif feed.checked_at is not None:
        lines.append(view.words("feed.line_read", when=past_reference(feed.checked_at, view.words)))
    return lines


VIEWS: Final = (ViewSpec(FeedRead, read), ViewSpec(FeedList, feed_list))
