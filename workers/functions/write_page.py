"""Write one page of a story."""

import json
import re
from asyncio import to_thread
from typing import Any, Final, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from db.errors import UserError
from db.personas.macros import MacroValues
from prompts.languages import language_name
from prompts.safety.rating import RATING_WORDS, parse_rating
from workers.context.build import Build, Placed
from workers.context.elements import Container, HistoryElement, Layer, Past, PlotElement, RequestElement
from workers.context.history import PAGES
from workers.craft.languages import characters
from workers.craft.pages import PageFacts, least_size
from workers.cutting import cut_at_word
from workers.engines.text.base import Sampling
from workers.engines.text.reasoning import strip_reasoning
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction, Render
from workers.functions.examiners import Asked, Examiner, of_pages
from workers.functions.memory.extract_plot import PlotNotes
from workers.functions.mending import mend_text
from workers.functions.openings import first_words
from workers.functions.parsing import ParseFailed, parse_json, partial_answer
from workers.functions.past import (
    REMEMBERED,
    THREAD,
    RememberedInputs,
    as_chosen,
    lore_of,
    memories_of,
    notes_of,
    past_of,
)
from workers.functions.schema import answer_schema
from workers.functions.titles import title_of
from workers.offline import story

ENDING_PAGE: Final = 12
"""From this page on, the model is asked to end the story."""
FIRST_ENDING_PAGE: Final = 4
"""No story ends before this page, whatever the model says."""
EXAMINED_PAGES: Final = 6
"""Last pages that a new one must not repeat."""
TITLE_LIMIT: Final = 80
"""Maximum length of a page's title, in characters."""
TEXT_LIMIT: Final = 8000
"""Maximum length of a page, in characters: two to four messages on any platform."""
PROSE: Final = r"[^#*_`|<>\[\]{}\\]"
"""A character of prose: none of markup."""
NAMES: Final = MacroValues("the character", "you")
"""Of whom an entry of a lorebook speaks in a story, where no persona talks."""
_HEADING: Final = re.compile(r"^\s*#{1,6}\s*(?P<title>[^\n]{1,120})\n")


class PathChoice(BaseModel):
    """A choice taken on the way."""

    text: str
    kind: str


class PastPage(BaseModel):
    """An earlier page."""

    title: str
    text: str
    id: int = 0


class PageInputs(RememberedInputs):
    """The story and the way to the page to be written: the last choices, and the last pages at whose ends they stand.

    ``before`` is the number of choices before those of ``path``.
    ``plot`` are the notes on what happened before. ``action`` is the choice that is taken now, the last of ``path``
    unless it is given: what a person asks for, where the rest of the path is earlier text.
    """

    title: str
    premise: str
    genre: str
    language: str
    rating: str
    seed: int
    variant: int
    page_number: int
    path: list[PathChoice]
    before: int = 0
    pages: list[PastPage]
    plot: PlotNotes = PlotNotes()
    ending: bool = False
    action: str = ""

    @model_validator(mode="after")
    def _take_action(self) -> Self:
        if not self.action and self.path:
            self.action = self.path[-1].text
        return self


class PageDraft(BaseModel):
    """A written page."""

    title: str = Field(
        default="",
        max_length=TITLE_LIMIT,
        json_schema_extra={"synonyms": ["heading", "headline", "page_title", "chapter", "chapter_title", "name"]},
    )
    text: str = Field(
        min_length=1,
        max_length=TEXT_LIMIT,
        json_schema_extra={
            "synonyms": ["content", "page", "page_text", "body", "story", "story_text", "prose", "passage",
                         "narrative", "paragraphs"]
        },
    )  # fmt: skip
    ending: bool = Field(
        default=False, json_schema_extra={"synonyms": ["is_ending", "end", "is_end", "ends", "final", "the_end"]}
    )

    @field_validator("title", "text")
    @classmethod
    def _strip(cls, value: str) -> str:
        return value.strip()


