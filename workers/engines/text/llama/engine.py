"""The ``llama`` engine: a GGUF model run by llama.cpp in a process of its own."""

import asyncio
import importlib.util
import logging
import os
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import psutil

from workers.engines.errors import (
    ContextFull,
    EngineOverloaded,
    EngineUnavailable,
    GenerationCancelled,
    RequestRefused,
)
from workers.engines.text.base import Completion, Sampling, TextRequest, Usage
from workers.engines.text.control import Control, PriorityGate, Running
from workers.engines.text.llama.process import ChildDied, LlamaProcess
from workers.engines.text.llama.protocol import Draw, Failed, Load, Piece, Turn
from workers.engines.text.unicode import well_formed

RETRY_LOADING_S = 30.0
"""Seconds for which a model that failed to load is not tried again."""
_log = logging.getLogger(__name__)


class LlamaEngine:
    """Writes with a local model. The model process starts at the first request and is replaced when it dies.

    One request is written at a time, smaller ``priority`` first, first come first served among equals. If the process
    dies or hangs, a request of which nothing was streamed yet runs again on a fresh process, once, unnoticed; after
    the second death it raises `EngineUnavailable`. A request that has already streamed text raises
    `EngineOverloaded` instead, because its caller has shown text that a rerun would not repeat.
    """

    name = "llama"

    def __init__(
        self,
        model: Path,
        *,
        context: int = 8192,
        gpu_layers: int = 0,
        threads: int = 0,
        stall_s: float = 120.0,
    ) -> None:
        """``model`` is a GGUF file (of a split one, the first part), ``context`` is in tokens; 0 threads: every core.

        A process without any progress for ``stall_s`` seconds counts as hung.
        """
        self._path = model
        self._load = Load(
            path=str(model.resolve()), context=context, gpu_layers=gpu_layers, threads=threads or _cores()
        )
        self._stall_s = stall_s
        self._gate = PriorityGate()
        self._running = Running()
        self._process: LlamaProcess | None = None
        self._starting: asyncio.Task[LlamaProcess] | None = None
        self._failure: tuple[float, str] | None = None
        self._closed = False

    @property
    def process_id(self) -> int | None:
        """Process id of the model process, None while there is none."""
        return self._process.pid if self._process is not None and self._process.alive else None

    @property
    def context_tokens(self) -> int | None:
        """Context window in tokens, None until the model is loaded."""
        return self._process.context if self._process is not None else None

    async def stream(self, request: TextRequest) -> AsyncGenerator[str | Completion]:
        """Yield pieces of text, then the `Completion`. See `workers.engines.text.base.TextEngine`."""
        completion: Completion | None = None
        with self._running.enter(request) as control:
            await control.wait(self._gate.acquire(request.priority))
            try:
                async with aclosing(self._write(request, control)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Completion):
                            completion = piece
                        else:
                            yield piece
            finally:
                self._gate.release()
        # Only now, so that a caller who looks no further holds nobody up.
        assert completion is not None
        yield completion

    async def _write(self, request: TextRequest, control: Control) -> AsyncGenerator[str | Completion]:
        for last_try in (False, True):
            streamed = False
            try:
                async with aclosing(self._write_once(request, control)) as pieces:
                    async for piece in pieces:
                        streamed = True
                        yield piece
            except ChildDied as death:
                if self._closed:
                    raise EngineUnavailable("the engine is closed") from death
                _log.warning("request %s: %s", request.id, death)
                if streamed:
                    raise EngineOverloaded(f"{death} in the middle of an answer") from death
                if last_try:
                    raise EngineUnavailable(f"{death}, twice") from death
            else:
                return

    async def _write_once(self, request: TextRequest, control: Control) -> AsyncGenerator[str | Completion]:
        process = await control.wait(self._ready_process())
        turns = tuple(Turn(role=message.role, content=well_formed(message.content)) for message in request.messages)
        schema = None if request.schema is None else dict(request.schema)
        text: list[str] = []
        async with process.generate(turns, _draw(request.sampling), schema, request.tenant) as next_answer:
            while True:
                answer = await control.wait(next_answer())
                if isinstance(answer, Piece):
                    text.append(answer.text)
                    yield answer.text
                    continue
                if isinstance(answer, Failed):
                    raise _error(answer)
                usage = Usage(prompt_tokens=answer.prompt_tokens, completion_tokens=answer.completion_tokens)
                yield Completion("".join(text), answer.finish_reason, usage, self.name, process.model)
                return

    async def count_tokens(self, text: str) -> int:
        """Return the number of tokens by the model's own tokenizer; loads the model if it is not loaded yet."""
        for _ in range(2):
            process = await self._ready_process()
            try:
                return await process.count(well_formed(text))
            except ChildDied:
                continue
        raise EngineUnavailable("the model process died twice")

    async def cancel(self, request_id: str) -> bool:
        """Stop a waiting or running generation within one token. False if it is not known here."""
        return self._running.cancel(request_id)

    async def close(self) -> None:
        """End the model process; running requests raise `EngineUnavailable`."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        if self._process is not None:
            await self._process.stop()

    async def _ready_process(self) -> LlamaProcess:
        if self._closed:
            raise EngineUnavailable("the engine is closed")
        if self._process is not None and self._process.alive:
            return self._process
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(self._started)
        # Whoever asked first may go away; the others still need the process.
        return await asyncio.shield(self._starting)

    def _started(self, task: asyncio.Task[LlamaProcess]) -> None:
        self._starting = None
        if not task.cancelled():
            task.exception()  # read, so that nobody complains when all who waited have gone

    async def _start(self) -> LlamaProcess:
        loop = asyncio.get_running_loop()
        if self._failure is not None and loop.time() < self._failure[0]:
            raise EngineUnavailable(self._failure[1])
        if self._process is not None:
            await self._process.stop()
            self._process = None
        try:
            await asyncio.to_thread(_check, self._path)
            self._process = await LlamaProcess.start(self._load, self._stall_s)
        except EngineUnavailable as error:
            message = f"model {self._path.name}: {error}"
            self._failure = (loop.time() + RETRY_LOADING_S, message)
            raise EngineUnavailable(message) from error
        self._failure = None
        return self._process


def _check(path: Path) -> None:
    if importlib.util.find_spec("llama_cpp") is None:
        raise EngineUnavailable("llama-cpp-python is not installed (extra: llm)")
    try:
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise EngineUnavailable("not a GGUF file")
    except OSError as error:
        raise EngineUnavailable(f"cannot be read: {error.strerror}") from error


def _cores() -> int:
    # Hyperthreads make llama.cpp slower, and so does every thread that has no core.
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def _draw(sampling: Sampling) -> Draw:
    return Draw(
        max_tokens=max(1, sampling.max_tokens),
        temperature=sampling.temperature,
        top_p=0.95 if sampling.top_p is None else sampling.top_p,
        top_k=40 if sampling.top_k is None else sampling.top_k,
        min_p=0.05 if sampling.min_p is None else sampling.min_p,
        repeat_penalty=1.0 if sampling.repeat_penalty is None else sampling.repeat_penalty,
        seed=random.getrandbits(31) if sampling.seed is None else sampling.seed % (2**32 - 1),
        stop=tuple(well_formed(text) for text in sampling.stop if text),
    )


def _error(failed: Failed) -> Exception:
    match failed.reason:
        case "context_full":
            return ContextFull(failed.prompt_tokens, failed.max_tokens, failed.context_tokens)
        case "refused":
            return RequestRefused(failed.message)
        case "cancelled":
            return GenerationCancelled("cancelled")
        case "internal":
            return EngineUnavailable(f"the model failed: {failed.message}")
