"""What a job has decided to draw: the data that its drawing step starts from, even after a crash."""

from typing import Literal, get_args

from pydantic import BaseModel

from prompts.safety.rating import Rating
from workers.cutting import cut_at_word

ALT_LENGTH = 300
"""Maximum characters of a picture's alternative text; Discord takes 1,024."""

Kind = Literal["imagined", "page", "portrait", "moment", "variation", "upscaled"]
PromptSource = Literal["", "own", "ai", "template"]


class Order(BaseModel):
    """A picture to draw. ``persona`` is the one whose visual identity it has.

    ``source`` is the picture that is redrawn with ``strength``; ``scale`` is the factor by which the new one is larger.
    ``seed`` is the person's own, ``random_seed`` replaces a missing one. ``lora`` names LoRAs as the person wrote them.
    ``prompt_source`` and ``typed`` are as in `db.pictures.StoredPicture`.
    """

    kind: Kind = "imagined"
    prompt: str
    negative: str = ""
    alt: str = ""
    style: str = ""
    size: str = ""
    quality: str = ""
    lora: str = ""
    seed: int | None = None
    random_seed: int = 0
    rating: Rating = "sfw"
    allowance: Rating = "sfw"
    page: int | None = None
    persona: int | None = None
    source: int | None = None
    scale: int = 1
    strength: float = 0.6
    typed: str = ""
    prompt_source: PromptSource = ""


def parse_source(stored: str) -> PromptSource:
    """Return who wrote a stored picture's prompt; "" for what this release does not know."""
    return next((known for known in get_args(PromptSource) if known == stored), "")


def describe(text: str) -> str:
    """Return ``text`` as alternative text: on one line, cut at a word, not too long."""
    words = " ".join(text.split())
    return cut_at_word(words, ALT_LENGTH, "…")
