"""Accounts, users and conversations: found by what their platform calls them, made when first seen."""

import json
from dataclasses import dataclass
from typing import Any, Final

from db.connection import row, rows
from db.records import Json, build, columns, fetch, fetch_one

_FIND: Final = """
SELECT to_jsonb(a) AS account, to_jsonb(u) AS person, to_jsonb(c) AS conversation,
    (SELECT d.content FROM drafts d WHERE d.conversation_id = c.id AND d.user_id = u.id) AS draft
FROM accounts a, users u, conversations c
WHERE a.platform = $1 AND a.kind = $2 AND a.external_id = $3
  AND u.platform = $1 AND u.external_id = $4
  AND c.platform = $1 AND c.chat_id = $5 AND c.thread_id = $6 AND c.account_id = a.id"""


@dataclass(frozen=True, slots=True)
class Account:
    """A Discord guild, a DM user, a Telegram chat, the console's user. ``settings`` holds what it has chosen."""

    id: int
    platform: str
    kind: str
    external_id: str
    name: str
    settings: Json[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A chat, or a thread of one. ``mode`` says where plain text goes (chat or story); ``epoch`` counts chat resets."""

    id: int
    account_id: int
    platform: str
    chat_id: str
    thread_id: str
    kind: str
    mode: str
    story_id: int | None
    persona_id: int | None
    epoch: int
    last_said: str


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
    """Who did something, and where. ``draft`` is the form that they are being asked there."""

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
    (chat, thread, kind), making what is new. An empty name or language leaves what is known.
    """
    kind, account_key, account_name = account
    user_key, user_name, language = user
    chat, thread, conversation_kind = conversation

    async def find() -> Who | None:
        return _who(await row(_FIND, platform, kind, account_key, user_key, chat, thread))

    who = await find()
    if who is not None and (who.user.name, who.user.language) == (
        user_name or who.user.name,
        language or who.user.language,
    ):
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


async def open_thread(conversation_id: int, chat_id: str, story_id: int) -> None:
    """Record that a story of this conversation is told in a thread of its own from now on."""
    await rows(
        "INSERT INTO conversations (account_id, platform, chat_id, kind, mode, story_id) "
        "SELECT account_id, platform, $2, 'thread', 'story', $3 FROM conversations WHERE id = $1 "
        "ON CONFLICT (platform, chat_id, thread_id) DO UPDATE SET mode = 'story', story_id = excluded.story_id",
        conversation_id, chat_id, story_id,
    )  # fmt: skip


async def note_said(conversation_id: int, event_id: str) -> None:
    """Record the last plain text that was committed from a conversation, for catching up after a restart."""
    await rows("UPDATE conversations SET last_said = $2 WHERE id = $1", conversation_id, event_id)


async def watched(platform: str) -> list[Conversation]:
    """Return the conversations to catch up after a restart: DMs, and threads with a story."""
    return await fetch(
        Conversation,
        f"SELECT {columns(Conversation)} FROM conversations "
        "WHERE platform = $1 AND (kind = 'dm' OR (kind = 'thread' AND story_id IS NOT NULL)) ORDER BY id",
        platform,
    )


async def user(user_id: int) -> User | None:
    """Return a user."""
    return await fetch_one(User, f"SELECT {columns(User)} FROM users WHERE id = $1", user_id)


async def user_called(platform: str, external_id: str) -> User | None:
    """Return the user whom a platform calls so."""
    return await fetch_one(
        User, f"SELECT {columns(User)} FROM users WHERE platform = $1 AND external_id = $2", platform, external_id
    )


async def chosen_model(account_id: int | None) -> str:
    """Return the name of the text model that an account has chosen, "" if none."""
    return await _chosen(account_id, "text_model")


async def choose_model(account_id: int, model: str) -> None:
    """Record the text model that an account has chosen; "" goes back to the operator's default."""
    await _choose(account_id, "text_model", model)


async def chosen_image_engine(account_id: int | None) -> str:
    """Return the name of the image engine that an account wants first, "" if none."""
    return await _chosen(account_id, "image_engine")


async def choose_image_engine(account_id: int, engine: str) -> None:
    """Record the image engine that an account wants first; "" goes back to the operator's order."""
    await _choose(account_id, "image_engine", engine)


async def set_rating(account_id: int, rating: str) -> None:
    """Record what pictures may show where an account is at home."""
    await _choose(account_id, "rating", rating)


async def _chosen(account_id: int | None, key: str) -> str:
    found = None if account_id is None else await row("SELECT settings FROM accounts WHERE id = $1", account_id)
    chosen = None if found is None else json.loads(found["settings"]).get(key)
    return chosen if isinstance(chosen, str) else ""


async def _choose(account_id: int, key: str, value: str) -> None:
    await row(
        "UPDATE accounts SET settings = settings || jsonb_build_object($2::text, $3::text) WHERE id = $1 RETURNING id",
        account_id, key, value,
    )  # fmt: skip


def _who(found: dict[str, Any] | None) -> Who | None:
    if found is None:
        return None
    return Who(
        account=build(Account, json.loads(found["account"])),
        user=build(User, json.loads(found["person"])),
        conversation=build(Conversation, json.loads(found["conversation"])),
        draft=None if found["draft"] is None else json.loads(found["draft"]),
    )
