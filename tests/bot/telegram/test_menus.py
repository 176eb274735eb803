"""The menus of commands: of private chats, of groups, of their administrators, and of operators."""

import asyncio
import contextlib
import json

from bot.commands.base import CommandSpec
from bot.platforms.telegram import TelegramPlatform
from db.permissions import EVERYBODY
from tests.bot.telegram.conftest import RecordingInbound, _nothing, registry
from tests.doubles.telegram import TelegramServer


async def test_operators_have_a_menu_of_their_own(server: TelegramServer, inbound: RecordingInbound):
    boss = server.person("boss")
    await boss.say(boss.chat(), "hello")
    commands = registry()
    commands.add(CommandSpec("operator bans", "List the bans", _nothing, operator=True, permission=EVERYBODY))
    platform = TelegramPlatform(
        server.token, commands, api_url=server.api_url, operators=["999", str(boss.user.id), "not a number"]
    )
    await published(server, inbound, platform, 4)
    shown = menus(server)
    assert all("operator_bans" not in names for scope, names in shown.items() if scope != "chat")
    assert shown["chat"] == {*shown["all_private_chats"], "operator_bans"}


async def published(server: TelegramServer, inbound: RecordingInbound, platform: TelegramPlatform, menus: int) -> None:
    """Run the platform until it has published so many menus."""
    task = asyncio.create_task(platform.run(inbound))
    try:
        async with asyncio.timeout(10):
            while len(server.commands) < menus:
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def menus(server: TelegramServer) -> dict[str, set[str]]:
    """The published names by scope."""
    found = {json.loads(scope)["type"]: menu for (scope, _), menu in server.commands.items()}
    return {scope: {command["command"] for command in menu} for scope, menu in found.items()}


async def test_a_group_is_shown_what_its_members_may(server: TelegramServer, inbound: RecordingInbound):
    platform = TelegramPlatform(server.token, registry(), api_url=server.api_url)
    await published(server, inbound, platform, 3)
    shown = menus(server)
    assert shown["all_private_chats"] == shown["all_chat_administrators"] > shown["all_group_chats"]
    assert shown["all_private_chats"] - shown["all_group_chats"] == {"prompt_set"}
