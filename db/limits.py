"""Limits: how much work a person and an account may ask for, in the transaction that accepts it.

What is used up comes back steadily. Of each quota one moment is stored: when all of it will be available again (the
generic cell rate algorithm, ITU-T I.371, in its virtual scheduling form). Using some moves it on; what would move it
further than a whole period ahead is refused, and the transaction with it, so that a refusal uses nothing.

A place (a guild, a group) has a quota of its own, some times a person's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from db.connection import row, rows
from db.errors import LimitReached
from db.jobs.leases import BACKGROUND
from db.usage_limits import QUOTAS, Quota, UsageLimits
from db.work import Links, job_types

MINUTE: Final = 60.0
DAY: Final = 86_400.0
MEGABYTE: Final = 1_000_000

_USE: Final = """
WITH asked AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::float8[], $5::float8[])
    AS q (account_id, user_id, name, period_s, one_s)),
used AS (
    INSERT INTO quotas AS a (account_id, user_id, name, whole_at)
    SELECT account_id, user_id, name, now() + make_interval(secs => one_s) FROM asked
    ORDER BY coalesce(account_id, 0), coalesce(user_id, 0), name
    ON CONFLICT (coalesce(account_id, 0), coalesce(user_id, 0), name) DO UPDATE SET whole_at = excluded.whole_at
        -- A moment too far ahead was stored before the clock was set back.
        + greatest(interval '0', least(a.whole_at - now(), (
            SELECT make_interval(secs => period_s) FROM asked q WHERE q.name = a.name
            AND (q.account_id, q.user_id) IS NOT DISTINCT FROM (a.account_id, a.user_id))))
    RETURNING a.account_id IS NULL AS own, a.name, a.whole_at, now() AS at),
open AS (
    SELECT count(*) FILTER (WHERE user_id = $6) AS mine, count(*) FILTER (WHERE account_id = $7) AS here,
        count(*) FILTER (WHERE user_id = $6 AND type = ANY ($8::text[])) AS pictures_mine,
        count(*) FILTER (WHERE account_id = $7 AND type = ANY ($8::text[])) AS pictures_here
    FROM (
        (SELECT id, user_id, account_id, type FROM jobs
            WHERE user_id = $6 AND state IN ('queued', 'running') AND priority < $9 LIMIT $10)
        UNION
        (SELECT id, user_id, account_id, type FROM jobs
            WHERE account_id = $7 AND state IN ('queued', 'running') AND priority < $9 LIMIT $10)) j)
SELECT used.*, open.* FROM open LEFT JOIN used ON true"""

_KEPT: Final = """
SELECT CASE WHEN $2::bigint > 0 THEN
        (SELECT count(*) FROM (SELECT FROM stories WHERE account_id = $1 LIMIT $2 + 1) s) ELSE 0 END AS stories,
    CASE WHEN $3::bigint > 0 THEN (SELECT count(*) FROM (
        SELECT FROM pages WHERE story_id = (SELECT story_id FROM pages WHERE id = $4) LIMIT $3 + 1) p)
        ELSE 0 END AS pages,
    CASE WHEN $5::bigint > 0 THEN
        (SELECT count(*) FROM (SELECT FROM pictures WHERE account_id = $1 LIMIT $5 + 1) p) ELSE 0 END AS pictures,
    CASE WHEN $6::bigint > 0 THEN coalesce((SELECT sum(octet_length(f.data)) FROM picture_files f
        JOIN pictures p ON p.id = f.picture_id WHERE p.account_id = $1), 0) + coalesce((SELECT sum(d.bytes)
        FROM archive_documents d JOIN archive_scopes s ON s.id = d.scope_id WHERE s.account_id = $1), 0)
        ELSE 0 END::bigint AS bytes"""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who uses something: a person, in an account. ``place``: others use the account, too."""

    account_id: int
    user_id: int
    place: bool


@dataclass(frozen=True, slots=True)
class Left:
    """How much is left of a person's quota, out of ``limit``, and when all of it is available again."""

    name: Quota
    left: int
    limit: int
    whole_at: datetime


async def admit(
    limits: UsageLimits, subject: Subject, *names: Quota, links: Links | None = None, keeps: bool = True
) -> None:
    """Use one of each quota. Call it in the transaction that accepts the work.

    With ``work`` among the names, the open jobs are limited too; ``links`` are what the work is about. Without
    ``keeps`` nothing of it is kept. Raises `LimitReached`.
    """
    asked: list[tuple[Quota, int]] = [(name, limits.of(name)) for name in names if limits.of(name) > 0]
    open_jobs = limits.open_jobs if "work" in names else 0
    open_pictures = limits.open_pictures if "work" in names and "pictures" in names else 0
    found = await _use(limits, subject, asked, most_open=max(open_jobs, open_pictures))
    for key, limit, column in (("open", open_jobs, ""), ("open_pictures", open_pictures, "pictures_")):
        if limit:
            _check_open(key, limit, found[0], column, limits, subject)
    for used in found if asked else ():
        _check_left(used, limits)
    if keeps:
        await check_kept(limits, subject, *names, links=links)


