"""The ``sdxl`` engine: an SDXL model run by diffusers in a process of its own."""

import asyncio
import importlib.util
import logging
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workers.engines.control import Control, Running
from workers.engines.errors import EngineOverloaded, EngineUnavailable, GenerationCancelled, RequestRefused
from workers.engines.image.base import ImageProgress, ImageRequest, Picture, PromptPart
from workers.engines.image.sdxl.process import ChildDied, PictureProcess
from workers.engines.image.sdxl.protocol import MAX_CHARACTERS, Draw, Failed, Load, Loaded, Lora, Part, Progress
from workers.engines.text.unicode import well_formed

RETRY_LOADING_S = 30.0
"""Seconds for which a model that failed to load is not tried again."""
MAX_STEPS = 150
MAX_GUIDANCE = 30.0
MAX_SOURCE_BYTES = 32 * 2**20
RETRY_AFTER_S = 10.0
"""Seconds after which a picture is asked for again when the memory was not enough."""
_DEATHS = 6
"""Deaths of the process that a picture survives while it waits in line."""
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
    max_pixels: int = 2048 * 2048
    stall_s: float = 300.0


class SdxlEngine:
    """Draws with a local model. The picture process starts at the first request and is replaced when it dies.

    Pictures that can share steps are drawn together, whoever asked for them. If the process dies or hangs, what it
    had begun is drawn once more, each picture by itself; one in whose drawing the process dies again raises
    `EngineUnavailable`. Pictures that only waited go on waiting.
    """

    name = "sdxl"

    def __init__(self, model: Path, options: SdxlOptions | None = None) -> None:
        """``model`` is a folder as diffusers writes it, or a safetensors file (then ``options.config`` is needed)."""
        self._path = model
        self._options = options or SdxlOptions()
        self._running = Running()
        self._process: PictureProcess | None = None
        self._starting: asyncio.Task[PictureProcess] | None = None
        self._failure: tuple[float, str] | None = None
        self._closed = False

    @property
    def process_id(self) -> int | None:
        """Process id of the picture process, None while there is none."""
        return self._process.pid if self._process is not None and self._process.alive else None

    @property
    def ready(self) -> Loaded | None:
        """What is loaded, warmed up and waiting; None while nothing is."""
        return self._process.loaded.result() if self._process is not None and self._process.alive else None

    async def start(self) -> Loaded:
        """Load and warm up the model now, not at the first request. Raises `EngineUnavailable` with the reason."""
        return (await self._ready_process()).loaded.result()

    async def stream(self, request: ImageRequest) -> AsyncGenerator[ImageProgress | Picture]:
        """Yield progress, then the `Picture`. See `workers.engines.image.base.ImageEngine`."""
        draw = _draw(request)
        with self._running.enter(request.id, request.deadline_s) as control:
            async with aclosing(self._draw(draw, request.source or b"", control)) as events:
                async for event in events:
                    yield event

    async def _draw(self, draw: Draw, source: bytes, control: Control) -> AsyncGenerator[ImageProgress | Picture]:
        for _ in range(_DEATHS):
            begun = False
            try:
                async with aclosing(self._draw_once(draw, source, control)) as events:
                    async for event in events:
                        begun = begun or (isinstance(event, ImageProgress) and event.phase in {"preparing", "drawing"})
                        yield event
            except ChildDied as death:
                if self._closed:
                    raise EngineUnavailable("the engine is closed") from death
                _log.warning("%s", death)
                if begun and draw.alone:
                    raise EngineUnavailable(f"{death}, twice in the same picture") from death
                # Whichever picture it was that the process could not stand: the next time it is found out.
                draw = draw.model_copy(update={"alone": draw.alone or begun})
            else:
                return
        raise EngineUnavailable("the picture process dies again and again")

    async def _draw_once(self, draw: Draw, source: bytes, control: Control) -> AsyncGenerator[ImageProgress | Picture]:
        if self.ready is None:
            yield ImageProgress("loading", steps=draw.steps)
        process = await control.wait(self._ready_process())
        async with process.draw(draw, source) as next_answer:
            while True:
                answer = await control.wait(next_answer())
                if isinstance(answer, Progress):
                    yield ImageProgress(answer.phase, answer.step, answer.steps, answer.ahead)
                    continue
                if isinstance(answer, Failed):
                    raise _error(answer)
                drawn, data = answer
                yield Picture(
                    data=data,
                    width=drawn.width,
                    height=drawn.height,
                    seed=draw.seed,
                    engine=self.name,
                    model=process.loaded.result().model,
                    prompt_tokens=drawn.prompt_tokens,
                    unsafe=drawn.unsafe,
                )
                return

    async def cancel(self, request_id: str) -> bool:
        """Stop a waiting or running picture before its next step. False if it is not known here."""
        return self._running.cancel(request_id)

    async def close(self) -> None:
        """End the picture process. Running and later requests raise `EngineUnavailable`."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._process is not None:
            await self._process.stop()

    async def _ready_process(self) -> PictureProcess:
        while True:
            if self._closed:
                raise EngineUnavailable("the engine is closed")
            if self._process is not None and self._process.alive:
                return self._process
            if self._starting is None:
                self._raise_failure()
                self._starting = asyncio.create_task(self._start())
            # A caller that gives up must not end the loading: others wait for it, or soon will.
            try:
                return await asyncio.shield(self._starting)
            except asyncio.CancelledError:
                if not self._closed:
                    raise
                raise EngineUnavailable("the engine is closed") from None

    def _raise_failure(self) -> None:
        if self._failure is not None:
            when, text = self._failure
            if asyncio.get_running_loop().time() - when < RETRY_LOADING_S:
                raise EngineUnavailable(text)

    async def _start(self) -> PictureProcess:
        try:
            if self._process is not None:
                await self._process.stop()
                self._process = None
            await asyncio.to_thread(_check, self._path)
            self._process = await PictureProcess.start(self._load(), self._options.stall_s)
        except EngineUnavailable as error:
            self._failure = (asyncio.get_running_loop().time(), str(error))
            raise
        else:
            self._failure = None
            return self._process
        finally:
            self._starting = None

    def _load(self) -> Load:
        options = self._options
        return Load(
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
    """Return what must be installed and is not."""
    return [name for name in _NEEDED if importlib.util.find_spec(name) is None]


def _text(path: Path | None) -> str:
    return "" if path is None else str(path.resolve())


def _check(path: Path) -> None:
    if missing := missing_packages():
        raise EngineUnavailable(f"not installed: {', '.join(missing)} (extra: gpu)")
    if not path.exists():
        raise EngineUnavailable(f"there is no model at {path}")


def _draw(request: ImageRequest) -> Draw:
    """Return what the picture process is told. Raises `RequestRefused` for what no model could do."""
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


def _error(failed: Failed) -> Exception:
    match failed.reason:
        case "refused":
            return RequestRefused(failed.message)
        case "overloaded":
            return EngineOverloaded(failed.message, RETRY_AFTER_S)
        case "cancelled":
            return GenerationCancelled("cancelled")
        case "internal":
            return EngineUnavailable(f"the model failed: {failed.message}")
