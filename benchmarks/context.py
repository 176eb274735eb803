"""Context: what a model must read again from turn to turn, and how long a person waits for the first word.

    python -m benchmarks.context [--quick] [--rounds 5] [--threads 1]

A chat of 300 turns and a story of 150 pages go on against a model with a window of 8192 tokens. Two arms answer every
turn: *ours*, the prompts of the product, and a *sliding window* of the same size: rules, card and as many of the newest
messages or pages as fit. What was said is scripted, so both read each answer once.

Every prompt is tokenised by a real vocabulary and goes through the real scheduler and cache, on a model that does
nothing but count. **read**: prompt tokens per turn that were not in the cache, on average; **p95** of them. **again**:
of these, without what was said since the turn before. **background**: tokens of the prompts that make summaries, per
turn; only ours has them. **build**: milliseconds until the prompt is there, p95. **ttft**: milliseconds from asking
for the prompt to the first piece of the answer of a real (tiny) model, at the turn whose reading is the 95th
percentile; medians of the rounds, in which the arms take turns.

The last line is ``reread_ratio=… ttft_ratio=… fit_violations=… build_ms_p95=…``: tokens read again, sliding window over
ours, of both scenarios; ttft at the p95 of both, likewise; prompts larger than the window less its answer; p95 over the
last third of the story.
"""

import argparse
import asyncio
import re
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.context_bench.arms import NOBODY, Arm, SlidingWindow
from benchmarks.context_bench.cases import MadeConversation, MadeStory, Written
from benchmarks.context_bench.reader import Reader
from prompts.registry import PromptRegistry
from tests.models.tiny_gguf import tiny_gguf
from workers.craft.settings import CraftSettings
from workers.engines.text.chain import TextChain
from workers.engines.text.llama.engine import LlamaEngine
from workers.engines.text.llama.protocol import LoadGguf
from workers.engines.text.llama.server.model import LlamaModel
from workers.functions.base import AiFunction
from workers.services import Services

WINDOW: Final = 8192
TURNS: Final = (300, 150)
QUICK: Final = (120, 60)
WIDTHS: Final = (6, 8, 7, 7, 7, 12, 7, 8)
"""Of the table's columns."""


