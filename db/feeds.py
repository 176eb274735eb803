"""Feeds that personas follow: which there are, when they are read, and what of them is known.

What a feed says is a document of the archive in the persona's scope, with the date of the item: a persona is told it as
all that is looked up, as far as the context has room. The newest items of a persona stay, however many feeds it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from db import jobs
from db.connection import row, rows, transaction
from db.errors import BadInput, LimitReached, NotAllowed, NotFound
from db.jobs import Wakeup
from db.memory import archive
from db.memory.scopes import ArchiveScope
from db.personas.library import LIVE, SEEN
from db.records import fetch, fetch_one
from db.work import Allowance, JobParameters, Links

MOST_OF_PERSONA: Final = 5
MOST_OF_ACCOUNT: Final = 20
LISTED_FEEDS: Final = MOST_OF_ACCOUNT
AGAIN_MINUTES: Final = 5
"""Nobody has a feed read more often than every so many minutes."""
LEASE_MINUTES: Final = 30
"""A reading that ended without an end is repeated after so long."""
BACK_OFF_HOURS: Final = 7 * 24
"""A feed that cannot be read is tried again after twice as long each time, and at least so often."""


class ReadFeed(JobParameters):
    """Read ``feed`` of ``persona``. ``asked``: a person waits for the answer."""

    type: ClassVar[str] = "read_feed"
    feed: int
    persona: int
    asked: bool = False

    def links(self) -> Links:
        """Return the persona."""
        return Links(persona_id=self.persona)


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed of a persona. ``items`` are kept of it; ``problem`` says why it could not be read last time, if so."""

    id: int
    account_id: int
    persona_id: int
    persona: str
    user_id: int | None
    url: str
    title: str
    allowance: Allowance
    etag: str
    modified: str
    failures: int
    problem: str
    items: int
    checked_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to be kept. ``digest`` names it in its feed for ever, ``posted_at`` is ISO 8601."""

    digest: str
    title: str
    text: str
    posted_at: str
    rating: Allowance


_FEED: Final = (
    "SELECT f.id, f.account_id, f.persona_id, p.name AS persona, f.user_id, f.url, f.title, f.allowance, f.etag, "
    "f.modified, f.failures, f.problem, f.checked_at, f.due_at, "
    "(SELECT count(*) FROM feed_items i WHERE i.feed_id = f.id AND i.document_id IS NOT NULL) AS items "
    "FROM feeds f JOIN personas p ON p.id = f.persona_id"
)
_SHOWN: Final = (
    f"WHERE f.account_id = $1 AND {LIVE} AND ($3 OR f.allowance <> 'nsfw') AND ($4 OR f.user_id = $2 OR {SEEN})"
)
_VALID: Final = "(b.ends_at IS NULL OR b.ends_at > now())"
# Nothing is fetched for a persona that is gone, for a person or place that is banned or has left, or is being erased.
_WANTED: Final = (
    f"{LIVE} AND a.closed_at IS NULL AND a.left_at IS NULL AND (u.id IS NULL OR u.closed_at IS NULL) "
    f"AND NOT EXISTS (SELECT FROM access_rules b WHERE b.verdict = 'banned' AND {_VALID} AND (b.user_id = f.user_id "
    "OR (b.subject = 'place' AND b.platform = a.platform AND b.external_id = a.external_id)))"
)


async def add(account_id: int, user_id: int, persona_id: int, url: str, allowance: Allowance) -> int:
    """Have a persona of an account, or one that ships, follow a feed; return the feed's id.

    It counts once it has been read. Raises `NotFound`, `BadInput` for one that the persona follows, `LimitReached`.
    """
    async with transaction():
        await rows("SELECT id FROM accounts WHERE id = $1 FOR UPDATE", account_id)
        count = await row(
            "SELECT count(*) AS here, count(*) FILTER (WHERE persona_id = $2) AS of_persona, "
            "count(*) FILTER (WHERE persona_id = $2 AND url = $3) AS known FROM feeds WHERE account_id = $1",
            account_id, persona_id, url,
        )  # fmt: skip
        assert count is not None
        if count["known"]:
            raise BadInput("feed.known")
        if count["of_persona"] >= MOST_OF_PERSONA or count["here"] >= MOST_OF_ACCOUNT:
            raise LimitReached("feed.full", limit=MOST_OF_PERSONA, here=MOST_OF_ACCOUNT)
        made = await row(
            "INSERT INTO feeds (account_id, persona_id, user_id, url, allowance) SELECT $1, p.id, $3, $4, $5 "
            f"FROM personas p WHERE p.id = $2 AND coalesce(p.account_id, $1) = $1 AND {LIVE} RETURNING id",
            account_id, persona_id, user_id, url, allowance,
        )  # fmt: skip
    if made is None:
        raise NotFound("feed.not_here")
    return made["id"]


async def listed(account_id: int, user_id: int, *, adults: bool = False, moderate: bool = False) -> list[Feed]:
    """Return the feeds in an account of the personas that a person sees, the newest first.

    All of the account's if they ``moderate``; without ``adults`` those are left out that were added where more is
    allowed.
    """
    return await fetch(
        Feed,
        f"{_FEED} {_SHOWN} ORDER BY f.id DESC LIMIT {LISTED_FEEDS}",
        account_id, user_id, adults, moderate,
    )  # fmt: skip


async def get(account_id: int, user_id: int, feed_id: int, *, adults: bool = False, moderate: bool = False) -> Feed:
    """Return a feed that a person sees in an account, as `listed` has it. Raises `NotFound`."""
    found = await fetch_one(Feed, f"{_FEED} {_SHOWN} AND f.id = $5", account_id, user_id, adults, moderate, feed_id)
    if found is None:
        raise NotFound("feed.none_such", feed=feed_id)
    return found


async def remove(account_id: int, user_id: int, feed_id: int, *, moderate: bool) -> Feed:
    """Delete a feed that a person has added, or any if they may ``moderate``, with what is kept of it.

    Raises `NotFound`, `NotAllowed`.
    """
    found = await get(account_id, user_id, feed_id, adults=True, moderate=moderate)
    if found.user_id != user_id and not moderate:
        raise NotAllowed("feed.not_yours")
    await _delete(feed_id)
    return found


async def claim(account_id: int, feed_id: int) -> None:
    """Lock a feed of an account until the end of the transaction, so that somebody has it read now.

    Raises `BadInput` if it was just read or is being read.
    """
    found = await row(
        "SELECT id FROM feeds f WHERE account_id = $1 AND id = $2 AND due_at IS NOT NULL "
        "AND checked_at < now() - make_interval(mins => $3) AND NOT EXISTS "
        "(SELECT FROM jobs j WHERE j.id = f.job_id AND j.state IN ('queued', 'running', 'waiting')) FOR UPDATE OF f",
        account_id, feed_id, AGAIN_MINUTES,
    )  # fmt: skip
    if found is None:
        raise BadInput("feed.just_read", minutes=AGAIN_MINUTES)


async def reads(account_id: int, feed_id: int, job_id: int) -> None:
    """Note which job reads a feed of an account."""
    await rows("UPDATE feeds SET job_id = $3 WHERE account_id = $1 AND id = $2", account_id, feed_id, job_id)


async def to_read(feed_id: int) -> Feed | None:
    """Return a feed that is to be read; None if it is gone, or nobody may have it read any more."""
    return await fetch_one(
        Feed,
        f"{_FEED} JOIN accounts a ON a.id = f.account_id LEFT JOIN users u ON u.id = f.user_id "
        f"WHERE f.id = $1 AND {_WANTED}",
        feed_id,
    )


async def start_due(most: int) -> list[Wakeup]:
    """Add a background job for each of up to ``most`` feeds that are due, the longest due first; wake workers then.

    Any number of workers may do this at once.
    """
    added: list[Wakeup] = []
    async with transaction():
        due = await rows(
            "SELECT f.id, f.account_id, f.persona_id, f.user_id FROM feeds f JOIN personas p ON p.id = f.persona_id "
            "JOIN accounts a ON a.id = f.account_id LEFT JOIN users u ON u.id = f.user_id "
            f"WHERE f.due_at <= now() AND {_WANTED} AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = f.job_id "
            "AND j.state IN ('queued', 'running', 'waiting')) ORDER BY f.due_at LIMIT $1 FOR UPDATE OF f SKIP LOCKED",
            most,
        )
        for each in due:
            parameters = ReadFeed(feed=each["id"], persona=each["persona_id"])
            job = await jobs.add(
                parameters, priority=jobs.BACKGROUND, account_id=each["account_id"], user_id=each["user_id"]
            )
            await rows(
                "UPDATE feeds SET job_id = $2, due_at = now() + make_interval(mins => $3) WHERE id = $1",
                each["id"], job, LEASE_MINUTES,
            )  # fmt: skip
            added.append(Wakeup(job, jobs.queue_of(parameters), jobs.BACKGROUND))
    return added


async def unknown(feed_id: int, digests: Sequence[str]) -> set[str]:
    """Return those of some items' digests that were never seen in a feed; of the others it is noted that they are."""
    found = await rows(
        "UPDATE feed_items SET seen_at = now() WHERE feed_id = $1 AND digest = ANY ($2::text[]) RETURNING digest",
        feed_id, list(digests),
    )  # fmt: skip
    return set(digests) - {each["digest"] for each in found}


