"""What tokens cost."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from workers.engines.text.remote_settings import Price

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token counts of one answer as the server reports them; ``cached`` prompt tokens are part of ``prompt``.

    ``cost_usd`` is the cost in US dollars if the source of the counts reports it, too.
    """

    prompt: int
    completion: int
    cached: int = 0
    cost_usd: float | None = None


class Prices:
    """The price of every model by its name. A model without one is free, which is logged once."""

    def __init__(self, table: Mapping[str, Price] | None = None) -> None:
        self._table = dict(table or {})
        self._said: set[str] = set()

    def cost(self, tokens: Tokens, *models: str) -> float:
        """Return US dollars by the first of ``models`` with a price, else as reported by the source of the counts."""
        price = next((self._table[model] for model in models if model in self._table), None)
        if price is not None:
            cached = min(tokens.cached, tokens.prompt)
            dollars = (tokens.prompt - cached) * price.input + cached * price.cached + tokens.completion * price.output
            return dollars / 1e6
        if tokens.cost_usd is not None:
            return tokens.cost_usd
        if models[0] not in self._said:
            self._said.add(models[0])
            _log.info("no price is known for the model %s: its tokens are counted as free", models[0])
        return 0.0
