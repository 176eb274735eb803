"""The protocol of image engines and its plain data types."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

MAX_PIXELS = 2048 * 2048
"""Maximum width times height of a picture, unless the operator sets another limit."""
Phase = Literal["queued", "loading", "preparing", "drawing", "finishing"]


@dataclass(frozen=True, slots=True)
class PromptPart:
    """A stretch of a prompt. ``text`` is literal: nothing in it is syntax. ``weight`` 1 is neutral."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class LoraUse:
    """A LoRA: its file name in the operator's folder, and its weight."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One picture.

    ``width`` and ``height`` are pixels, multiples of 8. ``guidance`` is the classifier-free guidance scale; it is
    switched off after the fraction ``guidance_end`` (0 to 1) of the steps, and entirely at scale 1 or less.
    ``source`` is a picture (PNG) to start from instead of noise: ``strength`` 1 keeps nothing of it. ``scheduler`` is
    one of the engine's names, "" its default. ``tenant`` is the account (`workers.engines.fairness`);
    smaller ``priority`` goes first; ``deadline_s`` is seconds from the call.
    """

    id: str
    prompt: tuple[PromptPart, ...]
    seed: int
    negative: tuple[PromptPart, ...] = ()
    width: int = 1024
    height: int = 1024
    steps: int = 30
    guidance: float = 6.0
    guidance_end: float = 1.0
    scheduler: str = ""
    loras: tuple[LoraUse, ...] = ()
    source: bytes | None = None
    strength: float = 0.6
    tenant: str = ""
    priority: int = 0
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True)
class ImageProgress:
    """Progress of a picture: ``step`` of ``steps`` are done. While it waits, ``ahead`` requests come first."""

    phase: Phase
    step: int = 0
    steps: int = 0
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture: lossless ``data`` (PNG), its size in pixels, and how it was made.

    ``unsafe`` is a classifier's probability (0 to 1) of sexual content, None if none ran; ``young`` that of
    somebody young, 0 from one whose labels say nothing of age. ``prompt_tokens`` counts the
    prompt with the engine's tokenizer, 0 if unknown.
    """

    data: bytes
    width: int
    height: int
    seed: int
    engine: str
    model: str
    prompt_tokens: int = 0
    unsafe: float | None = None
    young: float = 0.0
    cost_usd: float = 0.0


@runtime_checkable
class ImageEngine(Protocol):
    """A source of pictures. All methods may be called from many tasks at once.

    A class that inherits from this gets defaults for all but ``name``, `stream` and `cancel`.
    """

    name: str
    """Name in the configuration and in the task log: ``sdxl``, ``openai``."""
    max_pixels: int = MAX_PIXELS
    """Maximum width times height of a picture."""
    tile_side: int | None = None
    """Longest side in pixels of the tiles in which a large picture is redrawn; None if tiles would not fit together."""
    has_classifier: bool = False
    """Whether every picture comes with a classifier's result (`Picture.unsafe`)."""
    loras: frozenset[str] = frozenset()
    """The names that `LoraUse` may hold."""

    def stream(self, request: ImageRequest) -> AsyncIterator[ImageProgress | Picture]:
        """Yield progress, then exactly one `Picture`.

        Raises `workers.engines.errors.EngineError`. Closing the iterator cancels the picture.
        """
        ...

    async def cancel(self, request_id: str) -> bool:
        """Stop a picture; its stream raises `GenerationCancelled`. False if it is not known here."""
        ...

    async def statistics(self) -> Mapping[str, Any] | None:
        """Return figures for `/status`, as JSON; None while the model is not loaded. Does not load it.

        All keys are optional: ``model`` (str), ``loaded`` (bool), ``pid`` of the process that holds the model.
        """
        return {}

    async def close(self) -> None:
        """Release the model, its process or its connections."""
        return


async def draw(engine: ImageEngine, request: ImageRequest) -> Picture:
    """Run ``request`` on ``engine`` to its end and return the picture."""
    async for event in engine.stream(request):
        if isinstance(event, Picture):
            return event
    raise AssertionError(f"engine {engine.name} ended its stream without a picture")
