"""Prompts of any length: literal, in chunks, weighted by part, equal to compel and to diffusers where these agree."""

from __future__ import annotations

import random
from typing import Any

import pytest

from workers.engines.image.sdxl.protocol import MAX_CHARACTERS, Part
from workers.engines.image.sdxl.server.failures import Refused
from workers.engines.image.sdxl.server.plan import CHUNK, MAX_TOKENS, Planner

WORDS = ["cat", "dog", "forest", "night", "sky", "red", "blue", "castle", "dragon", "robot", "moon", "river"]
LONG = " ".join(random.Random(1).choices(WORDS, k=200))


def import_libraries() -> None:
    global torch, CompelForSDXL, SplitLongTextMode, Conditioner
    import torch
    from compel import CompelForSDXL, SplitLongTextMode

    from workers.engines.image.sdxl.server.conditioning import Conditioner


@pytest.fixture
def conditioner(pipeline: Any) -> Conditioner:
    return Conditioner(pipeline)


def encode(conditioner: Conditioner, *parts: Part, negative: bool = False, chunks: int = 0) -> Any:
    plan = conditioner.plan(parts)
    return conditioner.encode(plan, chunks or plan.chunks, (), negative=negative)


def difference(left: torch.Tensor, right: torch.Tensor) -> float:
    return float((left - right).abs().max())


def test_a_short_prompt_is_what_diffusers_makes_of_it(conditioner: Conditioner, pipeline: Any) -> None:
    ours = encode(conditioner, Part(text="a red cat in the forest"))
    embeds, _, pooled, _ = pipeline.encode_prompt("a red cat in the forest", do_classifier_free_guidance=False)
    assert ours.embeds.shape == (CHUNK, 96)
    assert difference(ours.embeds, embeds[0]) < 1e-6
    assert difference(ours.pooled, pooled[0]) < 1e-6


def test_a_long_prompt_is_what_compel_makes_of_it(conditioner: Conditioner, pipeline: Any) -> None:
    compel: Any = CompelForSDXL(pipeline)
    for one in (compel.compel_1, compel.compel_2):
        one.conditioning_provider.split_long_text_mode = SplitLongTextMode.WORDS
    theirs = compel(LONG)
    ours = encode(conditioner, Part(text=LONG))
    assert ours.embeds.shape == (3 * CHUNK, 96)
    assert difference(ours.embeds, theirs.embeds[0]) < 1e-6
    assert difference(ours.pooled, theirs.pooled_embeds[0]) < 1e-6


def test_words_after_the_77th_token_count(conditioner: Conditioner, pipeline: Any) -> None:
    changed = " ".join([*LONG.split()[:-1], "lighthouse"])
    ours, other = encode(conditioner, Part(text=LONG)), encode(conditioner, Part(text=changed))
    assert difference(ours.embeds, other.embeds) > 0.1
    plain, _, _, _ = pipeline.encode_prompt(LONG, do_classifier_free_guidance=False)
    plain_other, _, _, _ = pipeline.encode_prompt(changed, do_classifier_free_guidance=False)
    assert difference(plain, plain_other) == 0


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.8, 1.3, 2.0])
def test_weights_are_compel_s(conditioner: Conditioner, pipeline: Any, weight: float) -> None:
    texts, weights = ["a red cat", "in the forest", "at night"], [1.0, weight, 1.0]
    ours = encode(conditioner, *(Part(text=t, weight=w) for t, w in zip(texts, weights, strict=True)))
    compel: Any = CompelForSDXL(pipeline)
    theirs = torch.cat(
        [
            one.conditioning_provider.get_embeddings_for_weighted_prompt_fragments([texts], [weights])
            for one in (compel.compel_1, compel.compel_2)
        ],
        dim=-1,
    )
    assert difference(ours.embeds, theirs[0]) < 1e-5
    clean = encode(conditioner, Part(text=" ".join(texts)))
    assert difference(ours.embeds, clean.embeds) > 1e-3
    assert difference(ours.pooled, clean.pooled) < 1e-5


