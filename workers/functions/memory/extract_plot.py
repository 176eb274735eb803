"""Keep the notes on a story: its outline, what is open, and who is how and where."""

from asyncio import to_thread
from typing import Any, Final

from pydantic import BaseModel, Field

from prompts.languages import language_name
from workers.cutting import cut_at_sentence, cut_at_word
from workers.engines.text.reasoning import strip_reasoning
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction
from workers.functions.examiners import Asked
from workers.functions.mending import mend_text
from workers.functions.parsing import ParseFailed, parse_json
from workers.functions.schema import answer_schema
from workers.offline import plots

OUTLINE_CHARS: Final = 900
TEXT_CHARS: Final = 160
NAME_CHARS: Final = 60
THREADS: Final = 8
CHARACTERS: Final = 10
VERSION: Final = 1


class PlotThread(BaseModel):
    """Something that readers wait for; settled if it is not ``open``."""

    title: str = Field(max_length=TEXT_CHARS, json_schema_extra={"synonyms": ["thread", "question", "text", "name"]})
    open: bool = Field(default=True, json_schema_extra={"synonyms": ["is_open", "unresolved", "active"]})


class PlotCharacter(BaseModel):
    """Somebody who matters: how they are, and where."""

    name: str = Field(max_length=NAME_CHARS, json_schema_extra={"synonyms": ["character", "who"]})
    state: str = Field(
        default="", max_length=TEXT_CHARS, json_schema_extra={"synonyms": ["status", "condition", "description"]}
    )
    place: str = Field(default="", max_length=NAME_CHARS, json_schema_extra={"synonyms": ["location", "where", "at"]})


class PlotNotes(BaseModel):
    """The notes on a story as of a page."""

    outline: str = Field(default="", max_length=OUTLINE_CHARS, json_schema_extra={"synonyms": ["summary", "plot"]})
    threads: list[PlotThread] = Field(
        default_factory=list[PlotThread], json_schema_extra={"synonyms": ["open_threads"]}
    )
    characters: list[PlotCharacter] = Field(
        default_factory=list[PlotCharacter], json_schema_extra={"synonyms": ["people", "cast"]}
    )


class PlotInputs(BaseModel):
    """The notes so far, and the pages since, oldest first. ``language`` is a tag; empty: that of the pages."""

    notes: PlotNotes = PlotNotes()
    pages: list[str]
    language: str = ""


class ExtractPlot(AiFunction[PlotInputs, PlotNotes]):
    """Bring the notes on a story up to date."""

    name = "extract_plot"
    prompt = "memory/extract_plot"
    inputs = PlotInputs
    answer = PlotNotes
    material = frozenset({"notes", "pages"})
    agent = "archivist"

    async def prepare(self, inputs: PlotInputs) -> dict[str, Any]:
        """Return the notes and the pages."""
        return {
            **inputs.notes.model_dump(),
            "pages": list(inputs.pages),
            "language": language_name(inputs.language) if inputs.language else None,
        }

    def schema(self, inputs: PlotInputs, *, asked: Asked | None = None) -> dict[str, Any]:
        """Return the schema of the notes."""
        del inputs, asked
        return answer_schema(PlotNotes, threads={"maxItems": THREADS}, characters={"maxItems": CHARACTERS})

    def pattern(self, inputs: PlotInputs, opening: str, *, asked: Asked | None = None) -> str:
        """Return the pattern of an outline of a few sentences."""
        del inputs, opening, asked
        one = r"[^\n:：.!?#*_`|<>\[\]{}\\]{20,160}[.!?]"
        return rf"{one}( {one}){{1,3}}"

    def seed(self, inputs: PlotInputs) -> int:
        """Return always the same."""
        del inputs
        return 1

    async def parse(self, text: str, inputs: PlotInputs) -> PlotNotes:
        """Read the notes; of prose, which is an outline, the rest is as the pages say it. Raises `ParseFailed`."""
        prose = " ".join(strip_reasoning(text).split())
        if prose and prose[0].isalpha() and "{" not in prose:
            rest = await to_thread(self.offline, inputs)
            return _bounded(rest.model_copy(update={"outline": mend_text(prose)}))
        return _bounded(await parse_json(text, PlotNotes))

    def offline(self, inputs: PlotInputs) -> PlotNotes:
        """Return what the pages themselves say most plainly."""
        before = inputs.notes.model_dump()
        found = plots.notes(
            before["outline"], before["threads"], before["characters"], inputs.pages,
            chars=OUTLINE_CHARS, most_threads=THREADS, most_characters=CHARACTERS, text=TEXT_CHARS,
        )  # fmt: skip
        found["outline"] = _sentences(found["outline"])
        for each in found["characters"]:
            each.update(name=cut_at_word(each["name"], NAME_CHARS), place=cut_at_word(each["place"], NAME_CHARS))
        return PlotNotes.model_validate(found)

    def preview(self, text: str) -> str:
        """Show nothing: nobody waits for it."""
        del text
        return ""


def _bounded(notes: PlotNotes) -> PlotNotes:
    """Return notes without empty and repeated entries."""
    threads = {t.title.casefold(): t for t in notes.threads if not is_blank(t.title)}
    characters = {c.name.casefold(): c for c in notes.characters if not is_blank(c.name)}
    if is_blank(notes.outline) and not threads and not characters:
        raise ParseFailed("The notes say nothing.")
    return PlotNotes(
        outline=_sentences(" ".join(notes.outline.split())),
        threads=list(threads.values())[:THREADS],
        characters=list(characters.values())[:CHARACTERS],
    )


def _sentences(text: str) -> str:
    return text if len(text) <= OUTLINE_CHARS else cut_at_sentence(text[: OUTLINE_CHARS - 2])
