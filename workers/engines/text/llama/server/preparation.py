"""Turns a ``Generate`` message into a sequence: prompt, constraint, sampler. Runs beside the model's thread."""

import itertools
import json
import logging
from collections.abc import Callable
from typing import Any

from workers.engines.processes.messages import Failed
from workers.engines.text.llama.protocol import Generate
from workers.engines.text.llama.server.bounded_schema import UnsupportedSchema
from workers.engines.text.llama.server.chat import TemplateFailed
from workers.engines.text.llama.server.json_constraint import JsonConstraint
from workers.engines.text.llama.server.model import LlamaModel
from workers.engines.text.llama.server.sampler import Sampler
from workers.engines.text.llama.server.sequence import Detokenizer, Request, Sequence
from workers.engines.text.reasoning import ReasoningFilter

END_OF_REASONING = "\n</think>\n\n"
_nobody = itertools.count()
_log = logging.getLogger(__name__)


def prepare(model: LlamaModel, message: Generate, request: Request, arrived: float) -> Sequence | Failed:
    """Return the sequence of ``message``, or why there is none."""
    try:
        return _prepare(model, message, request, arrived)
    except (UnsupportedSchema, TemplateFailed) as error:
        return Failed(id=message.id, reason="refused", message=str(error))
    except Exception as error:  # noqa: BLE001 - one request must not end the others
        _log.exception("a request cannot be prepared")
        return Failed(id=message.id, reason="internal", message=f"{type(error).__name__}: {error}")


def _schema(text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise UnsupportedSchema("the schema is nested too deeply") from error


def _prepare(model: LlamaModel, message: Generate, request: Request, arrived: float) -> Sequence | Failed:
    prompt = model.chat.prompt(message.messages)
    tokens = list(prompt.tokens)
    reasoning: ReasoningFilter | None = None
    constraint: JsonConstraint | None = None
    if message.json_schema is None and not message.begun:
        reasoning = ReasoningFilter(start_inside=prompt.opens_reasoning)
    elif message.json_schema is None:
        if prompt.opens_reasoning:
            tokens += model.tokenize(END_OF_REASONING, True)
    else:
        constraint = model.json_constraints.constraint(_schema(message.json_schema))
        if prompt.opens_reasoning:
            # The schema leaves no room for thoughts.
            tokens += model.tokenize(END_OF_REASONING, True)
    if not tokens:
        return Failed(
            id=message.id, reason="refused", message="the model's chat template makes nothing of the messages"
        )
    wanted = message.sampling.max_tokens
    if len(tokens) + wanted > model.size:
        return Failed(
            id=message.id,
            reason="context_full",
            prompt_tokens=len(tokens),
            max_tokens=wanted,
            context_tokens=model.size,
        )
    # What a dead process wrote counts as written, however it was tokenised then; at least one token is left.
    begun = model.tokenize(message.begun)[: wanted - 1] if message.begun else []
    tokens += begun
    sampler = Sampler(model.vocab, message.sampling, constraint, model.buffers)
    sample: Callable[[int], int] = lambda index: sampler.sample(model.context, index)  # noqa: E731
    return Sequence(
        request=request,
        # Without a tenant, the text is not shared.
        tenant=message.tenant or f"\0{next(_nobody)}",
        priority=max(0, message.priority),
        tokens=tokens,
        shared=prompt.shared,
        begun=len(begun),
        max_tokens=wanted - len(begun),
        detokenizer=Detokenizer((*message.sampling.stop, *model.implied_stop), reasoning),
        sample=sample,
        free=sampler.close,
        arrived=arrived,
    )
