"""`/feed …`: RSS and Atom feeds that personas follow.

A group of its own beside `/lore` and `/archive`, the other ways in which personas get to know something: below
`/persona` a subcommand would have had to take its verb as a parameter.
"""

from typing import Any, Final

from bot.commands.archive import number_of
from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.commands.persona import complete_persona, persona_meant, require_rating
from bot.context import Context, Enquiry
from bot.moderation import screen
from bot.ratings import allowed_here, may_choose
from db import feeds
from db.errors import NotFound
from db.feeds import Feed, ReadFeed
from db.payloads.feed import FeedList
from db.permissions import EVERYBODY

URL_LENGTH: Final = 500


async def add(context: Context, values: dict[str, Any]) -> None:
    """Have a persona follow a feed."""
    url = str(values["url"]).strip().strip("<>")
    if "://" not in url:
        url = f"https://{url}"
    persona = await persona_meant(context, values.get("persona"))
    require_rating(context, persona)
    await screen(context, url=url)
    feed = await feeds.add(context.account_id, context.user_id, persona.id, url, allowed_here(context))
    await context.audit("feed_add", f"persona {persona.id}")
    job = await context.work(ReadFeed(feed=feed, persona=persona.id, asked=True))
    await feeds.reads(context.account_id, feed, job)


async def show(context: Context, values: dict[str, Any]) -> None:
    """List the feeds that the personas here follow."""
    del values
    payload = FeedList(
        account=context.account_id,
        user=context.user_id,
        adults=may_choose(context, "nsfw"),
        moderates=context.may("moderate"),
    )
    await context.say(payload, ordered=False, private=True)


async def read_now(context: Context, values: dict[str, Any]) -> None:
    """Read a feed at once."""
    feed = await _meant(context, values)
    await feeds.claim(context.account_id, feed.id)
    job = await context.work(ReadFeed(feed=feed.id, persona=feed.persona_id, asked=True))
    await feeds.reads(context.account_id, feed.id, job)


async def remove(context: Context, values: dict[str, Any]) -> None:
    """Let a persona follow a feed no longer."""
    feed = await _meant(context, values)
    await feeds.remove(context.account_id, context.user_id, feed.id, moderate=context.may("moderate"))
    await context.audit("feed_remove", str(feed.id))
    await context.notice("feed.removed", name=feed.persona)


async def complete_feed(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest the feeds of the personas that the person sees."""
    who = await enquiry.who()
    found = await feeds.listed(who.account.id, who.user.id, adults=enquiry.adults)
    shown = [(f"{feed.title or feed.id} ({feed.persona})", f"#{feed.id}") for feed in found]
    return [each for each in shown if prefix.casefold() in each[0].casefold()]


async def _meant(context: Context, values: dict[str, Any]) -> Feed:
    wanted = number_of(values["feed"])
    if wanted is None:
        raise NotFound("feed.none_such", feed=str(values["feed"])[:60])
    return await feeds.get(
        context.account_id,
        context.user_id,
        wanted,
        adults=may_choose(context, "nsfw"),
        moderate=context.may("moderate"),
    )


_FEED: Final = Parameter("feed", "Its number, as the list shows it", required=True, completes=complete_feed)
COMMANDS: Final = (
    CommandSpec(
        "feed add",
        "Let a persona follow an RSS or Atom feed",
        add,
        (
            Parameter("url", "The address of the feed", required=True, max_length=URL_LENGTH),
            Parameter("persona", "Who follows it; by default who talks here", completes=complete_persona),
        ),
        permission="prompts",
        example="https://example.org/news.xml persona=Marlow",
    ),
    CommandSpec("feed list", "List the feeds that personas here follow", show, permission=EVERYBODY),
    CommandSpec("feed now", "Read a feed at once", read_now, (_FEED,), permission="prompts", example="#3"),
    CommandSpec("feed remove", "Let a persona follow a feed no longer", remove, (_FEED,), permission=EVERYBODY,
                example="#3"),
)  # fmt: skip
