"""Answer a user's message as a persona."""

import re
from typing import Any, Final, Literal

from pydantic import BaseModel

from prompts.languages import language_name
from prompts.product import CARD_FIELDS
from workers.cutting import cut_at_word
from workers.engines.text.base import Sampling
from workers.engines.text.reasoning import strip_reasoning
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction
from workers.functions.mending import mend_text
from workers.functions.parsing import ParseFailed
from workers.offline import persona

REPLY_LIMIT: Final = 6000
"""Maximum length of a reply, in characters."""
HISTORY_STEP: Final = 8
"""A history that is too long loses this many messages at a time, so that the next prompt shares its beginning."""


class ChatTurn(BaseModel):
    """An earlier message of the chat."""

    role: Literal["user", "assistant"]
    text: str


class PersonaInputs(BaseModel):
    """The persona's card, the user, the chat so far, and the message to answer."""

    persona: dict[str, Any]
    user_name: str
    language: str
    message: str
    history: list[ChatTurn]
    seed: int
    variant: int


class PersonaAnswer(BaseModel):
    """The reply. One that was ``stopped`` holds what had been written by then, perhaps nothing."""

    text: str
    stopped: bool = False


class AnswerAsPersona(AiFunction[PersonaInputs, PersonaAnswer]):
    """Answer in character."""

    name = "answer_as_persona"
    prompt = "persona/answer"
    inputs = PersonaInputs
    role = "chat"
    in_character = True
    material = frozenset({"history"})
    continued = True
    sampling = Sampling(max_tokens=500, temperature=0.9, top_p=0.95, repeat_penalty=1.05)

    async def prepare(self, inputs: PersonaInputs) -> dict[str, Any]:
        """Return card, history and message."""
        history = [*inputs.history, ChatTurn(role="user", text=inputs.message)]
        return {
            **{f: list(v) if isinstance(v := inputs.persona.get(f), tuple) else v for f in CARD_FIELDS},
            "user_name": inputs.user_name,
            "language": language_name(inputs.language),
            "history": [turn.model_dump() for turn in history],
        }

    def seed(self, inputs: PersonaInputs) -> int:
        """Return a seed for this variant of the reply."""
        return (inputs.seed + inputs.variant * 7919) % 2**31

    async def parse(self, text: str, inputs: PersonaInputs) -> PersonaAnswer:
        """Remove the persona's own name as a label, and everything from a line in the user's name on."""
        reply = mend_text(strip_reasoning(text)).strip()
        name = re.escape(str(inputs.persona.get("name", "")))
        reply = re.sub(rf"^\s*(\*\*)?{name}(\*\*)?\s*:\s*(\*\*)?\s*", "", reply, flags=re.IGNORECASE)
        reply = re.split(rf"\n\s*(?:\*\*)?(?:{re.escape(inputs.user_name)}|User)(?:\*\*)?\s*:", reply)[0].strip()
        if is_blank(reply):
            raise ParseFailed("The reply is empty.")
        return PersonaAnswer(text=cut_at_word(reply, REPLY_LIMIT))

    def offline(self, inputs: PersonaInputs) -> PersonaAnswer:
        """Return a reply in the persona's voice that takes up the user's own words."""
        return PersonaAnswer(text=cut_at_word(persona.answer(inputs.model_dump()), REPLY_LIMIT))

    async def parse_partial(self, text: str, inputs: PersonaInputs) -> PersonaAnswer:
        """Return the reply as far as it has been written."""
        try:
            return PersonaAnswer(text=(await self.parse(text, inputs)).text, stopped=True)
        except ParseFailed:
            return PersonaAnswer(text="", stopped=True)

    def shrink(self, variables: dict[str, Any]) -> dict[str, Any] | None:
        """Leave out about the older half of the history."""
        history = variables["history"]
        half = len(history) // 2
        drop = (half + HISTORY_STEP // 2) // HISTORY_STEP * HISTORY_STEP
        return {**variables, "history": history[drop if 0 < drop < len(history) else half :]} if half else None

    def preview(self, text: str) -> str:
        """Return the reply so far, without a model's reasoning."""
        return mend_text(strip_reasoning(text))
