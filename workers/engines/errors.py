"""Errors that engines raise. Engines know neither the database nor users; callers translate these for both.

EngineError
├── EngineUnavailable   the engine cannot serve at all now (no model, server down): ask the next engine
├── EngineOverloaded    try the same engine again after ``retry_after`` seconds
│   └── StillThinking   the answer reached its maximum length before it began: give it more room
├── ContextFull         the prompt does not fit; carries the numbers
├── OtherSize           the prompt is written for models of another size than the engine's that is next
├── RequestRefused      the engine understood the request and refuses it (bad schema, bad key, policy)
├── GenerationTimedOut  the request's deadline passed
└── GenerationCancelled the caller cancelled the request
"""

from typing import ClassVar

from prompts.sizes import SizeClass


class EngineError(Exception):
    """Base of all engine errors. ``loggable``: their texts repeat nothing of a request."""

    loggable: ClassVar[bool] = True


class EngineUnavailable(EngineError):
    """The engine cannot serve now: no model found, the process died twice, the server does not answer."""


class EngineOverloaded(EngineError):
    """The engine asks to be tried again later."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        """``retry_after`` is in seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class StillThinking(EngineOverloaded):
    """The answer reached its maximum length before anything could be seen: the model was still thinking."""


class ContextFull(EngineError):
    """The prompt and the requested tokens exceed the context window."""

    def __init__(self, prompt_tokens: int, max_tokens: int, context_tokens: int) -> None:
        """All three are token counts by the model's own tokenizer."""
        super().__init__(f"prompt {prompt_tokens} + answer {max_tokens} tokens exceed the context of {context_tokens}")
        self.engine = ""
        """The engine whose window is too small, once several were asked."""
        self.prompt_tokens = prompt_tokens
        self.max_tokens = max_tokens
        self.context_tokens = context_tokens


class OtherSize(EngineError):
    """The next engine in line has a model of another size than the prompt is written for."""

    def __init__(self, engine: str, size: SizeClass, passed: frozenset[str]) -> None:
        """``size`` is that of the ``engine``'s model; ``passed`` names the engines that did not write."""
        super().__init__(f"the model of {engine} is {size}")
        self.engine, self.passed = engine, passed
        self.size: SizeClass = size


class RequestRefused(EngineError):
    """The engine understood the request and will not serve it, now or later."""


class GenerationTimedOut(EngineError):
    """The request's deadline passed before the text was complete."""


class GenerationCancelled(EngineError):
    """The request was cancelled by its caller."""
