"""What people can change of a persona's card, field by field, and how a form shows and reads it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

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
    kind: Literal["text", "list", "greetings", "rating"] = "text"
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
        return (card.get(VISUAL) or {}).get(self.part) or ""

    def put(self, card: dict[str, Any], value: Any) -> dict[str, Any]:
        """Return what of a card changes if it is given a value, by name."""
        return {VISUAL: {**(card.get(VISUAL) or {}), self.part: value}} if self.part else {self.name: value}

    def written(self, card: dict[str, Any]) -> str:
        """Return it as a form shows it."""
        value = self.of(card)
        if isinstance(value, str):
            return value
        return f"\n{SEPARATOR}\n".join(value) if self.kind == "greetings" else "\n".join(value)

    def read(self, text: str) -> Any:
        """Return the value that a person has typed."""
        text = text.strip()
        if self.kind == "text":
            return text
        if self.kind == "rating":
            return "" if text == "sfw" else text
        parts = (_BETWEEN if self.kind == "greetings" else _LISTED).split(text)
        return [part.strip() for part in parts if part.strip()]

    def asked(self) -> Field:
        """Return the question for it."""
        return Field(
            "text",
            self.label,
            placeholder="persona.separate" if self.kind == "greetings" else "",
            multiline=self.length > 200,
            required=self.name == "name",
            max_length=self.length,
            choices=tuple(self.choices()),
        )


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
        CardField("drawn_style", length=40, part="style", choices=lambda: _named(styles())),
        CardField("drawn_size", length=40, part="size", choices=lambda: _named(sizes())),
        CardField("drawn_quality", length=40, part="quality", choices=lambda: _named(qualities())),
    )
}
"""In the order in which they are shown."""
SHORT_NAMES: Final = {"greets": "alternate_greetings", "speech": "speaking_style", "example": "example_dialogue"}
"""What buttons call fields whose names would not fit into 64 bytes."""


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
