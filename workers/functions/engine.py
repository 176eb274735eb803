"""The one engine that runs every AI function: phases, progress, fallbacks, and one row in the task log.

Phases and where they end: INIT 10 %, PREP 25, AI_CALL 70, PARSE 85, SAVE 98, DONE 100.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any, Final, Literal, TypeVar, cast
from uuid import uuid4

from pydantic import BaseModel

from db import overrides, usage
from db.errors import BadInput, Retryable, UserError
from prompts.errors import PromptError
from prompts.render import render
from prompts.template import PromptTemplate
from workers import offline
from workers.engines.errors import ContextFull, EngineError, EngineOverloaded, GenerationCancelled
from workers.engines.text.base import Completion, ModelMessage, TextRequest
from workers.engines.text.chain import FallbackNote, TextChain
from workers.functions.base import AiFunction, Repair
from workers.functions.mending import mend_output
from workers.functions.parsing import ParseFailed
from workers.progress import Tracker
from workers.services import Services

Phase = Literal["INIT", "PREP", "AI_CALL", "PARSE", "SAVE", "DONE"]
ENDS: Final[dict[Phase, int]] = {"INIT": 10, "PREP": 25, "AI_CALL": 70, "PARSE": 85, "SAVE": 98, "DONE": 100}
CHARS_PER_TOKEN: Final = 4
"""Rough, for the progress bar only."""
_log = logging.getLogger(__name__)

I = TypeVar("I", bound=BaseModel)  # noqa: E741
O = TypeVar("O", bound=BaseModel)  # noqa: E741


@dataclass(frozen=True, slots=True)
class CallContext:
    """The job, account and persona that a function runs for. ``task_prompt`` replaces the prompt for this task only.

    When ``stop`` is set, the model is stopped, and the function's output is what it wrote so far.
    """

    tracker: Tracker
    account_id: int | None
    persona_id: int | None = None
    task_prompt: str | None = None
    stop: asyncio.Event | None = None


class FunctionEngine:
    """Runs AI functions on a worker's services."""

    def __init__(self, services: Services) -> None:
        """``services`` are this process's."""
        self._services = services

    async def run_named(self, name: str, inputs: Mapping[str, Any], caller: CallContext) -> BaseModel:
        """Run the function of that name, the product's or a package's.

        Raises `LookupError` if there is none, `pydantic.ValidationError` if the inputs do not fit it, and as `run`.
        """
        function: AiFunction[Any, Any] | None = self._services.functions.get(name)
        if function is None:
            known = ", ".join(self._services.functions.names)
            raise LookupError(f"there is no AI function {name!r}; known are {known}")
        return await self.run(function, function.inputs.model_validate(dict(inputs)), caller)

    async def run(self, function: AiFunction[I, O], inputs: I, caller: CallContext) -> O:
        """Run ``function`` and return its output.

        Raises `db.errors.UserError` for invalid inputs, `Retryable` if a later attempt may succeed, `LeaseLost` and
        `CancelledError`. The task log gets a row in every case.
        """
        task = await usage.begin(function.name, job_id=caller.tracker.job.id, account_id=caller.account_id)
        record = usage.TaskRecord()
        call = _Call(self._services, function, inputs, caller, record)
        try:
            output = await call.run()
        except BaseException as e:
            cancelled = isinstance(e, asyncio.CancelledError | GenerationCancelled)
            record.state = "cancelled" if cancelled else "failed"
            record.error = f"{type(e).__name__}: {e}"[:500]
            await asyncio.shield(usage.save(task, record))
            if isinstance(e, EngineOverloaded):
                raise Retryable(str(e), e.retry_after) from e
            if isinstance(e, EngineError) and not cancelled:
                raise Retryable(str(e)) from e
            raise
        record.state = "cancelled" if call.stopped else "done"
        record.phase, record.percent = "DONE", ENDS["DONE"]
        await usage.save(task, record)
        return output


class _Stopped(Exception):
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


