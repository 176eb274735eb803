"""Write down what is worth remembering of what was said or written."""

from typing import Any, Final, Literal, cast

from pydantic import BaseModel, Field, field_validator

from workers.cutting import cut_at_word
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction
from workers.functions.examiners import Asked
from workers.functions.memory.fact_lines import facts_pattern, read_facts
from workers.functions.mending import mend_text
from workers.functions.parsing import parse_json
from workers.functions.schema import answer_schema
from workers.offline import facts as offline_facts

FACT_CHARS: Final = 240
"""Maximum length of a fact, in characters."""
SUBJECT_CHARS: Final = 60
NAMES: Final = 10
MOST: Final = 8
"""Facts of one call: a model that finds more has begun to list everything."""
PARROTED: Final = frozenset({"onesentence", "afact", "fact"})
"""The example of the prompt, given back, as letters."""
KINDS: Final = ("person", "place", "promise", "thing", "event")
VERSION: Final = 1

FactKind = Literal["person", "place", "promise", "thing", "event"]


class FactLine(BaseModel):
    """Something that a person or a persona said, or a page; nothing that was recalled or that the system wrote."""

    speaker: str = ""
    text: str


class KnownFact(BaseModel):
    """A fact that is known already."""

    about: str
    fact: str


class FactInputs(BaseModel):
    """The lines, in their order, what is known that they may concern, and who is there. ``story``: they are pages."""

    lines: list[FactLine]
    known: list[KnownFact] = []
    names: list[str] = []
    story: bool = False


class LearntFact(BaseModel):
    """A fact: about whom or what, from which line (from 1), and which known facts (from 1) are no longer true."""

    about: str = Field(max_length=SUBJECT_CHARS, json_schema_extra={"synonyms": ["subject", "name", "who", "entity"]})
    fact: str = Field(
        max_length=FACT_CHARS,
        json_schema_extra={"minLength": 3, "synonyms": ["text", "memory", "content", "statement", "sentence"]},
    )
    kind: FactKind = Field(default="event", json_schema_extra={"synonyms": ["type", "category"]})
    importance: int = Field(default=3, ge=1, le=10, json_schema_extra={"synonyms": ["weight", "score"]})
    line: int = Field(default=1, ge=1, json_schema_extra={"synonyms": ["from", "source", "number"]})
    replaces: list[int] = Field(
        default_factory=list[int], json_schema_extra={"synonyms": ["supersedes", "contradicts"]}
    )
    present: list[str] = Field(
        default_factory=list[str], json_schema_extra={"synonyms": ["witnesses", "who_was_there"]}
    )

    @field_validator("kind", mode="before")
    @classmethod
    def _kind(cls, value: object) -> object:
        return value if value in KINDS else "event"

    @field_validator("importance", mode="before")
    @classmethod
    def _importance(cls, value: object) -> object:
        return min(max(round(value), 1), 10) if isinstance(value, int | float) else value

    @field_validator("replaces", "present", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        found = value if isinstance(value, list) else [] if value in (None, "") else [value]
        return cast("list[Any]", found)[:NAMES]


class LearntFacts(BaseModel):
    """What was learnt; often nothing."""

    facts: list[LearntFact] = Field(json_schema_extra={"synonyms": ["memories", "items", "notes"]})


class ExtractFacts(AiFunction[FactInputs, LearntFacts]):
    """Write down facts about people, places, things and promises.

    Lines and known facts have small numbers, so that a model names what there is instead of inventing ids.
    """

    name = "extract_facts"
    prompt = "memory/extract_facts"
    inputs = FactInputs
    answer = LearntFacts
    material = frozenset({"lines", "known", "names"})
    agent = "archivist"

    async def prepare(self, inputs: FactInputs) -> dict[str, Any]:
        """Return the numbered lines and facts."""
        return {
            "lines": [{"number": n, **line.model_dump()} for n, line in enumerate(inputs.lines, 1)],
            "known": [{"number": n, **fact.model_dump()} for n, fact in enumerate(inputs.known, 1)],
            "names": list(inputs.names),
            "story": inputs.story,
            "most": MOST,
        }

    def schema(self, inputs: FactInputs, *, asked: Asked | None = None) -> dict[str, Any]:
        """Return the schema of the list, whose numbers are among those that there are."""
        del asked
        schema = answer_schema(LearntFacts, facts={"minItems": 0, "maxItems": MOST})
        fields: dict[str, Any] = schema["properties"]["facts"]["items"]["properties"]
        fields["line"].update({"minimum": 1, "maximum": max(len(inputs.lines), 1)})
        fields["replaces"].update({"maxItems": 3})
        fields["replaces"]["items"] = {"type": "integer", "minimum": 1, "maximum": max(len(inputs.known), 1)}
        fields["present"].update({"maxItems": NAMES})
        fields["present"]["items"] = {"type": "string", "maxLength": SUBJECT_CHARS}
        return schema

    def pattern(self, inputs: FactInputs, opening: str, *, asked: Asked | None = None) -> str:
        """Return the pattern of lines about those who are there."""
        del opening, asked
        return facts_pattern([*(line.speaker for line in inputs.lines), *inputs.names])

    def seed(self, inputs: FactInputs) -> int:
        """Return always the same."""
        del inputs
        return 1

    async def parse(self, text: str, inputs: FactInputs) -> LearntFacts:
        """Read the list. What has no text, names no line, or is known word by word is dropped."""
        if (found := read_facts(text, [(line.speaker, line.text) for line in inputs.lines])) is not None:
            return usable(LearntFacts.model_validate({"facts": found}), inputs)
        return usable(await parse_json(text, LearntFacts), inputs)

    def offline(self, inputs: FactInputs) -> LearntFacts:
        """Return the sentences that say plainly who somebody is, has, likes, lives, or promises."""
        found = offline_facts.find(
            [(line.speaker, line.text) for line in inputs.lines], [(k.about, k.fact) for k in inputs.known], MOST
        )
        return usable(LearntFacts(facts=[LearntFact.model_validate(each) for each in found]), inputs)

    def preview(self, text: str) -> str:
        """Show nothing: nobody waits for it."""
        del text
        return ""


def usable(found: LearntFacts, inputs: FactInputs) -> LearntFacts:
    """Return the facts that say something new about something that there is."""
    known = {_folded(fact.fact) for fact in inputs.known}
    facts: list[LearntFact] = []
    for each in found.facts:
        about = cut_at_word(" ".join(mend_text(each.about).split()), SUBJECT_CHARS)
        text = cut_at_word(" ".join(mend_text(each.fact).split()), FACT_CHARS)
        if is_blank(about) or is_blank(text) or each.line > len(inputs.lines):
            continue
        if _folded(text) in known | PARROTED:
            continue
        known.add(_folded(text))
        present = [
            cut_at_word(name, SUBJECT_CHARS) for each_name in each.present if (name := " ".join(each_name.split()))
        ]
        facts.append(
            each.model_copy(
                update={
                    "about": about,
                    "fact": text,
                    "replaces": sorted({n for n in each.replaces if 1 <= n <= len(inputs.known)}),
                    "present": list(dict.fromkeys(present)),
                }
            )
        )
    return LearntFacts(facts=facts[:MOST])


def _folded(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
