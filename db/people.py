"""People: found by their platform's ids, and created when first seen, with their account and conversation."""

import json
from dataclasses import dataclass
from typing import Any, Final

from db.accounts import Account
from db.connection import row, rows
from db.conversations import Conversation
from db.records import build, columns, fetch_one

_FIND: Final = """
SELECT to_jsonb(a) AS account, to_jsonb(u) AS person, to_jsonb(c) AS conversation,
    (SELECT d.content FROM drafts d WHERE d.conversation_id = c.id AND d.user_id = u.id) AS draft
FROM accounts a, users u, conversations c
WHERE a.platform = $1 AND a.kind = $2 AND a.external_id = $3
  AND u.platform = $1 AND u.external_id = $4
  AND c.platform = $1 AND c.chat_id = $5 AND c.thread_id = $6 AND c.account_id = a.id"""


@dataclass(frozen=True, slots=True)
class User:
    """A person on one platform. ``language`` is a BCP 47 tag, or empty."""

    id: int
    platform: str
    external_id: str
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Who:
    """A person, their account and the place of an event. ``draft`` is their pending form there."""

    account: Account
    user: User
    conversation: Conversation
    draft: dict[str, Any] | None


async def resolve(
    platform: str,
    *,
    account: tuple[str, str, str],
    user: tuple[str, str, str],
    conversation: tuple[str, str, str],
) -> Who:
    """Return the records for an event's account (kind, id, name), user (id, name, language) and conversation
    (chat, thread, kind), creating missing ones. An empty name or language leaves the stored one.
    """
    kind, account_key, account_name = account
    user_key, user_name, language = user
    chat, thread, conversation_kind = conversation

    async def find() -> Who | None:
        return _who(await row(_FIND, platform, kind, account_key, user_key, chat, thread))

    who = await find()
    if who is not None and (user_name, language) == (user_name and who.user.name, language and who.user.language):
        return who
    made = await row(
        "INSERT INTO accounts (platform, kind, external_id, name) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (platform, kind, external_id) DO UPDATE "
        "SET name = coalesce(nullif(excluded.name, ''), accounts.name) RETURNING id",
        platform, kind, account_key, account_name,
    )  # fmt: skip
    assert made is not None
    await rows(
        "INSERT INTO users (platform, external_id, name, language) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (platform, external_id) DO UPDATE SET name = coalesce(nullif(excluded.name, ''), users.name), "
        "language = coalesce(nullif(excluded.language, ''), users.language)",
        platform, user_key, user_name, language,
    )  # fmt: skip
    await rows(
        "INSERT INTO conversations (account_id, platform, chat_id, thread_id, kind) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (platform, chat_id, thread_id) DO UPDATE SET account_id = excluded.account_id",
        made["id"], platform, chat, thread, conversation_kind,
    )  # fmt: skip
    who = await find()
    assert who is not None
    return who


async def user(user_id: int) -> User | None:
    """Return a user."""
    return await fetch_one(User, f"SELECT {columns(User)} FROM users WHERE id = $1", user_id)


async def without_private_chat(platform: str, limit: int) -> list[str]:
    """Return the platform's ids of the people last seen first of whom no private chat is known, up to ``limit``."""
    found = await rows(
        "SELECT u.external_id FROM users u WHERE u.platform = $1 AND NOT EXISTS (SELECT FROM accounts a WHERE "
        "a.platform = u.platform AND a.kind = 'dm' AND a.external_id = u.external_id) ORDER BY u.id DESC LIMIT $2",
        platform, limit,
    )  # fmt: skip
    return [r["external_id"] for r in found]


def _who(found: dict[str, Any] | None) -> Who | None:
    if found is None:
        return None
    return Who(
        account=build(Account, json.loads(found["account"])),
        user=build(User, json.loads(found["person"])),
        conversation=build(Conversation, json.loads(found["conversation"])),
        draft=None if found["draft"] is None else json.loads(found["draft"]),
    )