def at_p95(numbers: Sequence[float]) -> int:
    """Return the place of the number that is the 95th percentile."""
    return sorted(range(len(numbers)), key=numbers.__getitem__)[max(0, -(-len(numbers) * 95 // 100) - 1)]


def p95(numbers: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return numbers[at_p95(numbers)]


Arms = tuple[Arm, Arm]
Waits = dict[tuple[str, str], float]
"""Milliseconds by scenario and arm; "both" is of all turns together."""


async def waits(arms: Arms, functions: dict[str, AiFunction[Any, Any]], rounds: int) -> Waits:
    """Measure the time to the first token where reading is the 95th percentile."""
    where: dict[tuple[str, str], tuple[Arm, str, int]] = {}
    for arm in arms:
        for name, figures in arm.figures.items():
            where[name, arm.name] = (arm, name, at_p95(figures.read))
        every = [(name, at, read) for name, f in arm.figures.items() for at, read in enumerate(f.read)]
        where["both", arm.name] = (arm, *every[at_p95([read for _, _, read in every])][:2])
    found: dict[tuple[str, str], list[float]] = {key: [] for key in where}
    for _ in range(rounds):
        for key, (arm, name, at) in where.items():
            found[key].append(await arm.wait(name, functions[name], at))
    return {key: statistics.median(times) for key, times in found.items()}


def report(arms: Arms, waited: Waits) -> str:
    """Return the table and the last line."""
    columns = ("turns", "prompt", "read", "p95", "again", "background", "build", "ttft")
    lines = [" " * 24 + "".join(f"{name:>{width}}" for name, width in zip(columns, WIDTHS, strict=True))]
    for name in arms[0].figures:
        for arm in arms:
            f = arm.figures[name]
            prompt, read, again, background = (
                statistics.mean(each) for each in (f.prompt, f.read, f.again, f.background or [0])
            )
            lines.append(
                f"{name}, {arm.name}".ljust(24) + f"{len(f.read):>6}{prompt:>8.0f}{read:>7.0f}{p95(f.read):>7}"
                f"{again:>7.0f}{background:>12.0f}{p95(f.build):>7.1f}"
                f"{waited[name, arm.name]:>8.0f}"
            )
    for name in (*arms[0].figures, "both"):
        again, read = [_again(arm, name) for arm in arms], [_read(arm, name) for arm in arms]
        ours, theirs = (waited[name, arm.name] for arm in arms)
        lines.append(
            f"{name}: {again[1] / max(1, again[0]):.1f} times less read again, {sum(read[1]) / sum(read[0]):.1f} times "
            f"less read, {p95(read[1]) / p95(read[0]):.1f} times at p95; ttft p95 {theirs / ours:.1f} times better"
        )
    build = arms[0].figures["story"].build
    lines.append(
        f"reread_ratio={_again(arms[1]) / max(1, _again(arms[0])):.1f} "
        f"ttft_ratio={waited['both', arms[1].name] / waited['both', arms[0].name]:.1f} "
        f"fit_violations={sum(f.violations for f in arms[0].figures.values())} "
        f"build_ms_p95={p95(build[-len(build) // 3 :]):.1f}"
    )
    return "\n".join(lines)


def _read(arm: Arm, scenario: str = "both") -> list[int]:
    return [read for name, f in arm.figures.items() for read in f.read if scenario in {name, "both"}]


def _again(arm: Arm, scenario: str = "both") -> int:
    return sum(sum(f.again) for name, f in arm.figures.items() if scenario in {name, "both"})


async def run(turns: tuple[int, int], rounds: int, threads: int) -> str:
    """Let both arms answer the same turns, and return the report."""
    with tempfile.TemporaryDirectory(prefix="storyfork-context-") as folder:
        model = tiny_gguf(Path(folder), context=WINDOW, layers=1)
        # Attention looks at all cells, those of other conversations too: here is one conversation.
        engine = LlamaEngine(model, context=WINDOW, cells=WINDOW, threads=threads, swap_bytes=0)
        try:
            services = Services(
                text=TextChain([engine]), prompts=PromptRegistry(), queue=NOBODY, craft=CraftSettings(enabled=False)
            )
            limits = await services.text.limits("")
            words = LlamaModel(
                LoadGguf(path=str(model), context=WINDOW, cells=WINDOW, max_num_seqs=1, threads=1), lambda: None
            )
            arms = (
                Arm("ours", services, limits, Reader(words, WINDOW)),
                SlidingWindow("sliding window", services, limits, Reader(words, WINDOW)),
            )
            functions: dict[str, AiFunction[Any, Any]] = {}
            for scenario, number in zip((MadeConversation(), MadeStory()), turns, strict=True):
                functions[scenario.name] = scenario.function
                for turn, written in scenario.turns(number):
                    for arm in arms:
                        await arm.answer(scenario.name, scenario.function, turn)
                    made = sum([await _background(arms[0], each) for each in written])
                    arms[0].figures[scenario.name].background.append(made)
            return report(arms, await waits(arms, functions, rounds))
        finally:
            await engine.close()


async def _background(arm: Arm, written: Written) -> int:
    """Return the tokens of the prompt from which a summary is made."""
    function, inputs = written.function, written.inputs
    answering = arm.answering(function, inputs)
    return await arm.limits.count_messages(
        await answering.prompts.messages(function.prompt, await function.prepare(inputs))
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=re.split(r"\n\n", __doc__ or "")[0])
    parser.add_argument("--quick", action="store_true", help="two fifths of the turns, three rounds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of the model process")
    options = parser.parse_args()
    print(asyncio.run(run(QUICK if options.quick else TURNS, 3 if options.quick else options.rounds, options.threads)))


if __name__ == "__main__":
    main()
