"""The ``llama`` engine: a GGUF model run by llama.cpp in a process of its own, for many requests at a time."""

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from workers.engines.checksums import known_sha256
from workers.engines.control import RequestControl, RequestRegistry
from workers.engines.errors import EngineOverloaded, EngineUnavailable, RequestRefused
from workers.engines.processes.launch import Launcher
from workers.engines.processes.process import ModelProcess, ProcessDied
from workers.engines.processes.supervisor import ProcessSupervisor
from workers.engines.text.base import Completion, ModelMessage, Sampling, TextRequest, Usage, without_opening
from workers.engines.text.gguf_file import BrokenGguf, read_header
from workers.engines.text.llama.counting import LlamaCounts
from workers.engines.text.llama.preflight import check_model, physical_cores
from workers.engines.text.llama.protocol import (
    PROGRAM,
    Count,
    Counted,
    Done,
    Generate,
    GetStatistics,
    KvType,
    LoadedGguf,
    LoadGguf,
    SamplingParams,
    StatisticsReport,
)
from workers.engines.text.size_class import parameters_in_name
from workers.engines.text.unicode import well_formed

PAUSE_S = 0.005
"""Pause after each 16 MiB of the model's file while its hash is computed, so that others are not held up."""
_log = logging.getLogger(__name__)


class LlamaEngine:
    """Writes with a local model. The model process starts at the first request and is replaced when it dies.

    Up to ``max_num_seqs`` requests run at a time, batched together; the others wait, interactive before background,
    and among equals the least served account first. If the process dies or hangs, its running requests resume once,
    on a fresh process, after the text written so far; a second death raises `EngineUnavailable`. Only what is held to a
    schema or a pattern cannot be resumed: it raises `EngineOverloaded`.
    """

    name = "llama"
    is_local = True
    model_names: tuple[str, ...] = ()
    """None may be chosen: there is one. See `workers.engines.text.llama.models.LlamaModels`."""

    def __init__(
        self,
        model: Path,
        *,
        context: int = 8192,
        cells: int = 0,
        max_num_seqs: int = 8,
        max_num_batched_tokens: int = 128,
        gpu_layers: int | None = None,
        threads: int = 0,
        kv_type: KvType = "f16",
        flash: bool | None = None,
        swap_bytes: int = 256 * 2**20,
        stall_s: float = 120.0,
        launcher: Launcher | None = None,
    ) -> None:
        """``model`` is a GGUF file (of a split one, the first part); see `protocol.LoadGguf` for how it runs.

        ``gpu_layers`` None means as many as fit. 0 threads: every core; 0 cells: four conversations of full length. A
        process without any progress for ``stall_s`` seconds counts as hung. Without a ``launcher`` the process is this
        engine's own.
        """
        self._path = model
        self._load = LoadGguf(
            path=str(model.resolve()),
            context=context,
            cells=cells or 4 * context,
            max_num_seqs=max_num_seqs,
            max_num_batched_tokens=max_num_batched_tokens,
            gpu_layers=gpu_layers,
            threads=threads or physical_cores(),
            kv_type=kv_type,
            flash=flash,
            swap_bytes=swap_bytes,
        )
        self._stall_s = stall_s
        self._launcher = launcher
        self._running = RequestRegistry()
        self._counts = LlamaCounts(self._count, None)
        self._hash = ""
        self._parameters: int | None = 0
        self._hashing: asyncio.Task[None] | None = None
        self._supervisor = ProcessSupervisor(self._start)

    @property
    def process_id(self) -> int | None:
        """Process id of the model process, None while there is none."""
        return None if (process := self._supervisor.current) is None else process.pid

    async def context_size(self, model: str = "") -> int:
        """Return the context window in tokens; loads the model if it is not loaded yet."""
        del model
        return (await self._supervisor.get()).loaded.context

    async def parameters(self, model: str = "") -> int | None:
        """Return the model's parameters, by its file or else its name; None if neither says. Loads nothing."""
        del model
        if self._parameters == 0:
            self._parameters = await asyncio.to_thread(_parameters, self._load.files())
        return self._parameters

    async def stream(self, request: TextRequest) -> AsyncGenerator[str | Completion]:
        """Yield pieces of text, then the `Completion`. See `workers.engines.text.base.TextEngine`."""
        with self._running.enter(request.id, request.deadline_s) as control:
            async with aclosing(self._write(request, control)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _write(self, request: TextRequest, control: RequestControl) -> AsyncGenerator[str | Completion]:
        written: list[str] = []
        for last_try in (False, True):
            try:
                async with aclosing(self._write_once(request, control, "".join(written))) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, str):
                            written.append(piece)
                        yield piece
            except ProcessDied as death:
                if self._supervisor.closed:
                    raise EngineUnavailable("the engine is closed") from death
                _log.warning("request %s: %s", request.id, death)
                if last_try:
                    raise EngineUnavailable(f"{death}, twice") from death
                if written and (request.schema is not None or request.pattern):
                    raise EngineOverloaded(f"{death} in the middle of an answer") from death
            else:
                return

    async def _write_once(
        self, request: TextRequest, control: RequestControl, begun: str
    ) -> AsyncGenerator[str | Completion]:
        process = await control.wait(self._supervisor.get())
        process.used()
        text = [begun]
        messages, opening = without_opening(request.messages)
        schema = None if request.schema is None else _json(request.schema)

        def make(number: int) -> Generate:
            return Generate(
                id=number,
                messages=tuple(map(_turn, messages)),
                sampling=_sampling_params(request.sampling),
                json_schema=schema,
                pattern=request.pattern,
                tenant=request.tenant,
                priority=request.priority,
                begun=well_formed(opening) + begun,
            )

        async with process.converse(make) as next_answer:
            while True:
                answer = await control.wait(next_answer())
                if isinstance(answer, str):
                    text.append(answer)
                    yield answer
                    continue
                assert isinstance(answer, Done)
                usage = Usage(prompt_tokens=answer.prompt_tokens, completion_tokens=answer.completion_tokens)
                yield Completion(
                    "".join(text), answer.finish_reason, usage, self.name, process.loaded.model, self._hash
                )
                return

    async def statistics(self) -> list[Mapping[str, Any]]:
        """Return one report: the model, and the fields of `protocol.Statistics` while it is loaded."""
        about: dict[str, Any] = {"engine": self.name, "model": self._path.stem, "loaded": False}
        if (process := self._supervisor.current) is not None:
            try:
                report = await process.ask(lambda number: GetStatistics(id=number))
            except ProcessDied:
                return [about]
            assert isinstance(report, StatisticsReport)
            about |= {"loaded": True, "pid": process.pid, **report.statistics.model_dump()}
        return [about]

    async def count_tokens(self, text: str, model: str = "") -> int:
        """Return the number of tokens by the model's own tokenizer; loads the model if it is not loaded yet."""
        return (await self.count_many([text], model))[0]

    async def count_many(self, texts: Sequence[str], model: str = "") -> list[int]:
        """Return the number of tokens of each text. See `workers.engines.text.base.TextEngine`."""
        del model
        await self._supervisor.get()
        return await self._counts.of_texts(texts)

    async def count_messages(
        self, messages: Sequence[ModelMessage], model: str = "", schema: Mapping[str, Any] | None = None
    ) -> int:
        """Return the number of tokens of a prompt. See `workers.engines.text.base.TextEngine`."""
        del model
        if not messages:
            return 0
        await self._supervisor.get()
        told, opening = without_opening(messages)
        return await self._counts.of_messages([*map(_turn, told)], constrained=schema is not None or bool(opening))

    async def _count(self, make: Callable[[int], Count]) -> Counted:
        for _ in range(2):
            process = await self._supervisor.get()
            try:
                counted = await process.ask(make)
            except ProcessDied:
                continue
            assert isinstance(counted, Counted)
            return counted
        raise EngineUnavailable("the model process died twice")

    async def cancel(self, request_id: str) -> bool:
        """Stop a waiting or running generation within one step. False if it is not known here."""
        return self._running.cancel(request_id)

    def _identify(self) -> None:
        """Begin to compute the hash of the model's file, which takes a while."""
        if not self._hash and self._hashing is None:
            self._hashing = asyncio.create_task(self._compute_hash(), name=f"hash of {self._path.name}")

    async def _compute_hash(self) -> None:
        def between_blocks() -> None:
            if self._supervisor.closed:
                raise OSError("the engine is closed")
            time.sleep(PAUSE_S)

        try:
            self._hash = await asyncio.to_thread(known_sha256, self._load.files(), between_blocks)
        except OSError as error:
            _log.info("the hash of %s stays unknown: %s", self._path.name, type(error).__name__)

    async def close(self) -> None:
        """Disconnect from the model process; running requests raise `EngineUnavailable`."""
        await self._supervisor.close()
        if self._hashing is not None:
            await asyncio.wait([self._hashing])

    async def _start(self) -> ModelProcess[LoadedGguf]:
        try:
            await asyncio.to_thread(check_model, self._path)
            process = await ModelProcess[LoadedGguf].start(PROGRAM, self._load, self._stall_s, self._launcher)
        except EngineUnavailable as error:
            raise EngineUnavailable(f"model {self._path.name}: {error}") from error
        self._identify()
        # The file may have been replaced meanwhile.
        self._counts = LlamaCounts(self._count, process.loaded.cut)
        return process


