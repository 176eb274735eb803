"""People: found by their identities on the platforms, and created when first seen, with account and conversation.

A person (`User`) has one identity on each platform where they are known, and one personal account for all of them:
private chats of every linked platform use it. ``users`` repeats platform and id of the identity whose account that is.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from db import spent_limits
from db.accounts import Account
from db.channels import ChannelSettings
from db.connection import ids, row, rows
from db.conversations import Conversation
from db.records import build, columns, fetch, fetch_one

PERSONAL: Final = ("dm", "console")
"""The kinds of personal accounts; the others are of places."""
_FIND: Final = """
SELECT to_jsonb(a) AS account, to_jsonb(u) AS person, to_jsonb(i) AS identity, to_jsonb(c) AS conversation,
    u.cooldown_until, a.left_at IS NOT NULL OR c.left_at IS NOT NULL AS gone,
    EXISTS (SELECT FROM identities o WHERE o.user_id = u.id AND o.id <> i.id) AS linked,
    (SELECT g.id FROM users g WHERE a.kind = 'group' AND g.platform = a.platform AND g.external_id = a.external_id)
        AS group_user,
    (SELECT to_jsonb(s) FROM channel_settings s WHERE s.conversation_id = c.id) AS channel,
    (SELECT d.content FROM drafts d WHERE d.conversation_id = c.id AND d.user_id = u.id) AS draft
FROM identities i JOIN users u ON u.id = i.user_id, accounts a, conversations c
WHERE i.platform = $1 AND i.external_id = $4 AND {account}
  AND c.platform = $1 AND c.chat_id = $5 AND c.thread_id = $6 AND c.account_id = a.id"""
_FIND_IN_PLACE: Final = _FIND.format(account="a.platform = $1 AND a.kind = $2 AND a.external_id = $3")
_FIND_AT_HOME: Final = _FIND.format(
    account="a.platform = u.platform AND a.external_id = u.external_id AND a.kind IN ('dm', 'console') "
    "AND $2 IN ('dm', 'console') AND $3 = $4"
)


@dataclass(frozen=True, slots=True)
class User:
    """A person. Name and language (a BCP 47 tag, or empty) are the latest of their identities'.

    ``time_zone`` is the IANA name of their time zone, empty if they have not said.
    ``story_language`` is the one they chose for their stories, or empty.
    """

    id: int
    name: str
    language: str
    time_zone: str
    story_language: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A person on one platform. ``language`` is a BCP 47 tag, or empty.

    ``username`` is the one by which they were last mentioned there: empty if they have none, None if it is not known.
    """

    id: int
    user_id: int
    platform: str
    external_id: str
    name: str
    username: str | None
    language: str


@dataclass(frozen=True, slots=True)
class Who:
    """A person, the identity that they act with, the account and the place of an event.

    ``linked``: the person has more identities. ``draft`` is their pending form there. Until ``cooldown_until`` they
    may ask for nothing (`db.moderation`). ``gone``: the bot was removed from the place, or blocked (`db.places`).
    ``channel``: what was set for this conversation alone, None if nothing.
    """

    account: Account
    user: User
    identity: Identity
    conversation: Conversation
    linked: bool
    draft: dict[str, Any] | None
    group_user: int | None = None
    cooldown_until: datetime | None = None
    gone: bool = False
    channel: ChannelSettings | None = None


async def resolve(
    platform: str,
    *,
    account: tuple[str, str, str],
    user: tuple[str, str, str],
    conversation: tuple[str, str, str],
    username: str | None = None,
) -> Who:
    """Return the records for an event's account (kind, id, name), user (id, name, language) and conversation
    (chat, thread, kind), creating missing ones. An empty name or language leaves the stored one, and so does None for
    ``username``.

    A personal account is found by the person: the one of their linked identities, whatever its platform.
    """
    kind, account_key, account_name = account
    user_key, user_name, language = user
    chat, thread, conversation_kind = conversation
    sql = _FIND_AT_HOME if kind in PERSONAL and account_key == user_key else _FIND_IN_PLACE

    async def find() -> Who | None:
        return _who(await row(sql, platform, kind, account_key, user_key, chat, thread))

    who = await find()
    if who is not None and (user_name, language, username) == (
        user_name and who.identity.name,
        language and who.identity.language,
        None if username is None else who.identity.username,
    ):
        return who
    home_platform, home_key = await _meet(platform, user_key, user_name, language)
    if username is not None:
        await _take_username(platform, user_key, username)
    if sql is _FIND_IN_PLACE:
        account_id = await _open_account(platform, kind, account_key, account_name)
    else:
        account_id = await _personal_account(home_platform, home_key, kind, account_name)
    await rows(
        "INSERT INTO conversations (account_id, platform, chat_id, thread_id, kind) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (platform, chat_id, thread_id) DO UPDATE SET account_id = excluded.account_id",
        account_id, platform, chat, thread, conversation_kind,
    )  # fmt: skip
    who = await find()
    assert who is not None
    return who


