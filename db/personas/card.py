"""The card of a persona: all that it is, in one model, for those that ship, are made here and come from elsewhere.

Cards are stored as JSON without what is left at its default (`PersonaCard.stored`). They are read tolerantly: other
programs write numbers as texts, lists as texts, and null for what is missing. What exceeds a bound is refused by field
(pydantic's ``ValidationError``), never cut.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

MAX_NAME: Final = 200
"""Characters of a name."""
MAX_LINE: Final = 2_000
"""Characters of what is written beside a card: creator, version, language."""
MAX_TEXT: Final = 100_000
"""Characters of one text of a card."""
MAX_GREETINGS: Final = 200
"""Alternate greetings, and as many for groups."""
MAX_LIST: Final = 500
"""Entries of any other list."""
MAX_ASSETS: Final = 5_000
MAX_URI: Final = 30_000_000
"""Characters of an asset's address, which may hold the whole file."""
MAX_DEPTH: Final = 1_000
"""Messages that a depth may count."""
USUAL_DEPTH: Final = 4
"""Where a depth is not said."""
_NAMELESS: Final = "?"
CardRating = Literal["sfw", "suggestive", "nsfw"]
_RATINGS: Final = frozenset({"sfw", "suggestive", "nsfw"})


def storable(text: str) -> str:
    """Return a text without what PostgreSQL cannot store: NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _text(value: object) -> object:
    """Read numbers and lists as texts, and null as none."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list | tuple):
        parts = [_text(each) for each in cast("list[object]", value) if not isinstance(each, list | tuple)]
        return "\n".join(each for each in parts if isinstance(each, str) and each)
    return "" if value is None or isinstance(value, bool | Mapping) else value


def _texts(value: object) -> object:
    """Read one text as a list of it; what is empty or no text is left out."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list | tuple):
        return ()
    return tuple(text for each in cast("list[object]", value) if isinstance(text := _text(each), str) and text.strip())


def _worded(value: object) -> object:
    """Keep the texts of a mapping of texts."""
    if not isinstance(value, Mapping):
        return {}
    return {str(name): storable(each) for name, each in cast("Mapping[object, object]", value).items()
            if isinstance(each, str)}  # fmt: skip


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _share(value: object) -> float | None:
    number = _number(value)
    return None if number is None else min(max(number, 0.0), 1.0)


def _depth(value: object) -> int:
    number = _number(value)
    return USUAL_DEPTH if number is None or number < 0 else int(min(number, MAX_DEPTH))


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


def _mapping(value: object) -> object:
    return dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else None


Name = Annotated[str, Field(max_length=MAX_NAME), BeforeValidator(_text)]
Line = Annotated[str, Field(max_length=MAX_LINE), BeforeValidator(_text)]
Text = Annotated[str, Field(max_length=MAX_TEXT), BeforeValidator(_text)]
_Words = Annotated[tuple[Annotated[str, Field(max_length=MAX_TEXT)], ...], BeforeValidator(_texts)]
Listed = Annotated[_Words, Field(max_length=MAX_LIST)]
Greetings = Annotated[_Words, Field(max_length=MAX_GREETINGS)]
AnyJson = Annotated[dict[str, Any] | None, BeforeValidator(_mapping)]


class _CardPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class VisualWords(_CardPart):
    """What a persona looks like in every picture: words, what must not be seen, a seed, and LoRAs (name, weight).

    ``style``, ``size`` and ``quality`` are keys of those that its pictures have if nobody says otherwise.
    """

    words: Text = ""
    negative: Text = ""
    seed: Annotated[int | None, BeforeValidator(_whole)] = None
    loras: tuple[dict[str, Any] | str, ...] = ()
    style: Line = ""
    size: Line = ""
    quality: Line = ""


class DepthPrompt(_CardPart):
    """A text that stands before as many of the newest messages as ``depth`` says; 0: behind them all."""

    text: Text = ""
    depth: Annotated[int, BeforeValidator(_depth)] = USUAL_DEPTH
    role: Literal["system", "user", "assistant"] = "system"


class CardAsset(_CardPart):
    """A file of a card: an icon, a background, an emotion. ``uri`` may be ``embeded://`` and a path, or the file."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Line = "icon"
    uri: Annotated[str, Field(max_length=MAX_URI), BeforeValidator(_text)] = ""
    name: Line = ""
    ext: Line = ""


class PersonaCard(_CardPart):
    """A persona.

    ``description`` is who they are in one text, as cards of other programs have it; the fields after it say the same
    one by one. ``personality`` are traits, or one text. ``system_prompt`` stands in place of the product's own rules,
    which ``{{original}}`` calls back; ``post_history`` follows the last message. ``creator_notes`` and ``tags`` are for
    people, no model is told of them. ``lorebook`` is a book of Character Card V3 as JSON. ``talkativeness`` is how
    likely they speak unasked, 0 to 1. ``voice`` are the lines of a shipped persona for when there is no model, ``key``
    its lasting name. ``source`` is the file that a card came from, as it was: what is not read of it is given back.
    """

    key: Name = ""
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME), BeforeValidator(_text)]
    nickname: Name = ""
    tagline: Text = ""
    description: Text = ""
    appearance: Text = ""
    personality: Listed = ()
    interests: Listed = ()
    preferences: Text = ""
    speaking_style: Text = ""
    scenario: Text = ""
    greeting: Text = ""
    alternate_greetings: Greetings = ()
    group_greetings: Greetings = ()
    example_dialogue: Text = ""
    system_prompt: Text = ""
    post_history: Text = ""
    depth_prompt: DepthPrompt | None = None
    creator: Line = ""
    creator_notes: Text = ""
    translated_notes: Annotated[dict[str, Text], BeforeValidator(_worded), Field(max_length=MAX_LIST)] = {}
    version: Line = ""
    tags: Listed = ()
    rating: Annotated[CardRating, BeforeValidator(lambda value: value if value in _RATINGS else "sfw")] = "sfw"
    language: Line = ""
    lorebook: AnyJson = None
    visual: VisualWords | None = None
    assets: Annotated[tuple[CardAsset, ...], Field(max_length=MAX_ASSETS)] = ()
    talkativeness: Annotated[float | None, BeforeValidator(_share)] = None
    voice: AnyJson = None
    source: AnyJson = None

    def stored(self) -> dict[str, Any]:
        """Return the card as it is stored: JSON, without what is left at its default."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @classmethod
    def lenient(cls, stored: Mapping[str, Any]) -> "PersonaCard":
        """Return a stored card without the fields that do not pass, of another release perhaps."""
        try:
            return cls.model_validate(stored)
        except ValidationError as error:
            wrong = {each["loc"][0] for each in error.errors() if each["loc"]}
        kept = {name: value for name, value in stored.items() if name not in wrong}
        return cls.model_validate({"name": _NAMELESS} | kept)

    @property
    def called(self) -> str:
        """What ``{{char}}`` stands for."""
        return self.nickname.strip() or self.name
