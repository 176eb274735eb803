"""What the model that will answer can take: its context window, and its way of counting."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from prompts.sizes import SizeClass
from workers.engines.errors import EngineError
from workers.engines.text.base import ModelMessage, TextEngine
from workers.engines.text.counting import TokenBound

UNKNOWN_CONTEXT: Final = 8192
"""Tokens that the window of a model is taken to have when nobody says."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """The window of one engine's model in tokens, its size, and its tokenizer. Counting never fails: there is a bound.

    ``engine`` is None where no engine can answer now.
    """

    engine: TextEngine | None
    model: str = ""
    """What `TextRequest.model` will hold."""
    context: int = UNKNOWN_CONTEXT
    size: SizeClass = "large"
    """The class of models for which its prompts are to be written."""
    _bound: TokenBound = field(default_factory=TokenBound)

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text as the content of a message."""
        if self.engine is not None and texts:
            try:
                return await self.engine.count_many(texts, self.model)
            except EngineError as error:
                _log.warning("%s cannot count tokens: %s", self.engine.name, error)
            except Exception:  # noqa: BLE001 - a package's engine may raise anything
                _log.exception("a defect in %s", self.engine.name)
        return [self._bound.of_text(text) for text in texts]

    async def count_messages(self, messages: Sequence[ModelMessage], schema: Mapping[str, Any] | None = None) -> int:
        """Return the number of tokens of the prompt that ``messages`` make, the chat template included."""
        if self.engine is not None:
            try:
                return await self.engine.count_messages(messages, self.model, schema)
            except EngineError as error:
                _log.warning("%s cannot count tokens: %s", self.engine.name, error)
            except Exception:  # noqa: BLE001 - a package's engine may raise anything
                _log.exception("a defect in %s", self.engine.name)
        return self._bound.of_messages(messages)