async def keep(
    feed: Feed, title: str, items: Sequence[NewItem], *, refused: Sequence[str], most: int, minutes: int,
    etag: str = "", modified: str = "",
) -> int:  # fmt: skip
    """Keep new items of a feed, of which a persona has ``most`` at a time; return how many were new.

    ``refused`` are the digests of those that may not be kept. It is read again after so many ``minutes``.
    """
    new = 0
    for item in sorted(items, key=lambda each: datetime.fromisoformat(each.posted_at)):
        new += await _keep(feed, title, item)
    for digest in refused:
        await rows(
            "INSERT INTO feed_items (feed_id, digest, posted_at) VALUES ($1, $2, now()) ON CONFLICT DO NOTHING",
            feed.id, digest,
        )  # fmt: skip
    await rows(
        "DELETE FROM archive_documents WHERE id IN (SELECT i.document_id FROM feed_items i JOIN feeds f "
        "ON f.id = i.feed_id WHERE f.account_id = $1 AND f.persona_id = $2 AND i.document_id IS NOT NULL "
        "ORDER BY i.posted_at DESC, i.id DESC OFFSET $3)",
        feed.account_id, feed.persona_id, most,
    )  # fmt: skip
    await rows(
        "UPDATE feeds SET title = $2, etag = $3, modified = $4, failures = 0, problem = '', checked_at = now(), "
        "due_at = now() + make_interval(mins => $5) WHERE id = $1",
        feed.id, title, etag, modified, minutes,
    )  # fmt: skip
    return new


