"""Write about a persona anew, or add what its card lacks."""

import json
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from prompts.languages import language_name
from workers.craft.sheets import SheetFacts
from workers.cutting import cut_at_word
from workers.engines.text.reasoning import strip_reasoning
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction
from workers.functions.examiners import Asked, Examiner
from workers.functions.parsing import ParseFailed, parse_json
from workers.functions.persona.generate_persona import LEAST, TRAITS, least_description
from workers.functions.persona.sheet_examiner import SheetExaminer
from workers.functions.persona.sheet_lines import as_json, described, lines_of, sheet_pattern
from workers.functions.schema import answer_schema
from workers.offline import people

TOLD: Final = (
    "name", "tagline", "description", "appearance", "personality", "interests", "preferences", "speaking_style",
    "scenario", "greeting",
)  # fmt: skip
"""Fields of a card that the model is told."""
LONGEST: Final = 1500
"""Characters of each that are told."""
MOST_DESCRIPTION: Final = 1500
"""Maximum length of a description, in characters."""


class RewriteInputs(BaseModel):
    """A card, and what is to be done: ``bio`` writes the description anew, ``expand`` adds what is missing."""

    card: dict[str, Any]
    task: Literal["bio", "expand"]
    wish: str = ""
    language: str = "en"
    seed: int = 0


class PersonaChanges(BaseModel):
    """What is new in the card; what stays empty stays as it is."""

    tagline: str = Field(default="", max_length=150)
    description: str = Field(default="", max_length=1500, json_schema_extra={"synonyms": ["bio", "backstory"]})
    appearance: str = Field(default="", max_length=500, json_schema_extra={"synonyms": ["looks"]})
    personality: list[str] = Field(default=[], max_length=TRAITS, json_schema_extra={"synonyms": ["traits"]})
    interests: list[str] = Field(default=[], max_length=TRAITS, json_schema_extra={"synonyms": ["hobbies", "likes"]})
    preferences: str = Field(default="", max_length=300)
    speaking_style: str = Field(default="", max_length=300, json_schema_extra={"synonyms": ["speech", "voice"]})
    scenario: str = Field(default="", max_length=500, json_schema_extra={"synonyms": ["setting", "scene"]})
    greeting: str = Field(default="", max_length=600, json_schema_extra={"synonyms": ["first_mes", "first_message"]})


class RewritePersona(AiFunction[RewriteInputs, PersonaChanges]):
    """Write a persona's description anew, or what its card lacks."""

    name = "rewrite_persona"
    prompt = "persona/rewrite"
    inputs = RewriteInputs
    answer = PersonaChanges

    async def prepare(self, inputs: RewriteInputs) -> dict[str, Any]:
        """Return the card as it is, and the fields that are wanted."""
        lines = [f"{name.replace('_', ' ')}: {_told(inputs.card.get(name))}" for name in TOLD if inputs.card.get(name)]
        return {
            "card": lines,
            "wanted": [name for name in PersonaChanges.model_fields if name in _wanted(inputs)],
            "name": str(inputs.card.get("name") or "").strip(),
            "labels": lines_of(_wanted(inputs)),
            "wish": inputs.wish.strip(),
            "bio": inputs.task == "bio",
            "language": language_name(inputs.language),
        }

    def seed(self, inputs: RewriteInputs) -> int:
        """Return the seed of this try."""
        return inputs.seed % 2**31

    async def parse(self, text: str, inputs: RewriteInputs) -> PersonaChanges:
        """Read what is wanted and leave out the rest. Raises `ParseFailed`."""
        found = await parse_json(self._as_json(text, inputs), PersonaChanges)
        wanted = _wanted(inputs)
        given = {name: value for name, value in found.model_dump().items() if name in wanted and value}
        if not given or (inputs.task == "bio" and is_blank(found.description)):
            raise ParseFailed("Nothing of what was asked for is there.")
        return PersonaChanges.model_validate(given)

    def schema(self, inputs: RewriteInputs, *, asked: Asked | None = None) -> dict[str, Any]:
        """Return the schema of what is wanted, in which nothing is empty."""
        wanted = _wanted(inputs)
        schema = answer_schema(PersonaChanges, **LEAST, description={"minLength": least_description(asked)})
        return {
            **schema,
            "properties": {name: each for name, each in schema["properties"].items() if name in wanted},
            "required": [name for name in schema["required"] if name in wanted],
        }

    def pattern(self, inputs: RewriteInputs, opening: str, *, asked: Asked | None = None) -> str:
        """Return the pattern of a description in prose, or of labelled lines."""
        del asked
        if inputs.task == "bio":
            return described()
        return sheet_pattern(_wanted(inputs), opening, inputs.language)

    def craft(self, inputs: RewriteInputs, asked: Asked) -> Examiner[PersonaChanges]:
        """Examine what is new; what fails is left out."""
        facts = SheetFacts(
            language=inputs.language,
            name=str(inputs.card.get("name") or ""),
            told=" ".join([inputs.wish, *(_told(inputs.card.get(name)) for name in TOLD)]),
            instructions=asked.instructions,
            needed=("description",) if inputs.task == "bio" else (),
        )
        return SheetExaminer(facts, asked.settings)

    def preview(self, text: str) -> str:
        """Show nothing: people wait for all of it."""
        del text
        return ""

    @staticmethod
    def _as_json(text: str, inputs: RewriteInputs) -> str:
        """Return prose or labelled lines as the JSON that they stand for."""
        prose = strip_reasoning(text).strip()
        if inputs.task == "bio" and not prose.startswith(("{", "[", "```")):
            return json.dumps({"description": cut_at_word(" ".join(prose.split()), MOST_DESCRIPTION)})
        return as_json(prose)

    def offline(self, inputs: RewriteInputs) -> PersonaChanges:
        """Return what is missing from the trait table, or a description made of what the card says."""
        card, wanted = inputs.card, _wanted(inputs)
        hint = " ".join(map(str, card.get("interests") or ())) or str(card.get("description") or "")
        made = people.persona_of(hint, inputs.seed, str(card.get("name") or ""))
        if inputs.task == "bio":
            return PersonaChanges(description=people.description_of(card, made))
        changes = {name: value for name, value in made.items() if name in wanted}
        return PersonaChanges.model_validate(changes)


def _wanted(inputs: RewriteInputs) -> frozenset[str]:
    """Return the fields that may change."""
    if inputs.task == "bio":
        return frozenset({"description"})
    return frozenset(name for name in PersonaChanges.model_fields if not inputs.card.get(name))


def _told(value: object) -> str:
    text = value if isinstance(value, str) else ", ".join(map(str, value if isinstance(value, list) else ()))
    return " ".join(text.split())[:LONGEST]
