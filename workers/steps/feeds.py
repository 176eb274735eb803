"""Steps of feeds: fetch and read one, judge what is new in it, keep that."""

import hashlib
import logging
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from db import feeds
from db.errors import BadInput, LeaseLost
from db.feeds import Feed, NewItem, ReadFeed
from db.memory import scopes
from db.memory.scopes import ArchiveScope
from db.payloads.feed import FeedRead
from db.work import Allowance
from prompts.safety.rating import RATINGS
from workers.decoding.document_limits import DocumentRefused
from workers.decoding.documents import feed_in
from workers.feeds.reading import FeedItem
from workers.feeds.settings import CHARACTERS, FeedSettings
from workers.moderation.moderator import Moderator, Terms
from workers.steps.base import Commit, Run, Step
from workers.steps.memory.index import embed
from workers.web.addresses import host_of
from workers.web.fetcher import Fetched, FetchRefused, fetch

MOST: Final = 30
"""Items of a feed that are taken at a time, the newest."""
_log = logging.getLogger(__name__)


class FetchFeed(Step):
    """Fetch and read the feed, and have judged what is new in it."""

    name: ClassVar[str] = "fetch_feed"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return what is new, or the problem of a feed that was read before. Raises `BadInput` for another's."""
        feed, settings = await _feed(run), run.services.feeds
        if not settings.storyfork_feeds:
            raise BadInput("feed.off")
        try:
            fetched = await fetch(
                feed.url,
                settings.limits,
                etag=feed.etag,
                modified=feed.modified,
                private=settings.storyfork_feed_hosts,
            )
            return await self._new(run, feed, fetched) if fetched.fresh else {"unchanged": True}
        except (FetchRefused, DocumentRefused) as error:
            _log.info("feed %d is not read: %s", feed.id, error.reason)
            problem = f"feed.{error.reason}"
            if feed.due_at is None:
                values = {"status": error.status} if isinstance(error, FetchRefused) else {}
                raise BadInput(problem, **values) from error
            return {"problem": error.reason}

    async def _new(self, run: Run, feed: Feed, fetched: Fetched) -> dict[str, Any]:
        found = await feed_in(fetched.data, fetched.charset, most=MOST, characters=CHARACTERS)
        digests = {hashlib.sha256(item.key.encode()).hexdigest(): item for item in found.items}
        unknown = await feeds.unknown(feed.id, list(digests))
        moderator = run.services.moderator
        title = found.title or host_of(feed.url)
        if await _rating(moderator, title, feed.allowance) is None:
            title = host_of(feed.url)
        judged: dict[str, Allowance | None] = {
            digest: await _rating(moderator, f"{item.title}\n{item.text}", feed.allowance)
            for digest, item in digests.items()
            if digest in unknown
        }
        return {
            "title": title,
            "etag": fetched.etag,
            "modified": fetched.modified,
            "items": [_plain(digest, digests[digest], rating) for digest, rating in judged.items() if rating],
            "refused": [digest for digest, rating in judged.items() if rating is None],
        }


class KeepFeed(Commit):
    """Keep what is new, and say so to who has asked."""

    name: ClassVar[str] = "keep_feed"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the number of new items. Raises `LeaseLost` if the feed is gone."""
        parameters, settings = run.parameters(ReadFeed), run.services.feeds
        feed, found = await _feed(run), run.outputs[FetchFeed.name]
        new = 0
        if problem := found.get("problem"):
            await feeds.fail(feed.id, problem, settings.storyfork_feed_minutes)
        elif found.get("unchanged"):
            await feeds.unchanged(feed.id, settings.storyfork_feed_minutes)
        else:
            new = await _keep(feed, found, settings)
        if parameters.asked:
            await run.reply(_told(run, feed, new, problem or ""))
        return {"new": new}


class EmbedFeed(Step):
    """Give what is new its vectors; what people's waiting leaves undone, the next `remember` does."""

    name: ClassVar[str] = "embed_feed"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return how many there are now."""
        job, persona = run.job, run.parameters(ReadFeed).persona
        if job.account_id is None or not run.outputs[KeepFeed.name]["new"]:
            return {}
        done = await embed(run, await scopes.find(job.account_id, [ArchiveScope.persona(persona)]))
        return {"vectors": done.vectors}


async def _feed(run: Run) -> Feed:
    found = await feeds.to_read(run.parameters(ReadFeed).feed)
    if found is None:
        raise LeaseLost("the feed is gone, or nobody may have it read any more")
    return found


def _told(run: Run, feed: Feed, new: int, problem: str) -> FeedRead:
    return FeedRead(account=feed.account_id, user=run.job.user_id or 0, feed=feed.id, new=new, problem=problem)


async def _rating(moderator: Moderator, text: str, allowance: Allowance) -> Allowance | None:
    """Return the lowest rating for which a text of a feed may be shown; None if it may not be kept.

    It is nobody's own words: what is refused is no incident of anybody's.
    """
    terms = await moderator.terms(allowance, [text])
    for rating in RATINGS[: RATINGS.index(terms.rating) + 1]:
        if await moderator.problem(text, Terms(rating, minors=terms.minors)) is None:
            return rating
    return None


def _plain(digest: str, item: FeedItem, rating: Allowance) -> dict[str, Any]:
    text = item.text or item.title
    posted_at = item.date or datetime.now(UTC).isoformat()
    return {"digest": digest, "title": item.title, "text": text, "posted_at": posted_at, "rating": rating}


async def _keep(feed: Feed, found: dict[str, Any], settings: FeedSettings) -> int:
    items = [NewItem(**each) for each in found["items"]]
    return await feeds.keep(
        feed,
        found["title"],
        items,
        refused=found["refused"],
        most=settings.storyfork_feed_items,
        minutes=settings.storyfork_feed_minutes,
        etag=found["etag"],
        modified=found["modified"],
    )
