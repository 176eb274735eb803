"""Answer a user's message as a persona."""

import re
from collections.abc import Iterator
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from db.personas.card import PersonaCard
from db.personas.macros import MacroValues, at_utc, expand
from prompts.languages import language_name
from workers.context.build import Build, Placed
from workers.context.elements import Container, HistoryElement, Layer, LoreElement, RequestElement
from workers.context.history import MESSAGES
from workers.context.pauses import after_pause
from workers.craft.replies import ReplyFacts, language_asked
from workers.craft.speakers import NO_NAMES, labels_in
from workers.cutting import cut_at_word
from workers.engines.text.base import Sampling
from workers.engines.text.reasoning import strip_reasoning
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction, Render
from workers.functions.examiners import Asked, Examiner, of_replies
from workers.functions.mending import mend_text
from workers.functions.openings import reply_opening
from workers.functions.parsing import ParseFailed
from workers.functions.past import REMEMBERED, RememberedInputs, as_chosen, lore_of, memories_of, past_of
from workers.functions.persona_card import (
    AUTHORS_NOTE,
    LISTS,
    NOTES,
    card_elements,
    card_variables,
    last_words,
    replaces_rules,
    sheet_of,
)
from workers.offline import persona

REPLY_LIMIT: Final = 6000
"""Maximum length of a reply, in characters."""
EXAMINED_REPLIES: Final = 8
"""Last replies that a new one must not repeat."""
LEAST_CHARS: Final = 20
"""Minimum length of a reply in plain text, in characters."""
TALK: Final = r"[^\n:：#*_`|<>\[\]{}\\]"
"""A character of what somebody says in one paragraph: none of markup, none of a label."""
_BREAK: Final = r"[\n\r\v\f\x85\u2028\u2029]"
"""What a model may read as the end of a line."""
GO_ON: Final = "persona/go_on"
"""The prompt that asks for more behind the persona's last message."""
GO_ON_WORDS: Final = "Go on."
"""What stands for the message where there is no model that could go on."""
PLAIN: Final = (
    "tagline", "description", "appearance", "preferences", "speaking_style", "scenario", "example_dialogue",
)  # fmt: skip
"""Texts of a card that are read without a model."""
RECALL: Final = "persona/recall"
"""The prompt that puts what the persona remembers before a message."""


class ChatTurn(BaseModel):
    """An earlier message of the chat, by ``name``; the persona's own are the assistant's, all others the user's.

    ``later`` says how long nobody had said anything before it: "" if not long.
    """

    role: Literal["user", "assistant"]
    text: str
    id: int = 0
    later: str = ""
    name: str = ""


class PersonaInputs(RememberedInputs):
    """The persona's card, the user, the newest of the chat so far, and the message to answer.

    ``before`` is how many messages there were before ``history``. ``place`` names the chat for what a card leaves to
    chance once, ``now`` is when the message was said (ISO 8601). ``begun`` is what the persona has answered so far, if
    it is to go on behind that. ``said`` are earlier replies of the persona, given where there is no model, of which no
    sentence is said again. ``note`` is the author's note, told before the last ``note_depth`` messages. ``later``
    is the pause before the message, as of a `ChatTurn`.

    ``people`` and ``company`` are the names of other people and personas who talk there; then each message has a name
    before it. ``heard`` is what others have answered to the message already.
    """

    persona: dict[str, Any]
    user_name: str
    language: str
    message: str
    history: list[ChatTurn]
    before: int = 0
    seed: int
    variant: int
    place: str = ""
    now: str = ""
    begun: str = ""
    said: list[str] = Field(default_factory=list[str])
    note: str = ""
    note_depth: int = 0
    later: str = ""
    people: list[str] = Field(default_factory=list[str])
    company: list[str] = Field(default_factory=list[str])
    heard: list[ChatTurn] = Field(default_factory=list[ChatTurn])

    @property
    def others(self) -> list[str]:
        """Everybody who talks there besides the user and the persona."""
        return [*self.people, *self.company]


class PersonaAnswer(BaseModel):
    """The reply, or the rest of one that was begun.

    One that was ``stopped`` holds what had been written by then, perhaps nothing.
    """

    text: str
    stopped: bool = False


