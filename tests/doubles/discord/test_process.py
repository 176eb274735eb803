"""The server as a process of its own, with its control interface."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio

Urls = dict[str, str]


@pytest_asyncio.fixture
async def urls() -> AsyncIterator[Urls]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.doubles.discord",
        "--no-limits",
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    yield json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_actions(urls: Urls) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {urls['token']}"}) as session:

        async def do(action: str, **fields: Any) -> tuple[int, Any]:
            async with session.post(f"{urls['control_url']}/{action}", json=fields) as response:
                return response.status, await response.json()

        async def bot(method: str, path: str, body: Any) -> Any:
            async with session.request(method, urls["api_url"] + path, json=body) as response:
                assert response.status < 300
                return await response.json() if response.status == 200 else None

        async with session.get(urls["api_url"] + "/users/@me") as response:
            me = await response.json()
        await bot("PUT", f"/applications/{me['id']}/commands", [{"name": "go", "description": "x"}])
        where = {"person": "alice", "place": {"guild": "Readers", "channel": "general"}}
        status, refused = await do("slash", **where, command="stay")
        assert (status, refused["error"]) == (400, "Refused")
        status, asked = await do("slash", **where, command="go")
        assert status == 200
        status, said = await do("say", **where, text="hello")
        button = {"type": 2, "style": 1, "label": "On", "custom_id": "on"}
        body = {"content": "page", "components": [{"type": 1, "components": [button]}]}
        await bot("POST", f"/channels/{said['channel']}/messages", body)
        status, page = await do("wait", **where, contains="page", after=said["id"], timeout=2)
        assert [b["label"] for b in page["buttons"]] == ["On"]
        status, clicked = await do("click", person="alice", message=page["id"], button="On")
        assert status == 200
        assert clicked["interaction"] != asked["interaction"]
        status, late = await do("acknowledged", interaction=clicked["interaction"], timeout=0.1)
        assert (status, late["error"]) == (400, "NotAcknowledged")
        await do("fault", kind="error_after", status=503, route="POST /channels/*/messages")
        async with session.post(f"{urls['api_url']}/channels/{said['channel']}/messages", json=body) as response:
            assert response.status == 503
        status, log = await do("log")
        assert (log["interactions"], log["bot_messages"], log["faults"]) == (2, 2, 1)
        assert len(log["duplicates"]) == 1
        assert (await do("gateway", do="dance"))[0] == 400
