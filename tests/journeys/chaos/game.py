"""One person's game."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from tests.journeys.chaos.plan import Plan
from tests.journeys.people import BACK, RETRY, Act, NotPossible, Player, now

PREMISES: Final = (
    "a keeper finds a door under the sea",
    "two thieves inherit a lighthouse",
    "a clockmaker repairs the wrong hour",
    "the last train to the mountains stops at night",
)
REMARKS: Final = ("It rains again.", "What do you see from here?", "Tell me about the harbour.", "I cannot sleep.")
ACTIONS: Final = ("I sing to it", "I wait for the morning", "I ask the stranger for a light", "I go around")
GREETING: Final = "Good evening to you."
SAID: Final = (GREETING, *PREMISES, *REMARKS, *ACTIONS)
"""Everything that people say."""


class Game:
    """One person's game. Every third only talks with a persona; the others play stories."""

    def __init__(self, plan: Plan, player: Player, number: int, acts: list[Act], enough: Callable[[], bool]) -> None:
        """``acts`` is everybody's list; ``enough`` tells whether the plan is fulfilled."""
        self._plan, self._player, self._acts, self._enough = plan, player, acts, enough
        self._random = random.Random(f"{plan.seed}:{number}")
        self._talks = number % 3 == 2

    async def play(self) -> None:
        """Act until everybody together has done what the plan says."""
        while not self._enough():
            acted = await self.act()
            await asyncio.sleep(self._random.uniform(*self._plan.rest) if acted else 0.05)

    async def act(self) -> bool:
        """Do one thing and wait for its answer, not for ever; False if it was not possible any more."""
        before = {m.id for m in self._player.messages() if m.content}
        try:
            done = [await act for act in self._next()]
        except NotPossible:
            return False
        self._acts += done
        await self._wait(before, done)
        return True

    def _next(self) -> list[Awaitable[Act]]:
        """What to do now: one thing, or a double tap."""
        player, rng = self._player, self._random
        if self._talks:
            return [player.say(rng.choice(REMARKS))]
        page = player.page()
        if page is None or rng.random() < 0.04:
            return [player.begin(rng.choice(PREMISES))]
        what = rng.choices(("choose", "back", "retry", "own", "twice"), (50, 14, 12, 14, 10))[0]
        if what == "own" and page.numbers:
            return [player.say(rng.choice(ACTIONS))]
        if what == "back" and BACK in page.labels:
            return [player.press(page, BACK)]
        if what == "retry" or not page.numbers:
            return [player.press(page, RETRY)]
        if what == "twice":
            return [player.press(page, rng.choice(page.numbers)) for _ in range(2)]
        return [player.press(page, rng.choice(page.numbers))]

    async def _wait(self, before: set[str], done: list[Act]) -> None:
        until = now() + self._plan.patience
        while now() < until:
            new = [m for m in self._player.messages() if m.content and m.id not in before]
            if len(new) + sum(self._player.told(act) or self._player.failed(act) for act in done) >= len(done):
                return
            await asyncio.sleep(0.05)
