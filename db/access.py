"""Who may use the bot: bans, and the list of those who may in allow-list mode. Both name people or places.

A rule for a person holds for all their identities; for somebody who was never seen, for the platform's id.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from db.connection import ids, row, rows
from db.records import build, columns, fetch, fetch_one

Verdict = Literal["banned", "allowed"]
Subject = Literal["user", "place"]
TELL_HOURS: Final = 24
"""How often somebody who is refused is told why: after that, silence."""
LISTED: Final = 50
"""Rules of one list at most."""


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody or some place, by the platform's id. ``user_id`` is the person's, if they were seen before."""

    subject: Subject
    platform: str
    external_id: str
    user_id: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A ban, or an entry of the list of those who may use the bot. ``ends_at`` None: for ever. ``name``: if known."""

    id: int
    verdict: Verdict
    subject: Subject
    platform: str
    external_id: str
    user_id: int | None
    name: str
    reason: str
    ends_at: datetime | None
    created_at: datetime

    @property
    def target(self) -> str:
        """Whom it concerns, as platform and id."""
        return f"{self.platform}:{self.external_id}"


@dataclass(frozen=True, slots=True)
class AccessState:
    """What the operators decided that concerns one event.

    ``ban`` is the ban that lasts longest, if any. ``listed``: the person or the place is on the list of those who may
    use the bot. ``switches`` are all that are set (`db.switches`): their messages by name.
    """

    ban: AccessRule | None
    listed: bool
    switches: dict[str, str]


_NAME: Final = (
    "coalesce(CASE subject WHEN 'user' THEN (SELECT u.name FROM users u WHERE u.id = access_rules.user_id) "
    "ELSE (SELECT a.name FROM accounts a WHERE a.platform = access_rules.platform "
    "AND a.external_id = access_rules.external_id AND a.kind <> 'dm' LIMIT 1) END, '') AS name"
)
_COLUMNS: Final = f"{columns(AccessRule, without=('name',))}, {_NAME}"
_VALID: Final = "(ends_at IS NULL OR ends_at > now())"

_CONCERNS: Final = (
    "((platform = $1 AND external_id = $2 AND subject = 'user') OR user_id = $3 "
    "OR (platform = $1 AND external_id = ANY($4) AND subject = 'place'))"
)
_STANDING: Final = f"""
SELECT (SELECT to_jsonb(b) FROM (SELECT {_COLUMNS} FROM access_rules WHERE verdict = 'banned' AND {_VALID}
        AND {_CONCERNS} ORDER BY ends_at DESC NULLS FIRST, id LIMIT 1) b) AS ban,
    coalesce((SELECT true FROM access_rules WHERE verdict = 'allowed' AND {_VALID} AND {_CONCERNS} LIMIT 1), false)
        AS listed,
    (SELECT jsonb_object_agg(name, message) FROM service_switches) AS switches"""


async def standing(platform: str, user_key: str, user_id: int, places: Sequence[str]) -> AccessState:
    """Return what concerns a person (by the platform's id, and their own) who acts in ``places`` (ids of the guild or
    group, and of the channel), in one statement.
    """
    found = await row(_STANDING, platform, user_key, user_id, list(places))
    assert found is not None
    ban = None if found["ban"] is None else json.loads(found["ban"])
    if ban is not None:
        for column in ("ends_at", "created_at"):
            ban[column] = None if ban[column] is None else datetime.fromisoformat(ban[column])
    return AccessState(
        None if ban is None else build(AccessRule, ban), found["listed"], json.loads(found["switches"] or "{}")
    )


async def get(rule_id: int) -> AccessRule | None:
    """Return a rule that is valid."""
    return await fetch_one(AccessRule, f"SELECT {_COLUMNS} FROM access_rules WHERE id = $1 AND {_VALID}", rule_id)


async def put(
    verdict: Verdict, target: Target, *, by: int | None, reason: str = "", ends_at: datetime | None = None
) -> AccessRule:
    """Ban or allow somebody or some place; an earlier rule of the same kind for the same is replaced."""
    found = await fetch_one(
        AccessRule,
        "INSERT INTO access_rules (verdict, subject, platform, external_id, user_id, reason, ends_at, created_by) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (verdict, subject, platform, external_id) DO UPDATE SET "
        "user_id = excluded.user_id, reason = excluded.reason, ends_at = excluded.ends_at, told_at = NULL, "
        f"created_by = excluded.created_by, created_at = now() RETURNING {_COLUMNS}",
        verdict, target.subject, target.platform, target.external_id, target.user_id, reason, ends_at, by,
    )  # fmt: skip
    assert found is not None
    return found


async def remove(verdict: Verdict, target: Target) -> int:
    """Remove the rules for somebody (by any of their identities) or some place; return how many there were."""
    gone = await rows(
        "DELETE FROM access_rules WHERE verdict = $1 AND subject = $2 AND ((platform = $3 AND external_id = $4) "
        "OR (subject = 'user' AND user_id = $5)) RETURNING id",
        verdict, target.subject, target.platform, target.external_id, target.user_id,
    )  # fmt: skip
    return len(gone)


async def listed(verdict: Verdict, limit: int = LISTED) -> list[AccessRule]:
    """Return the valid bans, or the list of those who may use the bot; the newest first."""
    return await fetch(
        AccessRule,
        f"SELECT {_COLUMNS} FROM access_rules WHERE verdict = $1 AND {_VALID} ORDER BY id DESC LIMIT $2",
        verdict, limit,
    )  # fmt: skip


async def keep_ban(user_id: int, identities: Sequence[tuple[str, str]]) -> None:
    """Let a person's ban hold for each of their identities (platform and id) by itself: the person is deleted."""
    await rows(
        "INSERT INTO access_rules (verdict, subject, platform, external_id, reason, ends_at, told_at, created_by, "
        "created_at) SELECT 'banned', 'user', i.platform, i.external_id, b.reason, b.ends_at, b.told_at, b.created_by, "
        "b.created_at FROM unnest($2::text[], $3::text[]) AS i (platform, external_id), (SELECT * FROM access_rules "
        f"WHERE verdict = 'banned' AND user_id = $1 AND {_VALID} ORDER BY ends_at DESC NULLS FIRST, id LIMIT 1) b "
        "ON CONFLICT (verdict, subject, platform, external_id) DO UPDATE SET ends_at = CASE "
        "WHEN access_rules.ends_at IS NULL OR excluded.ends_at IS NULL THEN NULL "
        "ELSE greatest(access_rules.ends_at, excluded.ends_at) END",
        user_id, [platform for platform, _ in identities], [key for _, key in identities],
    )  # fmt: skip


