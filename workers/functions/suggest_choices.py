"""Offer the choices at the end of a page."""

import json
import re
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from prompts.languages import language_name
from workers.context.build import Build
from workers.context.elements import Container, RequestElement
from workers.craft.choices import FEWEST, ChoiceFacts, least_chars
from workers.cutting import cut_at_word
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction, Render, Repair
from workers.functions.choice_lines import KINDS, kind_of, lines_pattern
from workers.functions.coercion import list_lines
from workers.functions.examiners import Asked, ChoicesExaminer, Examiner
from workers.functions.mending import mend_text
from workers.functions.parsing import ParseFailed, parse_json
from workers.functions.past import REMEMBERED
from workers.functions.schema import answer_schema
from workers.functions.write_page import PageInputs
from workers.offline import story

CHOICE_LENGTH: Final = 160
"""Maximum length of a choice, in characters: longer ones are cut at a word."""
MIN_CHOICE_LENGTH: Final = 2
"""Shorter choices are dropped."""
_LABEL: Final = re.compile(r"^(?:\(?\d{1,2}[.):]|\(?[A-Da-d][.)]|[-•–—]|\*(?=\s))\s*(?=\S)")
"""Numbers and bullets before a choice; the buttons have their own."""


class ChoicesInputs(PageInputs):
    """A page and how many choices it needs."""

    page_text: str
    count: int = Field(default=3, ge=2, le=4)


class OfferedChoice(BaseModel):
    """One choice."""

    text: str = Field(
        max_length=CHOICE_LENGTH,
        json_schema_extra={
            "minLength": MIN_CHOICE_LENGTH,
            "synonyms": ["choice", "action", "option", "label", "title", "name", "description", "content"],
        },
    )
    kind: Literal["bold", "careful", "curious"] = Field(
        default="curious", json_schema_extra={"synonyms": ["type", "category", "style", "tone", "mood"]}
    )


class ChoiceList(BaseModel):
    """The choices of a page."""

    choices: list[OfferedChoice] = Field(
        json_schema_extra={"synonyms": ["choice", "options", "actions", "suggestions", "paths"]}
    )


def _lengths(inputs: ChoicesInputs, asked: Asked | None) -> tuple[int, int]:
    """Return the fewest and the most characters of a choice that are asked for."""
    if asked is None:
        return MIN_CHOICE_LENGTH, CHOICE_LENGTH
    settings = asked.settings
    least = MIN_CHOICE_LENGTH if asked.own_prompt else least_chars(settings, inputs.language)
    return least, min(CHOICE_LENGTH, settings.choice_max_chars)


async def _read(text: str) -> list[OfferedChoice]:
    """Return the choices of numbered lines, or of JSON in whatever form."""
    if text.lstrip()[:2] == "1.":
        return [OfferedChoice(text=cut_at_word(line, CHOICE_LENGTH), kind=kind_of(line)) for line in list_lines(text)]
    return (await parse_json(text, ChoiceList)).choices


class SuggestChoices(AiFunction[ChoicesInputs, ChoiceList]):
    """Offer two to four choices that differ in kind."""

    name = "suggest_choices"
    prompt = "story/suggest_choices"
    inputs = ChoicesInputs
    answer = ChoiceList
    material = frozenset({"path", "pages", "plot"}) | REMEMBERED

    async def prepare(self, inputs: ChoicesInputs) -> dict[str, Any]:
        """Return the page and the requirements on its choices."""
        return {
            "title": inputs.title,
            "genre": inputs.genre or "whatever fits the page",
            "language": language_name(inputs.language),
            "count": inputs.count,
            "kinds": list(KINDS),
        }

    def context(self, inputs: ChoicesInputs) -> Container:
        """Return the page."""
        return Container(agent="writer", phase="choices", elements=(RequestElement(id="page", text=inputs.page_text),))

    async def placed(self, variables: dict[str, Any], build: Build, render: Render) -> dict[str, Any]:
        """Add the page."""
        del render
        return {**variables, "page_text": build.request("page")}

    def schema(self, inputs: ChoicesInputs, *, asked: Asked | None = None) -> dict[str, Any]:
        """Return the schema of the list: at most ``count`` choices, each longer than a word and no paragraph."""
        schema = answer_schema(ChoiceList, choices={"minItems": FEWEST, "maxItems": inputs.count})
        least, most = _lengths(inputs, asked)
        schema["properties"]["choices"]["items"]["properties"]["text"] |= {"minLength": least, "maxLength": most}
        return schema

    def pattern(self, inputs: ChoicesInputs, opening: str, *, asked: Asked | None = None) -> str:
        """Return the pattern of as many numbered lines."""
        return lines_pattern(inputs.count, inputs.language, opening, *_lengths(inputs, asked))

    def seed(self, inputs: ChoicesInputs) -> int:
        """Return a seed for this page."""
        return (inputs.seed * 37 + inputs.page_number * 11 + inputs.variant) % 2**31

    async def parse(self, text: str, inputs: ChoicesInputs) -> ChoiceList:
        """Read the list; choices that are too short or repeated are dropped."""
        found: dict[str, OfferedChoice] = {}
        for choice in await _read(text):
            words = _LABEL.sub("", " ".join(mend_text(choice.text).split()).strip("*_ "))
            if len(words) >= MIN_CHOICE_LENGTH and not is_blank(words):
                found.setdefault(words.casefold(), choice.model_copy(update={"text": words}))
        if len(found) < 2:
            raise ParseFailed(f"There are {len(found)} different choices, but {inputs.count} are wanted.")
        return ChoiceList(choices=list(found.values())[: inputs.count])

    def offline(self, inputs: ChoicesInputs) -> ChoiceList:
        """Return the choices of the story grammar, about what is on the page."""
        position = story.position_of(inputs.model_dump(exclude={"pages", "summaries", "memories", "plot"}))
        chosen = story.suggest_choices(position, inputs.count, inputs.page_text, inputs.language)
        return ChoiceList(choices=[OfferedChoice(text=choice.text, kind=choice.kind) for choice in chosen])

    def repair(self, broken: str, problem: str, inputs: ChoicesInputs) -> Repair:
        """Ask for the same list in readable form; the page is not touched."""
        return Repair(
            "story/repair_choices",
            {
                "broken": broken[:4000],
                "problem": problem,
                "schema": json.dumps(self.schema(inputs)),
                "language": language_name(inputs.language),
            },
        )

    def craft(self, inputs: ChoicesInputs, asked: Asked) -> Examiner[ChoiceList]:
        """Examine the choices: against their page and the prompt."""
        facts = ChoiceFacts(
            page=inputs.page_text,
            language=inputs.language,
            instructions=asked.instructions,
            count=inputs.count,
            own_prompt=asked.own_prompt,
        )
        return ChoicesExaminer(facts, asked.settings)

    def preview(self, text: str) -> str:
        """Show nothing: people wait for the page."""
        del text
        return ""