class AnswerAsPersona(AiFunction[PersonaInputs, PersonaAnswer]):
    """Answer in character."""

    name = "answer_as_persona"
    prompt = "persona/answer"
    inputs = PersonaInputs
    role = "chat"
    in_character = True
    material = frozenset({"history", "begun", "said", "note", "heard"}) | REMEMBERED
    continued = True
    agent = "persona"
    sampling = Sampling(repeat_penalty=1.05)

    async def prepare(self, inputs: PersonaInputs) -> dict[str, Any]:
        """Return who talks with whom."""
        card = PersonaCard.lenient(inputs.persona)
        return {
            "name": card.called,
            "user_name": inputs.user_name,
            "others": inputs.others,
            "language": language_name(inputs.language),
            "overridden": replaces_rules(card),
            "first_words": reply_opening(
                language_asked(inputs.message, inputs.language), self.seed(inputs), _replies(inputs)
            ),
        }

    def context(self, inputs: PersonaInputs) -> Container:
        """Return card, message and the chat so far."""
        card = PersonaCard.lenient(inputs.persona)
        values = MacroValues(
            card.called, inputs.user_name, seed=self.seed(inputs), place=inputs.place, now=at_utc(inputs.now)
        )
        forged = _forged(inputs, card.called)
        requests = [RequestElement(id="message", text=_message(inputs, forged), content="dialogue")]
        if inputs.begun:
            requests.append(RequestElement(id="begun", text=inputs.begun, content="dialogue"))
        count = inputs.before + len(inputs.history)
        items = [
            HistoryElement(id=f"message:{turn.id or at}", text=_line(turn, forged), role=turn.role, position=at)
            for at, turn in enumerate(inputs.history, inputs.before)
        ]
        told = Container(
            agent="persona",
            phase="chat",
            chat=True,
            elements=(
                *card_elements(card, values),
                *requests,
                *memories_of(inputs),
                *lore_of(inputs, values),
                *_note(inputs, values),
            ),
            past=past_of(items, count, inputs, MESSAGES, "dialogue"),
            late=tuple(inputs.late),
            shorter=inputs.shorter,
            varying=_varying(inputs),
        )
        return as_chosen(told, inputs)

    async def placed(self, variables: dict[str, Any], build: Build, render: Render) -> dict[str, Any]:
        """Add card, summaries, history and message, with what is remembered before it."""
        history = [
            {"role": placed.element.role or "user", "text": placed.text}
            for placed in build.recent
            if isinstance(placed.element, HistoryElement)
        ]
        deep = {placed.id: depth for placed in build.late if (depth := _depth(placed)) > 1 and history}
        near = [placed for placed in build.late if placed.kind == "lore" and placed.id not in deep]
        before = {
            "memories": build.texts("memory"),
            "lore": [placed.text for placed in near if placed.id not in NOTES],
            "notes": [placed.text for placed in near if placed.id in NOTES and _depth(placed)],
            "instructions": last_words(build),
        }
        message = build.request("message")
        if any(before.values()):
            message = await render(RECALL, {**before, "message": message})
        # From the end: an entry that gets a turn of its own moves what stands behind it.
        for depth in sorted(set(deep.values())):
            entries = [placed for placed in build.late if deep.get(placed.id) == depth]
            lore = [placed.text for placed in entries if placed.id not in NOTES]
            notes = [placed.text for placed in entries if placed.id in NOTES]
            note = await render(
                RECALL, {"memories": [], "lore": lore, "notes": notes, "instructions": [], "message": ""}
            )
            _put_before(history, max(0, len(build.recent) - (depth - 1)), note)
        last = [{"role": "user", "text": message}]
        if begun := build.request("begun"):
            asked = {name: variables[name] for name in ("name", "user_name")}
            last += [{"role": "assistant", "text": begun}, {"role": "user", "text": await render(GO_ON, asked)}]
        return {
            **variables,
            **card_variables(build, replaces=variables["overridden"]),
            "lore": build.texts("lore", late=False),
            "summaries": [placed.text for placed in build.summaries],
            "history": [*history, *last],
        }

    def stops(self, inputs: PersonaInputs) -> tuple[str, ...]:
        """Return how the lines of everybody else begin."""
        names = (" ".join(name.split()) for name in (inputs.user_name, *inputs.others))
        return tuple(f"\n{name}:" for name in dict.fromkeys(names) if name and name.casefold() not in NO_NAMES)

    def pattern(self, inputs: PersonaInputs, opening: str, *, asked: Asked | None = None) -> str:
        """Return the pattern of one paragraph without the label of any speaker."""
        own = asked is None or asked.own_prompt or _asks_itself(PersonaCard.lenient(inputs.persona))
        return f"{TALK}{{{1 if own else max(1, LEAST_CHARS - len(opening))},{REPLY_LIMIT}}}"

    def seed(self, inputs: PersonaInputs) -> int:
        """Return a seed for this variant of the reply."""
        return (inputs.seed + inputs.variant * 7919) % 2**31

    async def parse(self, text: str, inputs: PersonaInputs) -> PersonaAnswer:
        """Remove the persona's own name as a label, and everything from a line in the user's name on."""
        reply = mend_text(strip_reasoning(text)).strip()
        card = PersonaCard.lenient(inputs.persona)
        name = "|".join(re.escape(each) for each in (card.name, card.called))
        reply = re.sub(rf"^\s*(\*\*)?(?:{name})(\*\*)?\s*:\s*(\*\*)?\s*", "", reply, flags=re.IGNORECASE)
        reply = re.split(rf"\n\s*(?:\*\*)?(?:{re.escape(inputs.user_name)}|User)(?:\*\*)?\s*:", reply)[0].strip()
        if is_blank(reply):
            raise ParseFailed("The reply is empty.")
        return PersonaAnswer(text=cut_at_word(reply, REPLY_LIMIT))

    def offline(self, inputs: PersonaInputs) -> PersonaAnswer:
        """Return a reply that answers from the card, what its lorebook says and what is remembered."""
        card = PersonaCard.lenient(inputs.persona)
        values = MacroValues(card.called, inputs.user_name, seed=self.seed(inputs), place=inputs.place)
        plain: dict[str, Any] = {name: [expand(each, values, name) for each in getattr(card, name)] for name in LISTS}
        plain |= {name: expand(getattr(card, name), values, name) for name in PLAIN}
        begun = [ChatTurn(role="assistant", text=inputs.begun)] if inputs.begun else []
        told = {
            **inputs.model_dump(),
            "persona": {**inputs.persona, **plain},
            "lore": [{"text": each.text} for each in lore_of(inputs, values)],
            "history": [turn.model_dump() for turn in (*inputs.history, *begun)],
            "message": GO_ON_WORDS if begun else inputs.message,
        }
        return PersonaAnswer(text=cut_at_word(persona.answer(told), REPLY_LIMIT))

    async def parse_partial(self, text: str, inputs: PersonaInputs) -> PersonaAnswer:
        """Return the reply as far as it has been written."""
        return PersonaAnswer(text=(await self.parse(text, inputs)).text, stopped=True)

    def stopped(self, inputs: PersonaInputs) -> PersonaAnswer:
        """Return an empty reply: whoever publishes it says that it was stopped."""
        del inputs
        return PersonaAnswer(text="", stopped=True)

    def craft(self, inputs: PersonaInputs, asked: Asked) -> Examiner[PersonaAnswer]:
        """Examine the reply: against the card, the message and the persona's last replies."""
        card = PersonaCard.lenient(inputs.persona)
        facts = ReplyFacts(
            name=card.called,
            user=inputs.user_name,
            also=(card.name, card.nickname),
            names={*labels_in(card.example_dialogue), *inputs.company},
            people=inputs.people,
            language=inputs.language,
            message=inputs.message,
            card=sheet_of(card),
            instructions=asked.instructions,
            earlier=_replies(inputs)[-EXAMINED_REPLIES:],
            own_prompt=asked.own_prompt or _asks_itself(card),
        )
        return of_replies(facts, asked.settings)

    def preview(self, text: str) -> str:
        """Return the reply so far, without a model's reasoning."""
        return mend_text(strip_reasoning(text))