class WritePage(AiFunction[PageInputs, PageDraft]):
    """Write the page that follows from the choice taken."""

    name = "write_page"
    prompt = "story/write_page"
    inputs = PageInputs
    answer = PageDraft
    material = frozenset({"path", "pages", "plot"}) | REMEMBERED
    frame = "\n\n> The player chose: \n\n"
    continued = True
    sampling = Sampling(repeat_penalty=1.05)

    async def prepare(self, inputs: PageInputs) -> dict[str, Any]:
        """Return the story and what the page must be."""
        return {
            "title": inputs.title,
            "genre": inputs.genre or "whatever fits the premise",
            "language": language_name(inputs.language),
            "rating": RATING_WORDS[parse_rating(inputs.rating)],
            "page_number": inputs.page_number,
            "ending": self._ends(inputs),
            "first_words": first_words(inputs.action, inputs.premise, inputs.language),
        }

    def context(self, inputs: PageInputs) -> Container:
        """Return premise, action, and the way to the page."""
        told = Container(
            agent="writer",
            phase="draft",
            elements=(
                PlotElement(id="premise", text=inputs.premise, priority="high", order=-1),
                RequestElement(id="action", text=inputs.action),
                *memories_of(inputs),
                *notes_of(inputs.plot),
                *lore_of(inputs, NAMES),
            ),
            past=pages_so_far(inputs),
            late=tuple(inputs.late),
            shorter=inputs.shorter,
            varying=_varying(inputs),
        )
        return as_chosen(told, inputs)

    async def placed(self, variables: dict[str, Any], build: Build, render: Render) -> dict[str, Any]:
        """Add premise, summaries, recent pages, memories and action."""
        del render
        late = [each for each in build.late if each.kind in {"plot", "character"}]
        return {
            **variables,
            "premise": "\n\n".join(build.texts("plot", late=False)),
            "summaries": [placed.text for placed in build.summaries],
            "recent_pages": [{"text": placed.text, "choice": placed.note} for placed in build.recent],
            "notes": [each.text for each in late if not _is_thread(each)],
            "threads": [
                {"title": each.text, "open": not each.element.closed}
                for each in late
                if _is_thread(each) and isinstance(each.element, PlotElement)
            ],
            "lore": build.texts("lore", late=False),
            "lore_now": build.texts("lore", late=True),
            "memories": build.texts("memory"),
            "action": build.request("action"),
            "turns": _turns(build),
        }

    def seed(self, inputs: PageInputs) -> int:
        """Return a seed for this place in the tree: the same story leads to the same page."""
        return (inputs.seed * 31 + inputs.page_number * 7 + inputs.variant) % 2**31

    def schema(self, inputs: PageInputs, *, asked: Asked | None = None) -> dict[str, Any]:
        """Return the schema of a page that is long enough."""
        return answer_schema(PageDraft, text={"minLength": self._least(inputs, asked)})

    def pattern(self, inputs: PageInputs, opening: str, *, asked: Asked | None = None) -> str:
        """Return the pattern of a page in prose: long enough, without markup, lists and labels of other forms."""
        return f"{PROSE}{{{max(0, self._least(inputs, asked) - len(opening))},{TEXT_LIMIT}}}"

    async def parse(self, text: str, inputs: PageInputs) -> PageDraft:
        """Read the page. Prose without any JSON is taken as the page's text."""
        try:
            draft = await parse_json(text, PageDraft)
        except ParseFailed:
            prose = strip_reasoning(text).replace("\x00", "")
            if len(prose) < 40 or prose.lstrip("` \n").startswith(("{", "[", "json")):
                raise
            heading = _HEADING.match(prose)
            told = cut_at_word(prose[heading.end() :] if heading else prose, TEXT_LIMIT)
            named = heading["title"].strip("* ") if heading else await to_thread(title_of, told, inputs.language)
            draft = PageDraft(title=cut_at_word(named, TITLE_LIMIT), text=told, ending=self._ends(inputs))
        if not draft.text:
            raise ParseFailed("The page's text is empty.")
        return _ended(draft, inputs)

    def offline(self, inputs: PageInputs) -> PageDraft:
        """Return the page of the story grammar, which knows the path but not the earlier pages."""
        page = story.write_page(
            story.position_of(inputs.model_dump(exclude={"pages", "summaries", "memories", "lore", "plot"}))
        )
        return _ended(PageDraft(title=cut_at_word(page.title, TITLE_LIMIT), text=page.text, ending=page.ending), inputs)

    async def parse_partial(self, text: str, inputs: PageInputs) -> PageDraft:
        """Return the page as far as people saw it, however short."""
        try:
            return await self.parse(text, inputs)
        except ParseFailed:
            if is_blank(prose := self.preview(text)):
                raise
        return PageDraft(title=title_of(prose), text=prose)

    def stopped(self, inputs: PageInputs) -> PageDraft:
        """Save no page: raise `UserError`."""
        del inputs
        raise UserError("job.cancelled")

    def craft(self, inputs: PageInputs, asked: Asked) -> Examiner[PageDraft]:
        """Examine the page: against the premise, the prompt and the last pages."""
        facts = PageFacts(
            language=inputs.language,
            premise=inputs.premise,
            instructions=asked.instructions,
            earlier=[page.text for page in inputs.pages[-EXAMINED_PAGES:]],
            ending=self._ends(inputs),
            own_prompt=asked.own_prompt,
        )
        return of_pages(facts, asked.settings)

    def preview(self, text: str) -> str:
        """Return the prose inside the unfinished JSON."""
        if not text.lstrip().startswith(("{", "```")):
            return mend_text(strip_reasoning(text))
        return mend_text(str(partial_answer(text, PageDraft).get("text", "")))

    def with_prose(self, text: str, prose: str) -> str:
        """Return the page with another text, in the form in which it came."""
        begun = partial_answer(text, PageDraft)
        return json.dumps({**begun, "text": prose}) if begun else prose

    def _least(self, inputs: PageInputs, asked: Asked | None) -> int:
        """Return how many characters are asked for at least; somebody's own prompt may ask for a line."""
        if asked is None or asked.own_prompt:
            return 1
        return characters(least_size(asked.settings, ending=self._ends(inputs)), inputs.language)

    @staticmethod
    def _ends(inputs: PageInputs) -> bool:
        return inputs.ending or inputs.page_number >= ENDING_PAGE


