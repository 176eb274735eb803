"""Turns a ``Generate`` message into a sequence: prompt, constraint, sampler. Runs beside the model's thread."""

import itertools
import json
import logging
from collections.abc import Callable
from collections.abc import Sequence as ListOf
from dataclasses import replace
from typing import Any

from workers.engines.processes.messages import Failed
from workers.engines.text.base import ModelMessage
from workers.engines.text.llama.protocol import Count, Counted, Generate
from workers.engines.text.llama.server.bounded_schema import UnsupportedSchema
from workers.engines.text.llama.server.chat import TemplateFailed, TokenizedPrompt
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


def count(model: LlamaModel, message: Count) -> Counted | Failed:
    """Return the counts that ``message`` asks for, or why there are none."""
    try:
        counts = [model.chat.count(text) for text in message.texts]
        if message.roles:
            tokens, opens = model.chat.count_frame(message.roles)
            counts.append(tokens + (len(_end_of_reasoning(model)) if message.constrained and opens else 0))
    except TemplateFailed as error:
        return Failed(id=message.id, reason="refused", message=str(error))
    except Exception as error:  # noqa: BLE001 - one request must not end the others
        _log.exception("texts cannot be counted")
        return Failed(id=message.id, reason="internal", message=f"{type(error).__name__}: {error}")
    return Counted(id=message.id, tokens=tuple(counts), lasting=model.chat.lasting)


def _prompt(model: LlamaModel, messages: ListOf[ModelMessage], *, closes_reasoning: bool) -> TokenizedPrompt:
    """Return the prompt; reasoning that the template opens is ended if nothing may be thought."""
    prompt = model.chat.prompt(messages)
    if not closes_reasoning or not prompt.opens_reasoning:
        return prompt
    return replace(prompt, tokens=prompt.tokens + _end_of_reasoning(model))


def _end_of_reasoning(model: LlamaModel) -> list[int]:
    return model.tokenize(END_OF_REASONING, True)


def _schema(text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise UnsupportedSchema("the schema is nested too deeply") from error


def _prepare(model: LlamaModel, message: Generate, request: Request, arrived: float) -> Sequence | Failed:
    plain = message.json_schema is None and not message.pattern and not message.begun
    prompt = _prompt(model, message.messages, closes_reasoning=not plain)
    tokens = list(prompt.tokens)
    reasoning: ReasoningFilter | None = None
    constraint: JsonConstraint | None = None
    if plain:
        reasoning = ReasoningFilter(start_inside=prompt.opens_reasoning)
    if message.json_schema is not None:
        constraint = model.json_constraints.constraint(_schema(message.json_schema))
    elif message.pattern:
        constraint = model.json_constraints.of_pattern(message.pattern)
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
    # What is given, or a dead process wrote, counts as written, however it was tokenised then; one token is left.
    begun = model.tokenize(message.begun)[: wanted - 1] if message.begun else []
    tokens += begun
    sampler = Sampler(model.vocab, message.sampling, constraint, model.buffers, told=tokens)
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
