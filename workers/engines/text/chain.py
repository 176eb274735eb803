"""Several engines in order: who fails is followed by the next, and every such step is noted."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from workers.engines.control import Running, closing
from workers.engines.errors import (
    EngineError,
    EngineOverloaded,
    EngineUnavailable,
    GenerationTimedOut,
    RequestRefused,
)
from workers.engines.statistics import report
from workers.engines.text.base import Completion, OffersModels, ReportsStatistics, TextEngine, TextRequest
from workers.engines.text.settings import ROLES

MAX_PATIENCE_S = 5.0
"""Longest pause before an overloaded engine is asked a second time instead of the next one."""
_log = logging.getLogger(__name__)
_FALLBACK = (EngineUnavailable, EngineOverloaded, RequestRefused, GenerationTimedOut)


@dataclass(frozen=True, slots=True)
class FallbackNote:
    """``engine`` failed with ``error`` (class name) for ``reason``, and another try follows.

    ``discarded_text`` tells that it had already streamed text, which the next engine's text replaces.
    """

    engine: str
    error: str
    reason: str
    discarded_text: bool = False


class TextChain:
    """A `TextEngine` over others in order. The `Completion` names the engine that wrote it.

    The next engine is asked after `EngineUnavailable`, `RequestRefused`, `EngineOverloaded` (once more the same engine
    first, if it asks for at most 5 s) and `GenerationTimedOut`. After the last, only the last engine of the chain is
    asked, without a deadline: it is the one that always succeeds. `ContextFull` and `GenerationCancelled` propagate:
    only the caller can act on them. Engines that have the requested model come first.
    """

    name = "chain"

    def __init__(self, engines: Sequence[TextEngine]) -> None:
        """``engines`` in the order in which they are asked; at least one."""
        if not engines:
            raise ValueError("a chain needs an engine")
        self.engines = tuple(engines)
        self._running = Running()

    async def stream(
        self, request: TextRequest, notes: list[FallbackNote] | None = None
    ) -> AsyncGenerator[str | Completion]:
        """Yield pieces of text, then the `Completion`; each fallback is appended to ``notes`` before it happens.

        With ``notes``, an engine that breaks off in the middle is followed too: a note with ``discarded_text`` says
        that the pieces so far are void. Without, `EngineOverloaded` is raised then, since the caller could not know.
        """
        loop = asyncio.get_running_loop()
        ends = None if request.deadline_s is None else loop.time() + request.deadline_s
        plan = self._plan(request.model)
        problems: list[str] = []
        patient = True
        with self._running.enter(request.id, None) as control:
            while plan:
                engine = plan.pop(0)
                streamed = False
                asked = request if ends is None else replace(request, deadline_s=ends - loop.time())
                try:
                    async with closing(engine.stream(asked)) as pieces:
                        async for piece in pieces:
                            streamed = True
                            yield piece
                except _FALLBACK as error:
                    problems.append(f"{engine.name}: {error}")
                    if streamed and notes is None:
                        raise EngineOverloaded(f"{engine.name} broke off: {error}") from error
                    pause = 0.0
                    if isinstance(error, GenerationTimedOut):
                        plan, ends = plan[-1:], None
                    elif isinstance(error, EngineOverloaded) and patient and error.retry_after <= MAX_PATIENCE_S:
                        plan.insert(0, engine)
                        patient, pause = False, error.retry_after
                    if not plan:
                        break
                    patient = patient or plan[0] is not engine
                    _note(
                        FallbackNote(engine.name, type(error).__name__, str(error), streamed), request, plan[0], notes
                    )
                else:
                    return
                await control.wait(asyncio.sleep(pause))
        raise EngineUnavailable("no engine could write: " + "; ".join(problems))

    async def count_tokens(self, text: str) -> int:
        """Return the number of tokens by the first engine that can tell."""
        for engine in self.engines[:-1]:
            try:
                return await engine.count_tokens(text)
            except EngineError as error:
                _log.warning("%s cannot count tokens: %s", engine.name, error)
        return await self.engines[-1].count_tokens(text)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models that an account may choose (`OffersModels`), in the order of the engines."""
        offered = dict.fromkeys(name for engine in self.engines for name in _names(engine))
        return tuple(name for name in offered if name not in ROLES)

    async def stats(self) -> list[dict[str, Any]]:
        """Return what the engines report (`ReportsStatistics`), in their order, each with its name as ``engine``.

        One that is not loaded, fails or does not answer within 2 s says so: ``loaded`` is false, ``problem`` says why.
        """
        return list(await asyncio.gather(*(_report(part) for engine in self.engines for part in _parts(engine))))

    async def cancel(self, request_id: str) -> bool:
        """Stop a generation wherever it runs. False if no engine knows it."""
        known = [await engine.cancel(request_id) for engine in self.engines]
        return self._running.cancel(request_id) or any(known)

    def _plan(self, model: str) -> list[TextEngine]:
        """Return the engines in the order in which to ask them for a model or a role."""
        *others, last = self.engines
        if model not in ROLES:
            others.sort(key=lambda engine: model not in _names(engine))
        return [*others, last]

    async def close(self) -> None:
        """Close every engine, even if one of them fails to."""
        results = await asyncio.gather(*(engine.close() for engine in self.engines), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result


def _names(engine: TextEngine) -> tuple[str, ...]:
    return engine.model_names if isinstance(engine, OffersModels) else ()


def _parts(engine: TextEngine) -> Sequence[TextEngine]:
    """Return the engines that ``engine`` consists of."""
    return engine.engines if isinstance(engine, _Several) else (engine,)


@runtime_checkable
class _Several(Protocol):
    @property
    def engines(self) -> Sequence[TextEngine]: ...


async def _report(engine: TextEngine) -> dict[str, Any]:
    if not isinstance(engine, ReportsStatistics):
        return {"engine": engine.name}
    return await report(engine.name, engine.statistics)


def _note(note: FallbackNote, request: TextRequest, successor: TextEngine, notes: list[FallbackNote] | None) -> None:
    _log.warning(
        "request %s: %s failed (%s: %s), %s is next",
        request.id,
        note.engine,
        note.error,
        note.reason,
        successor.name,
    )
    if notes is not None:
        notes.append(note)
