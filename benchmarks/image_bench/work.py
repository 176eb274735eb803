"""The pictures to draw, the same for all contenders."""

import random
from dataclasses import dataclass
from typing import Final

NEGATIVE: Final = "blurry, low quality, dark"
_WORDS: Final = (
    "portrait", "photo", "painting", "cat", "dog", "girl", "forest", "city", "night", "sky", "sea", "red", "green",
    "blue", "castle", "dragon", "robot", "star", "moon", "river", "mountain", "tree", "house", "lighthouse", "storm",
)  # fmt: skip
_LENGTH: Final = 40
"""Words of a prompt: the plain pipeline reads no more than 75 tokens."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Pictures of one kind. ``scheduler`` is the engine's name for it."""

    name: str
    width: int
    height: int
    steps: int
    guidance: float
    scheduler: str

    @property
    def rows(self) -> int:
        """Rows of the UNet's batch for one picture."""
        return 2 if self.guidance > 1 else 1


TINY: Final = Kind("tiny", 256, 256, 12, 6.0, "")
USUAL: Final = Kind("30 steps", 1024, 1024, 30, 6.0, "")
FEW: Final = Kind("4 steps", 1024, 1024, 4, 0.0, "lightning")


def prompts(first: int, count: int) -> list[str]:
    """Return prompts, all different, by their numbers."""
    return [" ".join(random.Random(number).choices(_WORDS, k=_LENGTH)) for number in range(first, first + count)]
