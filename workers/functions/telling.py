"""What a function tells the model that will answer: a context built for that model's window, and counted exactly."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from db.errors import BadInput
from workers.context.build import Build, ElementTooLarge, PromptTooLarge
from workers.context.elements import Container
from workers.context.layers import Window
from workers.engines.text.base import ModelMessage
from workers.engines.text.limits import ModelLimits
from workers.functions.answering import Answering
from workers.functions.base import AiFunction
from workers.services import Services

TOO_LARGE: Final[Mapping[str, str]] = {
    "premise": "context.premise_too_large",
    "action": "context.action_too_large",
    "message": "context.message_too_large",
    "begun": "context.begun_too_large",
    "page": "context.page_too_large",
    "scene": "context.scene_too_large",
    "card": "context.card_too_large",
}
"""What people are told of an element that does not fit, by the beginning of its id."""
PROBE: Final = "word"
CONTINUING: Final = 64
"""Tokens of the request to continue, with what the chat template puts around it."""


class Telling:
    """The prompt of one run of a function."""

    def __init__(self, services: Services, function: AiFunction[Any, Any], inputs: Any, answering: Answering) -> None:
        """``inputs`` have passed the gate."""
        self._services, self._function, self._inputs, self._answering = services, function, inputs, answering
        self.build: Build | None = None
        self.variables: dict[str, Any] = {}
        self._given: dict[str, Any] = {}
        self._measured: dict[str, Any] = {}
        self._limits = ModelLimits(None)

    async def messages(self, variables: dict[str, Any], limits: ModelLimits) -> tuple[ModelMessage, ...]:
        """Return the prompt for the model of ``limits``; `variables` are then what it was rendered with.

        Raises `db.errors.UserError` naming a text that must be in the prompt and does not fit,
        `prompts.errors.PromptError` if the default prompt fails.
        """
        self._given, self._limits = variables, limits
        return await self._messages(0)

    async def with_room_for(self, begun: str) -> tuple[ModelMessage, ...]:
        """Return the prompt with room for the beginning of its answer besides the rest of it. Raises as `messages`."""
        (tokens,) = await self._limits.count([begun])
        return await self._messages(tokens + CONTINUING)

    async def _messages(self, kept: int) -> tuple[ModelMessage, ...]:
        function, variables = self._function, self._given
        self.variables = variables
        if (container := function.context(self._inputs)) is not None:
            self.build = await self._build(container, kept)
            # What was measured last is what was built.
            self.variables = self._measured
        return await self._answering.prompts.messages(function.prompt, self.variables)

    async def _build(self, container: Container, kept: int) -> Build:
        variables, limits = self._given, self._limits
        builder, schema = self._services.context, await self._answering.schema()

        async def measure(build: Build) -> int:
            self._measured = told = await self._function.placed(variables, build, self._answering.prompts.render)
            return await limits.count_messages(
                await self._answering.prompts.rendered(self._function.prompt, told), schema
            )

        size = builder.size_of(limits.context)
        answer = self._answering.answer_tokens(size)
        window = Window(size, min(answer + kept, size))
        window = replace(window, fixed=await measure(Build(window)), per_item=await self._per_item(container, limits))
        try:
            return await builder.build(container, window, limits, measure)
        except ElementTooLarge as e:
            key = TOO_LARGE.get(e.element_id.partition(":")[0], "context.text_too_large")
            raise BadInput(key, name=e.label, tokens=e.tokens, limit=e.limit) from e
        except PromptTooLarge as e:
            raise BadInput("ai.context_full", tokens=e.tokens, limit=e.limit) from e

    async def _per_item(self, container: Container, limits: ModelLimits) -> int:
        """Return the tokens around each message or page: of the chat template, or of the function's own frame."""
        if not container.past.items:
            return 0
        if not container.chat:
            return (await limits.count([self._function.frame]))[0]
        one = (ModelMessage("user", PROBE),)
        three = (*one, ModelMessage("assistant", PROBE), ModelMessage("user", PROBE))
        (word,) = await limits.count([PROBE])
        more = await limits.count_messages(three) - await limits.count_messages(one)
        return max(0, -(-(more - 2 * word) // 2))
