"""What an AI function is: how it checks its inputs, builds its prompt, reads the answer and saves it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel

from workers.engines.text.base import Sampling

I = TypeVar("I", bound=BaseModel)  # noqa: E741 - inputs and outputs
O = TypeVar("O", bound=BaseModel)  # noqa: E741


@dataclass(frozen=True, slots=True)
class Repair:
    """One more call that asks a model to mend an answer that could not be read: a prompt and its variables."""

    prompt: str
    variables: dict[str, Any]


class AiFunction(ABC, Generic[I, O]):
    """An AI function. The engine (workers.functions.engine) calls these in order.

    ``prompt`` names its template, ``inputs`` the type of what it takes. ``max_items`` bounds the length of a list that
    it returns. ``sampling`` are the model settings that fit it, and ``role`` is what its model is chosen for.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    prompt: ClassVar[str]
    inputs: ClassVar[type[BaseModel]]
    sampling: ClassVar[Sampling] = Sampling()
    role: ClassVar[Literal["writer", "chat", "persona"]] = "writer"
    max_items: ClassVar[int] = 1

    def validate(self, inputs: I) -> None:
        """Refuse what the types cannot: raise `db.errors.UserError`."""

    @abstractmethod
    async def prepare(self, inputs: I) -> dict[str, Any]:
        """Return the variables of the prompt."""

    @abstractmethod
    def facts(self, inputs: I) -> Mapping[str, Any]:
        """Return the inputs as the template engine takes them."""

    def schema(self, inputs: I) -> dict[str, Any] | None:
        """Return the JSON Schema of the answer; None for plain text."""
        del inputs
        return None

    def seed(self, inputs: I) -> int | None:
        """Return the seed of the draw; None for a random one."""
        del inputs
        return None

    @abstractmethod
    def parse(self, text: str, inputs: I) -> O:
        """Read the answer. Raises `workers.functions.parsing.ParseFailed`."""

    def parse_partial(self, text: str, inputs: I) -> O:
        """Return what is left of an answer that a person stopped after ``text``. Raises `ParseFailed`: nothing is."""
        return self.parse(text, inputs)

    def repair(self, broken: str, problem: str, inputs: I) -> Repair | None:
        """Return the call that may mend a broken answer; None if the fallback is better."""
        del broken, problem, inputs
        return None

    def shrink(self, variables: dict[str, Any]) -> dict[str, Any] | None:
        """Return less demanding variables after the context was full; None if there is nothing to leave out."""
        del variables
        return None

    def preview(self, text: str) -> str:
        """Return what a person may see of an answer that is still being written."""
        return text

    async def save(self, output: O, inputs: I) -> O:
        """Keep what must be kept beyond the job's own artifact, and return the final output."""
        del inputs
        return output
