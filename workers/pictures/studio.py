"""The image engines of a worker, in the order in which they are asked, and what the operator installed for them."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workers.engines.errors import EngineUnavailable
from workers.engines.image.base import ImageEngine, ImageProgress, ImageRequest, Picture
from workers.engines.image.build import build_image_engines
from workers.engines.image.discovery import FOLDER
from workers.engines.image.sdxl.engine import SdxlEngine
from workers.engines.image.settings import ImageSettings
from workers.pictures.safety import SafetySettings
from workers.pictures.upscaling import TILE

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Studio:
    """Draws with the first engine that can. ``loras`` are the names of the LoRAs in the operator's folder.

    ``classifier``: the local engine has pictures looked at by a classifier. ``max_pixels`` is the largest picture.
    ``tile`` is the longest side of the tiles in which pictures are made larger.
    """

    engines: tuple[ImageEngine, ...] = ()
    loras: frozenset[str] = frozenset()
    classifier: bool = False
    max_pixels: int = 2048 * 2048
    tile: int = TILE
    safety: SafetySettings = field(default_factory=SafetySettings)

    async def stream(
        self, request: ImageRequest, choice: str = "", *, alone: bool = False
    ) -> AsyncGenerator[ImageProgress | Picture]:
        """Yield progress, then the picture. ``choice`` is the name of the engine that the account wants first.

        ``alone``: no other engine stands in for the first. Raises `workers.engines.errors.EngineError`;
        `EngineUnavailable` if there is no engine that can draw.
        """
        last = EngineUnavailable("no image engine is configured")
        for engine in self._in_order(choice)[: 1 if alone else None]:
            try:
                async with aclosing(_stream(engine, request)) as events:
                    async for event in events:
                        yield event
            except EngineUnavailable as error:
                _log.warning("%s cannot draw: %s", engine.name, error)
                last = error
            else:
                return
        raise last

    def looks(self, choice: str = "") -> bool:
        """Return whether a classifier will look at what is drawn: never sure where another engine may stand in."""
        return self.classifier and self._is_local(choice)

    def tiles(self, choice: str = "") -> bool:
        """Return whether pictures are made larger in tiles: servers draw their sources anew, and no tile would fit."""
        return self._is_local(choice)

    def _in_order(self, choice: str) -> list[ImageEngine]:
        return sorted(self.engines, key=lambda e: e.name != choice)

    def _is_local(self, choice: str) -> bool:
        return [engine.name for engine in self._in_order(choice)[:1]] == [SdxlEngine.name]

    def stats(self) -> list[dict[str, Any]]:
        """Return one report per engine, for `/status`."""
        return [_report(engine) for engine in self.engines]

    async def close(self) -> None:
        """Close all engines."""
        for engine in self.engines:
            await engine.close()


def build_studio(settings: ImageSettings) -> Studio:
    """Return the studio that the settings describe, with the engines that are configured. Reads from disk."""
    settings = with_pulled(settings)
    return Studio(
        tuple(build_image_engines(settings).values()),
        installed_loras(settings),
        settings.image_classifier is not None,
        settings.image_max_pixels,
        safety=SafetySettings(strict=settings.image_strict),
    )


def with_pulled(settings: ImageSettings) -> ImageSettings:
    """Return the settings with the folders of LoRAs and classifier, where unset, that ``models pull`` fills."""
    home = settings.models_dir.expanduser() / FOLDER
    found: dict[str, Path] = {}
    if settings.image_loras is None and (home / "loras").is_dir():
        found["image_loras"] = home / "loras"
    if settings.image_classifier is None and (home / "safety" / "config.json").is_file():
        found["image_classifier"] = home / "safety"
    return settings.model_copy(update=found)


def installed_loras(settings: ImageSettings) -> frozenset[str]:
    """Return the names of the LoRAs in the operator's folder: file names without their ending."""
    folder = settings.image_loras
    return frozenset() if folder is None else frozenset(path.stem for path in folder.expanduser().glob("*.safetensors"))


def _stream(engine: ImageEngine, request: ImageRequest) -> AsyncGenerator[ImageProgress | Picture]:
    async def events() -> AsyncGenerator[ImageProgress | Picture]:
        stream = engine.stream(request)
        try:
            async for event in stream:
                yield event
        finally:
            # Closing cancels the picture.
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()

    return events()


def _report(engine: ImageEngine) -> dict[str, Any]:
    found: dict[str, Any] = {"engine": engine.name}
    if isinstance(engine, SdxlEngine):
        ready = engine.ready
        found |= {"loaded": ready is not None, "model": "" if ready is None else ready.model, "pid": engine.process_id}
    return found
