"""Answer a question as a plain assistant: the model alone, without a persona and without a past."""

from typing import Any, Final

from pydantic import BaseModel

from prompts.languages import language_name
from workers.cutting import cut_at_word
from workers.engines.text.reasoning import strip_reasoning
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction
from workers.functions.mending import mend_text
from workers.functions.parsing import ParseFailed

ANSWER_LIMIT: Final = 6000
"""Maximum length of an answer, in characters."""


class QuestionInputs(BaseModel):
    """What somebody asks, and the language to answer in where the question's own is not plain."""

    question: str
    language: str = "en"
    seed: int = 0


class PlainAnswer(BaseModel):
    """The answer. One that was ``stopped`` holds what had been written by then, perhaps nothing.

    ``nobody``: there was no model that could answer.
    """

    text: str
    stopped: bool = False
    nobody: bool = False


class AnswerQuestion(AiFunction[QuestionInputs, PlainAnswer]):
    """Answer a question. Without a model there is no answer: nothing is made up."""

    name = "answer_question"
    prompt = "assistant/answer"
    inputs = QuestionInputs
    role = "chat"
    continued = True
    agent = "assistant"

    async def prepare(self, inputs: QuestionInputs) -> dict[str, Any]:
        """Return the question."""
        return {"question": inputs.question, "language": language_name(inputs.language)}

    def seed(self, inputs: QuestionInputs) -> int:
        """Return the seed of this question."""
        return inputs.seed % 2**31

    async def parse(self, text: str, inputs: QuestionInputs) -> PlainAnswer:
        """Return the answer without a model's reasoning. Raises `ParseFailed`."""
        del inputs
        answer = mend_text(strip_reasoning(text)).strip()
        if is_blank(answer):
            raise ParseFailed("The answer is empty.")
        return PlainAnswer(text=cut_at_word(answer, ANSWER_LIMIT))

    async def parse_partial(self, text: str, inputs: QuestionInputs) -> PlainAnswer:
        """Return the answer as far as it has been written."""
        try:
            return PlainAnswer(text=(await self.parse(text, inputs)).text, stopped=True)
        except ParseFailed:
            return PlainAnswer(text="", stopped=True)

    def offline(self, inputs: QuestionInputs) -> PlainAnswer:
        """Return that nobody answered: templates know nothing."""
        del inputs
        return PlainAnswer(text="No language model has answered.", nobody=True)

    def stopped(self, inputs: QuestionInputs) -> PlainAnswer:
        """Return an answer without a word."""
        del inputs
        return PlainAnswer(text="", stopped=True)

    def preview(self, text: str) -> str:
        """Return the answer so far, without a model's reasoning."""
        return mend_text(strip_reasoning(text))
