"""The server as a process of its own: a person over HTTP, the real client library, SIGTERM."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import aiohttp
import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import NetworkError


async def test_play_over_http() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.doubles.telegram", "--no-flood", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    urls = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    bot = Bot(urls["token"], base_url=f"{urls['api_url']}/bot", base_file_url=f"{urls['api_url']}/file/bot")
    async with bot, aiohttp.ClientSession() as session:

        async def control(action: str, status: int = 200, **fields: Any) -> dict[str, Any]:
            async with session.post(f"{urls['control_url']}/{action}", json=fields) as answer:
                assert answer.status == status
                return await answer.json()

        said = await control("say", person="alice", text="/start")
        (update,) = await bot.get_updates(timeout=5)
        assert update.message is not None
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Go", callback_data="go")]])
        await bot.send_message(said["chat"], "Where?", reply_markup=keyboard)
        page = await control("wait", person="alice", contains="Where", button="Go", after=said["id"])
        tapping = asyncio.create_task(control("tap", person="alice", message=page["id"], button="Go"))
        (pressed,) = await bot.get_updates(offset=update.update_id + 1, timeout=5)
        assert pressed.callback_query is not None
        await pressed.callback_query.answer("Gone")
        assert (await tapping)["text"] == "Gone"

        await control("fault", kind="error_after", method="sendMessage")
        with pytest.raises(NetworkError):
            await bot.send_message(said["chat"], "twice?")
        texts = [message["text"] for message in (await control("messages", person="alice"))["messages"]]
        assert texts == ["/start", "Where?", "twice?"]
        assert [r["status"] for r in (await control("requests", method="sendMessage"))["requests"]] == [200, 502]
        assert "no button" in (await control("tap", 400, person="alice", message=page["id"], button="Stay"))["error"]
        await control("wait", 408, person="alice", contains="never", timeout=0.05)
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0
