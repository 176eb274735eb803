"""The menu of commands: operators see theirs, nobody else does."""

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
    task = asyncio.create_task(platform.run(inbound))
    try:
        async with asyncio.timeout(10):
            while len(server.commands) < 2:
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    menus = {json.loads(scope).get("chat_id", 0): menu for (scope, _), menu in server.commands.items()}
    shown = {chat: {command["command"] for command in menu} for chat, menu in menus.items()}
    assert "operator_bans" not in shown[0]
    assert shown[boss.user.id] == {*shown[0], "operator_bans"}
