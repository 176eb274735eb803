"""What the server does with webhooks, as Discord does: whose they are, what is refused, what a message keeps."""

import base64
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.doubles.discord import DiscordServer, RateLimits, Settings
from tests.doubles.discord.test_strict import Caller, button, row
from tests.doubles.discord.webhooks import Webhook

PNG = b"\x89PNG\r\n\x1a\n"
URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest_asyncio.fixture
async def caller() -> AsyncIterator[Caller]:
    async with DiscordServer(Settings(rate_limits=RateLimits.off())) as server, aiohttp.ClientSession() as session:
        found = Caller(server, session)
        found.channel.grant("MANAGE_WEBHOOKS")
        yield found


def below(hook: Webhook, path: str = "", query: str = "?wait=true&with_components=true") -> str:
    return f"/webhooks/{hook.id}/{hook.token}{path}{query}"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": ""}, 50035),
        ({}, 50035),
        ({"name": "x" * 81}, 50035),
        ({"name": "my Discord"}, 50035),
        ({"name": "Clyde"}, 50035),
        ({"name": "x", "avatar": "data:image/png;base64,AAAA"}, 50035),
        ({"name": "x", "avatar": "https://example.org/a.png"}, 50035),
    ],
)
async def test_what_is_no_webhook(caller: Caller, body: dict[str, str], code: int) -> None:
    status, answer = await caller.call("POST", f"/channels/{caller.channel.id}/webhooks", body)
    assert (status, answer["code"]) == (400, code)
    assert caller.channel.webhooks == []


async def test_a_channel_has_fifteen_and_a_thread_none(caller: Caller) -> None:
    path = f"/channels/{caller.channel.id}/webhooks"
    theirs = Webhook.made(caller.channel, "theirs")
    for _ in range(14):
        assert (await caller.call("POST", path, {"name": "x", "avatar": URI}))[0] == 200
    assert (await caller.call("POST", path, {"name": "x"}))[1]["code"] == 30007
    _, listed = await caller.call("GET", path)
    assert [("token" in each, each["application_id"] is None) for each in listed] == [(False, True)] + [
        (True, False)
    ] * 14
    assert listed[0]["id"] == str(theirs.id)
    thread = caller.server.guild("Readers").thread(caller.channel, "door")
    assert (await caller.call("GET", f"/channels/{thread.id}/webhooks"))[1]["code"] == 50024
    caller.channel.deny("MANAGE_WEBHOOKS")
    assert (await caller.call("GET", path))[1]["code"] == 50013
    assert (await caller.call("PATCH", f"/webhooks/{listed[1]['id']}", {"name": "y"}))[1]["code"] == 50013


async def test_a_message_keeps_the_face_it_was_posted_with(caller: Caller) -> None:
    hook = Webhook.made(caller.channel, "x", ours=True)
    await caller.call("PATCH", f"/webhooks/{hook.id}", {"name": "y", "avatar": URI})
    status, first = await caller.call("POST", below(hook), {"content": "Hello", "username": "Marlow", "nonce": "1"})
    assert (status, first["author"]["username"], first["author"]["avatar"]) == (200, "Marlow", hook.avatar)
    assert (first["webhook_id"], first["application_id"]) == (str(hook.id), str(caller.server.world.bot.id))
    assert "nonce" not in first
    await caller.call("PATCH", f"/webhooks/{hook.id}", {"avatar": None})
    _, kept = await caller.call("GET", below(hook, f"/messages/{first['id']}", ""))
    assert kept["author"] == first["author"]
    _, seen = await caller.call("GET", f"/channels/{caller.channel.id}/messages")
    assert [(m["content"], m["webhook_id"]) for m in seen] == [("", str(hook.id))], "without the intent"
    assert kept["content"] == "Hello"


async def test_buttons_stay_only_if_the_query_asks_for_them(caller: Caller) -> None:
    hook = Webhook.made(caller.channel, "x", ours=True)
    body = {"content": "Hello", "components": [row(button())]}
    for query, count in (("?wait=true", 0), ("?wait=true&with_components=true", 1)):
        _, made = await caller.call("POST", below(hook, "", query), body)
        assert len(made["components"]) == count


@pytest.mark.parametrize(("name", "code"), [("Discordia", 50035), ("x" * 81, 50035), ("Marlow", 0)])
async def test_names_of_messages(caller: Caller, name: str, code: int) -> None:
    hook = Webhook.made(caller.channel, "x", ours=True)
    _, answer = await caller.call("POST", below(hook), {"content": "Hello", "username": name})
    assert answer.get("code", 0) == code


async def test_a_thread_has_to_be_named(caller: Caller) -> None:
    hook = Webhook.made(caller.channel, "x", ours=True)
    guild = caller.server.guild("Readers")
    thread, other = guild.thread(caller.channel, "door"), guild.thread(guild.text_channel("other"), "door")
    _, made = await caller.call("POST", below(hook, "", f"?wait=true&thread_id={thread.id}"), {"content": "Hello"})
    assert made["channel_id"] == str(thread.id)
    message = f"/messages/{made['id']}"
    assert (await caller.call("PATCH", below(hook, message, ""), {"content": "x"}))[1]["code"] == 10008
    where = f"?thread_id={thread.id}"
    assert (await caller.call("PATCH", below(hook, message, where), {"content": "x"}))[0] == 200
    assert (await caller.call("POST", below(hook, "", f"?thread_id={other.id}"), {"content": "x"}))[1]["code"] == 10003
    assert (await caller.call("PATCH", f"/channels/{thread.id}{message}", {"content": "y"}))[1]["code"] == 50005
    assert (await caller.call("DELETE", f"/channels/{thread.id}{message}"))[1]["code"] == 50013
    assert (await caller.call("DELETE", below(hook, message, where)))[0] == 204
    thread.locked = True
    assert (await caller.call("POST", below(hook, "", where), {"content": "x"}))[1]["code"] == 160005
    hook.delete()
    assert (await caller.call("POST", below(hook), {"content": "x"}))[1]["code"] == 10015
