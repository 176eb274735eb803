"""Accounts, users and conversations: found by what their platform calls them, made when first seen."""

import json
from dataclasses import dataclass
from typing import Any, Final

from tortoise.expressions import Q

from db import drafts
from db.connection import row, rows
from db.models import Account, Conversation, User

_FIND: Final = """
SELECT a.id AS account_id, u.id AS user_id, u.name AS user_name, u.language AS user_language, c.id AS conversation_id,
    EXISTS (SELECT 1 FROM drafts d WHERE d.conversation_id = c.id AND d.user_id = u.id) AS asked
FROM accounts a, users u, conversations c
WHERE a.platform = $1 AND a.kind = $2 AND a.external_id = $3
  AND u.platform = $1 AND u.external_id = $4
  AND c.platform = $1 AND c.chat_id = $5 AND c.thread_id = $6 AND c.account_id = a.id"""


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
    """Return the rows for an event's account (kind, id, name), user (id, name, language) and conversation
    (chat, thread, kind), making what is new. An empty name or language leaves what is known.
    """
    kind, account_key, account_name = account
    user_key, user_name, language = user
    chat, thread, conversation_kind = conversation
    found = await row(_FIND, platform, kind, account_key, user_key, chat, thread)
    if found is None or (found["user_name"], found["user_language"]) != (
        user_name or found["user_name"],
        language or found["user_language"],
    ):
        a = await row(
            "INSERT INTO accounts (platform, kind, external_id, name) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (platform, kind, external_id) DO UPDATE "
            "SET name = coalesce(nullif(excluded.name, ''), accounts.name) RETURNING id",
            platform, kind, account_key, account_name,
        )  # fmt: skip
        u = await row(
            "INSERT INTO users (platform, external_id, name, language) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (platform, external_id) DO UPDATE SET name = coalesce(nullif(excluded.name, ''), users.name), "
            "language = coalesce(nullif(excluded.language, ''), users.language) RETURNING id",
            platform, user_key, user_name, language,
        )  # fmt: skip
        assert a is not None
        assert u is not None
        c = await row(
            "INSERT INTO conversations (account_id, platform, chat_id, thread_id, kind) VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT (platform, chat_id, thread_id) DO UPDATE SET account_id = excluded.account_id RETURNING id",
            a["id"], platform, chat, thread, conversation_kind,
        )  # fmt: skip
        assert c is not None
        found = {"account_id": a["id"], "user_id": u["id"], "conversation_id": c["id"], "asked": True}
    return Who(
        account=await Account.get(id=found["account_id"]),
        user=await User.get(id=found["user_id"]),
        conversation=await Conversation.get(id=found["conversation_id"]),
        draft=await drafts.get(found["conversation_id"], found["user_id"]) if found["asked"] else None,
    )


async def open_thread(conversation_id: int, chat_id: str, story_id: int) -> None:
    """Record that a story of this conversation is told in a thread of its own from now on."""
    await rows(
        "INSERT INTO conversations (account_id, platform, chat_id, kind, mode, story_id) "
        "SELECT account_id, platform, $2, 'thread', 'story', $3 FROM conversations WHERE id = $1 "
        "ON CONFLICT (platform, chat_id, thread_id) DO UPDATE SET mode = 'story', story_id = excluded.story_id",
        conversation_id, chat_id, story_id,
    )  # fmt: skip


async def set_mode(conversation_id: int, mode: str) -> None:
    """Say where plain text in a conversation goes: ``chat`` or ``story``."""
    await rows("UPDATE conversations SET mode = $2 WHERE id = $1 AND mode <> $2", conversation_id, mode)


async def note_said(conversation_id: int, event_id: str) -> None:
    """Remember the last plain text that was committed from a conversation, for catching up after a restart."""
    await rows("UPDATE conversations SET last_said = $2 WHERE id = $1", conversation_id, event_id)


async def watched(platform: str) -> list[Conversation]:
    """Return the conversations to catch up after a restart: DMs, and threads with a story."""
    return await Conversation.filter(
        Q(platform=platform), Q(Q(kind="dm"), Q(kind="thread", story_id__isnull=False), join_type="OR")
    )


async def user(user_id: int) -> User | None:
    """Return a user."""
    return await User.get_or_none(id=user_id)


async def user_called(platform: str, external_id: str) -> User | None:
    """Return the user whom a platform calls so."""
    return await User.get_or_none(platform=platform, external_id=external_id)


async def chosen_model(account_id: int | None) -> str:
    """Return the name of the text model that an account chose, "" if it chose none."""
    found = None if account_id is None else await row("SELECT settings FROM accounts WHERE id = $1", account_id)
    chosen = None if found is None else _json(found["settings"]).get("text_model")
    return chosen if isinstance(chosen, str) else ""


async def choose_model(account_id: int, model: str) -> None:
    """Remember the text model that an account chose; "" goes back to the operator's."""
    await row(
        "UPDATE accounts SET settings = settings || jsonb_build_object('text_model', $2::text) "
        "WHERE id = $1 RETURNING id",
        account_id, model,
    )  # fmt: skip


async def choose_image_engine(account_id: int, engine: str) -> None:
    """Remember the image engine that an account wants first; "" goes back to the operator's order."""
    await row(
        "UPDATE accounts SET settings = settings || jsonb_build_object('image_engine', $2::text) "
        "WHERE id = $1 RETURNING id",
        account_id, engine,
    )  # fmt: skip


async def set_rating(account_id: int, rating: str) -> None:
    """Remember what pictures may show where an account is at home."""
    await row(
        "UPDATE accounts SET settings = settings || jsonb_build_object('rating', $2::text) WHERE id = $1 RETURNING id",
        account_id, rating,
    )  # fmt: skip


def _json(value: Any) -> dict[str, Any]:
    return json.loads(value) if isinstance(value, str) else dict(value)
