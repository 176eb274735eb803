"""Output processors, which may change or reject an AI function's output before it is saved."""

from typing import Protocol, runtime_checkable

from pydantic import BaseModel


@runtime_checkable
class OutputProcessor(Protocol):
    """A processor. A package adds its own by an entry point in the group ``storyfork.processors``."""

    name: str

    async def process(self, function_name: str, output: BaseModel, inputs: BaseModel) -> BaseModel:
        """Return ``output``, or another one of the same type.

        Raises `workers.functions.parsing.ParseFailed` to reject it: it is then repaired or written offline.
        """
        ...
