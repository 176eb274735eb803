"""The baseline: diffusers' own pipeline, called in a separate process, and the GPU's peak performance."""

import asyncio
import multiprocessing
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from benchmarks.image_bench.work import NEGATIVE, Kind, prompts

_START_S: Final = 900.0
_STOP_S: Final = 20.0
_MATRIX: Final = 8192
_TIMES: Final = 20


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the pipeline with ``batch`` prompts, numbered from ``first``."""

    kind: Kind
    batch: int
    first: int


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU's peak: FLOP/s of a large multiplication in float16, and FLOP of the UNet for one row."""

    name: str
    peak: float
    unet_flop: float


@dataclass(frozen=True, slots=True)
class _Broken:
    message: str


class Bare:
    """The pipeline, loaded in its process. Make it with `bare`."""

    def __init__(self, model: Path, device: str, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, model, device, threads), daemon=True)
        self._process.start()
        theirs.close()

    async def call(self, call: Call) -> float:
        """Call the pipeline and return the seconds it took."""
        return await self._ask(call)

    async def card(self, kind: Kind) -> Card:
        """Measure the GPU."""
        return await self._ask(kind)

    async def ready(self) -> None:
        """Wait until the model is loaded. Raises `RuntimeError` if it cannot be."""
        await self._receive()

    async def stop(self) -> None:
        """End the process."""
        self._connection.close()
        await asyncio.to_thread(self._process.join, _STOP_S)
        if self._process.is_alive():
            self._process.kill()
            await asyncio.to_thread(self._process.join)

    async def _ask(self, question: Call | Kind) -> Any:
        self._connection.send(question)
        return await self._receive()

    async def _receive(self) -> Any:
        def wait() -> object:
            if not self._connection.poll(_START_S):
                return _Broken(f"nothing came for {_START_S:.0f} s")
            try:
                return self._connection.recv()
            except EOFError:
                return _Broken("the process died")

        answer = await asyncio.to_thread(wait)
        if isinstance(answer, _Broken):
            raise RuntimeError(f"the plain pipeline: {answer.message}")  # noqa: TRY004 - the child's error, no wrong type
        return answer


@asynccontextmanager
async def bare(model: Path, device: str, threads: int) -> AsyncGenerator[Bare]:
    """Yield the loaded pipeline."""
    started = Bare(model, device, threads)
    try:
        await started.ready()
        yield started
    finally:
        await started.stop()


def _serve(connection: Connection, model: Path, device: str, threads: int) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        pipeline = _load(model, device, threads)
        connection.send("ready")
        while True:
            question = connection.recv()
            connection.send(_run(pipeline, question) if isinstance(question, Call) else _measure(pipeline, question))
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001 - reported to the parent, whatever it is
        connection.send(_Broken(f"{type(error).__name__}: {error}"))


def _load(model: Path, device: str, threads: int) -> Any:
    import torch
    from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

    if threads:
        torch.set_num_threads(threads)
    dtype = torch.float16 if device == "cuda" else torch.float32
    pipeline: Any = StableDiffusionXLPipeline.from_pretrained(str(model), local_files_only=True, dtype=dtype)
    pipeline.to(device)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _run(pipeline: Any, call: Call) -> float:
    import torch
    from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

    kind = call.kind
    spacing = "trailing" if kind.scheduler == "lightning" else "leading"
    pipeline.scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config, timestep_spacing=spacing)
    seeds = range(call.first, call.first + call.batch)
    begin = time.monotonic()
    pipeline(
        prompt=prompts(call.first, call.batch),
        negative_prompt=[NEGATIVE] * call.batch if kind.guidance > 1 else None,
        width=kind.width,
        height=kind.height,
        num_inference_steps=kind.steps,
        guidance_scale=kind.guidance,
        generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
    )
    return time.monotonic() - begin


def _measure(pipeline: Any, kind: Kind) -> Card:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    left, right = (torch.randn(_MATRIX, _MATRIX, device="cuda", dtype=torch.float16) for _ in range(2))
    best = float("inf")
    for _ in range(_TIMES):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        torch.mm(left, right)
        end.record()
        end.synchronize()
        best = min(best, begin.elapsed_time(end) / 1000)
    counter = FlopCounterMode(display=False)
    rows = {
        "encoder_hidden_states": torch.zeros(1, 77, pipeline.unet.config.cross_attention_dim),
        "text_embeds": torch.zeros(1, pipeline.text_encoder_2.config.projection_dim),
        "time_ids": torch.zeros(1, 6),
    }
    rows = {name: row.to("cuda", torch.float16) for name, row in rows.items()}
    latents = torch.zeros(1, 4, kind.height // 8, kind.width // 8, device="cuda", dtype=torch.float16)
    with torch.inference_mode(), counter:
        pipeline.unet(
            latents,
            torch.ones((), device="cuda"),
            encoder_hidden_states=rows["encoder_hidden_states"],
            added_cond_kwargs={"text_embeds": rows["text_embeds"], "time_ids": rows["time_ids"]},
        )
    return Card(torch.cuda.get_device_name(), 2 * _MATRIX**3 / best, float(counter.get_total_flops()))
