"""What only the llama engine promises: constrained output, clean prompts, order."""

import asyncio
import json
from enum import StrEnum
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel, Field

from tests.models.tiny_gguf import CONTEXT, tiny_gguf
from tests.workers.engines.text.asking import LONG, ask, collect
from workers.engines.checksums import sha256_of
from workers.engines.errors import RequestRefused
from workers.engines.text.base import BACKGROUND, INTERACTIVE, ModelMessage, Sampling, TextRequest, generate
from workers.engines.text.llama.engine import LlamaEngine


class Kind(StrEnum):
    BOLD = "bold"
    CAREFUL = "careful"


class Choice(BaseModel):
    """A choice."""

    text: str = Field(min_length=1, max_length=30)
    kind: Kind


class Page(BaseModel):
    """A page, as the product asks for one."""

    title: str = Field(max_length=40, description='A "title"')
    text: str = Field(min_length=20, max_length=2500)
    mood: str | None = Field(max_length=10)
    tension: int = Field(ge=0, le=10)
    ending: bool
    choices: list[Choice] = Field(min_length=2, max_length=4)


@pytest.mark.parametrize("seed", range(12))
async def test_schema_makes_valid_json(shared_llama: LlamaEngine, seed: int) -> None:
    schema = Page.model_json_schema()
    sampling = Sampling(max_tokens=3000, temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, seed=seed)
    completion = await generate(shared_llama, ask(f"Page {seed}", sampling=sampling, schema=schema))
    assert completion.finish_reason == "stop"
    jsonschema.validate(json.loads(completion.text), schema)
    Page.model_validate_json(completion.text)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 6}}, "required": ["n"]},
        {"type": "array", "items": {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 6}, "maxItems": 2},
        {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 3, "maxItems": 3},
        {"anyOf": [{"type": "boolean"}, {"type": "string", "maxLength": 3}]},
        {"type": "string", "minLength": 5, "maxLength": 5},
        {"type": "object", "properties": {"t": {"type": "string", "maxLength": 4000}}, "required": ["t"]},
    ],
)  # fmt: skip
async def test_small_schemas(shared_llama: LlamaEngine, schema: dict[str, Any]) -> None:
    completion = await generate(shared_llama, ask(schema=schema, sampling=Sampling(max_tokens=3000, seed=3)))
    assert completion.finish_reason == "stop"
    jsonschema.validate(json.loads(completion.text), schema)


async def test_an_unusable_schema_is_refused(shared_llama: LlamaEngine) -> None:
    with pytest.raises(RequestRefused):
        await generate(shared_llama, ask(schema={"$ref": "#/$defs/Missing"}))


@pytest.mark.parametrize("depth", [100, 220, 400, 3000])
async def test_a_deep_schema_does_not_hurt(shared_llama: LlamaEngine, depth: int) -> None:
    await shared_llama.count_tokens("start")
    process = shared_llama.process_id
    node: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        node = {"type": "array", "items": node}
    with pytest.raises(RequestRefused):
        await generate(shared_llama, ask(schema=node))
    assert (await generate(shared_llama, ask())).text
    assert shared_llama.process_id == process


async def test_template_syntax_is_text(shared_llama: LlamaEngine) -> None:
    one = (await generate(shared_llama, ask("{{ 7*7 }}"))).usage.prompt_tokens
    plain = (await generate(shared_llama, ask("."))).usage.prompt_tokens
    assert one - plain == await shared_llama.count_tokens("{{ 7*7 }}") - 1


async def test_a_template_without_system_role(tmp_path: Path) -> None:
    strict = (
        "{% for m in messages %}{% if m['role'] == 'system' or (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}"
        "{{ '<|im_start|>' + m['role'] + m['content'] + '<|im_end|>' }}{% endfor %}"
    )
    engine = LlamaEngine(tiny_gguf(tmp_path, template=strict, name="strict.gguf"), context=512)
    try:
        roles = ("system", "assistant", "user", "user")
        messages = tuple(ModelMessage(role, f"I am the {role}.") for role in roles)
        assert (await generate(engine, TextRequest("roles", messages, Sampling(max_tokens=5)))).text
    finally:
        await engine.close()


async def test_a_hostile_template_is_refused(tmp_path: Path) -> None:
    hostile = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    engine = LlamaEngine(tiny_gguf(tmp_path, template=hostile, name="hostile.gguf"), context=512)
    try:
        with pytest.raises(RequestRefused):
            await generate(engine, ask())
    finally:
        await engine.close()


async def test_a_model_without_template_gets_chatml(tmp_path: Path) -> None:
    engine = LlamaEngine(tiny_gguf(tmp_path, template="", name="base.gguf"), context=512)
    try:
        completion = await generate(engine, ask("Hello"))
        assert completion.usage.prompt_tokens > 8
    finally:
        await engine.close()


