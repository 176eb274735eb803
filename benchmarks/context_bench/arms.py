"""Two ways of making prompts: the product's, and a sliding window."""

import time
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from benchmarks.context_bench.cases import Turn
from benchmarks.context_bench.reader import Reader
from db.usage import TaskRecord
from workers.context.build import Build, Placed
from workers.context.elements import HistoryElement
from workers.context.layers import Window
from workers.engines.text.base import ModelMessage, Sampling, TextRequest
from workers.engines.text.limits import ModelLimits
from workers.functions.answering import Answering
from workers.functions.base import AiFunction
from workers.functions.crafting import Crafting
from workers.functions.prompting import CallContext
from workers.functions.telling import Telling
from workers.moderation.gate import Gate, Gated
from workers.services import Services

NOBODY: Any = None
"""Of a job there is neither progress nor a stop, and there is no queue."""
_numbers = count(1)


@dataclass
class Figures:
    """What one arm took in one scenario, a number for each turn; ``build`` in milliseconds."""

    turns: list[Turn] = field(default_factory=list[Turn])
    prompt: list[int] = field(default_factory=list[int])
    read: list[int] = field(default_factory=list[int])
    again: list[int] = field(default_factory=list[int])
    background: list[int] = field(default_factory=list[int])
    build: list[float] = field(default_factory=list[float])
    violations: int = 0


class Prompting:
    """The product's way of making prompts."""

    def __init__(self, services: Services, limits: ModelLimits) -> None:
        """``limits`` are those of the model of ``services``."""
        self.services, self.limits = services, limits

    async def prompt(self, function: AiFunction[Any, Any], inputs: Any) -> tuple[tuple[ModelMessage, ...], Window]:
        """Return the prompt of a turn, as the function engine makes it, and the window it was made for."""
        telling = Telling(self.services, function, inputs, self.answering(function, inputs))
        messages = await telling.messages(await function.prepare(inputs), self.limits)
        assert telling.build is not None
        return messages, telling.build.window

    def answering(self, function: AiFunction[Any, Any], inputs: Any) -> Answering:
        """Return what renders prompts, for nobody's job."""
        services = self.services
        gated = Gated(function.name, function.material, frozenset(function.unchecked))
        gate = Gate(services.moderator, services.policy, services.queue, NOBODY, gated, "sfw")
        record = TaskRecord()
        craft = Crafting(function, inputs, services.craft, services.prompts, record)
        return Answering(services, function, inputs, CallContext(NOBODY, None), record, gate, craft)


class Arm(Prompting):
    """One way of making prompts, and what it took."""

    def __init__(self, name: str, services: Services, limits: ModelLimits, reader: Reader) -> None:
        """``limits`` as in `Prompting`."""
        super().__init__(services, limits)
        self.name, self._reader = name, reader
        self.figures: dict[str, Figures] = {}

    async def answer(self, scenario: str, function: AiFunction[Any, Any], turn: Turn) -> None:
        """Make the prompt of a turn, and note what must be read of it."""
        figures = self.figures.setdefault(scenario, Figures())
        began = time.perf_counter()
        messages, window = await self.prompt(function, turn.inputs)
        figures.build.append((time.perf_counter() - began) * 1000)
        prompt, cached = self._reader.read(messages)
        new = sum(await self.limits.count(turn.new)) + len(turn.new) * await self._frame()
        figures.turns.append(turn)
        figures.prompt.append(prompt)
        figures.read.append(prompt - cached)
        figures.again.append(max(0, prompt - cached - new))
        figures.violations += prompt > window.limit

    async def wait(self, scenario: str, function: AiFunction[Any, Any], at: int) -> float:
        """Return the time to the first token of turn ``at`` in milliseconds, right after that of the turn before."""
        turns, tenant = self.figures[scenario].turns, str(next(_numbers))
        before, _ = await self.prompt(function, turns[max(0, at - 1)].inputs)
        await self._first(before, tenant)
        began = time.perf_counter()
        messages, _ = await self.prompt(function, turns[at].inputs)
        await self._first(messages, tenant)
        return (time.perf_counter() - began) * 1000

    async def _first(self, messages: tuple[ModelMessage, ...], tenant: str) -> None:
        request = TextRequest(
            f"turn-{next(_numbers)}", messages, Sampling(max_tokens=1, temperature=0.0), tenant=tenant
        )
        async with aclosing(self.services.text.stream(request)) as pieces:
            async for _ in pieces:
                break

    async def _frame(self) -> int:
        """Return the tokens around a message."""
        two = (ModelMessage("user", "word"), ModelMessage("assistant", "word"))
        (word,) = await self.limits.count(["word"])
        return await self.limits.count_messages(two) - await self.limits.count_messages(two[:1]) - word


class SlidingWindow(Arm):
    """Rules, card, and as many of the newest messages or pages as fit; there is no memory."""

    async def prompt(self, function: AiFunction[Any, Any], inputs: Any) -> tuple[tuple[ModelMessage, ...], Window]:
        """Return the prompt, and the window that ours has, too."""
        variables, answering = await function.prepare(inputs), self.answering(function, inputs)
        container = function.context(inputs)
        assert container is not None
        size = self.services.context.size_of(self.limits.context)
        window = Window(size, answering.answer_tokens(size))
        placed = [Placed(each.id, each.kind, "B", each.text, 0, element=each) for each in container.elements]
        build = Build(
            window,
            early=tuple(each for each in placed if each.kind not in {"request", "memory"}),
            requests=tuple(each for each in placed if each.kind == "request"),
        )
        items = container.past.items
        sizes = await self.limits.count([f"{item.text}{item.note}" for item in items])
        left = window.limit - await self._count(function, answering, variables, build)
        kept = 0
        while kept < len(items) and (left := left - sizes[-1 - kept]) >= 0:
            kept += 1
        while True:
            told = _with(build, items[len(items) - kept :])
            prompt = await answering.prompts.messages(
                function.prompt, await function.placed(variables, told, answering.prompts.render)
            )
            if await self.limits.count_messages(prompt) <= window.limit:
                return prompt, window
            kept -= 1

    async def _count(
        self, function: AiFunction[Any, Any], answering: Answering, variables: dict[str, Any], build: Build
    ) -> int:
        told = await function.placed(variables, build, answering.prompts.render)
        return await self.limits.count_messages(await answering.prompts.rendered(function.prompt, told))


def _with(build: Build, items: tuple[HistoryElement, ...]) -> Build:
    return replace(build, recent=tuple(Placed(i.id, i.kind, "C", i.text, 0, element=i) for i in items))
