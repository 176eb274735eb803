"""How fast pictures are drawn: this engine, through its process, against diffusers' own pipeline in another.

Both have the same random model and draw the same pictures in the same run, taking turns over several rounds; medians
are printed. The engine is timed at its caller, including the PNG; the pipeline within its own process, without a
PNG. Run from the repository's root: ``python -m benchmarks.images``.

Without a GPU the model is tiny: it shows the engine's overhead, not the speed of pictures. The last line is
machine-readable: ``overhead_b1=… speedup_b4=… speedup_b8=…``, the engine's time for a picture over that of a bare call,
and its pictures per second for 4 and 8 concurrent users over those of consecutive bare calls. With ``--cuda``:
``start_to_bytes=… speedup_u1=… speedup_u4=… speedup_u16=…`` of a model of SDXL's real size at 30 steps.
"""

import argparse
import asyncio
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

import platformdirs

from benchmarks.image_bench import models, report
from benchmarks.image_bench.bare import bare
from benchmarks.image_bench.measure import measure
from benchmarks.image_bench.work import FEW, TINY, USUAL
from workers.engines.image.sdxl.engine import SdxlEngine, SdxlOptions

ROUNDS: Final = 9
QUICK_ROUNDS: Final = 5
CUDA_ROUNDS: Final = 3
SIZES: Final = (1, 2, 4, 8)
USERS: Final = (1, 4, 16)


async def on_cpu(folder: Path, rounds: int, threads: int) -> str:
    """Measure the engine's overhead with the tiny model."""
    model = await asyncio.to_thread(models.tiny, folder)
    engine = SdxlEngine(model, SdxlOptions(device="cpu", batch=max(SIZES), threads=threads))
    try:
        await engine.start()
        async with bare(model, "cpu", threads) as plain:
            results = await measure(engine, plain, [TINY], SIZES, SIZES, rounds)
    finally:
        await engine.close()
    about = f"{TINY.width} × {TINY.height} pixels, {TINY.steps} steps, threads: {threads}, rounds: {rounds}."
    return "\n\n".join((about, report.overhead_table(results, TINY, SIZES), report.overhead_line(results, TINY)))


async def on_cuda(folder: Path, rounds: int, *, compiled: bool) -> str:
    """Measure pictures per second with a model of real size."""
    model = await asyncio.to_thread(models.full_size, folder)
    kinds = [USUAL, FEW]
    async with bare(model, "cuda", 0) as plain:
        card = await plain.card(USUAL)
        options = SdxlOptions(device="cuda", dtype="float16", batch=max(USERS), compile=compiled)
        engine = SdxlEngine(model, options)
        try:
            await engine.start()
            results = await measure(engine, plain, kinds, USERS, (1,), rounds)
        finally:
            await engine.close()
    return "\n\n".join((report.card_table(results, kinds, USERS, card), report.card_line(results, USUAL, USERS)))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.images", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: ends within three minutes")
    parser.add_argument("--rounds", type=int, help=f"default: {ROUNDS}, with --quick {QUICK_ROUNDS}")
    parser.add_argument("--cuda", action="store_true", help="a model of SDXL's real size on a GPU instead")
    parser.add_argument("--compile", action="store_true", help="with --cuda: let the engine compile the model")
    parser.add_argument("--threads", type=int, default=1, help="of each, on a CPU")
    parser.add_argument("--models", type=Path, help="where the models are kept")
    given = parser.parse_args()
    folder = given.models or platformdirs.user_cache_path("storyfork") / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(", ".join(f"{name} {version(name)}" for name in ("torch", "diffusers", "compel")) + "\n\n")
    if given.cuda:
        rounds = given.rounds or CUDA_ROUNDS
        sys.stdout.write(asyncio.run(on_cuda(folder, rounds, compiled=given.compile)) + "\n")
    else:
        rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
        sys.stdout.write(asyncio.run(on_cpu(folder, rounds, given.threads)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
