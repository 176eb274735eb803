"""The report: a table of both sides, what the gate found, and the line for machines."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from benchmarks.craft_bench.measures import (
    Alarms,
    Figures,
    checks_failed,
    choices,
    pages,
    pages_of,
    replies,
    replies_of,
)
from benchmarks.craft_bench.playing import Play
from workers.trials.verdict import AcceptanceKind

MEASURES: Final = ("distinct-3", "repeated", "echo", "tokens", "seconds")


@dataclass(frozen=True, slots=True)
class Judged:
    """A side's figures."""

    name: str
    play: Play
    pages: Figures
    replies: Figures


def judged(name: str, play: Play) -> Judged:
    """Return a side's figures."""
    return Judged(name, play, pages(play), replies(play))


def report(sides: list[Judged], alarms: Alarms) -> str:
    """Return the report. The last side is the product as it is."""
    lines = [f"{'':<18}" + "".join(f"{way:>20}" for way in AcceptanceKind) + f"{'passes':>8}{'bad':>5}"]
    for side in sides:
        lines.append(_ways(f"{side.name}, pages", side.pages.ways, side.pages))
        lines.append(_ways(f"{side.name}, choices", choices(side.play)))
        lines.append(_ways(f"{side.name}, replies", side.replies.ways, side.replies))
    lines += [
        "",
        f"{'':<18}" + "".join(f"{name:>12}" for name in ("distinct-3", "repeated", "echo", "tokens", "seconds")),
    ]
    for side in sides:
        lines.append(_measures(f"{side.name}, pages", side.pages))
        lines.append(_measures(f"{side.name}, replies", side.replies))
    for side in sides:
        lines += ["", *_found(side)]
    lines += [
        "",
        f"{alarms.total} good pages: {alarms.alarms} alarms ({_counted(alarms.found)}), {alarms.ms:.2f} ms each",
    ]
    return "\n".join([*lines, last_line(sides[-1], alarms)])


def last_line(side: Judged, alarms: Alarms) -> str:
    """Return the line for machines."""
    accepted = side.pages.accepted
    return (
        f"page_accept={_share(accepted, len(side.pages.shown))} "
        f"reply_accept={_share(side.replies.accepted, len(side.replies.shown))} "
        f"shown_bad={side.pages.bad + side.replies.bad} false_alarm={_share(alarms.alarms, alarms.total)} "
        f"s_per_page={side.pages.seconds / max(1, accepted):.1f}"
    )


def _ways(name: str, ways: Counter[AcceptanceKind], figures: Figures | None = None) -> str:
    line = f"{name:<18}" + "".join(f"{ways[way]:>20}" for way in AcceptanceKind)
    return line if figures is None else line + f"{figures.accepted:>8}{figures.bad:>5}"


def _measures(name: str, figures: Figures) -> str:
    accepted = max(1, figures.accepted)
    values = (*(figures.mean(each) for each in ("distinct", "repeated", "echoed")),)
    return (
        f"{name:<18}" + "".join(f"{value:>12.3f}" for value in values)
        + f"{figures.tokens / accepted:>12.0f}{figures.seconds / accepted:>12.1f}"
    )  # fmt: skip


def _found(side: Judged) -> list[str]:
    written = checks_failed(run for page in pages_of(side.play) for run in page.runs)
    said = checks_failed(run for reply in replies_of(side.play) for run in reply.runs)
    return [
        f"{side.name}: the gate found in pages and choices: {_counted(written)}",
        f"{side.name}: in replies: {_counted(said)}",
        f"{side.name}: shown pages fail: {_counted(side.pages.failures)}; replies: {_counted(side.replies.failures)}",
    ]


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in found.most_common()) or "nothing"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "0.00"
