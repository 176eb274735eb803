"""What an AI function is: how it checks its inputs, builds its prompt, reads the answer and saves it."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel

from workers.context.build import Build
from workers.context.elements import Container
from workers.engines.text.base import Sampling
from workers.functions.examiners import Asked, Examiner
from workers.functions.schema import answer_schema

I = TypeVar("I", bound=BaseModel)  # noqa: E741 - inputs and outputs
O = TypeVar("O", bound=BaseModel)  # noqa: E741


Render = Callable[[str, dict[str, Any]], Awaitable[str]]
"""Renders a prompt's one message with variables."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A second call that asks a model to repair an unreadable answer: a prompt and its variables."""

    prompt: str
    variables: dict[str, Any]


class AiFunction(ABC, Generic[I, O]):
    """An AI function. The engine (`workers.functions.engine.FunctionEngine`) calls these methods in order.

    ``prompt`` names its template, ``inputs`` the type of its inputs, ``answer`` the type of the JSON to generate (None:
    plain text). ``agent`` is who does it (`db.agents`), by whose settings it samples; ``sampling`` holds what differs,
    and ``role`` selects its model.
    """

    name: ClassVar[str]
    prompt: ClassVar[str]
    inputs: ClassVar[type[BaseModel]]
    answer: ClassVar[type[BaseModel] | None] = None
    agent: ClassVar[str] = "writer"
    sampling: ClassVar[Sampling] = Sampling()
    role: ClassVar[Literal["writer", "chat", "persona"]] = "writer"
    frame: ClassVar[str] = ""
    """What its prompt puts around each item of a past that is no chat: it is counted with them."""
    in_character: ClassVar[bool] = False
    """Whether the answer speaks as a person, who may decline what they are asked without the model declining."""
    continued: ClassVar[bool] = False
    """Whether an answer that reached its maximum length is continued; its `preview` is what is continued then."""

    material: ClassVar[frozenset[str]] = frozenset()
    """Inputs that hold earlier texts: what goes beyond the rating is left out of them instead of being refused."""
    unchecked: ClassVar[dict[str, str]] = {}
    """Fields, at any depth, of inputs and output that the moderation gate does not read, each with the reason."""

    def validate(self, inputs: I) -> None:
        """Refuse what the types cannot: raise `db.errors.UserError`."""

    @abstractmethod
    async def prepare(self, inputs: I) -> dict[str, Any]:
        """Return the variables of the prompt that do not depend on its `context`."""

    def context(self, inputs: I) -> Container | None:
        """Return what the model may be told of earlier and longer texts; None if there is nothing to choose from.

        The engine builds what fits the window of the model that will answer.
        """
        del inputs
        return None

    async def placed(self, variables: dict[str, Any], build: Build, render: Render) -> dict[str, Any]:
        """Return ``variables`` with what was built of the `context`, perhaps nothing."""
        del build, render
        return variables

    def schema(self, inputs: I, *, asked: Asked | None = None) -> dict[str, Any] | None:
        """Return the JSON Schema of the answer, derived from its model; None for plain text.

        ``asked`` holds the lengths by which the answer will be examined: where it is None, no minimum is needed.
        """
        del inputs, asked
        return None if self.answer is None else answer_schema(self.answer)

    def pattern(self, inputs: I, opening: str, *, asked: Asked | None = None) -> str:
        """Return the regular expression that an answer in plain text has to match behind its ``opening``; "": none.

        It is for the engines that can hold to one, where the prompt asks for plain text. ``asked`` is as in `schema`.
        """
        del inputs, opening, asked
        return ""

    def pictures(self, inputs: I) -> Sequence[bytes]:
        """Return the pictures (PNG) that the model is shown with the prompt: only engines that see are asked then."""
        del inputs
        return ()

    def seed(self, inputs: I) -> int | None:
        """Return the seed of the sampling; None for a random one."""
        del inputs
        return None

    def stops(self, inputs: I) -> tuple[str, ...]:
        """Return the texts at the first of which an answer ends: where somebody else's turn begins."""
        del inputs
        return ()

    def answer_tokens(self, inputs: I) -> int:
        """Return how many tokens an answer to these inputs needs at least, whatever was chosen; 0: no more than that.

        It gets them as far as the window allows.
        """
        del inputs
        return 0

    @abstractmethod
    async def parse(self, text: str, inputs: I) -> O:
        """Read the answer. Raises `workers.functions.parsing.ParseFailed`."""

    async def parse_partial(self, text: str, inputs: I) -> O:
        """Read an answer that a person stopped after ``text``. Raises `ParseFailed` if none of it is usable."""
        return await self.parse(text, inputs)

    def offline(self, inputs: I) -> O | None:
        """Return the output written without a model, by `workers.offline`; None if this function needs a model.

        It is used when no engine can write or the answer cannot be read. Runs in a thread: no database, no network.
        """
        del inputs
        return None

    def stopped(self, inputs: I) -> O | None:
        """Return the output if a person stopped the model before anything usable was written.

        None: the offline writer's, as for what others wait for. Raises `db.errors.UserError` if nothing is to be saved:
        what people read while it is written is not replaced by another text.
        """
        del inputs
        return None

    def repair(self, broken: str, problem: str, inputs: I) -> Repair | None:
        """Return the call that may repair a broken answer; None if the offline writer does better."""
        del broken, problem, inputs
        return None

    def craft(self, inputs: I, asked: Asked) -> Examiner[O] | None:
        """Return what examines the outputs before people read them (`workers.craft`); None if nobody reads them.

        ``asked`` holds the thresholds and the words of the prompt.
        """
        del inputs, asked
        return None

    def preview(self, text: str) -> str:
        """Return the visible part of an answer that is still being written. Called on the event loop: be quick."""
        return text

    def with_prose(self, text: str, prose: str) -> str:
        """Return the answer ``text`` with ``prose`` in place of its `preview`."""
        del text
        return prose

    async def save(self, output: O, inputs: I) -> O:
        """Save what must outlive the job's own artifact, and return the final output."""
        del inputs
        return output
