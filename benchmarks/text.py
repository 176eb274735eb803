"""How fast one model serves many chats: this engine, the plain way, llama.cpp's own server, and the upper bound.

All answer the same prompts with the same random model in the same run, taking turns over several rounds, each started
afresh every time; medians are printed. Run from the repository's root: ``python -m benchmarks.text``.

The last line is machine-readable: ``serial_q8=… serial_f16=… server_q8=… ttft_vs_serial=… limit_f16=… python_share=…
gap_ms=… branches3=…``, ratios of ours to theirs; anything that could not be run is missing there and listed above.
"""

import argparse
import asyncio
import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import aiohttp
import llama_cpp
import platformdirs
from gguf import GGMLQuantizationType

from benchmarks.text_bench import instructions, report, scenarios
from benchmarks.text_bench.chats import Language
from benchmarks.text_bench.contender import Room, Start, in_child
from benchmarks.text_bench.limit import OwnLoop, batched_bench
from benchmarks.text_bench.measure import Figures, Results, calibrate, measure
from benchmarks.text_bench.models import LARGE, SMALL, Shape, ensure
from benchmarks.text_bench.ours import ours
from benchmarks.text_bench.scenarios import SCENARIOS, Scenario, Size
from benchmarks.text_bench.serial import Serial
from benchmarks.text_bench.server import server_http, server_inproc, server_native
from workers.engines.errors import EngineError

ROUNDS: Final = 3
PARALLEL: Final = 8
"""Chats at a time, for contenders that support it."""
CUDA_CHATS: Final = (1, 8, 32, 64)
EVERY_LAYER: Final = 999
BATCHED_BENCH: Final = "batched-bench"


@dataclass(frozen=True, slots=True)
class Options:
    """What to run: contenders by name, available programs, models by kind, and the amount."""

    contenders: Mapping[str, Start]
    programs: Mapping[str, Path]
    folder: Path
    shape: Shape
    size: Size
    rounds: int
    threads: int
    gpu_layers: int = 0


async def run(options: Options, chosen: Sequence[Scenario]) -> Results:
    """Run every scenario with every contender in every round."""
    results = Results()
    kinds = {scenario.kind for scenario in chosen}
    models = {kind: ensure(options.folder, options.shape, GGMLQuantizationType[kind.upper()]) for kind in sorted(kinds)}
    languages = {kind: Language(model) for kind, model in models.items()}
    special = {kind: instructions.works(model, options.gpu_layers) for kind, model in models.items()}
    for kind in (kind for kind, works in special.items() if not works):
        sys.stdout.write(f"{kind}: llama.cpp crashes with this CPU's special instructions; all do without them.\n")
    for number in range(options.rounds):
        results.calibration.append(calibrate())
        for scenario in chosen:
            names = [name for name in (*options.contenders, *options.programs) if scenario.admits(name)]
            # The first contender finds the machine cooler: rotate the order.
            turn = number % max(1, len(names))
            for name in names[turn:] + names[:turn]:
                if (scenario.name, name) in results.failures:
                    continue
                try:
                    figures = await _play(
                        options,
                        scenario,
                        name,
                        models[scenario.kind],
                        languages[scenario.kind],
                        special=special[scenario.kind],
                    )
                except (RuntimeError, EngineError, aiohttp.ClientError) as error:
                    results.failures[scenario.name, name] = outcome = str(error)
                else:
                    results.add(scenario.name, name, number, figures)
                    outcome = f"{figures.tokens_per_s:.0f} tokens/s"
                sys.stderr.write(f"round {number + 1} of {options.rounds}: {scenario.name}, {name}: {outcome}\n")
    return results


async def _play(
    options: Options, scenario: Scenario, name: str, model: Path, language: Language, *, special: bool
) -> Figures:
    if name in options.programs:
        assert scenario.shape is not None
        shape = scenario.shape(options.size)
        program = options.programs[name]
        speed = await batched_bench(program, model, shape, options.threads, options.gpu_layers, special=special)
        return Figures(speed)
    load = scenario.load(language, options.size)
    whole = load.conversations(language)
    parallel = max(PARALLEL, len(load.chats)) if options.gpu_layers else PARALLEL
    room = replace(Room.of(whole, language, parallel, options.threads, options.gpu_layers), special=special)
    return await measure(options.contenders[name], model, language, load, room)