async def test_interactive_work_goes_first(model: Path) -> None:
    engine = LlamaEngine(model, context=CONTEXT, max_num_seqs=1, threads=1)
    order: list[str] = []

    async def run(name: str, priority: int) -> None:
        async for _ in engine.stream(ask(name, priority=priority, sampling=Sampling(max_tokens=5))):
            if name not in order:  # by their beginnings: a short answer may be read to its end before a longer one
                order.append(name)

    try:
        blocker = ask(sampling=LONG)
        stream = engine.stream(blocker)
        await anext(stream)
        waiting: list[asyncio.Task[None]] = []
        for name, priority in (("b1", BACKGROUND), ("b2", BACKGROUND), ("i1", INTERACTIVE), ("i2", INTERACTIVE)):
            waiting.append(asyncio.create_task(run(name, priority)))
            while (await engine.statistics())[0]["waiting"] < len(waiting):
                await asyncio.sleep(0.01)
        await engine.cancel(blocker.id)
        with pytest.raises(Exception, match="cancelled"):
            async for _ in stream:
                pass
        await asyncio.gather(*waiting)
        assert order == ["i1", "i2", "b1", "b2"]
    finally:
        await engine.close()


async def test_a_waiting_request_can_be_cancelled(model: Path) -> None:
    engine = LlamaEngine(model, context=CONTEXT, max_num_seqs=1, threads=1)
    try:
        stream = engine.stream(ask(sampling=LONG))
        await anext(stream)
        second = ask()
        task = asyncio.create_task(generate(engine, second))
        while not (await engine.statistics())[0]["waiting"]:
            await asyncio.sleep(0.01)
        assert await engine.cancel(second.id)
        with pytest.raises(Exception, match="cancelled"):
            await task
        await stream.aclose()
    finally:
        await engine.close()


async def test_counting_does_not_wait_for_the_writer(shared_llama: LlamaEngine) -> None:
    stream = shared_llama.stream(ask(sampling=LONG))
    await anext(stream)
    assert await asyncio.wait_for(shared_llama.count_tokens("one two"), 1) > 0
    await stream.aclose()


async def test_the_same_seed_writes_the_same(shared_llama: LlamaEngine) -> None:
    texts = [
        (await generate(shared_llama, ask("Again.", sampling=Sampling(max_tokens=30, seed=9), tenant="one"))).text
        for _ in range(2)
    ]
    others = await generate(shared_llama, ask("Again.", sampling=Sampling(max_tokens=30, seed=10), tenant="one"))
    assert texts[0] == texts[1] != others.text


async def test_nobodys_text_is_read_again_for_nobody_else(shared_llama: LlamaEngine) -> None:
    story = " ".join(f"door {n}" for n in range(200))
    for _ in range(8):
        before = (await shared_llama.statistics())[0]["cached_tokens"]
        await generate(shared_llama, ask(story, sampling=Sampling(max_tokens=2, seed=1), tenant=""))
        # The template's own words are everybody's.
        assert (await shared_llama.statistics())[0]["cached_tokens"] - before < 20


async def test_a_template_that_writes_nothing(tmp_path: Path) -> None:
    bare = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    engine = LlamaEngine(tiny_gguf(tmp_path, template=bare, name="bare.gguf"), context=512)
    try:
        with pytest.raises(RequestRefused, match="nothing"):
            await asyncio.wait_for(generate(engine, ask("")), 10)
        assert (await generate(engine, ask("a"))).text
    finally:
        await engine.close()


async def test_a_growing_conversation(shared_llama: LlamaEngine) -> None:
    """Each turn reuses what was read before; the prompt's count is of the whole."""
    history = ["Hello"]
    before = 0
    for _ in range(4):
        completion = await generate(shared_llama, ask(*history, sampling=Sampling(max_tokens=20, seed=5), tenant="t"))
        assert completion.usage.prompt_tokens > before
        before = completion.usage.prompt_tokens
        history += [completion.text, "Go on"]


async def test_random_text_is_valid_unicode(shared_llama: LlamaEngine) -> None:
    for seed in range(6):
        sampling = Sampling(max_tokens=200, temperature=5.0, top_k=2000, top_p=1.0, min_p=0.0, seed=seed)
        pieces, completion = await collect(shared_llama, ask(sampling=sampling))
        assert "\ufffd" not in completion.text
        assert "".join(pieces) == completion.text


async def test_what_the_engine_tells_about_itself(shared_llama: LlamaEngine) -> None:
    completion = await generate(shared_llama, ask())
    assert completion.model == "tiny"
    assert completion.usage.cost_usd == 0
    assert await shared_llama.context_size() == CONTEXT
    assert shared_llama.process_id is not None


async def test_an_answer_names_the_hash_of_its_models_file(shared_llama: LlamaEngine, model: Path) -> None:
    await generate(shared_llama, ask(sampling=Sampling(max_tokens=2)))
    assert shared_llama._hashing is not None
    await shared_llama._hashing
    completion = await generate(shared_llama, ask(sampling=Sampling(max_tokens=2)))
    assert completion.model_hash == sha256_of(model)
