"""A platform that fails is started again, whatever it raises; its own end and a cancellation from outside are kept."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bot.platforms.base import ALWAYS_LEADS, PlatformRefused, TokenRefused, Turns
from bot.runners import PlatformRunner, until_hopeless


class Fickle:
    """A platform whose runs end as told; the last end is repeated. ``runs`` counts them."""

    name = "fickle"

    def __init__(self, *ends: Callable[[Turns], Any]) -> None:
        self.ends, self.runs = list(ends), 0

    async def run(self, inbound: object, turns: Turns) -> None:
        del inbound
        self.runs += 1
        await self.ends[min(self.runs, len(self.ends)) - 1](turns)

    async def check_ready(self) -> str:
        return "not ready"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_PAUSE", "REFUSED_PAUSE"):
        monkeypatch.setattr(f"bot.runners.{name}", 0.01)


def raises(error: BaseException) -> Callable[[Turns], Any]:
    async def end(turns: Turns) -> None:
        del turns
        raise error

    return end


async def serves(turns: Turns) -> None:
    """It connects, and goes on until it is cancelled."""
    await turns.while_leading(asyncio.Event().wait)  # type: ignore[arg-type]


async def leaves(turns: Turns) -> None:
    """The person leaves."""
    await turns.while_leading(lambda: asyncio.sleep(0))


def runner_of(platform: Fickle) -> PlatformRunner:
    return PlatformRunner(platform, ALWAYS_LEADS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error", [ValueError("a defect"), asyncio.CancelledError(), TokenRefused("refused"), OSError("away")]
)
async def test_whatever_it_raises_it_is_started_again(error: BaseException):
    platform = Fickle(raises(error), raises(error), serves)
    runner = runner_of(platform)
    running = asyncio.create_task(runner.run(None))  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        while platform.runs < 2:
            await asyncio.sleep(0.001)
        assert await runner.state() != "not ready"
        while platform.runs < 3:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0)
    assert await runner.state() == "not ready"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert platform.runs == 3


async def test_its_own_end_is_the_end():
    platform = Fickle(leaves)
    await runner_of(platform).run(None)  # type: ignore[arg-type]
    assert platform.runs == 1


async def test_only_what_was_never_served_is_hopeless():
    served = runner_of(Fickle(serves, raises(TokenRefused("later"))))
    refused = runner_of(Fickle(raises(TokenRefused("set A")), raises(TokenRefused("set A"))))
    tasks = [asyncio.create_task(each.run(None)) for each in (served, refused)]  # type: ignore[arg-type]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await until_hopeless([served, refused])
    with pytest.raises(PlatformRefused, match="set A"):
        async with asyncio.timeout(10):
            await until_hopeless([refused])
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