class _Call:
    """One run of one function."""

    def __init__(
        self,
        services: Services,
        function: AiFunction[Any, Any],
        inputs: Any,
        caller: CallContext,
        record: usage.TaskRecord,
    ) -> None:
        self._services, self._function, self._inputs = services, function, inputs
        self._caller, self._record = caller, record
        self.stopped = False
        self._model = ""

    async def run(self) -> Any:
        function, inputs = self._function, self._inputs
        await self._phase("INIT")
        function.validate(inputs)
        await self._phase("PREP")
        variables = await function.prepare(inputs)
        await self._phase("AI_CALL")
        try:
            completion = await self._write(variables)
        except _Stopped as e:
            self.stopped = True
            self._step("stopped", chars=len(e.text))
            output = await self._keep_partial(e.text)
        except GenerationCancelled:
            raise
        except EngineError as e:
            output = await self._write_offline(e)
        else:
            await self._phase("PARSE")
            output = await self._parse(completion)
        await self._phase("SAVE")
        return await function.save(output, inputs)

    async def _phase(self, phase: Phase) -> None:
        phases = list(ENDS)
        before = phases.index(phase) - 1
        self._record.phase = phase
        self._record.percent = ENDS[phases[before]] if before >= 0 else 0
        await self._caller.tracker.report(phase, self._record.percent)

    def _step(self, kind: str, **details: Any) -> None:
        self._record.steps.append({"step": kind, **details})

    async def _template(self, name: str) -> PromptTemplate:
        """Return the override of the task, persona or account, else the default prompt. A broken one is skipped."""
        chosen = overrides.InForce(None, None, "")
        if self._caller.account_id is not None:
            chosen = await overrides.in_force(self._caller.account_id, name, self._caller.persona_id)
        self._model = chosen.text_model
        try:
            return self._services.prompts.resolve(
                name, task=self._caller.task_prompt, persona=chosen.persona, account=chosen.account
            )
        except PromptError as e:
            self._step("prompt_override_ignored", prompt=name, reason=str(e))
            _log.warning("an override of prompt %s is ignored: %s", name, e)
            return self._services.prompts.get(name)

    async def _messages(self, name: str, variables: dict[str, Any]) -> tuple[ModelMessage, ...]:
        template = await self._template(name)
        try:
            rendered = await render(template, variables)
        except PromptError as e:
            if template.origin == "default":
                raise
            self._step("prompt_override_ignored", prompt=name, reason=str(e))
            template = self._services.prompts.get(name)
            rendered = await render(template, variables)
        self._record.prompt_version = f"{name} {template.version} {template.origin}"
        return tuple(ModelMessage(m.role, m.text, m.shared) for m in rendered)

    async def _write(self, variables: dict[str, Any]) -> Completion:
        while True:
            messages = await self._messages(self._function.prompt, variables)
            try:
                return await self._ask(messages)
            except ContextFull as e:
                smaller = self._function.shrink(variables)
                self._step("context_full", prompt_tokens=e.prompt_tokens, context_tokens=e.context_tokens)
                if smaller is None:
                    raise BadInput("ai.context_full", tokens=e.prompt_tokens, limit=e.context_tokens) from e
                variables = smaller

    async def _ask(self, messages: tuple[ModelMessage, ...], *, show: bool = True) -> Completion:
        """Stream one answer from the engines and, with ``show``, publish the text so far."""
        function, inputs = self._function, self._inputs
        request = TextRequest(
            id=uuid4().hex,
            messages=messages,
            sampling=replace(function.sampling, seed=function.seed(inputs)),
            schema=function.schema(inputs),
            tenant=str(self._caller.account_id or ""),
            priority=self._caller.tracker.job.priority,
            model=self._model or function.role,
        )
        if self._caller.stop is not None and self._caller.stop.is_set():
            raise _Stopped("")
        self._step("request", chars=sum(len(m.content) for m in messages))
        notes: list[FallbackNote] = []
        seen, text = 0, ""
        expected = function.sampling.max_tokens * CHARS_PER_TOKEN
        completion: Completion | None = None
        try:
            async with (
                _stopping(self._services.text, request.id, self._caller.stop),
                aclosing(cast("Any", self._services.text.stream(request, notes=notes))) as pieces,
            ):
                async for piece in pieces:
                    if isinstance(piece, Completion):
                        completion = piece
                        break
                    if len(notes) > seen:
                        seen, text = len(notes), ""
                    text += piece
                    if show:
                        share = min(len(text) / expected, 1.0)
                        percent = round(ENDS["PREP"] + share * (ENDS["AI_CALL"] - ENDS["PREP"]))
                        await self._caller.tracker.report("AI_CALL", percent, partial(function.preview, text))
        except GenerationCancelled:
            if self._caller.stop is None or not self._caller.stop.is_set():
                raise
            raise _Stopped(text if len(notes) == seen else "") from None
        finally:
            for note in notes:
                self._step("fallback", engine=note.engine, error=note.error, reason=note.reason[:300])
        assert completion is not None
        self._count(completion)
        return completion

    def _count(self, completion: Completion) -> None:
        record = self._record
        record.engine, record.model = completion.engine, completion.model
        record.prompt_tokens += completion.usage.prompt_tokens
        record.completion_tokens += completion.usage.completion_tokens
        record.cost_usd += Decimal(str(completion.usage.cost_usd))
        self._step("response", engine=completion.engine, finish=completion.finish_reason, chars=len(completion.text))

    async def _parse(self, completion: Completion) -> Any:
        """Read the answer; if that fails, have it repaired once; else write offline."""
        function, inputs = self._function, self._inputs
        try:
            return await self._process(await function.parse(completion.text, inputs))
        except ParseFailed as e:
            self._step("unreadable", problem=e.problem[:300])
            repair = function.repair(completion.text, e.problem, inputs)
        if repair is not None and (mended := await self._repair(repair)) is not None:
            return mended
        self._step("fallback", engine=completion.engine, error="ParseFailed", reason=f"{offline.NAME} writes instead")
        _log.warning("%s: the answer of %s is unreadable", function.name, completion.engine)
        return await self._write_offline(Retryable(f"{function.name}: no engine gave a readable answer"))

    async def _keep_partial(self, text: str) -> Any:
        """Read an answer that a person stopped; if none of it is usable, write offline. Raises `UserError`."""
        try:
            return await self._process(await self._function.parse_partial(text, self._inputs))
        except ParseFailed as e:
            self._step("unreadable", problem=e.problem[:300])
        return await self._write_offline(UserError("job.cancelled"))

    async def _write_offline(self, failure: Exception) -> Any:
        """Return the offline writer's output. Raises ``failure`` if the function has none."""
        try:
            output = await asyncio.to_thread(self._function.offline, self._inputs)
            if output is None:
                raise failure
            self._record.engine, self._record.model = offline.NAME, offline.MODEL
            self._step("offline")
            return await self._process(output)
        except ParseFailed as e:
            raise Retryable(f"{self._function.name}: {e.problem}") from e

    async def _process(self, output: BaseModel) -> BaseModel:
        """Mend the output's texts and pass it through the processors. Raises `ParseFailed` if one refuses it."""
        output = mend_output(output)
        for processor in self._services.processors:
            processed = await processor.process(self._function.name, output, self._inputs)
            if not isinstance(processed, type(output)):
                raise TypeError(
                    f"processor {processor.name} made a {type(processed).__name__} of {type(output).__name__}"
                )
            output = processed
        return output

    async def _repair(self, repair: Repair) -> Any:
        try:
            mended = await self._ask(await self._messages(repair.prompt, repair.variables), show=False)
            output = await self._process(await self._function.parse(mended.text, self._inputs))
        except GenerationCancelled:
            raise
        except (ParseFailed, EngineError, _Stopped) as e:
            self._step("repair_failed", problem=str(e)[:300])
            return None
        self._step("repaired")
        return output
