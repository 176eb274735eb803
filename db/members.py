"""The members of places: the role that the platform gave somebody when they last did something there."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from db.connection import jsonb, rows
from db.permissions import Role

NAMED: Final = 5
"""Maximum number of people of one name that are returned."""
SEEN_DAYS: Final = 30
"""What has not changed is noted anew after this time."""
_SEEN: Final = f"""
INSERT INTO members (account_id, user_id, role, roles) SELECT $1, $2, $3, $4::jsonb
WHERE NOT EXISTS (SELECT FROM members WHERE account_id = $1 AND user_id = $2 AND role = $3 AND roles = $4::jsonb
    AND created_at > now() - interval '{SEEN_DAYS} days')
ON CONFLICT (account_id, user_id) DO UPDATE SET role = excluded.role, roles = excluded.roles, created_at = now()"""


@dataclass(frozen=True, slots=True)
class Member:
    """A person of a place: their role by the platform, and the keys by which the place may map it to another.

    ``username`` as in `db.people.Identity`.
    """

    user_id: int
    name: str
    username: str | None
    role: Role
    roles: list[str]


async def seen(account_id: int, user_id: int, role: Role, roles: Sequence[str]) -> None:
    """Note the role that somebody has in a place. Writes nothing while it stays the same."""
    await rows(_SEEN, account_id, user_id, role, jsonb(list(roles)))


async def find(account_id: int, platform: str, text: str) -> list[Member]:
    """Return the people of a place whom a text names by the platform's id, by username or by name, up to `NAMED`.

    Those with that username come first.
    """
    found = await rows(
        "SELECT m.user_id, i.name, i.username, m.role, m.roles FROM members m "
        "JOIN identities i ON i.user_id = m.user_id WHERE m.account_id = $1 AND i.platform = $2 "
        "AND (i.external_id = $3 OR lower(i.name) = lower($3) OR lower(i.username) = lower($3)) "
        "ORDER BY lower(i.username) = lower($3) DESC NULLS LAST, i.id LIMIT $4",
        account_id, platform, text, NAMED,
    )  # fmt: skip
    return [Member(f["user_id"], f["name"], f["username"], f["role"], json.loads(f["roles"])) for f in found]
