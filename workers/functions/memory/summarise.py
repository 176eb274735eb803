"""Shorten a text: what was said, what was told, what somebody is like, or summaries."""

import math
import re
from typing import Any, ClassVar, Final

from pydantic import BaseModel, Field

from prompts.languages import language_name
from workers.context.elements import ContentType
from workers.context.extract import extract
from workers.craft.phrases import is_about_text, is_lead
from workers.craft.prose import pieces
from workers.cutting import cut_at_sentence
from workers.engines.text.reasoning import strip_reasoning
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction
from workers.functions.examiners import Asked
from workers.functions.mending import mend_text
from workers.functions.parsing import ParseFailed

WORDS: Final = 100
"""Words of a summary: about 160 tokens, for which a context has room (`workers.context.fit`)."""
LEAST_WORDS: Final = 20
MOST_WORDS: Final = 1500
"""Of a shorter form of a card or a premise: about as long as what a call is given (`workers.steps.memory.calls`)."""
TOKENS_PER_WORD: Final = 2.2
"""At most, on average: what an answer needs so as not to end before its last sentence."""
CHARS_PER_WORD: Final = 6.4
"""At most, on average."""
VERSION: Final = 1
"""Changes whenever the same text would be shortened otherwise; the prompts have versions of their own."""
_LABEL: Final = re.compile(r"^\W*(?:summary|here(?:'s| is) (?:the|a) summary)[^\n:]{0,40}:\W*", re.IGNORECASE)


_TASK: Final = re.compile(r"\bsummar(?:y|ise|ize)\b[^.\n]{0,80}(?:\bwords\b|\bstory\b|\btext\b|:)", re.IGNORECASE)
"""What speaks of the task."""


class LabelledText(BaseModel):
    """A piece of what is shortened: a message with the name of who said it, a page, a summary."""

    label: str = ""
    text: str


class SummariseInputs(BaseModel):
    """What to shorten, oldest first; ``before`` is what came before it, ``language`` a tag (empty: its own).

    ``words`` is its length at most.
    """

    passages: list[LabelledText]
    before: str = ""
    language: str = ""
    words: int = Field(default=WORDS, ge=LEAST_WORDS, le=MOST_WORDS)


class ShortText(BaseModel):
    """The text made shorter."""

    text: str = Field(max_length=int(MOST_WORDS * CHARS_PER_WORD))


class Summarise(AiFunction[SummariseInputs, ShortText]):
    """Shorten a text; what the functions below have in common."""

    inputs = SummariseInputs
    agent = "archivist"
    material = frozenset({"passages", "before"})
    content: ClassVar[ContentType]

    async def prepare(self, inputs: SummariseInputs) -> dict[str, Any]:
        """Return the passages and the length."""
        return {
            "passages": [passage.model_dump() for passage in inputs.passages],
            "before": inputs.before or None,
            "language": language_name(inputs.language) if inputs.language else None,
            "words": inputs.words,
        }

    def answer_tokens(self, inputs: SummariseInputs) -> int:
        """Return room for all the words that are asked for; the length of summaries is a setting."""
        return math.ceil(inputs.words * TOKENS_PER_WORD) if inputs.words > WORDS else 0

    def pattern(self, inputs: SummariseInputs, opening: str, *, asked: Asked | None = None) -> str:
        """Return the pattern of a few sentences."""
        del inputs, opening, asked
        one = r"[^\n:：.!?#*_`|<>\[\]{}\\]{15,180}[.!?]"
        return rf"{one}( {one}){{0,4}}"

    def seed(self, inputs: SummariseInputs) -> int:
        """Return always the same: a summary of the same is the same."""
        del inputs
        return 1

    async def parse(self, text: str, inputs: SummariseInputs) -> ShortText:
        """Drop a label before the summary, and what goes beyond the length."""
        told = pieces(_LABEL.sub("", mend_text(strip_reasoning(text))))
        short = " ".join("".join(each for each in told if not _is_about_task(each)).split())
        if is_blank(short):
            raise ParseFailed("The summary is empty.")
        return ShortText(text=within(short, inputs.words))

    def offline(self, inputs: SummariseInputs) -> ShortText:
        """Return the weightiest sentences."""
        whole = "\n".join(f"{p.label}: {p.text}" if p.label else p.text for p in inputs.passages)
        chars = int(inputs.words * CHARS_PER_WORD)
        return ShortText(text=within(" ".join(extract(whole, chars, self.content).split()) or "…", inputs.words))

    def preview(self, text: str) -> str:
        """Show nothing: nobody waits for it."""
        del text
        return ""


class SummariseDialogue(Summarise):
    """Shorten a part of a chat."""

    name = "summarise_dialogue"
    prompt = "memory/summarise_dialogue"
    content = "dialogue"


class SummariseNarration(Summarise):
    """Shorten pages of a story."""

    name = "summarise_narration"
    prompt = "memory/summarise_narration"
    content = "narration"


class SummariseSheet(Summarise):
    """Shorten the description of a person or place."""

    name = "summarise_sheet"
    prompt = "memory/summarise_sheet"
    content = "sheet"


class SummarisePlot(Summarise):
    """Shorten summaries."""

    name = "summarise_plot"
    prompt = "memory/summarise_plot"
    content = "plot"


def _is_about_task(sentence: str) -> bool:
    said = sentence.strip()
    return is_lead(said) or is_about_text(said) or _TASK.search(said) is not None


def within(text: str, words: int = WORDS) -> str:
    """Return a text of at most about ``words`` words that ends with a whole sentence."""
    chars = int(words * CHARS_PER_WORD)
    return text if len(text) <= chars else cut_at_sentence(text[: chars - 2])
