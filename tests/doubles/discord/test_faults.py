"""Faults, rate limits and the gateway's ways to fail, met by the real client library."""

import asyncio
import time

import aiohttp
import discord
import pytest

from tests.doubles.discord import Fault, Faults, NotAcknowledged, RateLimits, Settings
from tests.doubles.discord.conftest import StartRig

CREATE = "POST /channels/*/messages"


async def test_rate_limit_is_waited_for(start: StartRig) -> None:
    rig = await start()
    fault = rig.server.faults.add(Fault("rate_limit", retry_after=0.3, route=CREATE))
    before = time.monotonic()
    await rig.text_channel.send("patient")
    assert time.monotonic() - before >= 0.3
    assert fault.struck == 1
    statuses = [r.status for r in rig.server.log.requests if r.route.endswith("/messages")]
    assert statuses == [429, 200]
    assert rig.server.log.invalid_requests == 1


async def test_buckets(start: StartRig) -> None:
    rig = await start(Settings(rate_limits=RateLimits(edits=(2, 0.5))))
    before = time.monotonic()
    for n in range(5):
        await rig.text_channel.send(str(n))
    assert time.monotonic() - before > 0.9
    assert all(r.status == 200 for r in rig.server.log.requests), "the client keeps to the headers"


async def test_limit_without_regard(start: StartRig) -> None:
    rig = await start(Settings(rate_limits=RateLimits(edits=(2, 5.0), overall=(8, 5.0))))
    url = f"{rig.server.api_url}/channels/{rig.channel.id}/messages"
    headers = {"Authorization": f"Bot {rig.server.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        answers = [await session.post(url, json={"content": str(n)}) for n in range(7)]
        bodies = [await a.json() for a in answers]
    statuses = [a.status for a in answers]
    assert statuses[:3] == [200, 200, 429]
    assert bodies[2]["global"] is False
    assert 4 < bodies[2]["retry_after"] <= 5
    assert answers[2].headers["X-RateLimit-Remaining"] == "0"
    assert bodies[-1]["global"] is True


async def test_error_before_the_deed_is_retried(start: StartRig) -> None:
    rig = await start()
    rig.server.faults.add(Fault("error_before", status=502, route=CREATE))
    await rig.text_channel.send("once")
    assert [m.content for m in rig.server.log.bot_messages()] == ["once"]


async def test_error_after_the_deed_makes_no_second_message(start: StartRig) -> None:
    rig = await start()
    rig.server.faults.add(Fault("error_after", status=502, route=CREATE))
    await rig.text_channel.send("once")
    assert [m.content for m in rig.server.log.bot_messages()] == ["once"]
    assert rig.server.log.deduplicated == 1


async def test_error_after_a_follow_up_doubles_it(start: StartRig) -> None:
    rig = await start()
    rig.server.faults.add(Fault("error_after", status=502, route="POST /webhooks/*/*"))

    async def act(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("first")
        await interaction.followup.send("twice")

    rig.bot.on_interaction_do = act
    await rig.alice.slash(rig.channel, "story new", premise="x")
    await rig.until(rig.server.log.duplicates)
    (same,) = rig.server.log.duplicates().values()
    assert [m.content for m in same] == ["twice", "twice"]


@pytest.mark.parametrize(("kind", "made"), [("drop_before", 0), ("drop_after", 1)])
async def test_dropped_connection(start: StartRig, kind: str, made: int) -> None:
    rig = await start()
    rig.server.faults.add(Fault(kind, route=CREATE))
    with pytest.raises(aiohttp.ClientConnectionError):
        await rig.text_channel.send("perhaps", nonce="n")
    assert len(rig.server.log.bot_messages()) == made
    await rig.text_channel.send("perhaps", nonce="n")
    assert len(rig.server.log.bot_messages()) == 1
    assert [r.status for r in rig.server.log.requests if r.fault] == [0]


async def test_forbidden_and_expired_token(start: StartRig) -> None:
    rig = await start()
    rig.server.faults.add(Fault("forbidden", code=50001, route=CREATE))
    rig.server.faults.add(Fault("expired_token", route="PATCH /webhooks/*/*/messages/@original"))
    with pytest.raises(discord.Forbidden) as refused:
        await rig.text_channel.send("x")
    assert refused.value.code == 50001

    async def act(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(content="x")

    rig.bot.on_interaction_do = act
    await rig.alice.slash(rig.channel, "story new", premise="x")
    await rig.until(lambda: rig.bot.failures)
    assert getattr(rig.bot.failures[0], "code", 0) == 50027


async def test_late_acknowledgement(start: StartRig) -> None:
    rig = await start(Settings(ack_window=0.4))
    rig.server.faults.add(Fault("delay_before", seconds=0.6, route="POST /interactions/*/*/callback"))

    async def act(interaction: discord.Interaction) -> None:
        await interaction.response.defer()

    rig.bot.on_interaction_do = act
    late = await rig.alice.slash(rig.channel, "story new", premise="x")
    with pytest.raises(NotAcknowledged):
        await late.acknowledged()
    await rig.until(lambda: rig.bot.failures)
    assert getattr(rig.bot.failures[0], "code", 0) == 10062
    good = await rig.alice.slash(rig.channel, "story new", premise="x")
    await good.acknowledged()


async def test_answer_that_comes_late(start: StartRig) -> None:
    rig = await start()
    rig.server.faults.add(Fault("delay_after", seconds=0.3, route=CREATE))
    before = time.monotonic()
    await rig.text_channel.send("x")
    assert time.monotonic() - before >= 0.3
    assert rig.server.log.messages[0].created_at - before < 0.2


@pytest.mark.parametrize("how", ["drop", 4000, 1001, "reconnect"])
async def test_resume_brings_what_was_missed(start: StartRig, how: str | int) -> None:
    rig = await start()
    gateway = rig.server.gateway
    if how == "drop":
        gateway.drop()
    elif isinstance(how, int):
        await gateway.close(how)
    else:
        await gateway.reconnect()
    await rig.until(lambda: not gateway.connected_shards(), 5)
    await rig.alice.say(rig.alice.dm(), "in the gap")
    await rig.server.ready(15)
    await rig.until(lambda: rig.bot.seen and rig.bot.resumes)
    assert [m.content for m in rig.bot.seen] == ["in the gap"]
    assert (gateway.identified, gateway.resumed) == (1, 1)


async def test_new_session_brings_nothing_missed(start: StartRig) -> None:
    rig = await start()
    gateway = rig.server.gateway
    await gateway.invalidate(resumable=False)
    await rig.alice.say(rig.alice.dm(), "in the gap")
    await rig.until(lambda: gateway.identified == 2, 15)
    await rig.alice.say(rig.alice.dm(), "afterwards")
    await rig.until(lambda: rig.bot.seen)
    assert [m.content for m in rig.bot.seen] == ["afterwards"]


async def test_events_beyond_the_buffer_end_the_session(start: StartRig) -> None:
    rig = await start(Settings(replay_limit=3))
    gateway = rig.server.gateway
    gateway.drop()
    await rig.until(lambda: not gateway.connected_shards())
    for n in range(5):
        await rig.alice.say(rig.alice.dm(), str(n))
    await rig.until(lambda: gateway.identified == 2, 15)
    assert gateway.resumed == 0


async def test_silent_gateway(start: StartRig) -> None:
    rig = await start(Settings(heartbeat_interval=0.2))
    rig.server.gateway.silent = True
    await rig.alice.say(rig.alice.dm(), "unheard")
    await asyncio.sleep(0.5)
    assert rig.server.gateway.connected_shards() == {0}
    rig.server.gateway.silent = False
    await rig.alice.say(rig.alice.dm(), "heard")
    await rig.until(lambda: rig.bot.seen)
    assert [m.content for m in rig.bot.seen] == ["heard"]


async def test_request_that_closes_the_gateway(start: StartRig) -> None:
    rig = await start()
    rig.server.faults.add(Fault("gateway_close", route=CREATE))
    await rig.text_channel.send("x")
    await rig.until(lambda: rig.server.gateway.resumed == 1, 15)


async def test_a_forbidden_intent_ends_the_client(start: StartRig) -> None:
    rig = await start()
    url = f"{rig.server.gateway_url}?v=10&encoding=json"
    identify = {"token": rig.server.token, "properties": {"os": "x"}, "intents": 1 << 15}
    for change, code in (({}, 4014), ({"token": "wrong"}, 4004), ({"intents": -1}, 4013), ({"shard": [2, 1]}, 4010)):
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            assert (await socket.receive_json())["op"] == 10
            await socket.send_json({"op": 2, "d": identify | change})
            await socket.receive()
            assert socket.close_code == code


def test_random_faults_are_seeded() -> None:
    def run(seed: int) -> list[str]:
        faults = Faults()
        faults.random(seed, 0.3, ("error_before", "drop_after", "rate_limit"))
        struck = [faults.strike("GET", "/users/@me") for _ in range(2000)]
        return [f.kind for f in struck if f is not None]

    assert run(1) == run(1)
    assert run(1) != run(2)
    counts = {kind: run(1).count(kind) for kind in ("error_before", "drop_after", "rate_limit")}
    assert all(150 < count < 250 for count in counts.values()), counts


def test_routes_and_order() -> None:
    faults = Faults()
    faults.add(Fault("forbidden", route="PATCH /webhooks/*/*/messages/*", skip=1, times=2))
    path = "/webhooks/1/abc/messages/@original"
    assert faults.strike("POST", path) is None
    assert faults.strike("PATCH", "/webhooks/1/messages/5") is None
    assert [faults.strike("PATCH", path) is not None for _ in range(5)] == [False, True, True, False, False]
    with pytest.raises(ValueError, match="unknown kind"):
        Fault("earthquake")
