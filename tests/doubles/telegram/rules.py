"""Telegram's limits and refusals as data.

Sources: core.telegram.org/bots/api and /bots/faq; wording of refusals as the public Bot API server gives it. What
Telegram does not publish (flood control, age of callback queries, buttons per keyboard) is the commonly observed value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FloodRules:
    """Flood control; sends and edits count alike. Unpublished; the FAQ names the three rates."""

    chat_per_second: float = 1.0
    chat_burst: int = 5
    group_per_minute: int = 20
    group_seconds: float = 60.0
    """How long that minute is."""
    overall_per_second: int = 30


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything a test may set. Lengths are UTF-16 units unless the name says bytes; times are seconds."""

    flood: FloodRules | None = field(default_factory=FloodRules)
    query_seconds: float = 30.0
    """Age at which a callback query can no longer be answered (unpublished)."""
    delete_seconds: float = 48 * 3600
    webhook_retry_seconds: float = 0.2
    webhook_timeout_seconds: float = 10.0
    webhook_https_only: bool = False
    """Telegram's own servers insist on HTTPS; a Bot API server in local mode does not."""
    poll_seconds: int = 50
    """The longest long poll."""
    text_length: int = 4096
    caption_length: int = 1024
    entity_count: int = 100
    callback_data_bytes: int = 64
    buttons_per_row: int = 8
    buttons: int = 100
    answer_length: int = 200
    copy_length: int = 256
    album_items: int = 10
    placeholder_length: int = 64
    command_count: int = 100
    command_description_length: int = 256
    photo_bytes: int = 10_000_000
    upload_bytes: int = 50_000_000
    download_bytes: int = 20_000_000
    download_bytes_per_second: float | None = None
    """The speed of the line over which all files are downloaded, None if it takes no time."""
    secret_length: int = 256


UPDATE_KINDS = frozenset({
    "message", "edited_message", "channel_post", "edited_channel_post", "inline_query", "chosen_inline_result",
    "callback_query", "shipping_query", "pre_checkout_query", "poll", "poll_answer", "my_chat_member", "chat_member",
    "chat_join_request", "message_reaction", "message_reaction_count",
})  # fmt: skip
OPT_IN_KINDS = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
CHAT_ACTIONS = frozenset({
    "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document",
    "choose_sticker", "find_location", "record_video_note", "upload_video_note",
})  # fmt: skip
SCOPES = frozenset({
    "default", "all_private_chats", "all_group_chats", "all_chat_administrators", "chat", "chat_administrators",
    "chat_member",
})  # fmt: skip
BUTTON_ACTIONS = frozenset({
    "url", "callback_data", "web_app", "login_url", "switch_inline_query", "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat", "copy_text", "callback_game", "pay",
})  # fmt: skip
BUTTON_STYLES = frozenset({"danger", "success", "primary"})
ENTITY_KINDS = frozenset({
    "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bold", "italic", "underline",
    "strikethrough", "spoiler", "blockquote", "expandable_blockquote", "code", "pre", "text_link", "text_mention",
    "custom_emoji",
})  # fmt: skip
COMMAND_NAME = re.compile(r"[a-z0-9_]{1,32}")
SECRET_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]+")


class ApiError(Exception):
    """A refusal: HTTP status, Telegram's description and, for floods, ``retry_after`` in whole seconds.

    ``migrate_to``: the id under which the group goes on.
    """

    def __init__(
        self, code: int, description: str, retry_after: int | None = None, migrate_to: int | None = None
    ) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = {
            name: value
            for name, value in (("retry_after", retry_after), ("migrate_to_chat_id", migrate_to))
            if value is not None
        }


def bad_request(reason: str) -> ApiError:
    """400 with Telegram's prefix."""
    return ApiError(400, f"Bad Request: {reason}")


def too_many_requests(retry_after: int) -> ApiError:
    """429 in Telegram's wording."""
    return ApiError(429, f"Too Many Requests: retry after {retry_after}", retry_after)


def blocked() -> ApiError:
    """403: the person has stopped the bot."""
    return ApiError(403, "Forbidden: bot was blocked by the user")


def old_query() -> ApiError:
    """400: the callback query cannot be answered any more."""
    return bad_request("query is too old and response timeout expired or query ID is invalid")


def conflict(reason: str) -> ApiError:
    """409 in Telegram's wording."""
    return ApiError(409, f"Conflict: {reason}")
