"""Suggest what a person might say next to a persona."""

import re
from typing import Any, Final

from pydantic import BaseModel, Field

from db.personas.card import PersonaCard
from prompts.languages import language_name
from workers.cutting import cut_at_word
from workers.engines.text.reasoning import strip_reasoning
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction
from workers.functions.mending import mend_text
from workers.functions.parsing import ParseFailed
from workers.offline.persona import suggestions

LINE_LIMIT: Final = 600
"""Maximum length of a suggested line, in characters."""
TOLD_CHARS: Final = 800
"""What of each earlier message is told, in characters: its end."""
SHEET_CHARS: Final = 600
"""What of the persona's description is told, in characters."""
_LABEL: Final = r"^\s*(?:\*\*)?(?:{})(?:\*\*)?\s*[:：]\s*(?:\*\*)?\s*"
"""A name before what somebody says."""
_QUOTES: Final = '"“”„«»'


class SpokenLine(BaseModel):
    """Something that was said, and by whom."""

    speaker: str
    text: str


class LineInputs(BaseModel):
    """The persona's name and what they are, the person's name and language, and the last lines of the chat."""

    name: str
    about: str = ""
    user_name: str
    language: str = "en"
    lines: list[SpokenLine] = Field(default_factory=list[SpokenLine])
    seed: int = 0


class SuggestedLine(BaseModel):
    """What the person might say."""

    text: str


class WriteSuggestedLine(AiFunction[LineInputs, SuggestedLine]):
    """Write a line in the person's name, for them to send or not."""

    name = "suggest_line"
    prompt = "persona/suggest_line"
    inputs = LineInputs
    role = "chat"
    agent = "persona"
    material = frozenset({"lines", "about"})

    async def prepare(self, inputs: LineInputs) -> dict[str, Any]:
        """Return who talks with whom, and what was said last."""
        return {
            "name": inputs.name,
            "about": cut_at_word(inputs.about, SHEET_CHARS),
            "user_name": inputs.user_name,
            "language": language_name(inputs.language),
            "lines": [{"speaker": each.speaker, "text": each.text[-TOLD_CHARS:]} for each in inputs.lines],
        }

    def seed(self, inputs: LineInputs) -> int:
        """Return the seed of this suggestion."""
        return inputs.seed % 2**31

    async def parse(self, text: str, inputs: LineInputs) -> SuggestedLine:
        """Return the person's own line: without their name as a label, and without what others say behind it.

        Raises `ParseFailed`.
        """
        line = mend_text(strip_reasoning(text)).strip()
        line = re.sub(_LABEL.format(re.escape(inputs.user_name)), "", line, flags=re.IGNORECASE)
        names = "|".join(map(re.escape, {inputs.name, inputs.user_name, *(each.speaker for each in inputs.lines)}))
        line = re.split(_LABEL.format(names), line, flags=re.IGNORECASE | re.MULTILINE)[0].strip()
        if len(line) > 2 and line[0] in _QUOTES and line[-1] in _QUOTES:
            line = line[1:-1].strip()
        if is_blank(line):
            raise ParseFailed("The line is empty.")
        return SuggestedLine(text=cut_at_word(line, LINE_LIMIT))

    def offline(self, inputs: LineInputs) -> SuggestedLine:
        """Return a line that goes on from what was said last, and that the person has not said yet."""
        told = [(each.speaker == inputs.name, each.text) for each in inputs.lines]
        return SuggestedLine(text=suggestions.line(told, inputs.seed, inputs.name))


def about(card: PersonaCard) -> str:
    """Return what a suggestion is told of a persona."""
    return card.tagline or card.description or ", ".join(card.personality)
