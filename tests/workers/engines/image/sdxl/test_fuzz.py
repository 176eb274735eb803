"""Hostile prompts and pictures: nothing but the clear errors, and no more work than the length allows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.effort import times
from tests.workers.engines.image.asking import ask, png
from workers.engines.errors import RequestRefused
from workers.engines.image.base import PromptPart
from workers.engines.image.sdxl.engine import _draw as checked
from workers.engines.image.sdxl.protocol import MAX_CHARACTERS, Part
from workers.engines.image.sdxl.server.failures import Refused
from workers.engines.image.sdxl.server.plan import CHUNK, MAX_TOKENS, MAX_WEIGHTED, ROOM, Planner

PROMPTS = times(800, 20_000)
ENCODED = times(25, 600)
PICTURES = times(150, 500)
HUNDRED_KB = 100_000
CLEAR = (
    "characters, 20000 are possible", f"tokens, {MAX_TOKENS} are possible", "weighted parts, ",
    "is not between 0 and 2", "a weight is no number", "parts, 200 are possible",
)  # fmt: skip
_PIECES = (
    "(", ")", "((", "))", "[", "]", "{", "}", "<", ">", '"', "'", "\\", "\\(", "+", "++", "-", "--", "^", ":",
    "|", "::", ".and()", ".blend(1,0)", ".swap(cat)", '("a", "b").and(1, 0.5)', "(cat)1.5", "(2019)50mm", "C++",
    "(cat:1.2)", "1e999", "NaN", "BREAK", "AND", "<lora:x:1>", "<|endoftext|>", "<|startoftext|>", "<|", "|>",
    "</w>", "{{", "{% raw %}", "${x}", "\x00", "\ud800", "\udfff", "\ufeff", "\u202e", "\u200d",
    "e\u0301\u0302\u0303", "👩‍👩‍👧‍👦", "🏳️‍🌈", "ﷺ", "中文提示", "кот", "ｆｕｌｌ", "\n", "\r\n", "\t", "  ", "\u2028",
    "cat", "a dog", "zq",
)  # fmt: skip


def import_libraries() -> None:
    global torch, png_files, CACHED, Conditioner, PromptPlan
    import torch

    from workers.engines.image.sdxl.server import png as png_files
    from workers.engines.image.sdxl.server.conditioning import CACHED, Conditioner, PromptPlan


def hostile(dice: random.Random) -> str:
    """One prompt."""
    match dice.randrange(8):
        case 0:
            return "".join(chr(dice.randrange(0x110000)) for _ in range(dice.randrange(200)))
        case 1:
            return dice.choice(_PIECES) * dice.randrange(1, 400)
        case 2:
            return "(" * (depth := dice.randrange(2000)) + "cat" + ")" * dice.randrange(depth + 1)
        case 3:
            return dice.choice(("q", "(", "é", "猫", "\u0301", "a b ")) * dice.choice((76, 1125, 5000, HUNDRED_KB))
        case _:
            return "".join(dice.choices((*_PIECES, " "), k=dice.randrange(120)))


def parts(dice: random.Random) -> tuple[PromptPart, ...]:
    """One prompt in one part or in several with weights."""
    if dice.random() < 0.7:
        return (PromptPart(hostile(dice)),)
    weights = (1.0, 1.0, 0.0, 0.3, 1.3, 2.0, -1.0, 2.1, float("nan"), float("inf"))
    return tuple(PromptPart(hostile(dice), dice.choice(weights)) for _ in range(dice.randrange(5)))


def planned(conditioner: Conditioner, prompt: tuple[PromptPart, ...]) -> PromptPlan | str:
    """The plan of a prompt, or why it is refused."""
    try:
        return conditioner.plan(checked(ask(prompt=prompt)).prompt)
    except (Refused, RequestRefused) as error:
        return str(error)


def whole(plan: PromptPlan, forbidden: set[int]) -> bool:
    """Whether nothing was lost, nothing was made of control tokens, and no chunk is too long."""
    one = plan.plans[0]
    ids = [i for chunk in one.chunks for i in chunk.ids]
    owners = [part for chunk in one.chunks for part in chunk.parts]
    return (
        len(ids) == len(owners) == one.tokens <= MAX_TOKENS
        and owners == sorted(owners)
        and not forbidden & set(ids)
        and all(len(chunk.ids) <= ROOM for chunk in one.chunks)
        and 1 <= len(one.chunks) <= 2 * one.tokens // ROOM + 2
    )


def biggest() -> Iterator[tuple[PromptPart, ...]]:
    """The longest prompts that are possible, plain and with as many weights as are possible."""
    yield (PromptPart("cat " * MAX_TOKENS),)
    yield (PromptPart("q" * MAX_TOKENS),)
    yield (PromptPart(" " * MAX_CHARACTERS),)
    each = "dog " * (MAX_TOKENS // MAX_WEIGHTED)
    yield tuple(PromptPart(each, 0.1 + i / 20) for i in range(MAX_WEIGHTED))


@pytest.mark.slow
def test_hostile_prompts(pipeline: Any) -> None:
    conditioner = Conditioner(pipeline)
    dice = random.Random(4)
    prompts = [*biggest(), *(parts(dice) for _ in range(PROMPTS))]
    control = {pipeline.tokenizer.bos_token_id, pipeline.tokenizer.eos_token_id}
    outcomes: Counter[str] = Counter()
    encoded = 0
    for number, prompt in enumerate(prompts):
        plan = planned(conditioner, prompt)
        if isinstance(plan, str):
            outcomes[next((words for words in CLEAR if words in plan), plan)] += 1
            continue
        assert whole(plan, control), prompt
        outcomes["planned"] += 1
        if number < 4 or (encoded < ENCODED and number % 20 == 0):
            encoded += 1
            made = conditioner.encode(plan, plan.chunks, (), negative=number % 2 == 1)
            assert made.embeds.shape == (plan.chunks * CHUNK, 96)
            assert bool(torch.isfinite(made.embeds).all())
            assert bool(torch.isfinite(made.pooled).all())
    assert set(outcomes) <= {*CLEAR, "planned"}
    assert outcomes["planned"] > PROMPTS / 2
    assert encoded >= ENCODED // 2
    assert len(conditioner._cache) <= CACHED


class Counting(frozenset[int]):
    """A set that counts how often it is looked into."""

    looks = 0

    def __contains__(self, item: object) -> bool:
        Counting.looks += 1
        return super().__contains__(item)


@pytest.mark.parametrize("text", ["cat ", "q", "(", "cat " + "q" * 76 + " ", "é", "C++ "])
def test_the_work_is_linear(pipeline: Any, text: str) -> None:
    planner = Planner(pipeline.tokenizer)
    planner._ends = Counting(planner._ends)
    ratios: list[float] = []
    per_repeat = planner.plan((Part(text=text * 8),)).tokens / 8
    for share in (8, 4, 2, 1):
        repeats = int(0.95 * MAX_TOKENS / share / per_repeat)
        Counting.looks = 0
        tokens = planner.plan((Part(text=text * repeats),)).tokens
        ratios.append(Counting.looks / tokens)
    assert max(ratios) <= 2.5


@pytest.mark.parametrize("weighted", [0, 4, MAX_WEIGHTED])
def test_the_encoders_see_each_chunk_once_and_weights_cost_one_more(pipeline: Any, weighted: int) -> None:
    conditioner = Conditioner(pipeline)
    rows: list[int] = []
    hook = pipeline.text_encoder.register_forward_pre_hook(
        lambda _, given: rows.append(len(given[0])), with_kwargs=False
    )
    try:
        for words in (140, 280, 560, MAX_TOKENS):
            count = max(1, weighted)
            weight = 0.5 if weighted else 1.0
            prompt = tuple(Part(text="cat " * (words // count), weight=weight) for _ in range(count))
            plan = conditioner.plan(prompt)
            rows.clear()
            conditioner.encode(plan, plan.chunks, ())
            # With weights, the empty prompt is looked at once, too.
            assert sum(rows) <= 2 * plan.chunks + weighted + 1
            assert sum(rows) >= plan.chunks
    finally:
        hook.remove()


def test_malformed_pictures() -> None:
    dice = np.random.default_rng(5)
    good = png(40, 24)
    refused = 0
    for _ in range(PICTURES):
        data = bytearray(good)
        for _ in range(int(dice.integers(1, 6))):
            data[int(dice.integers(len(data)))] = int(dice.integers(256))
        cut = int(dice.integers(len(data))) if dice.random() < 0.3 else len(data)
        try:
            assert png_files.decode(bytes(data[:cut]), 64, 64).shape == (1, 3, 64, 64)
        except Refused:
            refused += 1
    assert refused > PICTURES / 2
