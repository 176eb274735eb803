"""Answer a tracked question as of now."""

import re
from typing import Any, Final

from pydantic import BaseModel, Field

from workers.context.sentences import sentences
from workers.cutting import cut_at_word
from workers.engines.text.reasoning import strip_reasoning
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction
from workers.functions.memory.extract_facts import FactLine
from workers.functions.mending import mend_text
from workers.functions.parsing import ParseFailed

ANSWER_CHARS: Final = 240
UNKNOWN: Final = "Unknown."
VERSION: Final = 1
_LABEL: Final = re.compile(r"^\W*(?:the )?answer(?: so far)?\s*:\s*", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W\d_]{3,}|\d+|[⺀-鿿가-힯]")
_EMPTY: Final = frozenset({
    "the", "and", "are", "was", "were", "has", "have", "had", "does", "did", "can", "could", "what", "who", "where",
    "when", "why", "how", "which", "his", "her", "its", "their", "still", "now", "there", "this", "that", "with",
    "from", "about", "any", "yet",
})  # fmt: skip
"""Words that every question has."""


class TrackedInputs(BaseModel):
    """The question, whom or what it is about, the answer so far, and what came since."""

    question: str
    subject: str = ""
    previous: str = ""
    lines: list[FactLine]


class TrackedReply(BaseModel):
    """The answer as of the end of the lines."""

    text: str = Field(max_length=ANSWER_CHARS)


class AnswerTracked(AiFunction[TrackedInputs, TrackedReply]):
    """Keep a question about a character, a place or the world answered."""

    name = "answer_tracked"
    prompt = "memory/answer_tracked"
    inputs = TrackedInputs
    material = frozenset({"lines", "previous"})
    agent = "archivist"

    async def prepare(self, inputs: TrackedInputs) -> dict[str, Any]:
        """Return the question and the lines."""
        return {
            "question": inputs.question,
            "subject": inputs.subject or None,
            "previous": inputs.previous or None,
            "lines": [line.model_dump() for line in inputs.lines],
        }

    def seed(self, inputs: TrackedInputs) -> int:
        """Return always the same."""
        del inputs
        return 1

    async def parse(self, text: str, inputs: TrackedInputs) -> TrackedReply:
        """Return the first line of the answer."""
        del inputs
        said = _LABEL.sub("", mend_text(strip_reasoning(text)).strip()).partition("\n")[0]
        if is_blank(said):
            raise ParseFailed("The answer is empty.")
        return TrackedReply(text=cut_at_word(" ".join(said.split()), ANSWER_CHARS))

    def offline(self, inputs: TrackedInputs) -> TrackedReply:
        """Return the last sentence that has most words of the question in it; else the answer so far."""
        asked = _words(f"{inputs.subject} {inputs.question}")
        best, most = "", 0
        for line in inputs.lines:
            for sentence in sentences(line.text):
                shared = len(asked & _words(f"{line.speaker} {sentence}"))
                if shared >= max(most, min(2, len(asked))) and not sentence.rstrip().endswith(("?", "？")):
                    best, most = sentence, shared
        text = " ".join(best.split()) if asked and most else ""
        return TrackedReply(text=cut_at_word(text or inputs.previous or UNKNOWN, ANSWER_CHARS))

    def preview(self, text: str) -> str:
        """Show nothing: nobody waits for it."""
        del text
        return ""


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.casefold()) if word not in _EMPTY}
