"""How a function samples for an account: its settings, in the order in which they are asked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from db.agents import BY_SIZE, FUNCTIONS, KNOBS, MAX_TOKENS, OperatorSampling, SamplingChoice, merged
from prompts.sizes import SizeClass
from workers.engines.text.base import Sampling
from workers.functions.base import AiFunction

SHARE_OF_WINDOW: Final = 3
"""An answer takes at most one part in three of the model's window: the rest is what it is told."""
LEAST_TOKENS: Final = 64


@dataclass(frozen=True, slots=True)
class ResolvedSampling:
    """How to sample, and with which model: the name of one, or the function's role."""

    sampling: Sampling
    model: str

    def at_least(self, tokens: int) -> "ResolvedSampling":
        """Return the same with an answer that may have so many ``tokens``."""
        if self.sampling.max_tokens >= tokens:
            return self
        return replace(self, sampling=replace(self.sampling, max_tokens=min(tokens, MAX_TOKENS)))

    def within(self, context: int) -> "ResolvedSampling":
        """Return the same with an answer that leaves most of a window of ``context`` tokens to the prompt."""
        most = max(LEAST_TOKENS, context // SHARE_OF_WINDOW)
        if self.sampling.max_tokens <= most:
            return self
        return replace(self, sampling=replace(self.sampling, max_tokens=most))


def resolve(
    function: AiFunction[Any, Any],
    operator: OperatorSampling,
    account: Mapping[str, SamplingChoice],
    model: str,
    size: SizeClass = "large",
) -> ResolvedSampling:
    """Return how ``function`` samples with a model of a ``size``.

    The account's choice goes before the operator's, that for the function before that for its agent; then come the
    product's for that size, and for all. ``model`` is what the account chose for everything it has written; it goes
    before the operator's choices only.
    """
    own = function.sampling
    name, agent = function.name, function.agent
    chosen = merged([account.get(name, SamplingChoice()), account.get(agent, SamplingChoice())])
    sized = replace(
        BY_SIZE.get(size, {}).get(name, SamplingChoice()),
        **{knob: None for knob in KNOBS if getattr(operator.set_for(agent), knob) is not None},
    )
    set_ = [operator.set_for(name), sized, operator.of(name), operator.of(agent)]
    if name not in FUNCTIONS and function.sampling is not AiFunction.sampling:
        # A package's function says itself how it samples.
        set_ = [SamplingChoice(own.temperature, own.max_tokens, own.top_p), *set_]
    found = merged([chosen, *set_])
    given = {knob: value for knob in KNOBS if knob != "model" and (value := getattr(found, knob)) is not None}
    sampling = replace(own, **given)
    return ResolvedSampling(sampling, chosen.model or model or found.model or function.role)
