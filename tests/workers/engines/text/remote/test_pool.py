"""Several servers behind one engine: who is asked, and what happens when some of them fail."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from tests.doubles.openai.server import KEY, MODEL, Fault, OpenAIServer
from tests.workers.engines.text.asking import ask, collect
from workers.engines.errors import EngineOverloaded, EngineUnavailable, RequestRefused
from workers.engines.openai.address import parse_address
from workers.engines.retry import RetryPolicy
from workers.engines.text.base import ModelMessage, Sampling, TextRequest, generate
from workers.engines.text.remote import RemoteEngine, Timeouts
from workers.engines.text.remote.pool import OPEN_AFTER, prefixes_of
from workers.engines.text.remote_settings import ServerSpec

COOLDOWN_S = 0.05


@pytest.fixture
async def servers() -> AsyncIterator[list[OpenAIServer]]:
    servers = [OpenAIServer() for _ in range(3)]
    for server in servers:
        await server.start()
    yield servers
    for server in servers:
        await server.stop()


@pytest.fixture
async def engine(servers: list[OpenAIServer]) -> AsyncIterator[RemoteEngine]:
    engine = over(servers)
    yield engine
    await engine.close()


def over(servers: list[OpenAIServer], *, parallel: tuple[int, ...] = (8, 8, 8), key: str = KEY) -> RemoteEngine:
    return RemoteEngine(
        [ServerSpec(parse_address(server.url), slots) for server, slots in zip(servers, parallel, strict=False)],
        MODEL,
        api_key=key,
        retry=RetryPolicy(pause_s=0.02),
        cooldown_s=COOLDOWN_S,
        timeouts=Timeouts(connect_s=2, first_s=1, between_s=1),
    )


def counts(servers: list[OpenAIServer]) -> list[int]:
    return [len(server.requests) for server in servers]


def state(engine: RemoteEngine, server: OpenAIServer) -> str:
    return engine.stats()[server.url]["state"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def turn(*said: str, tenant: str = "ann") -> TextRequest:
    system = ModelMessage("system", "You are Lena, keeper of the lighthouse.")
    roles = ("user", "assistant")
    messages = [ModelMessage(roles[i % 2], text) for i, text in enumerate(said)]
    return TextRequest("turn", (system, *messages), Sampling(max_tokens=40), tenant=tenant)


async def test_the_least_loaded_is_asked(engine: RemoteEngine, servers: list[OpenAIServer]) -> None:
    for server in servers:
        server.pause_s = 0.02
    await asyncio.gather(*(collect(engine, ask(f"Story {i}", tenant=f"{i}")) for i in range(12)))
    assert counts(servers) == [4, 4, 4]


async def test_capacity_counts(servers: list[OpenAIServer]) -> None:
    engine = over(servers, parallel=(1, 2, 3))
    for server in servers:
        server.pause_s = 0.02
    await asyncio.gather(*(collect(engine, ask(f"Story {i}", tenant=f"{i}")) for i in range(12)))
    assert counts(servers) == [2, 4, 6]
    await engine.close()


async def test_idle_servers_take_turns(engine: RemoteEngine, servers: list[OpenAIServer]) -> None:
    for i in range(6):
        await generate(engine, ask(f"Story {i}"))
    assert counts(servers) == [2, 2, 2]


async def test_a_conversation_stays_where_its_cache_is(engine: RemoteEngine, servers: list[OpenAIServer]) -> None:
    said: list[str] = []
    for i in range(5):
        said.append(f"Question {i}")
        said.append((await generate(engine, turn(*said))).text)
        await generate(engine, ask(f"Somebody else {i}"))
    assert 5 in [len([r for r in server.requests if len(r["messages"]) > 1]) for server in servers]


async def test_a_conversation_leaves_a_server_that_is_busier_by_a_margin(servers: list[OpenAIServer]) -> None:
    engine = over(servers[:2], parallel=(4, 4))
    await generate(engine, turn("Hello"))
    home = next(server for server in servers if server.requests)
    for server in servers:
        server.pause_s = 0.05
    running = [asyncio.create_task(generate(engine, turn("Hello", f"{i}"))) for i in range(3)]
    await until(lambda: sum(counts(servers)) == 4)
    # At the second one the home has 1 of 4 slots taken, which is still within the margin; at the third 2 of 4.
    assert len(home.requests) == 3
    await asyncio.gather(*running)
    await engine.close()


async def test_branches_of_one_page_are_written_where_the_first_one_is(
    engine: RemoteEngine, servers: list[OpenAIServer]
) -> None:
    for server in servers:
        server.pause_s = 0.02
    page = ("Begin.", "The door opens.")
    await asyncio.gather(*(collect(engine, turn(*page, f"Choice {i}")) for i in range(3)))
    assert sorted(counts(servers)) == [0, 0, 3]


def test_prefixes_are_the_tenants_own() -> None:
    first, longer = turn("Hello"), turn("Hello", "Good evening.", "Who are you?")
    assert prefixes_of(longer, MODEL)[-3:] == prefixes_of(first, MODEL)
    assert not set(prefixes_of(first, MODEL)) & set(prefixes_of(turn("Hello", tenant="ben"), MODEL))
    assert not set(prefixes_of(first, MODEL)) & set(prefixes_of(first, "other"))
    many = turn(*(f"{i}" for i in range(500)))
    assert prefixes_of(many, MODEL)[0] != prefixes_of(first, MODEL)[0]
    assert len(prefixes_of(many, MODEL)) == 64


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=429, headers={"Retry-After": "30"}),
        Fault(status=404, error={"message": "no such model"}),
        Fault(kind="drop", words=0),
        Fault(kind="garbage", words=0),
        Fault(kind="hang"),
    ],
    ids=["500", "429", "404", "drop", "garbage", "hang"],
)
async def test_another_server_takes_over(engine: RemoteEngine, servers: list[OpenAIServer], fault: Fault) -> None:
    for server in servers[:2]:
        server.faults.append(fault)
    pieces, completion = await collect(engine, ask())
    assert "".join(pieces) == completion.text == servers[2].text
    assert counts(servers) == [1, 1, 1]


async def test_nobody_takes_over_once_text_was_shown(engine: RemoteEngine, servers: list[OpenAIServer]) -> None:
    servers[0].faults.append(Fault(kind="drop", words=1))
    with pytest.raises(EngineOverloaded, match="broke off"):
        await generate(engine, ask())
    assert counts(servers) == [1, 0, 0]


async def test_all_are_full(engine: RemoteEngine, servers: list[OpenAIServer]) -> None:
    for wait, server in zip(("70", "50", "60"), servers, strict=True):
        server.faults.append(Fault(status=429, headers={"Retry-After": wait}))
    with pytest.raises(EngineOverloaded) as caught:
        await generate(engine, ask())
    assert caught.value.retry_after == 50
    # Nobody is asked before the time is over, and the pool stays healthy.
    with pytest.raises(EngineOverloaded) as caught:
        await generate(engine, ask())
    assert 49 < caught.value.retry_after <= 50
    assert counts(servers) == [1, 1, 1]
    assert all(figures["healthy"] for figures in engine.stats().values())


async def test_all_are_down(engine: RemoteEngine, servers: list[OpenAIServer]) -> None:
    for server in servers:
        await server.stop()
    with pytest.raises(EngineUnavailable) as caught:
        await generate(engine, ask())
    assert all(f"{server.url}: " in str(caught.value) for server in servers)
    started = asyncio.get_running_loop().time()
    with pytest.raises(EngineUnavailable):
        await generate(engine, ask())
    assert asyncio.get_running_loop().time() - started < 0.5


async def test_all_refuse(servers: list[OpenAIServer]) -> None:
    engine = over(servers, key="sk-wrong-9876543210")
    with pytest.raises(RequestRefused, match="STORYFORK_REMOTE_API_KEY") as caught:
        await generate(engine, ask())
    assert "9876543210" not in str(caught.value)
    assert counts(servers) == [1, 1, 1]
    await engine.close()


async def test_a_dead_server_is_left_alone_and_comes_back(engine: RemoteEngine, servers: list[OpenAIServer]) -> None:
    dead = servers[0]
    await dead.stop()
    for i in range(3 * OPEN_AFTER):
        await generate(engine, ask(f"{i}"))
    assert state(engine, dead) == "open"
    assert engine.stats()[dead.url]["failed"] == OPEN_AFTER
    assert not engine.stats()[dead.url]["healthy"]

    await dead.start()
    await until(lambda: state(engine, dead) == "half-open")
    assert dead.looks >= 1
    for i in range(3):
        await generate(engine, ask(f"again {i}"))
    assert state(engine, dead) == "closed"
    assert len(dead.requests) == 1

    looks = dead.looks
    await asyncio.sleep(4 * COOLDOWN_S)
    assert dead.looks == looks, "a healthy server is not looked at"


async def test_a_half_open_server_gets_one_request_at_a_time(engine: RemoteEngine, servers: list[OpenAIServer]) -> None:
    sick = servers[0]
    sick.faults.append(Fault(kind="hang"))
    await generate(engine, ask())
    assert state(engine, sick) == "open"
    await until(lambda: state(engine, sick) == "half-open")
    for server in servers:
        server.pause_s = 0.02
    before = len(sick.requests)
    running = [asyncio.create_task(generate(engine, ask(f"{i}", tenant=f"{i}"))) for i in range(6)]
    await until(lambda: sum(counts(servers)) == before + 1 + 6)
    assert len(sick.requests) == before + 1
    await asyncio.gather(*running)
    assert state(engine, sick) == "closed"


async def test_a_failed_trial_closes_the_door_again(engine: RemoteEngine, servers: list[OpenAIServer]) -> None:
    sick = servers[0]
    sick.faults.extend([Fault(kind="hang"), Fault(status=500)])
    await generate(engine, ask())
    await until(lambda: state(engine, sick) == "half-open")
    for i in range(3):
        await generate(engine, ask(f"{i}"))
    assert not sick.faults
    assert state(engine, sick) in {"open", "half-open"}
    await until(lambda: state(engine, sick) == "half-open")
    for i in range(3):
        await generate(engine, ask(f"again {i}"))
    assert state(engine, sick) == "closed"


async def test_a_request_that_breaks_every_server_does_not_close_them(
    engine: RemoteEngine, servers: list[OpenAIServer]
) -> None:
    for server in servers:
        server.faults.extend([Fault(status=500)] * 4)
    with pytest.raises(EngineUnavailable):
        await generate(engine, ask())
    assert counts(servers) == [4, 4, 4]
    assert (await generate(engine, ask())).text


async def test_statistics(engine: RemoteEngine, servers: list[OpenAIServer]) -> None:
    assert engine.stats()[servers[0].url]["first_byte_p50_s"] is None
    servers[1].faults.append(Fault(status=500))
    servers[0].pause_s = 0.02
    stream = engine.stream(ask())
    await anext(stream)
    assert engine.stats()[servers[0].url]["in_flight"] == 1
    await stream.aclose()
    for i in range(3):
        await generate(engine, ask(f"{i}"))
    figures = engine.stats()
    assert json.loads(json.dumps(figures)) == figures
    assert [figures[server.url]["served"] for server in servers] == [1, 1, 1]
    assert [figures[server.url]["failed"] for server in servers] == [0, 1, 0]
    assert [figures[server.url]["in_flight"] for server in servers] == [0, 0, 0]
    assert 0 < figures[servers[2].url]["first_byte_p50_s"] < 1

    (report,) = await engine.statistics()
    assert report["completion_tokens"] == 1500
    assert [server["name"] for server in report["servers"]] == [server.url for server in servers]


async def test_urls_are_told_without_their_password(servers: list[OpenAIServer]) -> None:
    url = servers[0].url.replace("http://", "http://ann:secret@")
    engine = RemoteEngine(url, MODEL, api_key=KEY)
    assert list(engine.stats()) == [servers[0].url]
    await engine.close()
