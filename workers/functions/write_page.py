"""Write one page of a story."""

import json
import re
from typing import Any, Final

from pydantic import BaseModel, Field, field_validator

from prompts.languages import language_name
from prompts.safety.rating import RATING_WORDS, parse_rating
from workers.cutting import cut_at_word
from workers.engines.text.base import Sampling
from workers.engines.text.reasoning import strip_reasoning
from workers.functions.base import AiFunction
from workers.functions.mending import mend_text
from workers.functions.parsing import ParseFailed, parse_json, partial_answer
from workers.offline import story

RECENT_PAGES: Final = 6
"""Minimum number of earlier pages that the prompt holds in full."""
PAGES_STEP: Final = 4
"""Older pages are left out this many at a time, so that the prompts of consecutive pages share their beginning."""
ENDING_PAGE: Final = 12
"""From this page on, the model is asked to end the story."""
FIRST_ENDING_PAGE: Final = 4
"""No story ends before this page, whatever the model says."""
TITLE_LIMIT: Final = 80
"""Maximum length of a page's title, in characters."""
TEXT_LIMIT: Final = 8000
"""Maximum length of a page, in characters: two to four messages on any platform."""
_HEADING: Final = re.compile(r"^\s*#{1,6}\s*(?P<title>[^\n]{1,120})\n")


class PathChoice(BaseModel):
    """A choice taken on the way."""

    text: str
    kind: str


class PastPage(BaseModel):
    """An earlier page."""

    title: str
    text: str


class PageInputs(BaseModel):
    """The story and the way to the page to be written: all choices, and the last pages at whose ends they stand."""

    title: str
    premise: str
    genre: str
    language: str
    rating: str
    seed: int
    variant: int
    page_number: int
    path: list[PathChoice]
    pages: list[PastPage]
    ending: bool = False


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
    material = frozenset({"pages"})
    continued = True
    sampling = Sampling(max_tokens=1200, temperature=0.8, top_p=0.95, repeat_penalty=1.05)

    async def prepare(self, inputs: PageInputs) -> dict[str, Any]:
        """Return story, recent pages and action."""
        first = max(0, len(inputs.path) - RECENT_PAGES) // PAGES_STEP * PAGES_STEP
        shown = len(inputs.path) - first
        steps = list(zip(inputs.pages[-shown:], inputs.path[-shown:], strict=True)) if shown else []
        return {
            "title": inputs.title,
            "premise": inputs.premise,
            "genre": inputs.genre or "whatever fits the premise",
            "language": language_name(inputs.language),
            "rating": RATING_WORDS[parse_rating(inputs.rating)],
            "page_number": inputs.page_number,
            "recent_pages": [{"text": page.text, "choice": choice.text} for page, choice in steps],
            "action": inputs.path[-1].text if inputs.path else "",
            "ending": self._ends(inputs),
        }

    def seed(self, inputs: PageInputs) -> int:
        """Return a seed for this place in the tree: the same story leads to the same page."""
        return (inputs.seed * 31 + inputs.page_number * 7 + inputs.variant) % 2**31

    async def parse(self, text: str, inputs: PageInputs) -> PageDraft:
        """Read the page. Prose without any JSON is taken as the page's text."""
        try:
            draft = await parse_json(text, PageDraft)
        except ParseFailed:
            prose = strip_reasoning(text).replace("\x00", "")
            if len(prose) < 40 or prose.lstrip("` \n").startswith(("{", "[", "json")):
                raise
            heading = _HEADING.match(prose)
            draft = PageDraft(
                title=cut_at_word(heading["title"].strip("* "), TITLE_LIMIT) if heading else "",
                text=cut_at_word(prose[heading.end() :] if heading else prose, TEXT_LIMIT),
            )
        if not draft.text:
            raise ParseFailed("The page's text is empty.")
        return _ended(draft, inputs)

    def offline(self, inputs: PageInputs) -> PageDraft:
        """Return the page of the story grammar, which knows the path but not the earlier pages."""
        page = story.write_page(story.position_of(inputs.model_dump(exclude={"pages"})))
        return _ended(PageDraft(title=cut_at_word(page.title, TITLE_LIMIT), text=page.text, ending=page.ending), inputs)

    def shrink(self, variables: dict[str, Any]) -> dict[str, Any] | None:
        """Leave out about the older half of the recent pages, up to a place where later prompts begin too."""
        recent = variables["recent_pages"]
        before = variables["page_number"] - 1 - len(recent)
        half = (len(recent) + 1) // 2
        drop = (before + half + PAGES_STEP // 2) // PAGES_STEP * PAGES_STEP - before
        return {**variables, "recent_pages": recent[drop if 0 < drop < len(recent) else half :]} if recent else None

    def preview(self, text: str) -> str:
        """Return the prose inside the unfinished JSON."""
        if not text.lstrip().startswith(("{", "```")):
            return mend_text(strip_reasoning(text))
        return mend_text(str(partial_answer(text, PageDraft).get("text", "")))

    def with_prose(self, text: str, prose: str) -> str:
        """Return the page with another text, in the form in which it came."""
        begun = partial_answer(text, PageDraft)
        return json.dumps({**begun, "text": prose}) if begun else prose

    @staticmethod
    def _ends(inputs: PageInputs) -> bool:
        return inputs.ending or inputs.page_number >= ENDING_PAGE


def _ended(draft: PageDraft, inputs: PageInputs) -> PageDraft:
    """Return the page as an ending if it must be one, and not as one if it comes too early."""
    return draft.model_copy(
        update={"ending": inputs.ending or (draft.ending and inputs.page_number >= FIRST_ENDING_PAGE)}
    )
