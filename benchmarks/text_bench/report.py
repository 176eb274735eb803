"""The tables, the goals and the machine-readable line."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.text_bench.measure import Results
from benchmarks.text_bench.scenarios import Scenario

OURS: Final = "ours"
_SERVERS: Final = ("server-http", "server-inproc", "server-native")
_LIMITS: Final = ("batched-bench", "limit (own loop)")
"""The program itself if available, else our own loop."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One measured ratio or time and its target. ``key``: its name in the last line, if it appears there."""

    key: str
    about: str
    value: float
    sign: Literal["≥", "≤"]
    bound: float

    @property
    def met(self) -> bool:
        """Whether the value is on the right side of the bound."""
        return self.value >= self.bound if self.sign == "≥" else self.value <= self.bound


def tables(results: Results, scenarios: Sequence[Scenario]) -> str:
    """Return everything measured as Markdown, one table for each scenario. Times in milliseconds."""
    lines: list[str] = []
    for scenario in scenarios:
        contenders = [name for where, name in results.figures if where == scenario.name]
        if not contenders:
            continue
        lines += ["", f"**{scenario.name}** ({scenario.kind}): {scenario.about}", ""]
        lines.append("| | tokens/s | of ours | first token mean | p95 | between tokens p95 | worst |")
        lines.append("|---|--:|--:|--:|--:|--:|--:|")
        for name in contenders:
            share = results.ratio("tokens_per_s", (scenario.name, name), (scenario.name, OURS))
            cells = [f"{results.median(scenario.name, name, 'tokens_per_s'):.0f}", _number(share, "{:.2f}")]
            cells += [
                _number(1000 * results.median(scenario.name, name, figure), "{:.0f}")
                for figure in ("ttft_mean", "ttft_p95", "gap_p95", "gap_worst")
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    if results.failures:
        lines += ["", "Not run:"]
        lines += [f"- {name} in {where}: {reason}" for (where, name), reason in results.failures.items()]
    return "\n".join(lines)


def noise(results: Results) -> str:
    """Return a sentence on how steady the machine was."""
    times = results.calibration
    middle = statistics.median(times)
    return (
        f"Fixed work before each round took {min(times):.3f}–{max(times):.3f} s (median {middle:.3f} s): "
        f"spread {(max(times) - min(times)) / middle:.0%}."
    )


def python_share(results: Results) -> float:
    """Return the engine's time outside llama.cpp, as a share of its time in the model, over all runs."""
    runs = [f for (_, name), rounds in results.figures.items() if name == OURS for f in rounds.values()]
    known = [f for f in runs if not math.isnan(f.model_s)]
    return sum(f.other_s for f in known) / sum(f.model_s for f in known) if known else math.nan


def goals(results: Results) -> list[Goal]:
    """Return the goals for the small models; a value is NaN if it could not be measured."""

    def against(scenario: str, other: str, figure: str = "tokens_per_s") -> float:
        return results.ratio(figure, (scenario, OURS), (scenario, other))

    def servers(*scenarios: str) -> float:
        ratios = [against(scenario, server) for scenario in scenarios for server in _SERVERS]
        return min((r for r in ratios if not math.isnan(r)), default=math.nan)

    limit = next((r for r in (against("decode", name) for name in _LIMITS) if not math.isnan(r)), math.nan)
    gap = ("gap", f"{OURS}, steps of 128"), ("gap", f"{OURS}, steps of 512")
    return [
        Goal("serial_q8", "tokens/s, one persona, against serial", against("personas", "serial"), "≥", 1.15),
        Goal("serial_f16", "tokens/s, long answers, against serial", against("decode", "serial"), "≥", 3.2),
        Goal(
            "server_q8",
            "tokens/s against the fastest server, the worse of these two:",
            servers("personas", "second"),
            "≥",
            2,
        ),
        Goal("", "… one persona", servers("personas"), "≥", 2),
        Goal("", "… second turns", servers("second"), "≥", 2),
        Goal(
            "ttft_vs_serial",
            "p95 time to first token, one persona",
            against("personas", "serial", "ttft_p95"),
            "≤",
            0.55,
        ),
        Goal("", "tokens/s, different personas, against serial", against("different", "serial"), "≥", 1),
        Goal("limit_f16", "tokens/s, long answers, against the limit", limit, "≥", 0.9),
        Goal("python_share", "time outside llama.cpp per time in the model", python_share(results), "≤", 0.03),
        Goal(
            "gap_ms", "worst gap while others read, steps of 128", 1000 * results.median(*gap[0], "gap_worst"), "≤", 200
        ),
        Goal("", "throughput of it against steps of 512", results.ratio("tokens_per_s", *gap), "≥", 0.95),
        Goal(
            "branches3",
            "time of three branches against one",
            results.ratio("elapsed", ("branches", OURS), ("branch", OURS)),
            "≤",
            1.7,
        ),
    ]


def cuda_goals(results: Results, scenarios: Sequence[Scenario]) -> list[Goal]:
    """Return the goals on a GPU."""
    found: list[Goal] = []
    for scenario in scenarios:
        ratios = (results.ratio("tokens_per_s", (scenario.name, OURS), (scenario.name, name)) for name in _LIMITS)
        limit = next((r for r in ratios if not math.isnan(r)), math.nan)
        key = f"limit_{scenario.name.replace('-', '_')}"
        found.append(Goal(key, f"{scenario.about}: tokens/s against the limit", limit, "≥", 0.9))
    return [
        *found,
        Goal("python_share", "time outside llama.cpp per time in the model", python_share(results), "≤", 0.03),
    ]


def goal_table(wanted: Sequence[Goal]) -> str:
    """Return the goals as Markdown."""
    lines = ["| | measured | goal | |", "|---|--:|--:|---|"]
    for goal in wanted:
        verdict = "not run" if math.isnan(goal.value) else "met" if goal.met else "missed"
        lines.append(f"| {goal.about} | {_number(goal.value, '{:.3g}')} | {goal.sign} {goal.bound:g} | {verdict} |")
    return "\n".join(lines)


def last_line(wanted: Sequence[Goal]) -> str:
    """Return ``name=value …`` of everything measured."""
    return " ".join(f"{goal.key}={goal.value:.3g}" for goal in wanted if goal.key and not math.isnan(goal.value))


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else form.format(value)
