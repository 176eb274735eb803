"""Offer the choices at the end of a page."""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from prompts.languages import language_name
from workers.engines.text.base import Sampling
from workers.functions.base import AiFunction, Repair
from workers.functions.parsing import ParseFailed, parse_json
from workers.functions.write_page import PageInputs

KINDS: Final = ("bold", "careful", "curious")
CHOICE_LENGTH: Final = 160
"""Most characters of a choice: longer ones are cut at a word."""


class ChoicesInputs(PageInputs):
    """A page and how many choices it needs."""

    page_text: str
    count: int = Field(default=3, ge=2, le=4)


class OfferedChoice(BaseModel):
    """One choice."""

    text: str
    kind: Literal["bold", "careful", "curious"] = "curious"


class ChoiceList(BaseModel):
    """The choices of a page."""

    choices: list[OfferedChoice]


class SuggestChoices(AiFunction[ChoicesInputs, ChoiceList]):
    """Offer two to four choices that differ in kind."""

    name = "suggest_choices"
    title = "Offer choices"
    prompt = "story/suggest_choices"
    inputs = ChoicesInputs
    sampling = Sampling(max_tokens=300, temperature=0.7, top_p=0.95)
    max_items = 4

    async def prepare(self, inputs: ChoicesInputs) -> dict[str, Any]:
        """Return the page and what is asked of the choices."""
        return {
            "title": inputs.title,
            "genre": inputs.genre or "whatever fits the page",
            "language": language_name(inputs.language),
            "page_text": inputs.page_text,
            "count": inputs.count,
            "kinds": list(KINDS),
        }

    def facts(self, inputs: ChoicesInputs) -> Mapping[str, Any]:
        """Return the path and the page."""
        return inputs.model_dump(exclude={"pages"})

    def schema(self, inputs: ChoicesInputs) -> dict[str, Any]:
        """Return the list's form."""
        return {
            "type": "object",
            "properties": {
                "choices": {
                    "type": "array",
                    "minItems": 2,
                    "maxItems": inputs.count,
                    "items": {
                        "type": "object",
                        "properties": {
                            "text": {"type": "string", "minLength": 3, "maxLength": CHOICE_LENGTH},
                            "kind": {"type": "string", "enum": list(KINDS)},
                        },
                        "required": ["text", "kind"],
                        "additionalProperties": False,
                    },
                }
            },
            "required": ["choices"],
            "additionalProperties": False,
        }

    def seed(self, inputs: ChoicesInputs) -> int:
        """Return a seed of this page."""
        return (inputs.seed * 37 + inputs.page_number * 11 + inputs.variant) % 2**31

    def parse(self, text: str, inputs: ChoicesInputs) -> ChoiceList:
        """Read the list; empty and repeated choices are dropped."""
        found: list[OfferedChoice] = []
        for choice in parse_json(text, ChoiceList).choices:
            words = " ".join(choice.text.replace("\x00", "").split())
            if len(words) > CHOICE_LENGTH:
                words = words[:CHOICE_LENGTH].rsplit(maxsplit=1)[0] + " …"
            if words and words.casefold() not in {f.text.casefold() for f in found}:
                found.append(choice.model_copy(update={"text": words}))
        if len(found) < 2:
            raise ParseFailed(f"There are {len(found)} different choices, but {inputs.count} are wanted.")
        return ChoiceList(choices=found[: self.max_items])

    def repair(self, broken: str, problem: str, inputs: ChoicesInputs) -> Repair:
        """Ask for the same list in readable form; the page stays as it is."""
        return Repair(
            "story/repair_choices",
            {
                "broken": broken[:4000],
                "problem": problem,
                "schema": json.dumps(self.schema(inputs)),
                "language": language_name(inputs.language),
            },
        )

    def preview(self, text: str) -> str:
        """Show nothing: the page is what a person waits for."""
        del text
        return ""
