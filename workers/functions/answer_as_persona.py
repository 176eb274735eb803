"""Answer a user's message as a persona."""

import re
from typing import Any, Final, Literal

from pydantic import BaseModel

from prompts.languages import language_name
from prompts.product import CARD_FIELDS
from workers.context.build import Build, Placed
from workers.context.elements import CharacterElement, Container, HistoryElement, Layer, LoreElement, RequestElement
from workers.context.history import MESSAGES
from workers.cutting import cut_at_word
from workers.engines.text.base import Sampling
from workers.engines.text.reasoning import strip_reasoning
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction, Render
from workers.functions.mending import mend_text
from workers.functions.parsing import ParseFailed
from workers.functions.past import REMEMBERED, RememberedInputs, as_chosen, lore_of, memories_of, past_of
from workers.offline import persona

REPLY_LIMIT: Final = 6000
"""Maximum length of a reply, in characters."""
CARD_TEXTS: Final = tuple(name for name in CARD_FIELDS if name != "name")
"""The texts of a card."""
MEDIUM: Final = frozenset({"interests", "example_dialogue"})
"""What of a card may be left out where it does not fit."""
RECALL: Final = "persona/recall"
"""The prompt that puts what the persona remembers before a message."""


class ChatTurn(BaseModel):
    """An earlier message of the chat."""

    role: Literal["user", "assistant"]
    text: str
    id: int = 0


class PersonaInputs(RememberedInputs):
    """The persona's card, the user, the newest of the chat so far, and the message to answer.

    ``before`` is how many messages there were before ``history``.
    """

    persona: dict[str, Any]
    user_name: str
    language: str
    message: str
    history: list[ChatTurn]
    before: int = 0
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
    material = frozenset({"history"}) | REMEMBERED
    continued = True
    agent = "persona"
    sampling = Sampling(repeat_penalty=1.05)

    async def prepare(self, inputs: PersonaInputs) -> dict[str, Any]:
        """Return who talks with whom."""
        return {
            "name": inputs.persona.get("name"),
            "user_name": inputs.user_name,
            "language": language_name(inputs.language),
        }

    def context(self, inputs: PersonaInputs) -> Container:
        """Return card, message and the chat so far."""
        texts = {name: inputs.persona.get(name) or "" for name in CARD_TEXTS}
        card = (
            CharacterElement(
                id=f"card:{name}",
                label=name.replace("_", " "),
                text=text if isinstance(text, str) else "\n".join(map(str, text)),
                priority="medium" if name in MEDIUM else "high",
                own_layer="B",
                content="dialogue" if name == "example_dialogue" else "sheet",
            )
            for name, text in texts.items()
        )
        names = {"char": str(inputs.persona.get("name") or ""), "user": inputs.user_name}
        message = RequestElement(id="message", text=inputs.message, content="dialogue")
        count = inputs.before + len(inputs.history)
        items = [
            HistoryElement(id=f"message:{turn.id or at}", text=turn.text, role=turn.role, position=at)
            for at, turn in enumerate(inputs.history, inputs.before)
        ]
        told = Container(
            agent="persona",
            phase="chat",
            chat=True,
            elements=(*card, message, *memories_of(inputs), *lore_of(inputs, names)),
            past=past_of(items, count, inputs, MESSAGES, "dialogue"),
            late=tuple(inputs.late),
            shorter=inputs.shorter,
            varying=_varying(inputs),
        )
        return as_chosen(told, inputs)

    async def placed(self, variables: dict[str, Any], build: Build, render: Render) -> dict[str, Any]:
        """Add card, summaries, history and message, with what is remembered before it."""
        card = {placed.id.removeprefix("card:"): placed.text for placed in build.early if placed.kind == "character"}
        lists = {name: card[name].split("\n") for name in ("personality", "interests") if name in card}
        message = build.request("message")
        history = [
            {"role": placed.element.role or "user", "text": placed.text}
            for placed in build.recent
            if isinstance(placed.element, HistoryElement)
        ]
        deep = {placed.id: depth for placed in build.late if (depth := _depth(placed)) > 1 and history}
        memories = build.texts("memory")
        lore = [placed.text for placed in build.late if placed.kind == "lore" and placed.id not in deep]
        if memories or lore:
            message = await render(RECALL, {"memories": memories, "lore": lore, "message": message})
        # From the end: an entry that gets a turn of its own moves what stands behind it.
        for depth in sorted(set(deep.values())):
            entries = [placed.text for placed in build.late if deep.get(placed.id) == depth]
            note = await render(RECALL, {"memories": [], "lore": entries, "message": ""})
            _put_before(history, max(0, len(build.recent) - (depth - 1)), note)
        return {
            **variables,
            **card,
            **lists,
            "lore": build.texts("lore", late=False),
            "summaries": [placed.text for placed in build.summaries],
            "history": [*history, {"role": "user", "text": message}],
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

    def preview(self, text: str) -> str:
        """Return the reply so far, without a model's reasoning."""
        return mend_text(strip_reasoning(text))


def _depth(placed: Placed) -> int:
    """Return before how many messages, the one to answer included, an entry of a lorebook is to stand; 0: anywhere."""
    return (placed.element.depth or 0) if isinstance(placed.element, LoreElement) else 0


def _put_before(history: list[dict[str, str]], at: int, note: str) -> None:
    """Put a note before a message of the history, into a person's turn: the persona's own words stay as they were."""
    if history[at]["role"] == "user":
        history[at] = {"role": "user", "text": f"{note}\n\n{history[at]['text']}"}
    elif at and history[at - 1]["role"] == "user":
        history[at - 1] = {"role": "user", "text": f"{history[at - 1]['text']}\n\n{note}"}
    else:
        history.insert(at, {"role": "user", "text": note})


def _varying(inputs: PersonaInputs) -> frozenset[Layer]:
    found: set[Layer] = set()
    if inputs.memories:
        found.add("E")
    if inputs.lore_varies:
        found.add("B")
    return frozenset(found)
