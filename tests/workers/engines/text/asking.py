"""Requests for the tests of engines, and what to do with their streams."""

import itertools
from collections.abc import Mapping
from typing import Any

from workers.engines.text.base import INTERACTIVE, Completion, ModelMessage, Sampling, TextEngine, TextRequest

_numbers = itertools.count(1)
LONG = Sampling(max_tokens=3500, temperature=0.0)
"""Greedy text of a random model runs in circles and practically never ends by itself."""


def ask(
    *contents: str,
    sampling: Sampling | None = None,
    schema: Mapping[str, Any] | None = None,
    request_id: str = "",
    deadline_s: float | None = None,
    priority: int = INTERACTIVE,
    tenant: str = "",
) -> TextRequest:
    """A request of user and assistant turns, beginning and ending with the user."""
    messages = [ModelMessage("assistant" if i % 2 else "user", text) for i, text in enumerate(contents or ("Hello!",))]
    return TextRequest(
        id=request_id or f"test-{next(_numbers)}",
        messages=tuple(messages),
        sampling=sampling or Sampling(max_tokens=40, seed=1),
        schema=schema,
        deadline_s=deadline_s,
        priority=priority,
        tenant=tenant,
    )


async def collect(engine: TextEngine, request: TextRequest) -> tuple[list[str], Completion]:
    """Run the whole stream: its pieces, and its completion, which must be the last."""
    pieces: list[str] = []
    completion: Completion | None = None
    async for piece in engine.stream(request):
        assert completion is None, "something came after the completion"
        if isinstance(piece, Completion):
            completion = piece
        else:
            pieces.append(piece)
    assert completion is not None
    return pieces, completion