def _turns(build: Build) -> list[dict[str, str]]:
    """Return the recent pages as a chat, without the choice that is taken now."""
    turns = [
        {"role": role, "text": text}
        for placed in build.recent
        for role, text in (("assistant", placed.text), ("user", placed.note))
    ]
    return turns[:-1]


def _is_thread(placed: Placed) -> bool:
    return placed.id.startswith(THREAD)


def _varying(inputs: PageInputs) -> frozenset[Layer]:
    found: set[Layer] = set()
    if inputs.memories or inputs.plot.outline:
        found.add("E")
    if inputs.plot.characters:
        found.add("D")
    if inputs.lore_varies:
        found.add("B")
    return frozenset(found)


def pages_so_far(inputs: PageInputs) -> Past:
    """Return the pages before the one to be written, as a past."""
    count = inputs.before + len(inputs.path)
    pages = inputs.pages[-len(inputs.path) :] if inputs.path else []
    notes = inputs.path[-len(pages) :] if pages else []
    items = [
        HistoryElement(id=f"page:{page.id or at + 1}", text=page.text, note=note.text, position=at)
        for at, (page, note) in enumerate(zip(pages, notes, strict=True), count - len(pages))
    ]
    return past_of(items, count, inputs, PAGES, "narration")


def _ended(draft: PageDraft, inputs: PageInputs) -> PageDraft:
    """Return the page as an ending if it must be one, and not as one if it comes too early."""
    return draft.model_copy(
        update={"ending": inputs.ending or (draft.ending and inputs.page_number >= FIRST_ENDING_PAGE)}
    )
