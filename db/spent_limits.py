"""What people had used of their limits when they had their data deleted: nobody gets rid of it by a new start.

Kept for days at most, under a keyed hash of the platform's id, and given back to whoever comes with that id.
"""

import hmac
from typing import Final

from db.connection import row, rows
from db.heartbeats import deployment

COOLDOWN: Final = "cooldown"
STRIKE: Final = "strike-"
STRIKE_DAYS: Final = 7
"""How long strikes are remembered."""


async def keep(user_id: int) -> None:
    """Remember what a person has used up, by each of their identities. Call it before these are deleted."""
    await rows(
        "INSERT INTO spent_limits (digest, name, ends_at) SELECT d.digest, u.name, u.ends_at "
        "FROM unnest($2::text[]) AS d (digest) CROSS JOIN ("
        "SELECT name, whole_at AS ends_at FROM quotas WHERE user_id = $1 UNION ALL "
        "SELECT $3, cooldown_until FROM users WHERE id = $1 AND cooldown_until IS NOT NULL UNION ALL "
        "SELECT $4 || id, created_at + make_interval(days => $5) FROM incidents WHERE user_id = $1 "
        "AND rule = 'minors' AND stage <> 'output' AND field <> 'override') u WHERE u.ends_at > now() OR u.name = $3 "
        "ON CONFLICT (digest, name) DO UPDATE SET ends_at = greatest(spent_limits.ends_at, excluded.ends_at)",
        user_id, await _digests(user_id), COOLDOWN, STRIKE, STRIKE_DAYS,
    )  # fmt: skip


async def restore(user_id: int) -> None:
    """Let a new person have used up what was remembered of their identities."""
    digests = await _digests(user_id)
    await rows(
        "INSERT INTO quotas (user_id, name, whole_at) SELECT $1, name, max(ends_at) FROM spent_limits "
        "WHERE digest = ANY ($2::text[]) AND ends_at > now() AND name <> $3 AND NOT starts_with(name, $4) "
        "GROUP BY name ON CONFLICT (coalesce(account_id, 0), coalesce(user_id, 0), name) "
        "DO UPDATE SET whole_at = greatest(quotas.whole_at, excluded.whole_at)",
        user_id, digests, COOLDOWN, STRIKE,
    )  # fmt: skip
    await rows(
        "UPDATE users SET cooldown_until = greatest(cooldown_until, s.ends_at) FROM (SELECT max(ends_at) AS ends_at "
        "FROM spent_limits WHERE digest = ANY ($2::text[]) AND ends_at > now() AND name = $3) s "
        "WHERE users.id = $1 AND s.ends_at IS NOT NULL",
        user_id, digests, COOLDOWN,
    )  # fmt: skip


async def strikes(user_id: int, hours: int) -> int:
    """Return how many strikes of the last ``hours`` are remembered of a person, from before a deletion.

    Those that led to a cooldown which has begun since do not count again.
    """
    found = await row(
        "SELECT count(DISTINCT name) AS n FROM spent_limits WHERE digest = ANY ($1::text[]) AND starts_with(name, $2) "
        "AND ends_at - make_interval(days => $3) > greatest(now() - make_interval(hours => $4), coalesce((SELECT "
        "max(ends_at) FROM spent_limits WHERE digest = ANY ($1::text[]) AND name = $5), '-infinity'), "
        "coalesce((SELECT cooldown_until FROM users WHERE id = $6), '-infinity'))",
        await _digests(user_id), STRIKE, STRIKE_DAYS, hours, COOLDOWN, user_id,
    )  # fmt: skip
    assert found is not None
    return found["n"]


async def _digests(user_id: int) -> list[str]:
    """Return the hashes of a person's identities."""
    key = (await deployment()).encode()
    known = await rows("SELECT platform, external_id FROM identities WHERE user_id = $1", user_id)
    return [hmac.new(key, f"{i['platform']}:{i['external_id']}".encode(), "sha256").hexdigest() for i in known]
