"""A leader that cannot serve its platform leaves it to a process that stands by."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import pytest

from bot import leadership
from tests.bot.fleet import fleet
from tests.bot.test_leadership import Candidate
from tests.bot.test_platform_trouble import helped
from tests.doubles.listening import listening
from tests.journeys.people import TelegramTown


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in life, but sooner."""
    monkeypatch.setattr(leadership, "TROUBLED_SECONDS", 1.5)
    monkeypatch.setattr(leadership, "ASIDE_SECONDS", 2.0)
    monkeypatch.setattr(leadership, "REPORT_SECONDS", 0.5)


async def until_listening(candidate: Candidate) -> None:
    async with asyncio.timeout(20):
        while not candidate.listening:
            await asyncio.sleep(0.02)


async def test_who_stands_by_takes_over_and_keeps_it(database: str):
    old, new = Candidate(database, "old"), Candidate(database, "new")
    async with old.running():
        await old.leads()
        async with new.running():
            await asyncio.sleep(2)
            assert old.listening
            old.said = "no connection"
            await until_listening(new)
            assert not old.listening
            # Neither can: they do not take turns.
            new.said = "no connection"
            await asyncio.sleep(4.5)
            assert new.listening
        # Who has stepped aside still takes over where nobody leads.
        await until_listening(old)


async def test_what_passes_is_waited_for(database: str):
    old, new = Candidate(database, "old"), Candidate(database, "new")
    async with old.running():
        await old.leads()
        async with new.running():
            for said in ["no connection", "", "no connection", "", "no connection"]:
                old.said = said
                await asyncio.sleep(1.1)
            assert old.listening
            assert not new.listening


async def test_a_leader_without_a_follower_stays(database: str):
    lone = Candidate(database, "lone")
    lone.said = "no connection"
    async with lone.running():
        await lone.leads()
        for _ in range(80):
            await asyncio.sleep(0.05)
            assert lone.listening


class Way:
    """The way from a host to a platform: it can be cut."""

    is_cut = False

    async def serve(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = None
        try:
            if not self.is_cut:
                back, there = await asyncio.open_connection("127.0.0.1", port)
                async with asyncio.TaskGroup() as group:
                    for source, target in ((reader, there), (back, writer)):
                        group.create_task(self._pass(source, target))
        except* OSError:
            pass
        finally:
            for each in filter(None, (writer, there)):
                each.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if self.is_cut:
                break
            target.write(data)
            await target.drain()
        raise ConnectionResetError


@asynccontextmanager
async def way_to(url: str) -> AsyncGenerator[tuple[str, Way]]:
    """The address to connect to instead of ``url``."""
    way, port = Way(), urlsplit(url).port
    assert port is not None
    async with listening(partial(way.serve, port)) as own:
        yield f"http://127.0.0.1:{own}", way


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_bot_whose_host_cannot_reach_telegram_is_followed_by_one_that_can(database: str, redis_url: str):
    town = TelegramTown()
    async with fleet(database, redis_url, town) as service, way_to(town.settings["TELEGRAM_API_URL"]) as (url, way):
        first = await service.start({"TELEGRAM_API_URL": url})
        await service.led_by(first)
        ann = town.player("ann")
        await helped(ann)
        second = await service.start()
        way.is_cut = True
        await service.led_by(second, within=60)
        await helped(ann)
        assert not first.task.done()
