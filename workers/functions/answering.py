"""How an AI function's prompt becomes an answer: engines that decline, answers that are cut off."""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, Final, Literal, cast
from uuid import uuid4

from db import usage
from db.errors import describe
from workers.craft.loops import cut_loop
from workers.cutting import cut_at_sentence
from workers.engines.errors import EngineError, EngineUnavailable, GenerationCancelled, OtherSize, RequestRefused
from workers.engines.text.base import (
    Completion,
    ModelMessage,
    Sampling,
    TextRequest,
    with_pictures,
    without_opening,
)
from workers.engines.text.chain import FallbackNote, TextChain
from workers.engines.text.limits import ModelLimits
from workers.functions.base import AiFunction
from workers.functions.crafting import AGAIN, Crafting
from workers.functions.forms import pattern_of, schema_of
from workers.functions.openings import with_opening
from workers.functions.prompting import CallContext, Prompting
from workers.functions.prose import is_refusal, joined, visible
from workers.functions.sampling import ResolvedSampling, resolve
from workers.moderation.gate import Gate
from workers.services import Services

Phase = Literal["INIT", "PREP", "AI_CALL", "PARSE", "SAVE", "DONE"]
ENDS: Final[dict[Phase, int]] = {"INIT": 10, "PREP": 25, "AI_CALL": 70, "PARSE": 85, "SAVE": 98, "DONE": 100}
CHARS_PER_TOKEN: Final = 4
"""Rough, for the progress bar only."""
CONTINUE: Final = "text/continue"
"""The prompt for the rest of an answer that was cut off."""
_log = logging.getLogger(__name__)


class EveryModelDeclined(RequestRefused):
    """No engine was willing to write this."""

    def __init__(self) -> None:
        super().__init__("every model declined to write")


class Stopped(Exception):
    """A person stopped the model after ``text``."""

    def __init__(self, text: str) -> None:
        super().__init__("stopped")
        self.text = text


@asynccontextmanager
async def _stopping(text: TextChain, request_id: str, stop: asyncio.Event | None) -> AsyncGenerator[None]:
    """Cancel a request of the engines as soon as ``stop`` is set."""

    async def wait(stop: asyncio.Event) -> None:
        await stop.wait()
        await text.cancel(request_id)

    waiting = None if stop is None else asyncio.create_task(wait(stop))
    try:
        yield
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.wait([waiting])


