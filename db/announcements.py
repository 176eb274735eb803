"""Announcements of the operators: one message to each place, and to people who switched them on.

A place gets it in its channel for announcements, else where it was last active. The event key of the row in the outbox
names announcement and account, so that nobody gets one twice.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from db import outbox
from db.accounts import ANNOUNCEMENT_CHANNEL, ANNOUNCEMENTS, ON
from db.connection import row, rows
from db.payloads.operators import Announced
from db.records import columns, fetch_one
from db.work import JobParameters

BATCH: Final = 10
"""Messages that are given to the couriers at a time."""
UNSENT: Final = 50
"""No more are given to them while so many wait: whoever asks for something comes first."""
_EVENT: Final = "announcement:"
# Accounts with the conversation where they get announcements. $1: only those on the list.
_PLACES: Final = f"""
FROM accounts a CROSS JOIN LATERAL (
    SELECT c.* FROM conversations c WHERE c.account_id = a.id AND c.left_at IS NULL AND c.platform <> 'unlinked'
    AND (c.kind = 'dm') = (a.kind IN ('dm', 'console'))
    ORDER BY coalesce(c.id::text = a.settings ->> '{ANNOUNCEMENT_CHANNEL}', false) DESC,
        a.kind = 'guild' AND c.chat_id = a.external_id,  -- stands for a guild that removed the bot: no channel
        c.kind = 'group' DESC,
        c.active_at DESC, c.id LIMIT 1) c
WHERE a.left_at IS NULL AND (a.kind IN ('guild', 'group') OR a.settings ->> '{ANNOUNCEMENTS}' = '{ON}')
  AND NOT EXISTS (SELECT FROM access_rules r WHERE r.verdict = 'banned' AND r.platform = a.platform
      AND r.external_id IN (a.external_id, c.chat_id) AND (r.ends_at IS NULL OR r.ends_at > now()))
  AND (NOT $1 OR EXISTS (SELECT FROM access_rules r WHERE r.verdict = 'allowed' AND r.platform = a.platform
      AND r.external_id IN (a.external_id, c.chat_id) AND (r.ends_at IS NULL OR r.ends_at > now())))"""


class Announce(JobParameters):
    """Send the ``announcement`` to every place."""

    type: ClassVar[str] = "announce"
    announcement: int


@dataclass(frozen=True, slots=True)
class Announcement:
    """An announcement. ``placed`` counts the messages that were given to the couriers."""

    id: int
    text: str
    state: str
    listed_only: bool
    placed: int


@dataclass(frozen=True, slots=True)
class Reach:
    """How many places and people an announcement reaches."""

    places: int
    people: int

    @property
    def total(self) -> int:
        """All together."""
        return self.places + self.people


async def draft(text: str, *, listed_only: bool, by: int | None) -> int:
    """Keep an announcement until it is confirmed; return its id."""
    found = await row(
        "INSERT INTO announcements (text, listed_only, created_by) VALUES ($1, $2, $3) RETURNING id",
        text, listed_only, by,
    )  # fmt: skip
    assert found is not None
    return found["id"]


async def get(announcement_id: int) -> Announcement | None:
    """Return an announcement."""
    return await fetch_one(
        Announcement, f"SELECT {columns(Announcement)} FROM announcements WHERE id = $1", announcement_id
    )


async def decide(announcement_id: int, state: str) -> bool:
    """Let a draft be sent (``sending``) or drop it (``dropped``); False if that was decided before."""
    found = await row(
        "UPDATE announcements SET state = $2 WHERE id = $1 AND state = 'draft' RETURNING id", announcement_id, state
    )
    return found is not None


async def end(announcement_id: int, state: str) -> None:
    """End the sending of an announcement: ``done``, or ``dropped`` where it was stopped."""
    await rows("UPDATE announcements SET state = $2 WHERE id = $1 AND state = 'sending'", announcement_id, state)


async def reach(*, listed_only: bool) -> Reach:
    """Return how many places and people an announcement would reach now."""
    found = await row(
        "SELECT count(*) FILTER (WHERE a.kind IN ('guild', 'group')) AS places, "
        f"count(*) FILTER (WHERE a.kind IN ('dm', 'console')) AS people {_PLACES}",
        listed_only,
    )
    assert found is not None
    return Reach(found["places"], found["people"])


async def place_batch(announcement_id: int, limit: int = BATCH) -> int | None:
    """Give the next messages to the couriers, and return how many; None if there are no more. In a transaction."""
    found = await row(
        "SELECT last_account, listed_only FROM announcements WHERE id = $1 AND state = 'sending' FOR UPDATE",
        announcement_id,
    )
    if found is None:
        return None
    accounts = await rows(
        f"SELECT a.id AS account, c.id AS conversation {_PLACES} AND a.id > $2 ORDER BY a.id LIMIT $3",
        found["listed_only"], found["last_account"], limit,
    )  # fmt: skip
    if not accounts:
        return None
    placed = 0
    for each in accounts:
        place = await outbox.place_of(each["conversation"], None)
        if place is not None:
            added = await outbox.add(
                f"{_EVENT}{announcement_id}:{each['account']}",
                outbox.NOTICE,
                platform=place.platform,
                conversation_id=each["conversation"],
                payload=Announced(announcement=announcement_id),
                destination=place.destination,
                ordered=False,
            )
            placed += added is not None
    await rows(
        "UPDATE announcements SET last_account = $2, placed = placed + $3 WHERE id = $1",
        announcement_id, accounts[-1]["account"], placed,
    )  # fmt: skip
    return placed


async def unsent(announcement_id: int) -> int:
    """Return how many of an announcement's messages are still to be sent."""
    found = await row(
        "SELECT count(*) AS n FROM outbox WHERE state IN ('pending', 'sending') AND kind = $2 "
        "AND payload ->> 'announcement' = $1::bigint::text",
        announcement_id, Announced.kind,
    )  # fmt: skip
    return 0 if found is None else found["n"]


async def undelivered(announcement_id: int) -> int:
    """Return how many of an announcement's messages could not be delivered."""
    found = await row(
        "SELECT count(*) AS n FROM outbox WHERE state = 'dead' AND kind = $2 "
        "AND payload ->> 'announcement' = $1::bigint::text",
        announcement_id, Announced.kind,
    )  # fmt: skip
    return 0 if found is None else found["n"]
