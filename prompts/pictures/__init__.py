"""The material of picture prompts: styles, sizes, qualities, negative prompts and phrases, one YAML file each.

The first style, size and quality are the defaults.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from prompts.errors import PromptInvalid
from prompts.safety.rating import Rating
from prompts.yaml_text import parse_yaml

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)]
Pixels = Annotated[int, Field(ge=256, le=2048, multiple_of=8)]
Lines = Annotated[tuple[str, ...], Field(min_length=1)]
Mood = Literal["tense", "mysterious", "joyful", "melancholy", "romantic", "wondrous", "calm"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PictureStyle(_Strict):
    """A style. ``words`` are added to every prompt, ``negative`` to the negative one.

    ``advice`` instructs a language model how to write prompts in this style, ``finish`` extends short prompts.
    """

    key: Key
    name: str
    words: str
    negative: str
    advice: str
    finish: Annotated[tuple[str, ...], Field(min_length=4)]


class PictureSize(_Strict):
    """Width and height in pixels."""

    key: Key
    name: str
    width: Pixels
    height: Pixels


class FewStep(_Strict):
    """A way to draw in few steps without guidance, if this LoRA (a file name without its ending) is installed."""

    lora: str
    steps: int = Field(ge=1, le=12)
    scheduler: str = ""


class PictureQuality(_Strict):
    """The effort spent on a picture; see `workers.engines.image.base.ImageRequest` for the numbers."""

    key: Key
    name: str
    steps: int = Field(ge=1, le=100)
    guidance: float = Field(ge=0, le=20)
    guidance_end: float = Field(default=1.0, ge=0, le=1)
    scheduler: str = ""
    few_step: FewStep | None = None


class Negatives(_Strict):
    """Negative prompts that are always added: for ``quality``, and by the allowed rating of a picture."""

    quality: str
    ratings: dict[Rating, str]


class MoodWords(_Strict):
    """A mood: its trigger words (separated by blanks) and the matching light."""

    mood: Mood
    words: str
    light: str


class Phrases(_Strict):
    """The phrases that the template writer adds to picture prompts.

    ``seen`` are words that make a sentence worth a picture, ``no_names`` capitalised words that are not names.
    """

    subjects: Lines
    compositions: Lines
    details: Annotated[tuple[str, ...], Field(min_length=6)]
    moods: Annotated[tuple[MoodWords, ...], Field(min_length=1)]
    seen: str
    no_names: str


T = TypeVar("T", PictureStyle, PictureSize, PictureQuality)


@lru_cache(maxsize=1)
def styles() -> Mapping[str, PictureStyle]:
    """Return the styles by key, the default first. Raises `PromptInvalid`."""
    return _keyed("styles", _read("styles", tuple[PictureStyle, ...]))


@lru_cache(maxsize=1)
def sizes() -> Mapping[str, PictureSize]:
    """Return the sizes by key, the default first. Raises `PromptInvalid`."""
    return _keyed("sizes", _read("sizes", tuple[PictureSize, ...]))


@lru_cache(maxsize=1)
def qualities() -> Mapping[str, PictureQuality]:
    """Return the qualities by key, the default first. Raises `PromptInvalid`."""
    return _keyed("qualities", _read("qualities", tuple[PictureQuality, ...]))


@lru_cache(maxsize=1)
def negatives() -> Negatives:
    """Return the negative prompts that are always added. Raises `PromptInvalid`."""
    found: Negatives = _read("negatives", Negatives)
    if len(found.ratings) != 3:
        raise PromptInvalid("negatives.yaml: every rating needs its negative prompt")
    return found


@lru_cache(maxsize=1)
def phrases() -> Phrases:
    """Return the template writer's phrases. Raises `PromptInvalid`."""
    return _read("phrases", Phrases)


def style(key: str) -> PictureStyle:
    """Return the style of that key; the default for an unknown key."""
    return styles().get(key) or next(iter(styles().values()))


def size(key: str) -> PictureSize:
    """Return the size of that key; the default for an unknown key."""
    return sizes().get(key) or next(iter(sizes().values()))


def quality(key: str) -> PictureQuality:
    """Return the quality of that key; the default for an unknown key."""
    return qualities().get(key) or next(iter(qualities().values()))


def nearest_size(width: int, height: int) -> PictureSize:
    """Return the size whose aspect ratio is closest to that of ``width`` by ``height`` pixels."""
    aspect = width / height
    return min(
        sizes().values(), key=lambda each: max(each.width / each.height / aspect, aspect * each.height / each.width)
    )


def _read(name: str, kind: Any) -> Any:
    text = (files("prompts") / "pictures" / f"{name}.yaml").read_text(encoding="utf-8")
    try:
        return TypeAdapter(kind).validate_python(parse_yaml(text))
    except ValueError as error:
        raise PromptInvalid(f"{name}.yaml: {error}") from error


def _keyed(name: str, items: tuple[T, ...]) -> Mapping[str, T]:
    found = {item.key: item for item in items}
    if not found or len(found) != len(items):
        raise PromptInvalid(f"{name}.yaml: it is empty, or a key is there twice")
    return found