async def _meet(platform: str, key: str, name: str, language: str) -> tuple[str, str]:
    """Store an identity, with its person if it is new; return platform and id of the person's account."""
    found = await row(
        "UPDATE identities SET name = coalesce(nullif($3, ''), name), language = coalesce(nullif($4, ''), language) "
        "WHERE platform = $1 AND external_id = $2 RETURNING user_id",
        platform, key, name, language,
    )  # fmt: skip
    if found is None:
        # A person without an identity was met by a release that had none.
        found = await row(
            "WITH person AS (INSERT INTO users (platform, external_id, name, language) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (platform, external_id) DO UPDATE SET name = users.name RETURNING id) "
            "INSERT INTO identities (user_id, platform, external_id, name, language) "
            "SELECT id, $1, $2, $3, $4 FROM person "
            "ON CONFLICT (platform, external_id) DO UPDATE SET name = excluded.name RETURNING user_id",
            platform, key, name, language,
        )  # fmt: skip
        assert found is not None
        await spent_limits.restore(found["user_id"])
    person = await row(
        "UPDATE users SET name = coalesce(nullif($2, ''), name), language = coalesce(nullif($3, ''), language) "
        "WHERE id = $1 RETURNING platform, external_id",
        found["user_id"], name, language,
    )  # fmt: skip
    assert person is not None
    return person["platform"], person["external_id"]


async def _take_username(platform: str, key: str, username: str) -> None:
    """Store the username that somebody has now: whoever had it before has another, or none."""
    await rows(
        "UPDATE identities SET username = NULL WHERE platform = $1 AND external_id <> $2 "
        "AND lower(username) = lower($3) AND username <> ''",
        platform, key, username,
    )  # fmt: skip
    await rows("UPDATE identities SET username = $3 WHERE platform = $1 AND external_id = $2", platform, key, username)


async def _open_account(platform: str, kind: str, key: str, name: str) -> int:
    made = await row(
        "INSERT INTO accounts (platform, kind, external_id, name) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (platform, kind, external_id) DO UPDATE "
        "SET name = coalesce(nullif(excluded.name, ''), accounts.name) RETURNING id",
        platform, kind, key, name,
    )  # fmt: skip
    assert made is not None
    return made["id"]


async def _personal_account(platform: str, key: str, kind: str, name: str) -> int:
    found = await row(
        "UPDATE accounts SET name = coalesce(nullif($4, ''), name) "
        "WHERE platform = $1 AND external_id = $2 AND kind = ANY ($3::text[]) RETURNING id",
        platform, key, list(PERSONAL), name,
    )  # fmt: skip
    return await _open_account(platform, kind, key, name) if found is None else found["id"]


async def user(user_id: int) -> User | None:
    """Return a user."""
    return await fetch_one(User, f"SELECT {columns(User)} FROM users WHERE id = $1", user_id)


async def identities_of(user_id: int) -> list[Identity]:
    """Return a person's identities, oldest first."""
    return await fetch(Identity, f"SELECT {columns(Identity)} FROM identities WHERE user_id = $1 ORDER BY id", user_id)


async def private_chat(platform: str, external_id: str) -> int | None:
    """Return the conversation that is somebody's private chat on a platform; None if they never wrote there."""
    found = await row(
        "SELECT c.id FROM identities i JOIN users u ON u.id = i.user_id JOIN accounts a ON a.platform = u.platform "
        "AND a.external_id = u.external_id AND a.kind = ANY ($3::text[]) JOIN conversations c ON c.account_id = a.id "
        "AND c.platform = i.platform AND c.kind = 'dm' WHERE i.platform = $1 AND i.external_id = $2 "
        "ORDER BY c.active_at DESC LIMIT 1",
        platform, external_id, list(PERSONAL),
    )  # fmt: skip
    return None if found is None else found["id"]


