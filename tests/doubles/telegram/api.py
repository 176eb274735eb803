"""What every Bot API method works on, and the parts that several methods share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.doubles.telegram.entities import Formatted, parse_html, read_entities, tidy, utf16_length
from tests.doubles.telegram.flood import Flood
from tests.doubles.telegram.markdown import parse_markdown_v2
from tests.doubles.telegram.params import Params
from tests.doubles.telegram.rules import ApiError, Rules, bad_request, blocked
from tests.doubles.telegram.state import Chat, World
from tests.doubles.telegram.updates import Updates

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Api:
    """One request's context; ``gone`` tells whether the client has left."""

    world: World
    updates: Updates
    flood: Flood
    rules: Rules
    params: Params
    gone: Callable[[], bool]


Method = Callable[[Api], Awaitable[Any]]


def find_chat(api: Api, *, writing: bool) -> Chat:
    """The chat of ``chat_id``; to write there the person must have started the bot and not blocked it."""
    value = api.params.text("chat_id")
    if not value:
        raise bad_request("chat_id is empty")
    try:
        chat = api.world.chats.get(int(value))
    except ValueError:
        chat = None
    if chat is None:
        if (new := api.world.upgraded.get(int(value) if value.lstrip("-").isdigit() else 0)) is not None:
            reason = "Bad Request: group chat was upgraded to a supergroup chat"
            raise ApiError(400, reason, migrate_to=new)
        raise bad_request("chat not found")
    if chat.blocked and chat.kind != "private":
        raise ApiError(403, f"Forbidden: bot was kicked from the {chat.kind} chat")
    if writing and chat.blocked:
        raise blocked()
    if writing and not chat.started:
        raise ApiError(403, "Forbidden: bot can't initiate conversation with a user")
    return chat


def read_text(api: Api, name: str, entities_name: str, limit: int, too_long: str) -> Formatted:
    """A text parameter with its markup read, cleaned and measured; absent reads as empty."""
    source = api.params.text(name) or ""
    mode = (api.params.text("parse_mode") or "").lower()
    if mode == "html":
        formatted = parse_html(source)
    elif mode == "markdownv2":
        formatted = parse_markdown_v2(source)
    elif mode in ("", "none"):
        items = api.params.array(entities_name, "entities")
        formatted = Formatted(source, read_entities(source, items) if items else ())
    else:
        raise bad_request("unsupported parse_mode")
    formatted = tidy(formatted)
    if utf16_length(formatted.text) > limit:
        raise bad_request(too_long)
    return Formatted(formatted.text, formatted.entities[: api.rules.entity_count])
