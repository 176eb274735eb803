"""The one engine that runs every AI function: phases, progress, fallbacks, and one row in the task log.

Phases and where they end: INIT 10 %, PREP 25, AI_CALL 70, PARSE 85, SAVE 98, DONE 100.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from db import prompt_tests, usage
from db.errors import BadInput, Retryable, UserError, describe
from workers import offline
from workers.craft.findings import CraftFinding
from workers.engines.errors import (
    ContextFull,
    EngineError,
    EngineOverloaded,
    GenerationCancelled,
    GenerationTimedOut,
    OtherSize,
)
from workers.engines.text.base import Completion
from workers.functions.answering import ENDS, Answering, EveryModelDeclined, Phase, Stopped
from workers.functions.base import AiFunction, Repair
from workers.functions.crafting import UNREADABLE, Crafting, NotGoodEnough
from workers.functions.mending import mend_output
from workers.functions.parsing import ParseFailed
from workers.functions.prompting import CallContext
from workers.functions.telling import Telling
from workers.moderation.gate import Gate, Gated
from workers.services import Services

_log = logging.getLogger(__name__)

I = TypeVar("I", bound=BaseModel)  # noqa: E741
O = TypeVar("O", bound=BaseModel)  # noqa: E741


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
            record.state = "cancelled" if cancelled or call.stopped else "failed"
            record.error = describe(e)
            await asyncio.shield(usage.save(task, record))
            if isinstance(e, EngineOverloaded):
                raise Retryable(str(e), e.retry_after) from e
            if isinstance(e, EngineError) and not cancelled:
                raise Retryable(str(e)) from e
            raise
        record.state = "cancelled" if call.stopped else "done"
        record.phase, record.percent = "DONE", ENDS["DONE"]
        await usage.save(task, record)
        if tested := record.receipt.get("test"):
            job = caller.tracker.job
            await prompt_tests.note_text(tested["id"], page_id=job.page_id, message_id=job.message_id)
        return output


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
        self._services, self._function = services, function
        self._caller, self._record = caller, record
        gated = Gated(function.name, function.material, frozenset(function.unchecked))
        self._gate = Gate(services.moderator, services.policy, services.queue, caller.tracker, gated, caller.rating)
        self._begin(inputs)
        self._variables: dict[str, Any] = {}
        self.stopped = False

    def _begin(self, inputs: Any) -> None:
        services, function, record = self._services, self._function, self._record
        self._inputs = inputs
        self._craft = Crafting(function, inputs, services.craft, services.prompts, record)
        self._answering = Answering(services, function, inputs, self._caller, record, self._gate, self._craft)

    async def run(self) -> Any:
        try:
            return await self._run()
        finally:
            await self._gate.close()

    async def _run(self) -> Any:
        function = self._function
        await self._phase("INIT")
        function.validate(self._inputs)
        inputs = await self._gate.admit(self._inputs)
        self._begin(inputs)
        await self._phase("PREP")
        self._variables = await function.prepare(inputs)
        await self._phase("AI_CALL")
        try:
            output = await self._read(await self._write())
        except Stopped as e:
            self.stopped = True
            self._record.step("stopped", chars=len(e.text))
            output = await self._keep_partial(e.text)
        except GenerationCancelled:
            raise
        except EngineError as e:
            declined = isinstance(e, EveryModelDeclined)
            output = await self._write_offline(BadInput("ai.declined") if declined else e)
        output = await self._passed(output)
        await self._phase("SAVE")
        return await function.save(output, inputs)

    async def _phase(self, phase: Phase) -> None:
        phases = list(ENDS)
        before = phases.index(phase) - 1
        self._record.phase = phase
        self._record.percent = ENDS[phases[before]] if before >= 0 else 0
        await self._caller.tracker.report(phase, self._record.percent)

    async def _write(self) -> Completion:
        answering, telling = self._answering, Telling(self._services, self._function, self._inputs, self._answering)
        variables = self._variables
        limits = await answering.limits(self._function.prompt)
        answering.retell = telling.with_room_for
        full: set[int] = set()
        while True:
            messages = await telling.messages(variables, limits)
            self._variables = telling.variables
            answering.examine_by_prompt()
            if telling.build is not None:
                self._record.receipt |= {"context": telling.build.record()}
            try:
                return await answering.whole(messages)
            except ContextFull as e:
                self._record.step("context_full", prompt_tokens=e.prompt_tokens, context_tokens=e.context_tokens)
                # A fallback may have a smaller window: it gets a prompt of its own.
                if telling.build is None or e.context_tokens in full or e.context_tokens >= limits.context:
                    raise BadInput("ai.context_full", tokens=e.prompt_tokens, limit=e.context_tokens) from e
                full.add(e.context_tokens)
                limits = await answering.limits(self._function.prompt, engine=e.engine, context=e.context_tokens)
            except OtherSize as e:
                self._record.step("other_size", engine=e.engine, size=e.size)
                limits = await answering.turn_to(e)

    async def _read(self, completion: Completion) -> Any:
        """Read the answer; ask for another if people should not read this one; else write offline."""
        function, inputs = self._function, self._inputs
        while True:
            await self._phase("PARSE")
            try:
                return await self._process(await function.parse(completion.text, inputs))
            except NotGoodEnough as e:
                findings = e.findings
            except ParseFailed as e:
                self._record.step("unreadable", problem=e.recorded[:300])
                plain = await self._answering.plain()
                repair = None if plain else function.repair(completion.text, e.problem, inputs)
                if repair is not None and (mended := await self._repair(repair)) is not None:
                    return mended
                self._craft.unreadable()
                findings = (UNREADABLE,)
            if (another := await self._another(completion, findings)) is None:
                break
            completion = another
        error, kind = (ParseFailed, "a readable") if findings == (UNREADABLE,) else (NotGoodEnough, "a good enough")
        self._record.step(
            "fallback", engine=completion.engine, error=error.__name__, reason=f"{offline.NAME} writes instead"
        )
        _log.warning("%s: the answer of %s is not used", function.name, completion.engine)
        output = await self._write_offline(Retryable(f"{function.name}: no engine gave {kind} answer"))
        self._craft.ended("offline")
        return output

    async def _another(self, completion: Completion, findings: Sequence[CraftFinding]) -> Completion | None:
        """Return another answer after one that was not good enough, None if there is none.

        The same engine is asked once more, then each of the next ones, also if it fails at that. Raises `Stopped`.
        """
        craft, answering = self._craft, self._answering
        if not craft.examines:
            return None
        await self._phase("AI_CALL")
        try:
            if craft.attempt == "at_once":
                craft.attempt = "again"
                self._record.step("again", reasons=[finding.check for finding in findings])
                try:
                    return await answering.again([finding.reason for finding in findings])
                except (OtherSize, ContextFull, GenerationTimedOut) as e:
                    self._record.step("again_failed", problem=describe(e))
            craft.attempt = "next"
            answering.leave(completion.engine)
            return await self._write()
        except GenerationCancelled:
            raise
        except (EngineError, BadInput) as e:
            self._record.step("no_other", problem=describe(e))
            return None

    async def _passed(self, output: BaseModel) -> BaseModel:
        """Return an output that may be stored and shown: a safer one, else an offline one, if this one is refused.

        Raises `db.moderation.TextRefused` if there is none.
        """
        refused = await self._gate.refuses(output)
        if refused is None:
            return output
        self._record.step("moderated", rule=refused.rule, engine=self._record.engine)
        self._gate.lower()
        if self._record.engine != offline.NAME:
            if not self.stopped and (safer := await self._safer()) is not None:
                return safer
            output = await self._write_offline(refused)
            if await self._gate.refuses(output) is None:
                return output
        raise refused

    async def _safer(self) -> Any:
        """Ask once more, for something that everybody may read; None if that is refused, too."""
        try:
            messages = await self._answering.prompts.safer_messages(self._function.prompt, self._variables)
            self._answering.examine_by_prompt()
            completion = await self._answering.ask(messages, show=False)
            output = await self._process(await self._function.parse(completion.text, self._inputs))
        except GenerationCancelled:
            raise
        except (ParseFailed, EngineError, Stopped) as e:
            self._record.step("safer_failed", problem=type(e).__name__)
            return None
        if await self._gate.refuses(output) is not None:
            self._record.step("moderated", engine=completion.engine)
            return None
        self._record.step("safer")
        return output

    async def _keep_partial(self, text: str) -> Any:
        """Read an answer that a person stopped; if none of it is usable, return what the function has instead.

        Raises `UserError` if that is nothing.
        """
        try:
            partial = mend_output(await self._function.parse_partial(text, self._inputs))
            partial = await self._craft.mended(partial)
            if partial is not None:
                return await self._process(partial, examine=False)
            self._record.step("nothing_left")
        except ParseFailed as e:
            self._record.step("unreadable", problem=e.recorded[:300])
        if (output := self._function.stopped(self._inputs)) is not None:
            return output
        return await self._write_offline(UserError("job.cancelled"))

    async def _write_offline(self, failure: Exception) -> Any:
        """Return the offline writer's output. Raises ``failure`` if the function has none."""
        try:
            output = await asyncio.to_thread(self._function.offline, self._inputs)
            if output is None:
                raise failure
            self._record.engine, self._record.model = offline.NAME, offline.MODEL
            self._record.receipt = {}
            self._record.step("offline")
            return await self._process(output, examine=False)
        except ParseFailed as e:
            raise Retryable(f"{self._function.name}: {e.recorded}") from e

    async def _process(self, output: BaseModel, *, examine: bool = True) -> BaseModel:
        """Mend the output's texts and pass it through the processors. Raises `ParseFailed` if one refuses it.

        With ``examine`` it raises `NotGoodEnough` for one that people should not read.
        """
        output = mend_output(output)
        if examine:
            output = await self._craft.passed(output)
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
            mended = await self._answering.ask(
                await self._answering.prompts.messages(repair.prompt, repair.variables), show=False
            )
            output = await self._process(await self._function.parse(mended.text, self._inputs))
        except GenerationCancelled:
            raise
        except (ParseFailed, EngineError, Stopped) as e:
            self._record.step("repair_failed", problem=describe(e))
            return None
        self._record.step("repaired")
        return output
