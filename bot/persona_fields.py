"""What people can change of a persona's card, field by field, and how a form shows and reads it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from pydantic import ValidationError

from bot.messages import Field
from db.errors import BadInput
from db.personas import PersonaCard
from prompts.pictures import PictureQuality, PictureSize, PictureStyle, qualities, sizes, styles
from prompts.safety.rating import RATINGS

LONGEST: Final = 4000
"""Characters that a form takes: Discord's limit."""
SEPARATOR: Final = "---"
"""A line of its own between two greetings."""
VISUAL: Final = "visual"
"""The part of a card that says what the persona's pictures look like."""
MAX_SEED: Final = 2**32 - 1
MAX_LORAS: Final = 4
MAX_LORA_WEIGHT: Final = 2.0
_LORA: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._ -]{0,99}?)\s*(?::\s*(?P<weight>-?[0-9]+(?:\.[0-9]+)?))?")
_LISTED: Final = re.compile(r"[\n,;]")
_BETWEEN: Final = re.compile(rf"(?m)^[ \t]*{SEPARATOR}[ \t]*$")


def _any_text() -> Sequence[tuple[str, str]]:
    return ()


@dataclass(frozen=True, slots=True)
class CardField:
    """A field: its name in the card, how it is read, and how many characters a form takes for it.

    ``part`` is its name in the card's part ``visual``, if it stands there. ``choices`` are label and value of the only
    answers.
    """

    name: str
    kind: Literal["text", "list", "greetings", "rating", "seed", "loras"] = "text"
    length: int = LONGEST
    part: str = ""
    choices: Callable[[], Sequence[tuple[str, str]]] = _any_text

    @property
    def label(self) -> str:
        """The key of its wording."""
        return f"persona_field.{self.name}"

    def of(self, card: dict[str, Any]) -> Any:
        """Return its value in a card; "" if there is none."""
        if not self.part:
            return card.get(self.name) or ""
        value = (card.get(VISUAL) or {}).get(self.part)
        return "" if value is None else value

    def put(self, card: dict[str, Any], value: Any) -> dict[str, Any]:
        """Return what of a card changes if it is given a value, by name."""
        return {VISUAL: {**(card.get(VISUAL) or {}), self.part: value}} if self.part else {self.name: value}

    def written(self, card: dict[str, Any]) -> str:
        """Return it as a form shows it."""
        value = self.of(card)
        if self.kind == "loras":
            return "\n".join(map(_written_lora, value))
        if isinstance(value, str | int):
            return str(value)
        return f"\n{SEPARATOR}\n".join(value) if self.kind == "greetings" else "\n".join(value)

    def read(self, text: str) -> Any:
        """Return the value that a person has typed. Raises `BadInput`."""
        text = text.strip()
        if self.kind == "text":
            return text
        if self.kind == "rating":
            return "" if text == "sfw" else text
        if self.kind == "seed":
            return _seed(text)
        if self.kind == "loras":
            return _loras([part.strip() for part in _LISTED.split(text) if part.strip()])
        parts = (_BETWEEN if self.kind == "greetings" else _LISTED).split(text)
        return [part.strip() for part in parts if part.strip()]

    def asked(self) -> Field:
        """Return the question for it."""
        return Field(
            "text",
            self.label,
            placeholder=_HINTS.get(self.kind, ""),
            multiline=self.length > 200,
            required=self.name == "name",
            max_length=self.length,
            choices=tuple(self.choices()),
        )


def _seed(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MAX_SEED):
        raise BadInput("persona.bad_seed", limit=MAX_SEED)
    return int(text)


def _lora(text: str) -> dict[str, Any]:
    """Return a LoRA as cards have it, of ``name`` or ``name:0.8``. Whether it is installed is seen when it is used."""
    found = _LORA.fullmatch(text)
    weight = 1.0 if found is None or found["weight"] is None else float(found["weight"])
    if found is None or abs(weight) > MAX_LORA_WEIGHT:
        raise BadInput("persona.bad_lora", lora=text[:100], limit=MAX_LORA_WEIGHT)
    return {"name": found["name"], "weight": weight}


def _loras(given: Sequence[str]) -> list[dict[str, Any]]:
    if len(given) > MAX_LORAS:
        raise BadInput("persona.too_many_loras", limit=MAX_LORAS)
    return list({lora["name"]: lora for lora in map(_lora, given)}.values())


def _written_lora(value: Any) -> str:
    """Return a LoRA as a person types it; the card may be of elsewhere, and hold anything."""
    if not isinstance(value, Mapping):
        return str(value)
    lora = cast("Mapping[str, Any]", value)
    return str(lora.get("name", "")) if lora.get("weight", 1) == 1 else f"{lora.get('name', '')}:{lora['weight']}"


def _named(
    known: Mapping[str, PictureStyle] | Mapping[str, PictureSize] | Mapping[str, PictureQuality],
) -> list[tuple[str, str]]:
    return [(each.name, each.key) for each in known.values()]


CARD_FIELDS: Final = {
    field.name: field
    for field in (
        CardField("name", length=100),
        CardField("nickname", length=100),
        CardField("tagline", length=200),
        CardField("description"),
        CardField("appearance"),
        CardField("personality", "list", 2000),
        CardField("interests", "list", 2000),
        CardField("preferences", length=2000),
        CardField("speaking_style", length=2000),
        CardField("scenario"),
        CardField("greeting"),
        CardField("alternate_greetings", "greetings"),
        CardField("example_dialogue"),
        CardField("system_prompt"),
        CardField("post_history"),
        CardField("creator_notes"),
        CardField("tags", "list", 500),
        CardField("rating", "rating", 20, choices=lambda: [(rating, rating) for rating in RATINGS]),
        CardField("language", length=40),
        CardField("drawn", length=800, part="words"),
        CardField("never_drawn", length=500, part="negative"),
        CardField("drawn_seed", "seed", 10, part="seed"),
        CardField("drawn_loras", "loras", 500, part="loras"),
        CardField("drawn_style", length=40, part="style", choices=lambda: _named(styles())),
        CardField("drawn_size", length=40, part="size", choices=lambda: _named(sizes())),
        CardField("drawn_quality", length=40, part="quality", choices=lambda: _named(qualities())),
    )
}
"""In the order in which they are shown; those of pictures (with a `part`) have a list of their own to choose from."""
SHORT_NAMES: Final = {"greets": "alternate_greetings", "speech": "speaking_style", "example": "example_dialogue"}
"""What buttons call fields whose names would not fit into 64 bytes."""
_HINTS: Final = {
    "greetings": "persona.separate",
    "seed": "persona.seed_hint",
    "loras": "persona.lora_hint",
}


def field_named(name: str) -> CardField:
    """Return the field of a button. Raises `BadInput`."""
    found = CARD_FIELDS.get(SHORT_NAMES.get(name, name))
    if found is None:
        raise BadInput("router.old_button")
    return found


def short_name(field: CardField) -> str:
    """Return what a button calls a field."""
    return next((short for short, name in SHORT_NAMES.items() if name == field.name), field.name)


def checked_card(card: dict[str, Any]) -> dict[str, Any]:
    """Return a card as it is stored. Raises `BadInput` naming the field that does not fit."""
    try:
        return PersonaCard.model_validate(card).stored()
    except ValidationError as e:
        raise BadInput("persona.bad_field", field=str(e.errors()[0]["loc"][0])) from e
