"""The ``sdxl`` engine: an SDXL model run by diffusers in a process of its own."""

import asyncio
import importlib.util
import logging
import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workers.engines.control import RequestControl, RequestRegistry
from workers.engines.errors import EngineUnavailable, RequestRefused
from workers.engines.image.base import MAX_PIXELS, ImageEngine, ImageProgress, ImageRequest, Picture, PromptPart
from workers.engines.image.sdxl.protocol import (
    MAX_CHARACTERS,
    PROGRAM,
    Draw,
    DrawingProgress,
    LoadedSdxl,
    LoadSdxl,
    Lora,
    Part,
)
from workers.engines.processes.launch import Launcher
from workers.engines.processes.process import ModelProcess, ProcessDied
from workers.engines.processes.supervisor import ProcessSupervisor
from workers.engines.text.unicode import well_formed

MAX_STEPS = 150
MAX_GUIDANCE = 30.0
MAX_SOURCE_BYTES = 32 * 2**20
_DEATHS = 6
"""Deaths of the process that a waiting picture survives."""
_PARTS = 200
_NEEDED = ("torch", "diffusers", "transformers", "compel")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SdxlOptions:
    """How the model runs. See `workers.engines.image.settings.ImageSettings` for the meaning of each."""

    config: Path | None = None
    device: str = "auto"
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto"
    batch: int = 0
    threads: int = 0
    compile: bool = False
    warm_up: tuple[tuple[int, int], ...] = ()
    loras: Path | None = None
    classifier: Path | None = None
    checksums: Path | None = None
    max_pixels: int = MAX_PIXELS
    stall_s: float = 300.0


class SdxlEngine(ImageEngine):
    """Draws with a local model. The picture process starts at the first request and is replaced when it dies.

    Pictures that can share steps are drawn together, across tenants. If the process dies or hangs, each picture that
    had begun is drawn once more, alone; if the process dies again, that picture raises `EngineUnavailable`. Waiting
    pictures keep waiting.
    """

    name = "sdxl"
    tile_side: int | None = 1024  # the size that SDXL was trained on

    def __init__(self, model: Path, options: SdxlOptions | None = None, launcher: Launcher | None = None) -> None:
        """``model`` is a folder as diffusers writes it, or a safetensors file (then ``options.config`` is needed).

        Without a ``launcher`` the process is private to this engine.
        """
        self._path = model
        self._options = options or SdxlOptions()
        self.max_pixels = self._options.max_pixels
        self.has_classifier = self._options.classifier is not None
        folder = self._options.loras
        self.loras = frozenset() if folder is None else frozenset(path.stem for path in folder.glob("*.safetensors"))
        self._running = RequestRegistry()
        self._launcher = launcher
        self._supervisor = ProcessSupervisor(self._start)

    @property
    def process_id(self) -> int | None:
        """Process id of the picture process, None while there is none."""
        return None if (process := self._supervisor.current) is None else process.pid

    @property
    def ready(self) -> LoadedSdxl | None:
        """The model that is loaded and warmed up; None if there is none."""
        return None if (process := self._supervisor.current) is None else process.loaded

    async def start(self) -> LoadedSdxl:
        """Load and warm up the model now, not at the first request. Raises `EngineUnavailable` with the reason."""
        return (await self._supervisor.get()).loaded

    async def stream(self, request: ImageRequest) -> AsyncGenerator[ImageProgress | Picture]:
        """Yield progress, then the `Picture`. See `workers.engines.image.base.ImageEngine`."""
        draw = _draw(request)
        with self._running.enter(request.id, request.deadline_s) as control:
            async with aclosing(self._draw(draw, request.source or b"", control)) as events:
                async for event in events:
                    yield event

    async def _draw(
        self, draw: Draw, source: bytes, control: RequestControl
    ) -> AsyncGenerator[ImageProgress | Picture]:
        for _ in range(_DEATHS):
            begun = False
            try:
                async with aclosing(self._draw_once(draw, source, control)) as events:
                    async for event in events:
                        begun = begun or (isinstance(event, ImageProgress) and event.phase in {"preparing", "drawing"})
                        yield event
            except ProcessDied as death:
                if self._supervisor.closed:
                    raise EngineUnavailable("the engine is closed") from death
                _log.warning("%s", death)
                if begun and draw.alone:
                    raise EngineUnavailable(f"{death}, twice in the same picture") from death
                # Any picture of the batch may have caused it; drawn alone, the culprit shows.
                draw = draw.model_copy(update={"alone": draw.alone or begun})
            else:
                return
        raise EngineUnavailable("the picture process dies again and again")

    async def _draw_once(
        self, draw: Draw, source: bytes, control: RequestControl
    ) -> AsyncGenerator[ImageProgress | Picture]:
        if self.ready is None:
            yield ImageProgress("loading", steps=draw.steps)
        process = await control.wait(self._supervisor.get())
        process.used()
        async with process.converse(lambda number: draw.model_copy(update={"id": number}), source) as next_answer:
            while True:
                answer = await control.wait(next_answer())
                if isinstance(answer, DrawingProgress):
                    yield ImageProgress(answer.phase, answer.step, answer.steps, answer.ahead)
                    continue
                drawn, data = answer
                yield Picture(
                    data=data,
                    width=drawn.width,
                    height=drawn.height,
                    seed=draw.seed,
                    engine=self.name,
                    model=process.loaded.model,
                    prompt_tokens=drawn.prompt_tokens,
                    unsafe=drawn.unsafe,
                    young=drawn.young,
                )
                return

    async def statistics(self) -> Mapping[str, Any] | None:
        """Return the name of the model and the id of its process, None while it is not loaded."""
        process = self._supervisor.current
        return None if process is None else {"model": process.loaded.model, "pid": process.pid}

    async def cancel(self, request_id: str) -> bool:
        """Stop a waiting or running picture before its next step. False if it is not known here."""
        return self._running.cancel(request_id)

    async def close(self) -> None:
        """Disconnect from the picture process. Running and later requests raise `EngineUnavailable`."""
        await self._supervisor.close()

    async def _start(self) -> ModelProcess[LoadedSdxl]:
        await asyncio.to_thread(_check, self._path)
        load = await asyncio.to_thread(self._load)
        return await ModelProcess[LoadedSdxl].start(PROGRAM, load, self._options.stall_s, self._launcher)

    def _load(self) -> LoadSdxl:
        options = self._options
        return LoadSdxl(
            path=str(self._path.resolve()),
            config=_text(options.config),
            device=options.device,
            dtype=options.dtype,
            batch=options.batch,
            threads=options.threads,
            compile=options.compile,
            warm_up=options.warm_up,
            loras=_text(options.loras),
            classifier=_text(options.classifier),
            checksums=_text(options.checksums),
            max_pixels=options.max_pixels,
        )