async def set_time_zone(user_id: int, zone: str) -> None:
    """Set a person's time zone by its IANA name; "" forgets it."""
    await rows("UPDATE users SET time_zone = $2 WHERE id = $1", user_id, zone)


async def drop_identities(user_id: int) -> list[Identity]:
    """Delete a person's identities and return them: whoever uses one of them again is a new person."""
    return await fetch(Identity, f"DELETE FROM identities WHERE user_id = $1 RETURNING {columns(Identity)}", user_id)


async def identity(platform: str, key: str) -> Identity | None:
    """Return an identity by the platform's id."""
    return await fetch_one(
        Identity,
        f"SELECT {columns(Identity)} FROM identities WHERE platform = $1 AND external_id = $2",
        platform, key,
    )  # fmt: skip


async def named(name: str, platform: str, limit: int) -> list[Identity]:
    """Return identities of a name, on one platform (empty: on all), those met last first."""
    return await _called("lower(name) = lower($1)", name, platform, limit)


async def with_username(name: str, platform: str, limit: int) -> list[Identity]:
    """Return the identities with a username: of each platform the one that was last seen with it. As `named`."""
    return await _called("lower(username) = lower($1) AND username <> ''", name, platform, limit)


async def _called(condition: str, name: str, platform: str, limit: int) -> list[Identity]:
    return await fetch(
        Identity,
        f"SELECT {columns(Identity)} FROM identities WHERE {condition} AND ($2 = '' OR platform = $2) "
        "ORDER BY id DESC LIMIT $3",
        name, platform, limit,
    )  # fmt: skip


async def personal_account(user_id: int) -> int | None:
    """Return a person's personal account; None if they have used the bot in groups only."""
    found = await row(
        "SELECT a.id FROM users u JOIN accounts a ON a.platform = u.platform AND a.external_id = u.external_id "
        "WHERE u.id = $1 AND a.kind = ANY ($2::text[]) ORDER BY a.id LIMIT 1",
        user_id, list(PERSONAL),
    )  # fmt: skip
    return None if found is None else found["id"]


async def private_chats(user_id: int) -> list[int]:
    """Return the conversations that are a person's private chats, on each platform the one that was active last."""
    found = await rows(
        "SELECT DISTINCT ON (c.platform) c.id FROM users u JOIN accounts a ON a.platform = u.platform "
        "AND a.external_id = u.external_id AND a.kind = ANY ($2::text[]) JOIN conversations c ON c.account_id = a.id "
        "AND c.kind = 'dm' JOIN identities i ON i.user_id = u.id AND i.platform = c.platform WHERE u.id = $1 "
        "ORDER BY c.platform, c.active_at DESC, c.id DESC",
        user_id, list(PERSONAL),
    )  # fmt: skip
    return ids(found)


async def set_story_language(user_id: int, language: str) -> None:
    """Set the language of a person's stories, a BCP 47 tag; "" for that of their app."""
    await rows("UPDATE users SET story_language = $2 WHERE id = $1", user_id, language)


async def without_private_chat(platform: str, limit: int) -> list[str]:
    """Return the platform's ids of the people last seen first of whom no private chat there is known."""
    found = await rows(
        "SELECT i.external_id FROM identities i WHERE i.platform = $1 AND NOT EXISTS ("
        "SELECT FROM users u JOIN accounts a ON a.platform = u.platform AND a.external_id = u.external_id "
        "AND a.kind = ANY ($3::text[]) JOIN conversations c ON c.account_id = a.id AND c.platform = i.platform "
        "AND c.kind = 'dm' WHERE u.id = i.user_id) ORDER BY i.id DESC LIMIT $2",
        platform, limit, list(PERSONAL),
    )  # fmt: skip
    return [r["external_id"] for r in found]


def _who(found: dict[str, Any] | None) -> Who | None:
    if found is None:
        return None
    return Who(
        account=build(Account, json.loads(found["account"])),
        user=build(User, json.loads(found["person"])),
        identity=build(Identity, json.loads(found["identity"])),
        conversation=build(Conversation, json.loads(found["conversation"])),
        linked=found["linked"],
        group_user=found["group_user"],
        draft=None if found["draft"] is None else json.loads(found["draft"]),
        cooldown_until=found["cooldown_until"],
        gone=found["gone"],
        channel=None if found["channel"] is None else build(ChannelSettings, json.loads(found["channel"])),
    )
