"""The form in which a function's answer is asked for: its JSON Schema or its pattern."""

from functools import lru_cache
from inspect import signature
from typing import Any

from workers.functions.base import AiFunction
from workers.functions.examiners import Asked


def schema_of(function: AiFunction[Any, Any], inputs: Any, asked: Asked) -> dict[str, Any] | None:
    """Return the JSON Schema of an answer, with the lengths by which it will be examined; None for plain text."""
    if _is_told(type(function), "schema"):
        return function.schema(inputs, asked=asked)
    return function.schema(inputs)


def pattern_of(function: AiFunction[Any, Any], inputs: Any, opening: str, asked: Asked) -> str:
    """Return the pattern of an answer in plain text behind its ``opening``, as `schema_of`; "" if there is none."""
    if _is_told(type(function), "pattern"):
        return function.pattern(inputs, opening, asked=asked)
    return function.pattern(inputs, opening)


@lru_cache(maxsize=256)
def _is_told(function: type[AiFunction[Any, Any]], method: str) -> bool:
    """Return whether a method takes what was asked for: packages' older ones do not."""
    return "asked" in signature(getattr(function, method)).parameters
