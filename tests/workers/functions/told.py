"""The prompt that a function makes of its inputs for a model whose tokens are words."""

from dataclasses import replace
from typing import Any

from prompts.registry import default_registry
from prompts.render import render
from prompts.template import PromptMessage
from tests.doubles.word_counter import WordCounter
from workers.context.build import Build
from workers.context.builder import ContextBuilder
from workers.context.layers import Window
from workers.functions.base import AiFunction

COUNTER = WordCounter()


async def variables_of(function: AiFunction[Any, Any], inputs: Any, size: int = 8192) -> dict[str, Any]:
    """Return the variables of the prompt for a window of ``size`` words, a quarter of it for the answer."""
    variables = await function.prepare(inputs)
    container = function.context(inputs)
    if container is None:
        return variables

    async def measure(build: Build) -> int:
        messages = await rendered(function, await function.placed(variables, build, _render))
        return sum(await COUNTER.count([message.text for message in messages]))

    window = Window(size, size // 4)
    window = replace(window, fixed=await measure(Build(window)), per_item=6)
    build = await ContextBuilder().build(container, window, COUNTER, measure)
    return await function.placed(variables, build, _render)


async def rendered(function: AiFunction[Any, Any], variables: dict[str, Any]) -> tuple[PromptMessage, ...]:
    """Return the messages of a function's prompt."""
    return await render(default_registry().get(function.prompt), variables)


async def told(function: AiFunction[Any, Any], inputs: Any, size: int = 8192) -> str:
    """Return the whole prompt."""
    messages = await rendered(function, await variables_of(function, inputs, size))
    return "\x1e".join(f"{message.role}: {message.text}" for message in messages)


async def _render(name: str, variables: dict[str, Any]) -> str:
    return "\n".join(message.text for message in await render(default_registry().get(name), variables))
