"""Where the fields of a persona stand in a card of another program, in both directions.

`spec_values` says what a card writes, by path; `card_fields` reads the same paths. What a path of the standard cannot
say (looks and interests apart from the description, the rating) stands under ``extensions.storyfork``.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from db.personas.card import PersonaCard
from workers.cards.book import tidy_book

Path = tuple[str, ...]
OWN: Final[Path] = ("data", "extensions", "storyfork")
DEPTH: Final[Path] = ("data", "extensions", "depth_prompt")
TALK: Final[Path] = ("data", "extensions", "talkativeness")
BOOK: Final[Path] = ("data", "character_book")
V1_FIELDS: Final = {
    "name": "name", "description": "description", "personality": "personality", "scenario": "scenario",
    "first_mes": "greeting", "mes_example": "example_dialogue",
}  # fmt: skip
"""Fields of Character Card V1, all mandatory since, and what they are here."""
V2_FIELDS: Final = V1_FIELDS | {
    "creator_notes": "creator_notes", "system_prompt": "system_prompt", "post_history_instructions": "post_history",
    "alternate_greetings": "alternate_greetings", "tags": "tags", "creator": "creator", "character_version": "version",
}  # fmt: skip
"""Mandatory since V2."""
V3_FIELDS: Final = {
    "nickname": "nickname", "creator_notes_multilingual": "translated_notes", "group_only_greetings": "group_greetings",
    "assets": "assets",
}  # fmt: skip
"""Of V3; all but the greetings are optional."""
FIELDS: Final = V2_FIELDS | V3_FIELDS
OTHERS: Final = {
    "char_name": "name", "char_persona": "description", "char_greeting": "first_mes", "world_scenario": "scenario",
    "example_dialogue": "mes_example", "context": "description", "greeting": "first_mes",
}  # fmt: skip
"""Fields of Pygmalion's JSON and YAML, and what they are in V1."""
OWN_FIELDS: Final = (
    "tagline", "appearance", "personality", "interests", "preferences", "speaking_style", "rating", "language",
    "visual", "voice",
)  # fmt: skip
_SAID: Final = {
    "appearance": "Appearance", "interests": "Interests", "preferences": "Likes", "speaking_style": "Way of speaking",
}  # fmt: skip
"""What a description repeats of the fields that other programs do not know."""
BACKFILLED: Final = (
    "This character card is Character Card V3, but it is loaded as a Character Card V2. "
    "Please use a Character Card V3 compatible application to use this character card properly.\n"
)
"""What the standard lets a program write before the notes of the older card."""


def spec_values(card: PersonaCard) -> dict[Path, Any]:
    """Return what a card says in the words of the standard, by path; optional fields only where they say something."""
    dumped = card.model_dump(mode="json")
    found: dict[Path, Any] = {("data", name): dumped[field] for name, field in V2_FIELDS.items()}
    found |= {("data", name): dumped[field] for name, field in V3_FIELDS.items() if dumped[field]}
    found["data", "description"] = described(card)
    found["data", "personality"] = ", ".join(card.personality)
    if card.lorebook is not None:
        found[BOOK] = card.lorebook
    if card.depth_prompt is not None:
        deep = card.depth_prompt
        found[DEPTH] = {"prompt": deep.text, "depth": deep.depth, "role": deep.role}
    if card.talkativeness is not None:
        found[TALK] = card.talkativeness
    stored = card.stored()
    own = {name: stored[name] for name in OWN_FIELDS if name in stored}
    if len(card.personality) < 2:
        own.pop("personality", None)
    if own:
        found[OWN] = own | ({"description": card.description} if described(card) != card.description else {})
    return found


def described(card: PersonaCard) -> str:
    """Return who a persona is in one text, as programs want it that know no other fields."""
    parts = [card.description]
    for name, label in _SAID.items():
        value = getattr(card, name)
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        parts.append(f"{label}: {text}" if text.strip() else "")
    return "\n\n".join(part for part in parts if part.strip()) or card.description


def card_fields(root: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a `PersonaCard`, as they were written."""
    data = mapping(root.get("data"))
    found: dict[str, Any] = {field: data[name] for name, field in FIELDS.items() if data.get(name) is not None}
    if isinstance(assets := found.get("assets"), list):
        found["assets"] = [each for each in cast("list[object]", assets) if isinstance(each, dict)]
    else:
        found.pop("assets", None)
    if isinstance(notes := found.get("creator_notes"), str):
        found["creator_notes"] = notes.removeprefix(BACKFILLED)
    extensions = mapping(data.get("extensions"))
    depth = mapping(extensions.get("depth_prompt"))
    if str(depth.get("prompt") or "").strip():
        role = depth.get("role")
        found["depth_prompt"] = {
            "text": depth["prompt"],
            "depth": depth.get("depth"),
            "role": role if role in ("system", "user", "assistant") else "system",
        }
    found["talkativeness"] = extensions.get("talkativeness")
    if isinstance(book := data.get("character_book"), Mapping):
        found["lorebook"] = tidy_book(cast("Mapping[str, Any]", book))
    return _with_own(found, mapping(extensions.get("storyfork")))


def _with_own(found: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Add the fields of ours, those that the description repeats only where it is the one that we wrote."""
    fields = {name: own[name] for name in OWN_FIELDS if name in own}
    traits = fields.pop("personality", None)
    if isinstance(traits, list) and ", ".join(map(str, cast("list[object]", traits))) == found.get("personality"):
        fields["personality"] = traits
    described_so = found.get("description")
    whole = {**found, **fields, "description": own.get("description", described_so)}
    if described(PersonaCard.model_construct(**_said(whole))) == described_so:
        return whole
    return found | {name: value for name, value in fields.items() if name not in _SAID or name == "appearance"}


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    read = PersonaCard.model_validate({"name": "-"} | {n: fields[n] for n in ("description", *_SAID) if n in fields})
    return {name: getattr(read, name) for name in ("description", *_SAID)}


def mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping of JSON; an empty one for anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
