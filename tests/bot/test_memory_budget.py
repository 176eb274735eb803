"""Large files wait for each other: no more than a bound is in memory at a time."""

import asyncio

from bot.memory_budget import MemoryBudget


async def test_what_does_not_fit_waits():
    budget, held, most = MemoryBudget(100), 0, 0

    async def hold(size: int) -> None:
        nonlocal held, most
        async with budget.holding(size):
            held += min(size, 100)
            most = max(most, held)
            await asyncio.sleep(0)
            held -= min(size, 100)

    await asyncio.gather(*(hold(size) for size in (60, 60, 30, 0, 500, 100, 1)))
    assert (held, most <= 100) == (0, True)


async def test_who_gives_up_waiting_holds_nothing():
    budget = MemoryBudget(100)
    async with budget.holding(80):
        waiting = asyncio.create_task(_hold(budget, 50))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    async with budget.holding(100):
        pass


async def _hold(budget: MemoryBudget, size: int) -> None:
    async with budget.holding(size):
        pass
