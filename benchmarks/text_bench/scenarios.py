"""The situations that are measured."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from benchmarks.text_bench.chats import Chat, Language
from workers.engines.text.base import ModelMessage

Kind = Literal["q8_0", "f16", "q4_0"]


@dataclass(frozen=True, slots=True)
class Size:
    """How large the scenarios are, in tokens and chats."""

    chats: int = 8
    persona: int = 600
    own: int = 200
    new: int = 64
    crowd: int = 24
    page: int = 800
    branch_new: int = 128
    long_new: int = 128
    long_prompts: int = 6
    long_prompt: int = 800


FULL: Final = Size()
QUICK: Final = Size(
    persona=300, own=60, new=32, crowd=12, page=400, branch_new=64, long_new=64, long_prompts=4, long_prompt=400
)
ARRIVAL_GAP_S: Final = 0.6
"""Mean gap between two arrivals."""


@dataclass(frozen=True, slots=True)
class Load:
    """Chats that are measured. ``opening``: first turns, asked before; each chat continues its counterpart."""

    chats: tuple[Chat, ...]
    opening: tuple[Chat, ...] = ()

    def conversations(self, language: Language) -> tuple[Chat, ...]:
        """Return the chats with everything before them; text of equal length stands for answers not yet written."""
        if not self.opening:
            return self.chats
        return tuple(
            chat.following(earlier, language.text(earlier.new, "answer"))
            for chat, earlier in zip(self.chats, self.opening, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Scenario:
    """A situation: its name, what it shows, the model's kind, and the load.

    ``shape`` is for contenders without arrival times: tokens of the shared prompt, of each own prompt, of each answer,
    and the number of chats. ``variants``: only this engine, with several step sizes.
    """

    name: str
    about: str
    kind: Kind
    load: Callable[[Language, Size], Load]
    shape: Callable[[Size], tuple[int, int, int, int]] | None = None
    variants: bool = False

    def admits(self, contender: str) -> bool:
        """Whether a contender takes part."""
        if self.variants or contender.startswith("ours,"):
            return self.variants and contender.startswith("ours,")
        return self.shape is not None or not contender.startswith(("limit", "batched-bench"))


def _shared_persona(language: Language, size: Size) -> Load:
    return Load(tuple(_persona_chat(language, size, i, "persona") for i in range(size.chats)))


def _own_personas(language: Language, size: Size) -> Load:
    return Load(tuple(_persona_chat(language, size, i, f"persona-{i}") for i in range(size.chats)))


def _arrivals(language: Language, size: Size) -> Load:
    gaps = random.Random(24)
    at = 0.0
    chats: list[Chat] = []
    for i in range(size.crowd):
        chats.append(_persona_chat(language, size, i, "persona", at=at))
        at += gaps.expovariate(1 / ARRIVAL_GAP_S)
    return Load(tuple(chats))


def _second_turns(language: Language, size: Size) -> Load:
    first = _shared_persona(language, size).chats
    second = tuple(
        Chat(f"person-{i}", (language.message("user", 40, f"again-{i}"),), size.new) for i in range(size.chats)
    )
    return Load(second, opening=first)


def _branches(count: int) -> Callable[[Language, Size], Load]:
    def load(language: Language, size: Size) -> Load:
        common = (
            language.message("system", size.page // 4, "narrator", shared=True),
            language.message("user", 20, "premise"),
            language.message("assistant", size.page - size.page // 4 - 40, "page"),
        )
        choices = [language.message("user", 16, f"choice-{i}") for i in range(count)]
        return Load(tuple(Chat("reader", (*common, choice), size.branch_new) for choice in choices))

    return load


def _cancelled(language: Language, size: Size) -> Load:
    def cut(i: int) -> int | None:
        return size.new // 2 if i in (1, 3, 6) else None

    return Load(tuple(_persona_chat(language, size, i, "persona", cancel_after=cut(i)) for i in range(size.chats)))


def _decode_heavy(language: Language, size: Size) -> Load:
    shared = language.message("system", 60, "short", shared=True)
    return Load(
        tuple(
            Chat(f"person-{i}", (shared, language.message("user", 40, f"short-{i}")), size.long_new)
            for i in range(size.chats)
        )
    )


def _gap(language: Language, size: Size) -> Load:
    writing = [Chat(f"person-{i}", (language.message("user", 60, f"early-{i}"),), 3 * size.long_new) for i in range(2)]
    reading = [
        Chat(f"late-{i}", (language.message("user", size.long_prompt, f"late-{i}"),), 16, at=0.5, watched=False)
        for i in range(size.long_prompts)
    ]
    return Load((*writing, *reading))


def _persona_chat(
    language: Language, size: Size, i: int, persona: str, *, at: float = 0.0, cancel_after: int | None = None
) -> Chat:
    messages: tuple[ModelMessage, ...] = (
        language.message("system", size.persona, persona, shared=True),
        language.message("user", size.own, f"own-{i}"),
    )
    return Chat(f"person-{i}", messages, size.new, at, cancel_after)


def _persona_shape(size: Size) -> tuple[int, int, int, int]:
    return size.persona, size.own, size.new, size.chats


SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario("personas", "everybody talks with one persona", "q8_0", _shared_persona, shape=_persona_shape),
        Scenario(
            "different",
            "each talks with a persona of his own",
            "q8_0",
            _own_personas,
            shape=lambda size: (0, size.persona + size.own, size.new, size.chats),
        ),
        Scenario("arrivals", "chats with one persona arrive over time", "q8_0", _arrivals),
        Scenario("second", "second turns of all conversations", "q8_0", _second_turns),
        Scenario("cancelled", "as personas, three are cancelled half-way", "q8_0", _cancelled),
        Scenario(
            "decode",
            "short prompts, long answers",
            "f16",
            _decode_heavy,
            shape=lambda size: (60, 40, size.long_new, size.chats),
        ),
        Scenario("branches", "three branches of one page", "f16", _branches(3)),
        Scenario("branch", "one branch of the page alone", "f16", _branches(1)),
        Scenario("gap", "two answers are written while long prompts are read", "q8_0", _gap, variants=True),
    )
}


def cuda(quant: Kind, counts: Sequence[int]) -> list[Scenario]:
    """Return the scenarios for a GPU, one for each number of chats with one persona."""

    def scenario(count: int) -> Scenario:
        def load(language: Language, size: Size) -> Load:
            return _shared_persona(language, replace(size, chats=count))

        def shape(size: Size) -> tuple[int, int, int, int]:
            return _persona_shape(replace(size, chats=count))

        return Scenario(f"{quant}-{count}", f"{count} chats with one persona", quant, load, shape)

    return [scenario(count) for count in counts]
