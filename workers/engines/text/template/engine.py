"""The engine: requests in, text out, without a model and without a wait."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any, cast

from workers.engines.errors import GenerationCancelled, RequestRefused
from workers.engines.text.base import Completion, TextRequest, Usage
from workers.engines.text.template import persona
from workers.engines.text.template.pictures import moments, picture_prompt
from workers.engines.text.template.premise import World, build_world
from workers.engines.text.template.story import Choice, Position, parse_path, suggest_choices, write_page

MODEL = "story-grammar-1"
_WORDS_PER_PIECE = 6


class TemplateEngine:
    """Writes from ``request.function`` and ``request.facts``; never fails for the functions it knows.

    Language: English only. The answer is JSON where the request has a schema, else plain text.
    """

    name = "template"

    def __init__(self) -> None:
        self._running: set[str] = set()
        self._cancelled: set[str] = set()

    async def stream(self, request: TextRequest) -> AsyncIterator[str | Completion]:
        """Yield the answer in groups of words, then the `Completion`.

        Raises `RequestRefused` for a function it does not know, `GenerationCancelled` after `cancel`.
        """
        write = _FUNCTIONS.get(request.function)
        if write is None:
            known = ", ".join(_FUNCTIONS)
            raise RequestRefused(f"the template engine has no function '{request.function}'; it knows {known}")
        self._running.add(request.id)
        try:
            text = write(request.facts, request.schema)
            for piece in _pieces(text):
                if request.id in self._cancelled:
                    raise GenerationCancelled(f"request {request.id} was cancelled")
                yield piece
            prompt = sum(_count(message.content) for message in request.messages)
            yield Completion(text, "stop", Usage(prompt, _count(text)), self.name, MODEL)
        finally:
            self._running.discard(request.id)
            self._cancelled.discard(request.id)

    async def count_tokens(self, text: str) -> int:
        """Return the number of words and punctuation marks: this engine's tokens."""
        return _count(text)

    async def cancel(self, request_id: str) -> bool:
        """Stop a running stream before its next piece."""
        if request_id not in self._running:
            return False
        self._cancelled.add(request_id)
        return True

    async def close(self) -> None:
        """Nothing to release."""


def _count(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


def _pieces(text: str) -> list[str]:
    words = re.findall(r"\S+\s*|\s+", text)
    return ["".join(words[start : start + _WORDS_PER_PIECE]) for start in range(0, len(words), _WORDS_PER_PIECE)]


def _write_page(facts: Mapping[str, Any], schema: Mapping[str, Any] | None) -> str:
    position = _position(facts)
    page = write_page(position)
    if schema is None:
        return page.text
    payload: dict[str, Any] = {"title": page.title, "text": page.text, "ending": page.ending}
    if "choices" in schema.get("properties", {}):
        # One call for both: a page and what can be done on it.
        chosen = [] if page.ending else suggest_choices(position, _integer(facts, "count", 3), page.text)
        payload["choices"] = _plain(chosen)
    return json.dumps(_fitting(payload, schema), ensure_ascii=False)


def _suggest_choices(facts: Mapping[str, Any], schema: Mapping[str, Any] | None) -> str:
    page_text = facts.get("page_text")
    chosen = suggest_choices(
        _position(facts), _integer(facts, "count", 3), page_text if isinstance(page_text, str) else ""
    )
    if schema is None:
        return "\n".join(f"{number}. {choice.text}" for number, choice in enumerate(chosen, 1))
    return json.dumps({"choices": _plain(chosen)}, ensure_ascii=False)


def _answer_as_persona(facts: Mapping[str, Any], schema: Mapping[str, Any] | None) -> str:
    text = persona.answer(facts)
    return text if schema is None else json.dumps(_fitting({"text": text}, schema), ensure_ascii=False)


def _write_image_prompt(facts: Mapping[str, Any], schema: Mapping[str, Any] | None) -> str:
    written = picture_prompt(facts)
    if schema is None:
        return f"Prompt: {written.prompt}\nNegative prompt: {written.negative}"
    return json.dumps(asdict(written), ensure_ascii=False)


def _extract_scenes(facts: Mapping[str, Any], schema: Mapping[str, Any] | None) -> str:
    found = moments(str(facts.get("page_text") or ""), _integer(facts, "count", 1), facts.get("rating"))
    if schema is None:
        return "\n".join(moment.description for moment in found)
    return json.dumps({"scenes": [asdict(moment) for moment in found]}, ensure_ascii=False)


def _plain(choices: list[Choice]) -> list[dict[str, str]]:
    return [{"text": choice.text, "kind": choice.kind} for choice in choices]


def _fitting(payload: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return payload
    return {name: value for name, value in payload.items() if name in properties} or payload


def _position(facts: Mapping[str, Any]) -> Position:
    path = parse_path(facts.get("path"))
    # A caller may send only the end of a long path; the page number is then larger than the path says.
    page = max(_integer(facts, "page_number", 1), len(path) + 1)
    premise = str(facts.get("premise") or facts.get("title") or "")
    world = _world(premise, str(facts.get("genre") or ""), _integer(facts, "seed", 0))
    return Position(world, path, page, max(0, _integer(facts, "variant", 0)))


@lru_cache(maxsize=256)
def _world(premise: str, genre: str, seed: int) -> World:
    return build_world(premise[:4000], genre, seed)


def _integer(facts: Mapping[str, Any], name: str, default: int) -> int:
    value = facts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


_FUNCTIONS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any] | None], str]] = cast(
    "Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any] | None], str]]",
    {
        "write_page": _write_page,
        "suggest_choices": _suggest_choices,
        "answer_as_persona": _answer_as_persona,
        "write_image_prompt": _write_image_prompt,
        "extract_scenes": _extract_scenes,
    },
)