def _forged(inputs: PersonaInputs, name: str) -> re.Pattern[str] | None:
    """Return the pattern of where a line begins, in a message of somebody, that would be read as another one's.

    None where nobody else talks, so that messages need no names. ``name`` is the persona's.
    """
    if not inputs.others:
        return None
    names = "|".join(re.escape(each) for each in (name, inputs.user_name, *inputs.others) if each.strip())
    return re.compile(rf"{_BREAK}\s{{0,40}}(?=\W{{0,12}}(?:{names})\W{{0,4}}[:：])", re.IGNORECASE)


def _line(turn: ChatTurn, forged: re.Pattern[str] | None) -> str:
    """Return a message as it is told: where several talk, what others say has their name before it."""
    if forged is None or not turn.name or turn.role != "user":
        return after_pause(turn.later, turn.text)
    return after_pause(turn.later, f"{turn.name}: {forged.sub(' ', turn.text)}")


def _message(inputs: PersonaInputs, forged: re.Pattern[str] | None) -> str:
    """Return what is to be answered: the message, and what others have said to it already."""
    asked = ChatTurn(role="user", text=inputs.message, name=inputs.user_name, later=inputs.later)
    return "\n\n".join(_line(turn, forged) for turn in (asked, *inputs.heard))


def _replies(inputs: PersonaInputs) -> list[str]:
    """Return what the persona has said so far."""
    said = [turn.text for turn in inputs.history if turn.role == "assistant"]
    return [*said, inputs.begun] if inputs.begun else said


def _asks_itself(card: PersonaCard) -> bool:
    """Return whether a card says itself how the persona is to answer."""
    return bool(card.system_prompt.strip() or card.post_history.strip())


def _note(inputs: PersonaInputs, values: MacroValues) -> Iterator[LoreElement]:
    if inputs.note:
        text = expand(inputs.note, values, AUTHORS_NOTE)
        yield LoreElement(
            id=AUTHORS_NOTE, text=text, label="author's note", priority="high", depth=inputs.note_depth, volatile=True
        )


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