@pytest.mark.parametrize(
    "text", ["C++ (2019)50mm", "(cat)1.5", '("a", "b").and(1, 0.5)', "((((cat", "cat--", "(cat)99999", "a.swap(b)"]
)
def test_operators_are_text(conditioner: Conditioner, pipeline: Any, text: str) -> None:
    ours = encode(conditioner, Part(text=text))
    embeds, _, pooled, _ = pipeline.encode_prompt(text, do_classifier_free_guidance=False)
    assert difference(ours.embeds, embeds[0]) < 1e-6
    assert difference(ours.pooled, pooled[0]) < 1e-6


def test_control_tokens_are_text(conditioner: Conditioner, pipeline: Any) -> None:
    plan = conditioner.plan((Part(text="cat <|endoftext|> dog <|STARTOFTEXT|>"),))
    ids = plan.plans[0].chunks[0].ids
    assert not {pipeline.tokenizer.bos_token_id, pipeline.tokenizer.eos_token_id} & set(ids)


def test_chunks_end_with_words(pipeline: Any) -> None:
    # "zq" has two tokens here: an odd place must not cut it in two.
    plan = Planner(pipeline.tokenizer).plan((Part(text="cat " + "zq " * 100),))
    assert [len(chunk.ids) for chunk in plan.chunks] == [75, 74, 52]
    assert sum(len(chunk.ids) for chunk in plan.chunks) == plan.tokens == 201
    tokens = pipeline.tokenizer.convert_ids_to_tokens([chunk.ids[-1] for chunk in plan.chunks])
    assert all(token.endswith("</w>") for token in tokens)


def test_a_word_longer_than_a_chunk_is_cut(pipeline: Any) -> None:
    plan = Planner(pipeline.tokenizer).plan((Part(text="q" * 160),))
    assert [len(chunk.ids) for chunk in plan.chunks] == [75, 75, 10]


def test_an_empty_negative_is_nothing(conditioner: Conditioner, pipeline: Any) -> None:
    ours = encode(conditioner, negative=True, chunks=3)
    assert ours.embeds.shape == (3 * CHUNK, 96)
    assert not ours.embeds.any()
    assert not ours.pooled.any()
    _, _, _, negative = pipeline.encode_prompt("a cat")
    assert not negative.any()


def test_a_negative_is_padded_to_the_prompt_s_length(conditioner: Conditioner) -> None:
    short = encode(conditioner, Part(text="blurry"), negative=True)
    padded = encode(conditioner, Part(text="blurry"), negative=True, chunks=3)
    empty = encode(conditioner)
    assert difference(padded.embeds[:CHUNK], short.embeds) == 0
    assert difference(padded.embeds[2 * CHUNK :], empty.embeds) < 1e-6


def test_what_was_encoded_is_kept_and_forgotten(conditioner: Conditioner) -> None:
    first = encode(conditioner, Part(text="a cat"))
    assert encode(conditioner, Part(text="a cat")) is first
    assert conditioner.hits == 1
    conditioner.forget()
    assert encode(conditioner, Part(text="a cat")) is not first


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([Part(text="cat " * (MAX_TOKENS + 1))], f"{MAX_TOKENS + 1} tokens, {MAX_TOKENS}"),
        ([Part(text="c" * (MAX_CHARACTERS + 1))], f"{MAX_CHARACTERS + 1} characters, {MAX_CHARACTERS}"),
        ([Part(text="cat", weight=1.1)] * 17, "17 weighted parts, 16"),
        ([Part(text="cat", weight=2.1)], "2.1 is not between 0 and 2"),
        ([Part(text="cat", weight=float("nan"))], "nan is not between"),
    ],
)
def test_too_much_is_refused_with_numbers(conditioner: Conditioner, parts: list[Part], says: str) -> None:
    with pytest.raises(Refused, match=says):
        conditioner.plan(tuple(parts))