class Answering:
    """Gets the answers for one run of one function."""

    def __init__(
        self,
        services: Services,
        function: AiFunction[Any, Any],
        inputs: Any,
        caller: CallContext,
        record: usage.TaskRecord,
        gate: Gate,
        craft: Crafting,
    ) -> None:
        """What happens is written to ``record``; only what ``gate`` and ``craft`` have checked is shown.

        `retell` makes the prompt anew with room for the beginning of its answer, before that is continued.
        """
        self._services, self._function, self._inputs = services, function, inputs
        self._caller, self._record, self._gate, self._craft = caller, record, gate, craft
        self.prompts = Prompting(services, caller, record, gate)
        self._window: int | None = None
        self._passed: set[str] = set()
        self._declined: set[str] = set()
        self._tries = 0
        self.retell: Callable[[str], Awaitable[tuple[ModelMessage, ...]]] | None = None

    @property
    def sampling(self) -> ResolvedSampling:
        """How the function samples here, within the window that was last named; known once a prompt was asked for."""
        chosen = self.prompts.chosen
        resolved = resolve(
            self._function, self._services.sampling, chosen.sampling, chosen.text_model, self.prompts.size
        )
        resolved = resolved.at_least(self._function.answer_tokens(self._inputs))
        return resolved if self._window is None else resolved.within(self._window)

    async def limits(self, name: str, *, engine: str = "", context: int | None = None) -> ModelLimits:
        """Return the limits of the model that will answer a prompt; prompts are then made for that model."""
        await self.prompts.template(name)
        limits = await self._services.text.limits(
            self.sampling.model, engine=engine, without=self._passed, context=context
        )
        self.prompts.size = limits.size
        return limits

    async def turn_to(self, other: OtherSize) -> ModelLimits:
        """Return the window and tokenizer of a model of another size; prompts are then made for that one.

        Engines before it are not asked any more.
        """
        self._passed |= other.passed
        limits = await self._services.text.limits(self.sampling.model, engine=other.engine)
        self.prompts.size = other.size
        return replace(limits, size=other.size)

    def leave(self, engine: str) -> None:
        """Do not ask an engine any more in this run."""
        self._passed.add(engine)

    async def again(self, reasons: Sequence[str]) -> Completion:
        """Return another answer: to another variant of the prompt if there is one, with another seed.

        ``reasons`` say what was wrong with the last one. Raises as `whole`.
        """
        assert self.retell is not None
        self._tries += 1
        self.prompts.turn_to_other_variant(self._function.prompt)
        try:
            told = await self.prompts.with_note(await self.retell(""), AGAIN, {"reasons": list(reasons)})
            self.examine_by_prompt()
            return await self.whole(told)
        finally:
            self.prompts.other = None

    def examine_by_prompt(self) -> None:
        """Have the next answer examined against the prompt that was made last: its words must not come back."""
        if self.prompts.used is not None:
            self._craft.asked_with(self.prompts.used)

    async def plain(self) -> bool:
        """Return whether the function's prompt asks for plain text, whatever the function would have."""
        return (await self.prompts.current(self._function.prompt)).answer != "json"

    async def schema(self) -> dict[str, Any] | None:
        """Return the JSON Schema of the answer; None where its prompt asks for plain text."""
        return (await self._wanted(""))[0]

    async def _wanted(self, opening: str) -> tuple[dict[str, Any] | None, str]:
        """Return the schema or the pattern of an answer, behind its opening: as long as it is examined for."""
        template = await self.prompts.current(self._function.prompt)
        asked = self._craft.asked(template)
        if template.answer != "json":
            return None, pattern_of(self._function, self._inputs, opening, asked)
        return schema_of(self._function, self._inputs, asked), ""

    def answer_tokens(self, context: int) -> int:
        """Return how many tokens the answer may have in a window of ``context``. The next requests hold to it."""
        self._window = context
        return self.sampling.sampling.max_tokens

    async def whole(self, messages: tuple[ModelMessage, ...]) -> Completion:
        """Return the answer of the first engine that does not decline, continued once if it was cut off.

        Raises `RequestRefused` if all decline.
        """
        declined = self._declined
        while True:
            try:
                completion = await self.ask(messages, without=declined)
            except EngineUnavailable as e:
                raise (EveryModelDeclined() if declined else e) from e
            if not is_refusal(self._function, completion.text):
                break
            self._record.step("declined", engine=completion.engine)
            _log.warning("%s: %s declines to write", self._function.name, completion.engine)
            if completion.engine in declined:
                raise EveryModelDeclined
            declined.add(completion.engine)
        runs_in_circles = cut_loop(completion.text) != completion.text
        if completion.finish_reason == "length" and self._function.continued and not runs_in_circles:
            if await self.plain():
                # What a small model would add is worse than an end.
                return replace(completion, text=cut_at_sentence(completion.text) or completion.text)
            return await self._continued(messages, completion, declined)
        return completion

    async def _continued(
        self, messages: tuple[ModelMessage, ...], completion: Completion, declined: Collection[str]
    ) -> Completion:
        """Return an answer that was cut off with its continuation; it ends with a whole sentence in any case."""
        function, text = self._function, completion.text
        begun = cut_at_sentence(function.preview(text))
        if not begun:
            return completion
        version, receipt = self._record.prompt_version, self._record.receipt
        more, ends = "", False
        try:
            if self.retell is not None:
                messages = await self.retell(begun)
            note = await self.prompts.messages(CONTINUE, {})
            rest = await self.ask(
                (*messages, ModelMessage("assistant", begun), *note), without=declined, before=begun, schema=False
            )
            if not is_refusal(function, rest.text):
                more, ends = function.preview(rest.text), rest.finish_reason == "stop"
        except Stopped as e:
            raise Stopped(function.with_prose(text, joined(begun, function.preview(e.text)))) from None
        except GenerationCancelled:
            raise
        except EngineError as e:
            self._record.step("continuation_failed", problem=describe(e))
        finally:
            self._record.prompt_version, self._record.receipt = version, receipt
        prose = joined(begun, more)
        self._record.step("continued", chars=len(prose) - len(begun))
        return replace(completion, text=function.with_prose(text, prose if ends else cut_at_sentence(prose)))

    async def ask(
        self,
        messages: tuple[ModelMessage, ...],
        *,
        show: bool = True,
        without: Collection[str] = (),
        before: str = "",
        schema: bool = True,
    ) -> Completion:
        """Stream one answer from the engines but ``without`` and, with ``show``, publish the text so far.

        ``before`` is the part of the text that was already written. Without ``schema`` the answer is plain text.
        """
        function, inputs = self._function, self._inputs
        resolved, seed = self.sampling, function.seed(inputs)
        _, opening = without_opening(messages)
        wanted, pattern = await self._wanted(opening) if schema else (None, "")
        sampling = replace(
            resolved.sampling,
            seed=_random_seed() if seed is None else _shifted(seed, self._tries),
            stop=(*resolved.sampling.stop, *function.stops(inputs)),
        )
        request = TextRequest(
            id=uuid4().hex,
            messages=with_pictures(messages, function.pictures(inputs)),
            sampling=sampling,
            schema=wanted,
            pattern=pattern,
            size=self.prompts.size,
            tenant=str(self._caller.account_id or ""),
            priority=self._caller.tracker.job.priority,
            model=resolved.model,
        )
        if self._caller.stop is not None and self._caller.stop.is_set():
            raise Stopped("")
        self._record.step("request", chars=sum(len(m.content) for m in messages))
        notes: list[FallbackNote] = []
        passed = self._passed.union(without)
        seen, text = 0, ""
        expected = resolved.sampling.max_tokens * CHARS_PER_TOKEN
        completion: Completion | None = None
        stream = self._services.text.stream
        self._craft.begin()
        try:
            async with (
                _stopping(self._services.text, request.id, self._caller.stop),
                aclosing(cast("Any", stream(request, notes, without=passed, until=self._craft.stuck))) as pieces,
            ):
                async for piece in pieces:
                    if isinstance(piece, Completion):
                        completion = piece
                        break
                    if len(notes) > seen:
                        seen, text = len(notes), ""
                    text += piece
                    whole = with_opening(opening, text)
                    if show:
                        share = min((len(before) + len(text)) / expected, 1.0)
                        percent = round(ENDS["PREP"] + share * (ENDS["AI_CALL"] - ENDS["PREP"]))
                        await self._caller.tracker.report("AI_CALL", percent, partial(self._shown, whole, before))
        except GenerationCancelled:
            if self._caller.stop is None or not self._caller.stop.is_set():
                raise
            raise Stopped(with_opening(opening, text) if len(notes) == seen else "") from None
        finally:
            for note in notes:
                self._record.step("fallback", engine=note.engine, error=note.error, reason=note.reason[:300])
        assert completion is not None
        completion = replace(completion, text=with_opening(opening, completion.text))
        self._count(completion)
        self._record.receipt = self._record.receipt | {
            "model_hash": completion.model_hash,
            "seed": request.sampling.seed,
            "sampling": _values(request.sampling, completion.unsent),
            "prompt": self.prompts.told,
            **({"test": self.prompts.tested} if self.prompts.tested else {}),
        }
        return completion

    async def _shown(self, text: str, before: str) -> str:
        return self._gate.shown(await self._craft.shown(visible(self._function, text, before)))

    def _count(self, completion: Completion) -> None:
        record = self._record
        record.engine, record.model = completion.engine, completion.model
        record.prompt_tokens += completion.usage.prompt_tokens
        record.completion_tokens += completion.usage.completion_tokens
        record.cost_usd += Decimal(str(completion.usage.cost_usd))
        self._record.step(
            "response", engine=completion.engine, finish=completion.finish_reason, chars=len(completion.text)
        )


def _shifted(seed: int, tries: int) -> int:
    """Return the seed of another try: the same each time, and another than that of any neighbouring text."""
    return (seed + tries * 104_729) % 2**31


def _random_seed() -> int:
    return secrets.randbelow(2**31)


def _values(sampling: Sampling, unsent: Collection[str]) -> dict[str, Any]:
    """Return how a request sampled, for its receipt: numbers only; None for what was left to the engine."""
    values = {
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repeat_penalty,
        "dry": sampling.dry,
        "xtc": sampling.xtc,
        "dynamic": sampling.dynamic,
    }
    return {name: None if name in unsent else value for name, value in values.items()}
