"""From what a model wrote to the typed answer it was asked for, and to what may be shown while it is still writing.

Both begin with pydantic's parser: it is linear, bounded in depth, and reads 50,000 characters in less than a
millisecond. What it cannot read goes to a child process with a clock (`workers.functions.json_reader`).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from prompts.child import ChildFailed, ChildPool, DisposableChild
from prompts.frames import encode_frame
from workers.engines.text.reasoning import strip_reasoning
from workers.engines.text.unicode import well_formed
from workers.functions.coercion import coerced, list_lines
from workers.functions.json_limits import MAX_CANDIDATES, MAX_CHARS, MAX_DEPTH, READ_S
from workers.functions.schema import answer_shape

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_OPENED_FENCE: Final = re.compile(r"^```[a-zA-Z0-9]*[ \t]*\r?\n?")
M = TypeVar("M", bound=BaseModel)
_MISFIT: Final = "The JSON does not fit what was asked for."


class ParseFailed(ValueError):
    """The answer is not what was asked for. ``problem`` says what is wrong, in words a model can act on.

    ``recorded`` is what the task log may hold of it: no words of the answer.
    """

    def __init__(self, problem: str, recorded: str = "") -> None:
        super().__init__(problem)
        self.problem, self.recorded = problem, recorded or problem


async def parse_json(text: str, model: type[M]) -> M:
    """Find the JSON in ``text`` and return it as a ``model``. Strings and lists beyond its bounds are cut.

    Besides plain JSON, this accepts reasoning before it, code fences, prose around it, several objects (the first that
    fits), an object wrapped in a list or in one more object, single quotes, comments, trailing commas, missing
    brackets, an end that is cut off, other shapes (`workers.functions.coercion`), and a numbered or bulleted list
    without any JSON for a model that has one list. Raises `ParseFailed`, after `READ_S` seconds at the latest.
    """
    whole = well_formed(text[:MAX_CHARS]).strip()
    if not whole:
        raise ParseFailed("The answer is empty.")
    value = _read_valid(whole)
    if value is not None:
        return _first_fitting([value], model, "")
    answers = [strip_reasoning(whole)]
    if whole.startswith(("{", "[", "```")):
        # No reasoning comes before it: what looks like reasoning belongs to the text.
        answers.insert(0, whole)
    if not any(answers):
        raise ParseFailed("The answer is empty.")
    request = encode_frame({"texts": answers})
    try:
        found = await _reader_pool().run(lambda child: child.ask(request, READ_S))
    except ChildFailed as error:
        raise ParseFailed(f"The answer could not be read: {error}.") from error
    lines = list_lines(answers[-1])
    return _first_fitting([*found["values"], *([lines] if lines else [])], model, found["problem"])


def partial_answer(text: str, model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of a ``model`` that ``text`` begins to write, as far as they can be read."""
    begun = partial_json(text)
    return coerced(begun, answer_shape(model)) if begun else {}


def partial_json(text: str) -> dict[str, Any]:
    """Return the object that ``text`` begins to write, as far as it can be read; empty if there is none yet."""
    begun = _OPENED_FENCE.sub("", well_formed(text[:MAX_CHARS]).lstrip())
    for attempt in (begun, _escaped(begun)):
        try:
            value = from_json(attempt, allow_partial="trailing-strings")
        except ValueError:
            continue
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return {}


def _read_valid(text: str) -> Any:
    """Return ``text`` as JSON if all of it is an object or a list; else None. Raw line breaks in strings are valid."""
    if text[0] not in "{[":
        return None
    for attempt in (text, _escaped(text)):
        try:
            value = from_json(attempt)
        except ValueError:
            continue
        return value if _depth(value) <= MAX_DEPTH else None
    return None


def _escaped(text: str) -> str:
    """Return ``text`` with the control characters in its strings escaped."""
    if not _CONTROL.search(text):
        return text
    return _STRING.sub(lambda string: _CONTROL.sub(lambda c: f"\\u{ord(c[0]):04x}", string[0]), text)


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level := [v for v in level if isinstance(v, dict | list)]:
        depth += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return depth


def _first_fitting(values: list[Any], model: type[M], problem: str) -> M:
    shape = answer_shape(model)
    found = [inner for value in values for inner in _unwrapped(value)]
    # Only if none of them has the right names is a name guessed.
    for guess in (False, True):
        for fitting in found:
            try:
                return model.model_validate(coerced(fitting, shape, guess=guess))
            except ValidationError as error:
                problem = problem if problem.startswith("The JSON") else _explain(error)
    # The names of fields in a problem may be the model's.
    recorded = _MISFIT if problem.startswith(_MISFIT) else ""
    raise ParseFailed(problem or f"The answer holds no JSON object with the keys {_keys(model)}.", recorded)


def _unwrapped(value: Any) -> Iterator[Any]:
    """Yield ``value``, then what it wraps: models like to answer ``[{…}]`` or ``{"answer": {…}}``."""
    yield value
    if isinstance(value, list):
        yield from [item for item in cast("list[Any]", value)[:MAX_CANDIDATES] if isinstance(item, dict)]
    elif isinstance(value, dict):
        inner = list(cast("dict[str, Any]", value).values())
        if len(inner) == 1 and isinstance(inner[0], dict):
            yield inner[0]


def _keys(model: type[BaseModel]) -> str:
    return ", ".join(field.alias or name for name, field in model.model_fields.items())


def _explain(error: ValidationError) -> str:
    faults = [f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}" for fault in error.errors()[:5]]
    return f"{_MISFIT} {'; '.join(faults)}"


@lru_cache(maxsize=1)
def _reader_pool() -> ChildPool[DisposableChild]:
    program = Path(__file__).with_name("json_reader.py")
    return ChildPool(lambda: DisposableChild(program))