def _cpu_contenders(server: Path | None) -> dict[str, Start]:
    found: dict[str, Start] = {"serial": in_child(Serial), "ours": ours()}
    if importlib.util.find_spec("xllamacpp") is not None:
        found |= {"server-http": server_http, "server-inproc": server_inproc}
    if server is not None:
        found["server-native"] = server_native(server)
    found["limit (own loop)"] = in_child(OwnLoop)
    found |= {f"ours, steps of {step}": ours(step) for step in (128, 512)}
    return found


def _about(options: Options) -> str:
    lines = [f"llama-cpp-python {llama_cpp.__version__}: {_features(llama_cpp.llama_print_system_info().decode())}"]
    if "server-http" in options.contenders:
        import xllamacpp

        wheel: Any = xllamacpp
        lines.append(f"xllamacpp {wheel.__version__}: {_features(wheel.get_system_info())}")
        lines.append("The wheel runs on any machine: it uses fewer instructions than a build made on this one.")
    there = {**options.contenders, **options.programs}
    lines += [f"{name}: left out." for name in ("server-http", "server-native", BATCHED_BENCH) if name not in there]
    lines.append(f"{options.threads} threads, {options.rounds} rounds.")
    return "\n".join(lines)


def _features(info: str) -> str:
    return " ".join(part.split(" = ")[0].strip() for part in info.split("|") if part.strip().endswith("= 1"))


def _program(given: Path | None, variable: str, name: str) -> Path | None:
    found = given or os.environ.get(variable) or shutil.which(name)
    return Path(found).resolve() if found else None


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.text", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller and once: ends within five minutes")
    parser.add_argument("--rounds", type=int, help=f"default: {ROUNDS}, with --quick 1")
    parser.add_argument("--only", action="append", choices=list(SCENARIOS), help="only this; may be repeated")
    parser.add_argument("--contender", action="append", help="only those whose names begin so; may be repeated")
    parser.add_argument("--cuda", action="store_true", help="an 8B-shaped model on a GPU instead")
    parser.add_argument("--quant", choices=("q4_0", "q8_0"), default="q4_0", help="of the model for --cuda")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--models", type=Path, help="where the models are kept")
    parser.add_argument("--llama-server", type=Path, help="a llama-server built on this machine (or LLAMA_SERVER)")
    parser.add_argument("--batched-bench", type=Path, help="llama-batched-bench (or LLAMA_BATCHED_BENCH)")
    given = parser.parse_args()
    program = _program(given.batched_bench, "LLAMA_BATCHED_BENCH", "llama-batched-bench")
    server = _program(given.llama_server, "LLAMA_SERVER", "llama-server")
    if given.cuda:
        chosen = scenarios.cuda(given.quant, CUDA_CHATS)
        contenders = {name: start for name, start in _cpu_contenders(None).items() if not name.startswith("server")}
    else:
        chosen = [SCENARIOS[name] for name in given.only or SCENARIOS]
        contenders = _cpu_contenders(server)
    if given.contender:
        contenders = {n: start for n, start in contenders.items() if n.startswith(tuple(given.contender))}
    options = Options(
        contenders,
        {} if program is None else {BATCHED_BENCH: program},
        given.models or platformdirs.user_cache_path("storyfork") / "benchmarks",
        LARGE if given.cuda else SMALL,
        scenarios.QUICK if given.quick else scenarios.FULL,
        given.rounds or (1 if given.quick else ROUNDS),
        given.threads,
        EVERY_LAYER if given.cuda else 0,
    )
    sys.stdout.write(_about(options) + "\n")
    results = asyncio.run(run(options, chosen))
    wanted = report.cuda_goals(results, chosen) if given.cuda else report.goals(results)
    parts = (report.tables(results, chosen), report.noise(results), report.goal_table(wanted), report.last_line(wanted))
    sys.stdout.write("\n\n".join(parts) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