async def is_banned(user_id: int) -> bool:
    """Whether a person is banned."""
    found = await row(
        "SELECT EXISTS (SELECT FROM access_rules r WHERE verdict = 'banned' AND subject = 'user' "
        f"AND {_VALID} AND (user_id = $1 OR (platform, external_id) IN (SELECT i.platform, i.external_id "
        "FROM identities i WHERE i.user_id = $1))) AS found",
        user_id,
    )
    return found is not None and found["found"]


async def is_place(platform: str, key: str) -> bool:
    """Whether an id is that of a guild, a group or a channel that the bot knows."""
    found = await row(
        "SELECT EXISTS (SELECT FROM accounts WHERE platform = $1 AND external_id = $2 AND kind IN ('guild', 'group')) "
        "OR EXISTS (SELECT FROM conversations WHERE platform = $1 AND chat_id = $2 AND kind <> 'dm') AS found",
        platform, key,
    )  # fmt: skip
    return found is not None and found["found"]


async def place_name(platform: str, key: str) -> str:
    """Return the name of a guild or group; empty if it is not known."""
    found = await row(
        "SELECT name FROM accounts WHERE platform = $1 AND external_id = $2 AND kind IN ('guild', 'group') LIMIT 1",
        platform, key,
    )  # fmt: skip
    return "" if found is None else found["name"]


async def open_jobs(target: Target, limit: int) -> list[int]:
    """Return the ids of the open jobs that somebody asked for, or that were asked for in a place."""
    found = await rows(
        # Who is banned keeps the right to a copy of what is theirs.
        "SELECT id FROM jobs WHERE user_id = $1 AND state IN ('queued', 'running', 'waiting') "
        "AND NOT (type = 'export_data' AND parameters ->> 'place' IS NULL) ORDER BY id LIMIT $2"
        if target.subject == "user"
        else "SELECT j.id FROM jobs j JOIN conversations c ON c.id = j.conversation_id "
        "JOIN accounts a ON a.id = c.account_id WHERE a.platform = $1 AND (a.external_id = $3 OR c.chat_id = $3) "
        "AND a.kind IN ('guild', 'group') AND j.state IN ('queued', 'running', 'waiting') ORDER BY j.id LIMIT $2",
        *((target.user_id, limit) if target.subject == "user" else (target.platform, limit, target.external_id)),
    )
    return ids(found)


async def follow(platform: str, old: str, new: str) -> None:
    """Let the rules for a group hold under its new id."""
    await rows(
        "DELETE FROM access_rules y USING access_rules o WHERE y.platform = $1 AND y.subject = 'place' "
        "AND y.external_id = $3 AND o.platform = $1 AND o.subject = 'place' AND o.external_id = $2 "
        "AND o.verdict = y.verdict",
        platform, old, new,
    )  # fmt: skip
    await rows(
        "UPDATE access_rules SET external_id = $3 WHERE platform = $1 AND subject = 'place' AND external_id = $2",
        platform, old, new,
    )  # fmt: skip


async def tell_ban(rule_id: int) -> bool:
    """Record that somebody is told of a ban now; False if that was done within `TELL_HOURS`."""
    found = await row(
        "UPDATE access_rules SET told_at = now() WHERE id = $1 "
        "AND (told_at IS NULL OR told_at < now() - make_interval(hours => $2)) RETURNING id",
        rule_id, TELL_HOURS,
    )  # fmt: skip
    return found is not None


async def tell_unlisted(account_id: int) -> bool:
    """Record that a place is told now that it is not on the list; False if that was done within `TELL_HOURS`."""
    found = await row(
        "UPDATE accounts SET unlisted_told_at = now() WHERE id = $1 "
        "AND (unlisted_told_at IS NULL OR unlisted_told_at < now() - make_interval(hours => $2)) RETURNING id",
        account_id, TELL_HOURS,
    )  # fmt: skip
    return found is not None
