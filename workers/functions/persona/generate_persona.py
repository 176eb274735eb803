"""Make up a persona from a hint."""

from asyncio import to_thread
from typing import Any, Final

from pydantic import BaseModel, Field

from prompts.languages import language_name
from workers.craft.languages import base_tag
from workers.craft.sheets import SheetFacts
from workers.cutting import cut_at_word
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction
from workers.functions.examiners import Asked, Examiner
from workers.functions.parsing import ParseFailed, parse_json
from workers.functions.persona.sheet_examiner import SheetExaminer
from workers.functions.persona.sheet_lines import as_json, sheet_pattern
from workers.functions.schema import answer_schema
from workers.offline import people

NAME_LENGTH: Final = 60
HINT_LENGTH: Final = 300
TRAITS: Final = 6
MIN_TRAITS: Final = 2
LEAST: Final = {
    "tagline": {"minLength": 10}, "appearance": {"minLength": 20}, "personality": {"minItems": 3},
    "interests": {"minItems": 2}, "speaking_style": {"minLength": 10}, "greeting": {"minLength": 20},
}  # fmt: skip
"""The least that is asked for; what is read may have less."""
LEAST_DESCRIPTION: Final = 100
ASKED: Final = ("name", "tagline", "description", "appearance", "personality", "interests", "greeting")
"""What small models are asked for; the rest is taken from the trait table."""


class GenerateInputs(BaseModel):
    """A hint, perhaps empty; the name if it is given; the language to write in."""

    hint: str = ""
    name: str = ""
    language: str = "en"
    seed: int = 0


class PersonaSheet(BaseModel):
    """A persona, as a model is asked for it."""

    name: str = Field(max_length=NAME_LENGTH, json_schema_extra={"minLength": 2})
    tagline: str = Field(default="", max_length=150)
    description: str = Field(max_length=900, json_schema_extra={"minLength": 60, "synonyms": ["bio", "backstory"]})
    appearance: str = Field(default="", max_length=500, json_schema_extra={"synonyms": ["looks"]})
    personality: list[str] = Field(default=[], max_length=TRAITS, json_schema_extra={"synonyms": ["traits"]})
    interests: list[str] = Field(default=[], max_length=TRAITS, json_schema_extra={"synonyms": ["hobbies", "likes"]})
    preferences: str = Field(default="", max_length=300)
    speaking_style: str = Field(default="", max_length=300, json_schema_extra={"synonyms": ["speech", "voice"]})
    scenario: str = Field(default="", max_length=500, json_schema_extra={"synonyms": ["setting", "scene"]})
    greeting: str = Field(default="", max_length=600, json_schema_extra={"synonyms": ["first_mes", "first_message"]})

    def card(self) -> dict[str, Any]:
        """Return what is not empty, as a card has it."""
        return {name: value for name, value in self.model_dump().items() if value}


class GeneratePersona(AiFunction[GenerateInputs, PersonaSheet]):
    """Make up somebody to talk with, an adult."""

    name = "generate_persona"
    prompt = "persona/generate"
    inputs = GenerateInputs
    answer = PersonaSheet

    async def prepare(self, inputs: GenerateInputs) -> dict[str, Any]:
        """Return the hint, the name, and traits to start from, which differ from persona to persona."""
        traits = await to_thread(people.traits_of, inputs.hint, inputs.seed)
        return {
            "hint": inputs.hint.strip(),
            "name": inputs.name.strip(),
            "traits": [traits["first"], traits["third"], traits["love"]],
            "language": language_name(inputs.language),
        }

    def seed(self, inputs: GenerateInputs) -> int:
        """Return the seed of this persona."""
        return inputs.seed % 2**31

    async def parse(self, text: str, inputs: GenerateInputs) -> PersonaSheet:
        """Read the sheet; whatever it lacks is taken from the trait table. Raises `ParseFailed`."""
        found = await parse_json(as_json(text), PersonaSheet)
        if is_blank(found.name) or is_blank(found.description):
            raise ParseFailed("The name or the description is missing.")
        made = await to_thread(_spare, inputs, found.name)
        given = {name: value for name, value in found.card().items() if value}
        if len(found.personality) < MIN_TRAITS and made:
            given.pop("personality", None)
        whole = {**made, **given, "name": inputs.name.strip() or found.name.strip()}
        return PersonaSheet.model_validate(whole)

    def schema(self, inputs: GenerateInputs, *, asked: Asked | None = None) -> dict[str, Any]:
        """Return the schema of a sheet in which nothing is empty."""
        del inputs
        return answer_schema(PersonaSheet, **LEAST, description={"minLength": least_description(asked)})

    def pattern(self, inputs: GenerateInputs, opening: str, *, asked: Asked | None = None) -> str:
        """Return the pattern of labelled lines."""
        del asked
        return sheet_pattern(ASKED, opening, inputs.language)

    def craft(self, inputs: GenerateInputs, asked: Asked) -> Examiner[PersonaSheet]:
        """Examine the sheet; what fails is taken from the trait table, which `prepare` has read."""
        facts = SheetFacts(
            language=inputs.language,
            name=inputs.name.strip(),
            told=inputs.hint,
            instructions=asked.instructions,
            needed=("name", "description"),
        )
        return SheetExaminer(facts, asked.settings, _spare(inputs, ""))

    def preview(self, text: str) -> str:
        """Show nothing: people wait for the whole persona."""
        del text
        return ""

    def offline(self, inputs: GenerateInputs) -> PersonaSheet:
        """Return a persona of the trait table."""
        made = people.persona_of(inputs.hint, inputs.seed, cut_at_word(inputs.name, NAME_LENGTH))
        return PersonaSheet.model_validate(made)


def least_description(asked: Asked | None) -> int:
    """Return the least length of a description that is asked for, in characters: as it will be examined."""
    return LEAST_DESCRIPTION if asked is None else max(LEAST_DESCRIPTION, asked.settings.sheet_chars)


def _spare(inputs: GenerateInputs, name: str) -> dict[str, Any]:
    """Return a persona of the trait table to take from; nothing in other languages than its own."""
    if base_tag(inputs.language) != "en":
        return {}
    return people.persona_of(inputs.hint, inputs.seed, inputs.name or name)
