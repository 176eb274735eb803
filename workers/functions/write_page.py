"""Write one page of a story."""

import re
from collections.abc import Mapping
from typing import Any, Final

import json_repair
from pydantic import BaseModel, Field, field_validator

from prompts.languages import language_name
from workers.engines.text.base import Sampling
from workers.functions.base import AiFunction
from workers.functions.parsing import ParseFailed, parse_json, strip_reasoning

RECENT_PAGES: Final = 6
"""Pages before this one that the prompt holds in full, at least."""
PAGES_STEP: Final = 4
"""Older pages are left out this many at a time: the prompts of pages that follow each other begin alike."""
ENDING_PAGE: Final = 12
"""From this page on a model is asked to end the story."""
FIRST_ENDING_PAGE: Final = 4
"""Before this page no story ends, whatever a model says."""
TEXT_LIMIT: Final = 8000
"""Most characters of a page: two to four messages on any platform."""
_RATINGS: Final = {"sfw": "general", "suggestive": "teen", "nsfw": "mature"}
_HEADING: Final = re.compile(r"^\s*#{1,6}\s*(?P<title>[^\n]{1,120})\n")


class PathChoice(BaseModel):
    """A choice that was taken on the way."""

    text: str
    kind: str


class PastPage(BaseModel):
    """A page before this one."""

    title: str
    text: str


class PageInputs(BaseModel):
    """The story and the way to the page that is to be written; ``pages[i]`` ends with the choice ``path[i]``."""

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

    title: str = Field(default="", max_length=200)
    text: str = Field(min_length=1)
    ending: bool = False

    @field_validator("title", "text")
    @classmethod
    def _strip(cls, value: str) -> str:
        return value.replace("\x00", "").strip()


class WritePage(AiFunction[PageInputs, PageDraft]):
    """Write the page that follows from the choice taken."""

    name = "write_page"
    title = "Write a page"
    prompt = "story/write_page"
    inputs = PageInputs
    sampling = Sampling(max_tokens=1200, temperature=0.8, top_p=0.95, repeat_penalty=1.05)

    async def prepare(self, inputs: PageInputs) -> dict[str, Any]:
        """Return story, recent pages and action."""
        steps = list(zip(inputs.pages, inputs.path, strict=True))
        first = max(0, len(steps) - RECENT_PAGES) // PAGES_STEP * PAGES_STEP
        return {
            "title": inputs.title,
            "premise": inputs.premise,
            "genre": inputs.genre or "whatever fits the premise",
            "language": language_name(inputs.language),
            "rating": _RATINGS[inputs.rating],
            "page_number": inputs.page_number,
            "recent_pages": [{"text": page.text, "choice": choice.text} for page, choice in steps[first:]],
            "action": inputs.path[-1].text if inputs.path else "",
            "ending": self._ends(inputs),
        }

    def facts(self, inputs: PageInputs) -> Mapping[str, Any]:
        """Return the path; the template engine writes from it alone."""
        return inputs.model_dump(exclude={"pages"})

    def schema(self, inputs: PageInputs) -> dict[str, Any]:
        """Return the page's form."""
        del inputs
        return {
            "type": "object",
            "properties": {
                "title": {"type": "string", "maxLength": 80},
                "text": {"type": "string", "minLength": 1, "maxLength": TEXT_LIMIT},
                "ending": {"type": "boolean"},
            },
            "required": ["title", "text", "ending"],
            "additionalProperties": False,
        }

    def seed(self, inputs: PageInputs) -> int:
        """Return a seed of this place in the tree: the same story again writes the same page."""
        return (inputs.seed * 31 + inputs.page_number * 7 + inputs.variant) % 2**31

    def parse(self, text: str, inputs: PageInputs) -> PageDraft:
        """Read the page. Prose without any JSON is taken as the page's text."""
        try:
            draft = parse_json(text, PageDraft)
        except ParseFailed:
            prose = strip_reasoning(text)
            if len(prose) < 40 or prose.lstrip("` \n").startswith(("{", "[", "json")):
                raise
            heading = _HEADING.match(prose)
            draft = PageDraft(
                title=heading["title"].strip("* ") if heading else "", text=prose[heading.end() :] if heading else prose
            )
        if not draft.text:
            raise ParseFailed("The page's text is empty.")
        text = draft.text if len(draft.text) <= TEXT_LIMIT else draft.text[:TEXT_LIMIT].rsplit(maxsplit=1)[0] + " …"
        ending = inputs.ending or (draft.ending and inputs.page_number >= FIRST_ENDING_PAGE)
        return draft.model_copy(update={"text": text, "ending": ending})

    def shrink(self, variables: dict[str, Any]) -> dict[str, Any] | None:
        """Leave out about the older half of the recent pages, up to a place where later prompts begin too."""
        recent = variables["recent_pages"]
        before = variables["page_number"] - 1 - len(recent)
        half = (len(recent) + 1) // 2
        drop = (before + half + PAGES_STEP // 2) // PAGES_STEP * PAGES_STEP - before
        return {**variables, "recent_pages": recent[drop if 0 < drop < len(recent) else half :]} if recent else None

    def preview(self, text: str) -> str:
        """Return the prose inside the unfinished JSON."""
        if not text.lstrip().startswith("{"):
            return strip_reasoning(text)
        found = json_repair.loads(text)
        return str(found.get("text", "")) if isinstance(found, dict) else ""

    @staticmethod
    def _ends(inputs: PageInputs) -> bool:
        return inputs.ending or inputs.page_number >= ENDING_PAGE