def _turn(message: ModelMessage) -> ModelMessage:
    content, shared = well_formed(message.content), message.shared
    if content is message.content:
        return message
    # ``shared`` counts characters of the replaced text.
    return replace(message, content=content, shared=len(well_formed(message.content[:shared])))


def _parameters(files: Sequence[Path]) -> int | None:
    try:
        headers = [read_header(file) for file in files]
    except (BrokenGguf, OSError) as error:
        _log.info("the size of %s is taken from its name: %s", files[0].name, error)
        return parameters_in_name(files[0].stem)
    said = headers[0].metadata.get("general.parameter_count")
    return int(said) if isinstance(said, int) else sum(header.weights for header in headers)


def _json(schema: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(schema))
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestRefused(f"the schema cannot be written as JSON: {error}") from error


def _sampling_params(sampling: Sampling) -> SamplingParams:
    return SamplingParams(
        max_tokens=max(1, sampling.max_tokens),
        temperature=sampling.temperature,
        top_p=0.95 if sampling.top_p is None else sampling.top_p,
        top_k=40 if sampling.top_k is None else sampling.top_k,
        min_p=0.05 if sampling.min_p is None else sampling.min_p,
        repeat_penalty=1.0 if sampling.repeat_penalty is None else sampling.repeat_penalty,
        seed=random.getrandbits(31) if sampling.seed is None else sampling.seed % (2**32 - 1),
        dry=sampling.dry or 0.0,
        xtc=sampling.xtc or 0.0,
        dynamic=sampling.dynamic or 0.0,
        stop=tuple(well_formed(text) for text in sampling.stop if text),
    )