async def _keep(feed: Feed, title: str, item: NewItem) -> bool:
    posted_at = datetime.fromisoformat(item.posted_at)
    made = await row(
        "INSERT INTO feed_items (feed_id, digest, posted_at) VALUES ($1, $2, least($3, now())) "
        "ON CONFLICT DO NOTHING RETURNING id",
        feed.id, item.digest, posted_at,
    )  # fmt: skip
    if made is None:
        return False
    document = await archive.add_document(
        feed.account_id,
        ArchiveScope.persona(feed.persona_id),
        item.title,
        [item.text],
        user_id=feed.user_id,
        kind=archive.FEED,
        verdict="checked",
        rating=item.rating,
        posted_at=posted_at,
        feed=title,
    )
    await rows("UPDATE feed_items SET document_id = $2 WHERE id = $1", made["id"], document)
    return True


async def unchanged(feed_id: int, minutes: int) -> None:
    """Note that a feed says nothing new; it is read again after so many minutes."""
    await rows(
        "UPDATE feeds SET failures = 0, problem = '', checked_at = now(), "
        "due_at = now() + make_interval(mins => $2) WHERE id = $1",
        feed_id, minutes,
    )  # fmt: skip


async def fail(feed_id: int, problem: str, minutes: int) -> None:
    """Note why a feed could not be read; it is tried again, later each time."""
    await rows(
        "UPDATE feeds SET failures = least(failures + 1, 1000), problem = $2, checked_at = now(), due_at = now() "
        "+ least(make_interval(mins => $3) * 2 ^ least(failures + 1, 12), make_interval(hours => $4)) WHERE id = $1",
        feed_id, problem, minutes, BACK_OFF_HOURS,
    )  # fmt: skip


async def give_up(feed_id: int) -> None:
    """Drop a feed that could not be read when it was added; another one is read again when it is due."""
    await rows("DELETE FROM feeds WHERE id = $1 AND due_at IS NULL", feed_id)


async def _delete(feed_id: int) -> None:
    async with transaction():
        await rows(
            "DELETE FROM archive_documents WHERE id IN (SELECT document_id FROM feed_items WHERE feed_id = $1)", feed_id
        )
        await rows("DELETE FROM feeds WHERE id = $1", feed_id)
