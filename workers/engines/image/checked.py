"""An engine whose pictures the operator's classifier judges, because it has none itself: a remote one."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from workers.engines.control import closing
from workers.engines.image.base import ImageEngine, ImageProgress, ImageRequest, Picture


class ScoresPictures(Protocol):
    """A classifier of pictures."""

    async def scores(self, png: bytes) -> tuple[float, float]:
        """Return the probabilities of sexual content and of somebody young. Raises `EngineUnavailable`."""
        ...

    async def close(self) -> None:
        """Release the model."""
        ...


class CheckedEngine(ImageEngine):
    """Draws with another engine, and has every picture judged before anybody gets it.

    A picture that cannot be judged is none: the error is that of the classifier.
    """

    has_classifier = True

    def __init__(self, engine: ImageEngine, classifier: ScoresPictures) -> None:
        self.drawer = engine
        self.name, self.max_pixels, self.tile_side = engine.name, engine.max_pixels, engine.tile_side
        self.loras = engine.loras
        self._classifier = classifier

    async def stream(self, request: ImageRequest) -> AsyncGenerator[ImageProgress | Picture]:
        """Yield progress, then the judged `Picture`. See `workers.engines.image.base.ImageEngine`."""
        async with closing(self.drawer.stream(request)) as events:
            async for event in events:
                if isinstance(event, Picture):
                    unsafe, young = await self._classifier.scores(event.data)
                    yield replace(event, unsafe=unsafe, young=young)
                else:
                    yield event

    async def cancel(self, request_id: str) -> bool:
        """Stop a picture. False if it is not known here."""
        return await self.drawer.cancel(request_id)

    async def statistics(self) -> Mapping[str, Any] | None:
        """Return the figures of the engine that draws."""
        return await self.drawer.statistics()

    async def close(self) -> None:
        """Close the engine and the classifier."""
        try:
            await self.drawer.close()
        finally:
            await self._classifier.close()
