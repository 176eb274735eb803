"""Image engines in order: if one cannot draw, the next one is tried."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from workers.engines.control import closing
from workers.engines.errors import EngineError, EngineUnavailable
from workers.engines.image.base import ImageEngine, ImageProgress, ImageRequest, Picture
from workers.engines.statistics import report

_log = logging.getLogger(__name__)


class ImageChain:
    """Draws with the first engine that can. The `Picture` names the engine that drew it."""

    def __init__(self, engines: Sequence[ImageEngine] = ()) -> None:
        """``engines`` are tried in order; without any, nothing can be drawn."""
        self.engines = tuple(engines)

    @property
    def loras(self) -> frozenset[str]:
        """The names of the LoRAs that at least one engine can use."""
        return frozenset[str]().union(*(engine.loras for engine in self.engines))

    def first(self, choice: str = "") -> ImageEngine | None:
        """Return the engine to try first for an account's ``choice``; None if there is none."""
        return next(iter(self._in_order(choice)), None)

    async def stream(
        self, request: ImageRequest, choice: str = "", *, alone: bool = False
    ) -> AsyncGenerator[ImageProgress | Picture]:
        """Yield progress, then the picture. ``choice`` is the name of the account's preferred engine.

        The next engine is asked after `EngineUnavailable`, and after a defect in an engine, which is logged.
        ``alone``: no other engine replaces the first. Raises `workers.engines.errors.EngineError`;
        `EngineUnavailable` if there is no engine that can draw.
        """
        last = EngineUnavailable("no image engine is configured")
        for engine in self._in_order(choice)[: 1 if alone else None]:
            try:
                # Closing cancels the picture.
                async with closing(_events(engine, request)) as events:
                    async for event in events:
                        yield event
            except EngineUnavailable as error:
                _log.warning("%s cannot draw: %s", engine.name, error)
                last = error
            else:
                return
        raise last

    async def stats(self) -> list[dict[str, Any]]:
        """Return one report per engine (`workers.engines.statistics.report`), for `/status`."""
        return list(await asyncio.gather(*(report(engine.name, engine.statistics) for engine in self.engines)))

    async def close(self) -> None:
        """Close every engine, even if one of them fails to."""
        results = await asyncio.gather(*(engine.close() for engine in self.engines), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def _in_order(self, choice: str) -> list[ImageEngine]:
        return sorted(self.engines, key=lambda engine: engine.name != choice)


async def _events(engine: ImageEngine, request: ImageRequest) -> AsyncGenerator[ImageProgress | Picture]:
    """Yield what an engine reports and draws. Raises `EngineUnavailable` for a defect in it: it may be a package's."""
    drawn = False
    try:
        async with closing(engine.stream(request)) as events:
            async for event in events:
                drawn = drawn or isinstance(event, Picture)
                yield event
    except EngineError:
        raise
    except Exception as e:
        _log.exception("request %s: a defect in %s", request.id, engine.name)
        raise EngineUnavailable(f"a defect: {type(e).__name__}") from e
    if not drawn:
        raise EngineUnavailable("it ended without a picture")
