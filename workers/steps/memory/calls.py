"""Calls of the functions of memory: what cannot be done is left out, and people come first."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from db import jobs
from db.errors import UserError
from workers.context.elements import ContentType
from workers.context.extract import extract
from workers.functions.base import AiFunction
from workers.functions.engine import CallContext, FunctionEngine
from workers.steps.base import Run
from workers.steps.memory.recall import UnreadPast

SIZES: Final = (12_000, 5_000, 2_000)
"""Characters that a call is given, and those of a second and third try for models with a small window."""
CONTEXT_FULL: Final = "ai.context_full"
I = TypeVar("I", bound=BaseModel)  # noqa: E741
O = TypeVar("O", bound=BaseModel)  # noqa: E741


async def busy() -> bool:
    """Return whether people wait for a worker: what is left is done later."""
    return (await jobs.in_line("cpu", 1)).people > 0


async def call(
    run: Run, recalled: UnreadPast, function: AiFunction[Any, O], inputs_of: Callable[[int], BaseModel]
) -> O | None:
    """Return what a function makes of ``inputs_of(characters)``; None if it is refused, or too long for every model.

    Raises as `FunctionEngine.run`, except `UserError`.
    """
    memory = recalled.memory
    caller = CallContext(run.tracker, run.job.account_id, memory.persona_id, rating=memory.rating)
    for size in SIZES:
        inputs = await asyncio.to_thread(inputs_of, size)
        try:
            return await FunctionEngine(run.services).run(function, inputs, caller)
        except UserError as e:
            if e.key != CONTEXT_FULL:
                return None
    return await asyncio.to_thread(function.offline, await asyncio.to_thread(inputs_of, SIZES[-1]))


def fitted(texts: Sequence[str], size: int, content: ContentType) -> list[str]:
    """Return texts of at most ``size`` characters together: longer ones are shortened to their weightiest sentences."""
    if sum(map(len, texts)) <= size:
        return list(texts)
    share = size // max(len(texts), 1)
    room = size - sum(len(text) for text in texts if len(text) <= share)
    long = max(sum(1 for text in texts if len(text) > share), 1)
    return [text if len(text) <= share else extract(text, max(room // long, 200), content) for text in texts]