def missing_packages() -> list[str]:
    """Return the missing packages."""
    return [name for name in _NEEDED if importlib.util.find_spec(name) is None]


def _text(path: Path | None) -> str:
    return "" if path is None else str(path.resolve())


def _check(path: Path) -> None:
    if missing := missing_packages():
        raise EngineUnavailable(f"not installed: {', '.join(missing)} (extra: gpu)")
    if not path.exists():
        raise EngineUnavailable(f"there is no model at {path}")


def _draw(request: ImageRequest) -> Draw:
    """Return the message for the picture process. Raises `RequestRefused` for values that no model supports."""
    if not 1 <= request.steps <= MAX_STEPS:
        raise RequestRefused(f"{request.steps} steps, 1 to {MAX_STEPS} are possible")
    if not 0 <= request.guidance <= MAX_GUIDANCE:
        raise RequestRefused(f"guidance {request.guidance:g}, 0 to {MAX_GUIDANCE:g} is possible")
    if not (0 <= request.guidance_end <= 1 and 0 < request.strength <= 1):
        raise RequestRefused("the end of the guidance and the strength are shares of 1")
    if request.source is not None and len(request.source) > MAX_SOURCE_BYTES:
        raise RequestRefused(f"the picture to redraw has {len(request.source)} bytes, {MAX_SOURCE_BYTES} are possible")
    if not all(math.isfinite(lora.weight) for lora in request.loras):
        raise RequestRefused("a weight is no number")
    return Draw(
        id=0,
        prompt=_parts(request.prompt),
        negative=_parts(request.negative),
        seed=request.seed % 2**63,
        width=request.width,
        height=request.height,
        steps=request.steps,
        guidance=request.guidance,
        guidance_end=request.guidance_end,
        scheduler=request.scheduler,
        loras=tuple(Lora(name=well_formed(lora.name), weight=lora.weight) for lora in request.loras),
        redraw=request.source is not None,
        strength=request.strength,
        tenant=request.tenant,
        priority=request.priority,
    )


def _parts(parts: tuple[PromptPart, ...]) -> tuple[Part, ...]:
    if len(parts) > _PARTS:
        raise RequestRefused(f"the prompt has {len(parts)} parts, {_PARTS} are possible")
    length = sum(len(part.text) for part in parts)
    if length > MAX_CHARACTERS:
        raise RequestRefused(f"the prompt has {length} characters, {MAX_CHARACTERS} are possible")
    if not all(math.isfinite(part.weight) for part in parts):
        raise RequestRefused("a weight is no number")
    return tuple(Part(text=well_formed(part.text), weight=part.weight) for part in parts)
