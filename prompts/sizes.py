"""The classes of models by size. A prompt has a text for large ones, and may have others for smaller ones."""

from typing import Final, Literal, get_args

SizeClass = Literal["small", "medium", "large"]
SIZES: Final[tuple[SizeClass, ...]] = get_args(SizeClass)
"""All classes, the smallest first."""


def not_smaller(size: SizeClass) -> tuple[SizeClass, ...]:
    """Return a class and those above it, in the order in which their prompts are looked for."""
    return SIZES[SIZES.index(size) :]