async def lookup(limits: UsageLimits, user_id: int) -> list[Left]:
    """Return what is left of the quotas that a person has used lately."""
    found = await rows(
        "SELECT name, whole_at, now() AS at FROM quotas WHERE user_id = $1 AND whole_at > now() ORDER BY name",
        user_id,
    )
    known = {r["name"]: r for r in found}
    return [
        Left(name, max(0, _remaining(known[name], limits.of(name), _period(name))), limits.of(name), _at(known[name]))
        for name in QUOTAS
        if limits.of(name) > 0 and name in known
    ]


async def _use(
    limits: UsageLimits, subject: Subject, asked: list[tuple[Quota, int]], *, most_open: int
) -> list[dict[str, Any]]:
    """Use one of each quota of the person and of the place, and count open jobs as far as their limit needs it."""
    if not asked and not most_open:
        return []
    used: list[tuple[int | None, int | None, str, float, float]] = []
    for name, limit in asked:
        period = _period(name)
        used.append((None, subject.user_id, name, period, period / limit))
        if subject.place:
            used.append((subject.account_id, None, name, period, period / (limit * limits.place_factor)))
    columns = [list(column) for column in zip(*used, strict=True)] or [[], [], [], [], []]
    pictures = [spec.name for spec in job_types() if spec.quota == "pictures"]
    most = (most_open * limits.place_factor + 1) if most_open else 0
    return await rows(_USE, *columns, subject.user_id, subject.account_id, pictures, BACKGROUND, most)


def _check_open(
    key: str, limit: int, found: Mapping[str, Any], column: str, limits: UsageLimits, subject: Subject
) -> None:
    if found[f"{column}mine"] >= limit:
        raise LimitReached(f"limits.{key}", limit=limit)
    if subject.place and found[f"{column}here"] >= limit * limits.place_factor:
        raise LimitReached(f"limits.{key}_place", limit=limit * limits.place_factor)


def _check_left(used: Mapping[str, Any], limits: UsageLimits) -> None:
    name = used["name"]
    limit = limits.of(name) * (1 if used["own"] else limits.place_factor)
    if _remaining(used, limit, _period(name)) < 0:
        until = _at(used) - timedelta(seconds=_period(name))
        key = f"limits.{name}" if used["own"] else f"limits.{name}_place"
        raise LimitReached(key, limit=limit, when=until.isoformat())


async def check_kept(limits: UsageLimits, subject: Subject, *names: Quota, links: Links | None = None) -> None:
    """Check that there is room for one more of what is kept. Raises `LimitReached`."""
    drawn = "pictures" in names or "uploads" in names
    factor = limits.place_factor if subject.place else 1
    stories = limits.kept_stories * factor if "stories" in names else 0
    pages = limits.kept_pages if "pages" in names else 0
    pictures, megabytes = (limits.kept_pictures * factor, limits.kept_mb * factor) if drawn else (0, 0)
    if not (stories or pages or pictures or megabytes):
        return
    kept = await row(
        _KEPT, subject.account_id, stories, pages, None if links is None else links.page_id, pictures, megabytes
    )
    assert kept is not None
    for name, limit, count in (
        ("kept_stories", stories, kept["stories"]),
        # The new page is there already.
        ("kept_pages", pages, kept["pages"] - 1),
        ("kept_pictures", pictures, kept["pictures"]),
        ("kept_bytes", megabytes, kept["bytes"] // MEGABYTE),
    ):
        if limit and count >= limit:
            raise LimitReached(f"limits.{name}", limit=limit)


def _period(name: str) -> float:
    return MINUTE if name == "work" else DAY


def _at(used: Mapping[str, Any]) -> datetime:
    at: datetime = used["whole_at"]
    return at


def _remaining(used: Mapping[str, Any], limit: int, period: float) -> int:
    """Return how many are left; below 0 if there was none left for the last one."""
    ahead = (used["whole_at"] - used["at"]).total_seconds()
    # A microsecond is the database's unit: what fits but for rounding fits.
    return -1 if ahead > period + 1e-3 else int((period - ahead + 1e-3) * limit / period)
