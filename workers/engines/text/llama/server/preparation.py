"""From a request to work for the scheduler: prompt, grammar, sampler. Runs beside the model's thread."""

import itertools
import json
import logging
from collections.abc import Callable
from typing import Any

from workers.engines.processes.messages import Failed
from workers.engines.text.llama.protocol import Generate
from workers.engines.text.llama.server.chat import TemplateFailed
from workers.engines.text.llama.server.grammar import UnsupportedSchema, grammar_of
from workers.engines.text.llama.server.model import LlamaModel
from workers.engines.text.llama.server.sampler import Sampler
from workers.engines.text.llama.server.work import Answer, Ticket, Work
from workers.engines.text.reasoning import ReasoningFilter

END_OF_REASONING = "\n</think>\n\n"
_nobody = itertools.count()
_log = logging.getLogger(__name__)


def prepare(model: LlamaModel, request: Generate, ticket: Ticket, arrived: float) -> Work | Failed:
    """Return the work of ``request``, or why it cannot be done."""
    try:
        return _prepare(model, request, ticket, arrived)
    except (UnsupportedSchema, TemplateFailed) as error:
        return Failed(id=request.id, reason="refused", message=str(error))
    except Exception as error:  # noqa: BLE001 - one request must not end the others
        _log.exception("a request cannot be prepared")
        return Failed(id=request.id, reason="internal", message=f"{type(error).__name__}: {error}")


def _schema(text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise UnsupportedSchema("the schema is nested too deeply") from error


def _prepare(model: LlamaModel, request: Generate, ticket: Ticket, arrived: float) -> Work | Failed:
    prompt = model.chat.prompt(request.messages)
    tokens = list(prompt.tokens)
    reasoning: ReasoningFilter | None = None
    grammar: str | None = None
    if request.json_schema is None and not request.begun:
        reasoning = ReasoningFilter(start_inside=prompt.opens_reasoning)
    elif request.json_schema is None:
        if prompt.opens_reasoning:
            tokens += model.tokenize(END_OF_REASONING, True)
    else:
        grammar = grammar_of(_schema(request.json_schema))
        if prompt.opens_reasoning:
            # The grammar leaves no room for thoughts.
            tokens += model.tokenize(END_OF_REASONING, True)
    if not tokens:
        return Failed(
            id=request.id, reason="refused", message="the model's chat template makes nothing of the messages"
        )
    wanted = request.draw.max_tokens
    if len(tokens) + wanted > model.size:
        return Failed(
            id=request.id,
            reason="context_full",
            prompt_tokens=len(tokens),
            max_tokens=wanted,
            context_tokens=model.size,
        )
    # What was written before counts as written, however it was cut into tokens then; one token is left in any case.
    begun = model.tokenize(request.begun)[: wanted - 1] if request.begun else []
    tokens += begun
    sampler = Sampler(model.vocab, request.draw, grammar, model.buffers)
    draw: Callable[[int], int] = lambda place: sampler.draw(model.context, place)  # noqa: E731
    return Work(
        ticket=ticket,
        # Whoever does not say whose text it is shares nothing with anybody.
        tenant=request.tenant or f"\0{next(_nobody)}",
        priority=max(0, request.priority),
        tokens=tokens,
        shared=prompt.shared,
        begun=len(begun),
        max_tokens=wanted - len(begun),
        answer=Answer((*request.draw.stop, *model.implied_stop), reasoning),
        draw=draw,
        free=sampler.close,
        arrived=arrived,
    )
