"""Bot API methods about the bot itself: identity, updates, webhook, commands, chats, files. All methods by name."""

from __future__ import annotations

import json
from typing import Any, cast
from urllib.parse import urlsplit

from tests.doubles.telegram import media, messages
from tests.doubles.telegram.api import Api, Method, find_chat
from tests.doubles.telegram.entities import utf16_length
from tests.doubles.telegram.rules import COMMAND_NAME, SCOPES, SECRET_TOKEN, bad_request
from tests.doubles.telegram.updates import Webhook

Json = dict[str, Any]


async def get_me(api: Api) -> Json:
    """getMe."""
    return {
        **api.world.bot.to_json(), "can_join_groups": True, "can_read_all_group_messages": False,
        "supports_inline_queries": False, "can_connect_to_business": False, "has_main_web_app": False,
    }  # fmt: skip


async def get_updates(api: Api) -> list[Json]:
    """getUpdates."""
    api.updates.allow(api.params.array("allowed_updates", "allowed updates"))
    limit = api.params.integer("limit")
    return await api.updates.poll(
        api.params.integer("offset") or 0, 100 if limit is None else limit, api.params.integer("timeout") or 0, api.gone
    )


async def set_webhook(api: Api) -> bool:
    """setWebhook; an empty url removes it."""
    url = api.params.text("url") or ""
    if not url:
        return await delete_webhook(api)
    scheme = urlsplit(url).scheme
    if scheme != "https" and (api.rules.webhook_https_only or scheme != "http"):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    secret = api.params.text("secret_token")
    if secret and len(secret) > api.rules.secret_length:
        raise bad_request("secret token is too long")
    if secret and not SECRET_TOKEN.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    connections = api.params.integer("max_connections")
    api.updates.allow(api.params.array("allowed_updates", "allowed updates"))
    if api.params.boolean("drop_pending_updates"):
        api.updates.pending.clear()
    await api.updates.set_webhook(Webhook(url, secret or None, min(max(connections or 40, 1), 100)))
    return True


async def delete_webhook(api: Api) -> bool:
    """deleteWebhook."""
    if api.params.boolean("drop_pending_updates"):
        api.updates.pending.clear()
    await api.updates.set_webhook(None)
    return True


async def get_webhook_info(api: Api) -> Json:
    """getWebhookInfo."""
    webhook = api.updates.webhook
    data: Json = {
        "url": webhook.url if webhook else "",
        "has_custom_certificate": False,
        "pending_update_count": len(api.updates.pending),
    }
    if api.updates.allowed:
        data["allowed_updates"] = api.updates.allowed
    if webhook is not None:
        data["max_connections"] = webhook.max_connections
        if webhook.error is not None:
            data.update(last_error_date=int(webhook.error_at), last_error_message=webhook.error)
    return data


def _audience(api: Api) -> tuple[str, str]:
    scope = api.params.object("scope", "BotCommandScope") or {"type": "default"}
    if scope.get("type") not in SCOPES:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    if str(scope["type"]).startswith("chat"):
        if str(scope.get("chat_id")) not in map(str, api.world.chats):
            raise bad_request("chat not found")
        if scope["type"] == "chat_member" and scope.get("user_id") not in api.world.users:
            raise bad_request("user not found")
    language = api.params.text("language_code") or ""
    if language and not (len(language) == 2 and language.isascii() and language.islower()):
        raise bad_request("invalid language code specified")
    return json.dumps(scope, sort_keys=True), language


async def set_my_commands(api: Api) -> bool:
    """setMyCommands."""
    items = api.params.array("commands", "commands")
    if items is None:
        raise bad_request("can't parse commands: expected an Array")
    if len(items) > api.rules.command_count:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    commands: list[Json] = []
    for item in items:
        if not isinstance(item, dict):
            raise bad_request("can't parse BotCommand: expected an Object")
        command = cast("Json", item)
        name = str(command.get("command", "")).removeprefix("/")
        description = str(command.get("description", "")).strip()
        if not COMMAND_NAME.fullmatch(name):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= utf16_length(description) <= api.rules.command_description_length:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        commands.append({"command": name, "description": description})
    api.world.commands[_audience(api)] = commands
    api.world.changed.pulse()
    return True


async def get_my_commands(api: Api) -> list[Json]:
    """getMyCommands."""
    return api.world.commands.get(_audience(api), [])


async def delete_my_commands(api: Api) -> bool:
    """deleteMyCommands."""
    api.world.commands.pop(_audience(api), None)
    return True


async def get_chat(api: Api) -> Json:
    """getChat."""
    chat = find_chat(api, writing=False)
    return {**chat.to_json(), "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": {
        "unlimited_gifts": True, "limited_gifts": True, "unique_gifts": True, "premium_subscription": True,
        "gifts_from_channels": True,
    }}  # fmt: skip


async def get_chat_member(api: Api) -> Json:
    """getChatMember."""
    chat = find_chat(api, writing=False)
    member = chat.members.get(api.params.integer("user_id") or 0)
    if member is None:
        raise bad_request("user not found")
    return {"status": "member", "user": member.to_json(), **chat.standing.get(member.id, {})}


async def get_file(api: Api) -> Json:
    """getFile: at most 20 MB can be fetched."""
    file = api.world.files.get(api.params.text("file_id") or "")
    if file is None:
        raise bad_request("invalid file_id")
    if len(file.content) > api.rules.download_bytes:
        raise bad_request("file is too big")
    size = len(file.content)
    return {"file_id": file.id, "file_unique_id": file.id[-12:], "file_size": size, "file_path": file.path}


async def leave_chat(api: Api) -> bool:
    """leaveChat: not out of private chats."""
    chat = find_chat(api, writing=False)
    if chat.kind == "private":
        raise bad_request("chat member status can't be changed in private chats")
    chat.blocked = True
    api.world.changed.pulse()
    return True


async def leave(api: Api) -> bool:
    """logOut and close: nothing to do for one server."""
    api.updates.end_poll("terminated by close request")
    return True


METHODS: dict[str, Method] = {
    "getMe": get_me,
    "getUpdates": get_updates,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
    "setMyCommands": set_my_commands,
    "getMyCommands": get_my_commands,
    "deleteMyCommands": delete_my_commands,
    "getChat": get_chat,
    "getChatMember": get_chat_member,
    "getFile": get_file,
    "leaveChat": leave_chat,
    "logOut": leave,
    "close": leave,
    **messages.METHODS,
    **media.METHODS,
}
