"""From what a model wrote to the typed answer it was asked for."""

import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar, cast

import json_repair
from pydantic import BaseModel, ValidationError

MAX_CHARS = 50_000
"""Characters of an answer that are looked at, several times the longest asked for: bounds the time of repairs."""
MAX_DEPTH = 32
"""Levels of nested JSON. Deeper nesting is a runaway model, and costs parsers their stack."""
MAX_DIGITS = 400
"""Digits of one number. Python refuses integers of more than 4300 digits, and nobody asks for half of that."""
_MAX_CANDIDATES = 8
_THOUGHT = re.compile(r"<(/?)(?:think|thinking|reasoning)>", re.IGNORECASE)
_FENCE = re.compile(r"```[ \t]*(?:json5?|javascript|js|python)?[ \t]*\r?\n?(.*?)(?:```|$)", re.DOTALL | re.IGNORECASE)
_LONG_NUMBER = re.compile(rf"\d{{{MAX_DIGITS},}}")
M = TypeVar("M", bound=BaseModel)


class ParseFailed(ValueError):
    """The answer is not what was asked for. ``problem`` says what is wrong, in words a model can act on."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def strip_reasoning(text: str) -> str:
    """Remove what a reasoning model thinks aloud (``<think>…</think>``), also where the opening tag is missing."""
    kept: list[str] = []
    start, thinking = 0, False
    for tag in _THOUGHT.finditer(text):
        closes = bool(tag.group(1))
        if not thinking and closes:
            kept.clear()
        elif not thinking:
            kept.append(text[start : tag.start()])
        thinking, start = not closes, tag.end()
    return "".join(kept if thinking else [*kept, text[start:]]).strip()


def parse_json(text: str, model: type[M]) -> M:
    """Find the JSON in ``text`` and return it as a ``model``.

    Accepted besides plain JSON: thoughts before it, code fences, prose around it, several objects (the first that
    fits), an object wrapped in a list or in one more object, single quotes, comments, trailing commas, missing
    brackets, an end that is cut off. Raises `ParseFailed`.
    """
    whole = text[:MAX_CHARS].strip()
    answers = [strip_reasoning(whole)]
    if whole.startswith(("{", "[", "```")):
        # Nobody thought aloud before it: what looks like that is somebody's text.
        answers.insert(0, whole)
    if not any(answers):
        raise ParseFailed("The answer is empty.")
    problem = ""
    for candidate in dict.fromkeys(candidate for answer in answers if answer for candidate in _candidates(answer)):
        try:
            value = _load(candidate)
        except ParseFailed as failure:
            problem = problem or failure.problem
            continue
        for fitting in _unwrapped(value):
            try:
                return model.model_validate(fitting)
            except ValidationError as error:
                problem = problem if problem.startswith("The JSON") else _explain(error)
            except RecursionError:
                problem = problem or "The JSON is nested too deeply."
    raise ParseFailed(problem or f"The answer holds no JSON object with the keys {_keys(model)}.")


def _candidates(text: str) -> Iterator[str]:
    """Yield the parts of ``text`` that may be the JSON, best first."""
    found: dict[str, None] = {text: None} if text[0] in "{[" else {}
    for match in _FENCE.finditer(text):
        found |= dict.fromkeys(part for part in [match.group(1).strip()] if part[:1] in {"{", "["})
    found |= dict.fromkeys(_balanced(text))
    start = text.find("{")
    if start >= 0:
        found[text[start:]] = None
    yield from list(found)[: 2 * _MAX_CANDIDATES]


def _balanced(text: str) -> Iterator[str]:
    """Yield outermost objects with balanced braces; braces in double-quoted strings do not count."""
    depth = start = count = 0
    quoted = escaped = False
    for at, character in enumerate(text):
        if quoted:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                quoted = False
        elif character == '"' and depth:
            quoted = True
        elif character == "{":
            start = at if depth == 0 else start
            depth += 1
        elif character == "}" and depth:
            depth -= 1
            if depth == 0:
                yield text[start : at + 1]
                count += 1
                if count == _MAX_CANDIDATES:
                    return


def _load(text: str) -> Any:
    # Both limits are checked in the text: a parser that recurses would already have failed.
    if _depth(text) > MAX_DEPTH:
        raise ParseFailed(f"The JSON is nested more than {MAX_DEPTH} levels deep.")
    if _LONG_NUMBER.search(text):
        raise ParseFailed(f"A number has more than {MAX_DIGITS} digits.")
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    try:
        value = json_repair.loads(text)
    except (ValueError, RecursionError, IndexError, TypeError) as error:
        raise ParseFailed(f"The answer is not valid JSON: {error}") from error
    if not isinstance(value, dict | list):
        raise ParseFailed("The answer is not a JSON object.")
    return value


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth = max(0, depth - 1)
    return deepest


def _unwrapped(value: Any) -> Iterator[Any]:
    """Yield ``value``, then what it wraps: models like to answer ``[{…}]`` or ``{"answer": {…}}``."""
    yield value
    if isinstance(value, list):
        yield from [item for item in cast("list[Any]", value)[:_MAX_CANDIDATES] if isinstance(item, dict)]
    elif isinstance(value, dict):
        inner = list(cast("dict[str, Any]", value).values())
        if len(inner) == 1 and isinstance(inner[0], dict):
            yield inner[0]


def _keys(model: type[BaseModel]) -> str:
    return ", ".join(field.alias or name for name, field in model.model_fields.items())


def _explain(error: ValidationError) -> str:
    faults = [f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}" for fault in error.errors()[:5]]
    return "The JSON does not fit what was asked for. " + "; ".join(faults)
