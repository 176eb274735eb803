"""Accounts: the owners of data, and their settings."""

import json
from dataclasses import dataclass
from typing import Any, Final

from db.connection import row, rows
from db.records import Json

LANGUAGE: Final = "language"
"""The setting of a place that names the language of stories begun there, a BCP 47 tag."""
ANNOUNCEMENTS: Final = "announcements"
"""The setting of a personal account that switches the operators' announcements on."""
ANNOUNCEMENT_CHANNEL: Final = "announcement_channel"
"""The setting of a place that names the conversation that gets them."""
ON: Final = "on"
VOUCHED: Final = "adult_by"
"""The setting of a personal account that names the platform that takes the person for an adult."""


@dataclass(frozen=True, slots=True)
class Account:
    """A Discord guild, a DM user, a Telegram chat, the console's user. ``settings`` holds its choices."""

    id: int
    platform: str
    kind: str
    external_id: str
    name: str
    settings: Json[dict[str, Any]]


async def chosen_model(account_id: int | None) -> str:
    """Return the name of the text model that an account has chosen, "" if none."""
    return await _chosen(account_id, "text_model")


async def choose_model(account_id: int, model: str) -> None:
    """Set an account's text model; "" restores the operator's default."""
    await _choose(account_id, "text_model", model)


async def chosen_image_engine(account_id: int | None) -> str:
    """Return the name of an account's preferred image engine, "" if none."""
    return await _chosen(account_id, "image_engine")


async def choose_image_engine(account_id: int, engine: str) -> None:
    """Set an account's preferred image engine; "" restores the operator's order."""
    await _choose(account_id, "image_engine", engine)


async def chosen_language(account_id: int) -> str:
    """Return the language of stories begun in an account's place, "" if none was chosen."""
    return await _chosen(account_id, LANGUAGE)


async def choose_language(account_id: int, language: str) -> None:
    """Set the language of stories begun in an account's place; "" leaves it to each person."""
    await _choose(account_id, LANGUAGE, language)


async def settings_of(account_id: int) -> dict[str, Any]:
    """Return an account's settings; empty if it is gone."""
    found = await row("SELECT settings FROM accounts WHERE id = $1", account_id)
    return {} if found is None else json.loads(found["settings"])


async def set_rating(account_id: int, rating: str) -> None:
    """Set what may be written and drawn in an account's conversations."""
    await _choose(account_id, "rating", rating)


async def set_vouched(account_id: int, platform: str) -> None:
    """Record that a platform takes an account's person for an adult."""
    await _choose(account_id, VOUCHED, platform)


async def drop_vouched(account_id: int, platform: str) -> None:
    """Forget what a platform said of the person whose identity there leaves the account."""
    await rows(
        "UPDATE accounts SET settings = settings - $2::text WHERE id = $1 AND settings ->> $2 = $3",
        account_id, VOUCHED, platform,
    )  # fmt: skip


async def set_announcements(account_id: int, *, on: bool) -> None:
    """Switch the operators' announcements on or off in a private chat."""
    await _choose(account_id, ANNOUNCEMENTS, ON if on else "")


async def set_announcement_channel(account_id: int, conversation_id: int | None) -> None:
    """Set the conversation of a place that gets the operators' announcements; None: where it was last active."""
    await _choose(account_id, ANNOUNCEMENT_CHANNEL, "" if conversation_id is None else str(conversation_id))


async def _chosen(account_id: int | None, key: str) -> str:
    found = None if account_id is None else await row("SELECT settings FROM accounts WHERE id = $1", account_id)
    chosen = None if found is None else json.loads(found["settings"]).get(key)
    return chosen if isinstance(chosen, str) else ""


async def _choose(account_id: int, key: str, value: str) -> None:
    await row(
        "UPDATE accounts SET settings = settings || jsonb_build_object($2::text, $3::text) WHERE id = $1 RETURNING id",
        account_id, key, value,
    )  # fmt: skip
