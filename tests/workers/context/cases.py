"""Random contexts, and three tokenizers to count them with."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import llama_cpp

from tests.doubles.word_counter import WordCounter
from workers.context.build import Build
from workers.context.counting import BytesBound, TokenCounter
from workers.context.elements import (
    CharacterElement,
    Container,
    Element,
    HistoryElement,
    InstructionElement,
    Layer,
    LoreElement,
    MemoryElement,
    Past,
    PlotElement,
    RequestElement,
)
from workers.context.history import MESSAGES, PAGES, SummarySpan, places
from workers.context.layers import Window

SYLLABLES = ["ka", "lo", "mi", "ren", "tam", "sel", "vor", "ith", "an", "du", "bel", "ora", "ny", "fen", "gar"]
OTHER = ("灯台", "の", "光が見えた", "Дверь", "🌊", "don’t", "x" * 90, "1847", "Tamsel", "Île-de-Ré")


class GgufCounter:
    """Counts by the vocabulary of a GGUF file."""

    def __init__(self, model: Path) -> None:
        self._model: Any = llama_cpp.Llama(str(model), vocab_only=True, verbose=False)

    async def count(self, texts: Sequence[str]) -> list[int]:
        return [len(self._model.tokenize(text.encode(), add_bos=False, special=False)) for text in texts]


def counters(model: Path) -> dict[str, TokenCounter]:
    """Three tokenizers."""
    return {"words": WordCounter(), "bytes": BytesBound(2.5), "gguf": GgufCounter(model)}


def prompt(build: Build) -> str:
    """A prompt as some agent would get it."""
    parts = ["You are told this."]
    parts += [f"[{each.kind}] {each.text}" for each in build.early]
    parts += [f"- {each.text}" for each in build.summaries]
    for each in build.recent:
        assert isinstance(each.element, HistoryElement)
        parts.append(f"<{each.element.role}> {each.text}\n{each.element.note}")
    parts += [f"* {each.text}" for each in build.late]
    parts += [each.text for each in build.requests]
    return "\n\n".join(parts)


VARYING: Final[frozenset[Layer]] = frozenset({"D", "E"})


@dataclass(frozen=True, slots=True)
class Measured:
    """Counts whole prompts by one tokenizer."""

    counter: TokenCounter

    async def __call__(self, build: Build) -> int:
        (tokens,) = await self.counter.count([prompt(build)])
        return tokens


@dataclass(frozen=True, slots=True)
class Case:
    """One random context."""

    container: Container
    window: Window


def sentence(rng: random.Random, longest: int = 16) -> str:
    words = [
        rng.choice(OTHER) if rng.random() < 0.06 else "".join(rng.choices(SYLLABLES, k=rng.randint(1, 3)))
        for _ in range(rng.randint(1, longest))
    ]
    return " ".join(words).capitalize() + rng.choice([".", ".", ".", "?", "!", "…", "。", "\n"])


def text(rng: random.Random, most: int = 30) -> str:
    found = " ".join(sentence(rng) for _ in range(max(1, round(most ** rng.random()))))
    return found.replace(" ", "") if rng.random() < 0.01 else found


def element(rng: random.Random, at: int) -> Element:
    common: dict[str, Any] = {
        "id": f"e:{at}" if rng.random() > 0.03 else "e:0",
        "text": text(rng) if rng.random() > 0.03 else " ",
        "priority": rng.choices(("high", "medium", "low"), (1, 4, 4))[0],
        "tags": frozenset(rng.sample(("secret", "past", "map"), rng.randint(0, 2))),
        "agents": frozenset(rng.sample(("writer", "rater", "editor"), 2)) if rng.random() < 0.2 else frozenset(),
        "phases": frozenset(rng.sample(("draft", "chat", "revise"), 2)) if rng.random() < 0.2 else frozenset(),
        "order": rng.randint(0, 3),
        "content": rng.choice(("dialogue", "narration", "sheet", "plot")),
    }
    kind: Any = rng.choice(
        (PlotElement, CharacterElement, RequestElement, InstructionElement, MemoryElement, LoreElement)
    )
    if kind is MemoryElement:
        common["score"] = rng.random()
    return kind(**common)


def past(rng: random.Random) -> Past:
    count = round(120 ** rng.random()) if rng.random() > 0.1 else 0
    items = [
        HistoryElement(
            id=f"message:{at}", text=text(rng, 12), position=at, role="assistant" if at % 2 else "user",
            note=sentence(rng, 5) if rng.random() < 0.3 else "", jump=at > 0 and rng.random() < 0.02,
        )
        for at in range(count)
    ]  # fmt: skip
    scale = rng.choice((PAGES, MESSAGES))
    jumps = tuple(item.position for item in items if item.jump)
    spans = [
        SummarySpan(*place, text=text(rng, 10), id=f"summary:{n}")
        for n, place in enumerate(places(count, jumps, scale))
        if rng.random() < 0.6
    ]
    here = items[rng.randint(0, count // 2) :] if count and rng.random() < 0.4 else items
    return Past(items=tuple(here), count=count, jumps=jumps, spans=tuple(spans), scale=scale)


def case(seed: int) -> Case:
    """The context of a seed."""
    rng = random.Random(seed)
    elements = [element(rng, at) for at in range(round(25 ** rng.random()))]
    container = Container(
        agent="writer",
        phase="draft",
        elements=tuple(elements),
        past=past(rng),
        chat=rng.random() < 0.5,
        varying=VARYING if rng.random() < 0.3 else frozenset(),
        without=frozenset({"secret"}) if rng.random() < 0.3 else frozenset(),
        pins=frozenset({f"e:{rng.randint(0, 20)}"}) if rng.random() < 0.3 else frozenset(),
    )
    size = round(math.exp(rng.uniform(math.log(256), math.log(8192))))
    return Case(container, Window(size, size * rng.randint(5, 40) // 100, fixed=20))
