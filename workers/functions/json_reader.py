"""The program that reads broken JSON: a disposable child process (`prompts.child`), since repairs may take very long.

Run by path, so it imports little: json_repair takes more than quadratic time on some texts, and every parser in Python
has a text that exhausts its stack.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import json_repair

from prompts.frames import serve_frames
from workers.functions.json_limits import MAX_CANDIDATES, MAX_DEPTH, MAX_DIGITS, READ_S

_FENCE = re.compile(r"```[ \t]*(?:json5?|javascript|js|python)?[ \t]*\r?\n?(.*?)(?:```|$)", re.DOTALL | re.IGNORECASE)
_LONG_NUMBER = re.compile(rf"\d{{{MAX_DIGITS},}}")


class NotJson(ValueError):
    """The text cannot be read as JSON; the message says why."""


def read_values(texts: list[str]) -> dict[str, Any]:
    """Return the JSON values found in ``texts``, best first, as ``values``, and as ``problem`` the first failure."""
    values: list[Any] = []
    problem = ""
    for candidate in dict.fromkeys(candidate for text in texts if text for candidate in candidates(text)):
        try:
            values.append(load(candidate))
        except NotJson as failure:
            problem = problem or str(failure)
    return {"values": values, "problem": problem}


def candidates(text: str) -> Iterator[str]:
    """Yield the parts of ``text`` that may be the JSON, best first."""
    found: dict[str, None] = {text: None} if text[0] in "{[" else {}
    for match in _FENCE.finditer(text):
        found |= dict.fromkeys(part for part in [match.group(1).strip()] if part[:1] in {"{", "["})
    found |= dict.fromkeys(_balanced(text))
    start = text.find("{")
    if start >= 0:
        found[text[start:]] = None
    yield from list(found)[: 2 * MAX_CANDIDATES]


def load(text: str) -> Any:
    """Return ``text`` as JSON, repaired if need be. Raises `NotJson`."""
    # Both limits are checked in the text: a recursive parser would fail before it could tell.
    if _depth(text) > MAX_DEPTH:
        raise NotJson(f"The JSON is nested more than {MAX_DEPTH} levels deep.")
    if _LONG_NUMBER.search(text):
        raise NotJson(f"A number has more than {MAX_DIGITS} digits.")
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    try:
        value = json_repair.loads(text)
    except (ValueError, RecursionError, IndexError, TypeError) as error:
        raise NotJson(f"The answer is not valid JSON: {error}") from error
    if not isinstance(value, dict | list):
        raise NotJson("The answer is not a JSON object.")
    return value


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
                if count == MAX_CANDIDATES:
                    return


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth = max(0, depth - 1)
    return deepest


def _answer(request: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    del data
    return read_values(request["texts"]), b""


if __name__ == "__main__":
    serve_frames(_answer, cpu_s=READ_S)
