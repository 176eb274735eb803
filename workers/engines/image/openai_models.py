"""What image models behind OpenAI's API accept, by name. Source: its reference, November 2026."""

import re
from dataclasses import dataclass

SMALLEST = 64
"""Minimum pixels of a side."""
SLIMMEST = 4.0
"""Maximum ratio of the sides of a request; models may allow less."""


@dataclass(frozen=True, slots=True)
class Resolutions:
    """Sizes that a model draws: those in ``fixed`` (width, height) or, if it is empty, any within the limits.

    The limits: sides are multiples of ``multiple`` and at most ``longest``, their ratio is at most ``ratio``, and the
    picture has ``fewest`` to ``most`` pixels.
    """

    fixed: tuple[tuple[int, int], ...] = ()
    multiple: int = 8
    longest: int = 2048
    ratio: float = SLIMMEST
    fewest: int = 0
    most: int = 2048 * 2048

    def nearest(self, width: int, height: int) -> tuple[int, int]:
        """Return the size to draw for a request of ``width`` × ``height``; shape counts more than area.

        Raises `ValueError` for an impossible size.
        """
        if min(width, height) < SMALLEST or max(width, height) > SLIMMEST * min(width, height):
            raise ValueError(f"{width} × {height} is no size of a picture")
        if self.fixed:
            return min(self.fixed, key=lambda size: _distance(size, (width, height)))
        return self._limited(width, height)

    def _limited(self, width: int, height: int) -> tuple[int, int]:
        ratio = min(max(width / height, 1 / self.ratio), self.ratio)
        area = min(max(width * height, self.fewest), self.most)
        ideal = (area * ratio) ** 0.5, (area / ratio) ** 0.5
        scale = min(1.0, self.longest / max(ideal))
        candidates = [
            (across * self.multiple, down * self.multiple)
            for across in _around(ideal[0] * scale / self.multiple)
            for down in _around(ideal[1] * scale / self.multiple)
        ]
        return min(
            (size for size in candidates if self._allows(*size)), key=lambda size: _distance(size, (width, height))
        )

    def _allows(self, width: int, height: int) -> bool:
        longest, shortest = max(width, height), min(width, height)
        return (
            shortest > 0
            and longest <= self.longest
            and longest <= self.ratio * shortest
            and self.fewest <= width * height <= self.most
        )


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """What a model accepts. ``prompt_chars`` limits the prompt.

    ``wants_format``: the request must ask for the picture itself instead of its URL. ``png``: it can be asked for PNG.
    ``tells``: it takes a negative prompt and a seed. ``edits``: it redraws pictures. ``qualities`` are its names for
    low, normal and high effort, if any. ``watched``: it takes an identifier of the end user.
    """

    resolutions: Resolutions
    prompt_chars: int
    wants_format: bool = True
    png: bool = False
    tells: bool = False
    edits: bool = False
    qualities: tuple[str, str, str] | None = None
    watched: bool = False


_GPT_QUALITIES = ("low", "medium", "high")
_FIRST_GPT = RemoteModel(
    Resolutions(((1024, 1024), (1536, 1024), (1024, 1536))),
    32_000, wants_format=False, png=True, edits=True, qualities=_GPT_QUALITIES, watched=True,
)  # fmt: skip
_LATER_GPT = RemoteModel(
    Resolutions(multiple=16, longest=3840, ratio=3.0, fewest=655_360, most=8_294_400),
    32_000, wants_format=False, png=True, edits=True, qualities=_GPT_QUALITIES, watched=True,
)  # fmt: skip
_MODELS = (
    (re.compile(r"(?:.*/)?(?:gpt-image-1(?:\D.*)?|chatgpt-image.*)"), _FIRST_GPT),
    (re.compile(r"(?:.*/)?gpt-image-.*"), _LATER_GPT),
    # Retired by OpenAI, but other servers answer to these names.
    (
        re.compile(r"(?:.*/)?dall-e-3"),
        RemoteModel(
            Resolutions(((1024, 1024), (1792, 1024), (1024, 1792))), 4000, qualities=("standard", "standard", "hd")
        ),
    ),
    (re.compile(r"(?:.*/)?dall-e-2"), RemoteModel(Resolutions(((256, 256), (512, 512), (1024, 1024))), 1000)),
)
_OTHER = RemoteModel(Resolutions(), 20_000, tells=True, edits=True)
"""Self-hosted models: Stable Diffusion, Flux, Qwen-Image and others behind vLLM, SGLang, LocalAI or sd-server."""


def model_named(name: str) -> RemoteModel:
    """Return the entry of the named model; for an unknown one, what most servers have in common."""
    return next((facts for pattern, facts in _MODELS if pattern.fullmatch(name.lower())), _OTHER)


def _around(value: float) -> range:
    return range(max(1, int(value) - 1), int(value) + 3)


def _distance(size: tuple[int, int], wanted: tuple[int, int]) -> float:
    shape = (size[0] * wanted[1]) / (size[1] * wanted[0])
    area = (size[0] * size[1]) / (wanted[0] * wanted[1])
    return 4 * abs(shape - 1 if shape >= 1 else 1 / shape - 1) + abs(area - 1 if area >= 1 else 1 / area - 1)
