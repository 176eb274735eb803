"""The tables and the machine-readable line."""

from collections.abc import Sequence

from benchmarks.image_bench.bare import Card
from benchmarks.image_bench.measure import CALL, OURS, Results
from benchmarks.image_bench.work import Kind


def overhead_table(results: Results, kind: Kind, sizes: Sequence[int]) -> str:
    """Return the engine's overhead over the bare call, as Markdown."""
    lines = [
        "| pictures | ours, ms each | one call, ms each | ours / one call | added, ms each | against one by one |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for size in sizes:
        ours, call = (results.median(kind, who, size) * 1000 for who in (OURS, CALL))
        ratio = results.ratio(kind, (OURS, size), (CALL, size))
        faster = results.ratio(kind, (CALL, 1), (OURS, size))
        lines.append(f"| {size} | {ours:.1f} | {call:.1f} | {ratio:.3f} | {ours - call:+.1f} | {faster:.2f}× |")
    return "\n".join(lines)


def overhead_line(results: Results, kind: Kind) -> str:
    """Return ``name=value …``."""
    overhead = results.ratio(kind, (OURS, 1), (CALL, 1))
    speedups = {size: results.ratio(kind, (CALL, 1), (OURS, size)) for size in (4, 8)}
    return f"overhead_b1={overhead:.3f} " + " ".join(f"speedup_b{size}={value:.3f}" for size, value in speedups.items())


def card_table(results: Results, kinds: Sequence[Kind], users: Sequence[int], card: Card) -> str:
    """Return pictures per second and the share of the card's peak, as Markdown."""
    lines = [
        f"{card.name}: {card.peak / 1e12:.0f} TFLOP/s in float16. The UNet: {card.unet_flop / 1e12:.2f} TFLOP a row.",
        "",
        "| | users | pictures/s | against the plain loop | UNet, share of the peak |",
        "|---|--:|--:|--:|--:|",
    ]
    for kind in kinds:
        for who, size in ((CALL, 1), *((OURS, users_) for users_ in users)):
            speed = 1 / results.median(kind, who, size)
            faster = results.ratio(kind, (CALL, 1), (who, size))
            share = speed * kind.steps * kind.rows * card.unet_flop / card.peak
            name = "plain loop" if who == CALL else "ours"
            lines.append(f"| {kind.name}, {name} | {size} | {speed:.2f} | {faster:.2f}× | {share:.0%} |")
    return "\n".join(lines)


def card_line(results: Results, kind: Kind, users: Sequence[int]) -> str:
    """Return ``name=value …``."""
    start_to_bytes = results.ratio(kind, (OURS, 1), (CALL, 1))
    speedups = {size: results.ratio(kind, (CALL, 1), (OURS, size)) for size in users}
    return f"start_to_bytes={start_to_bytes:.3f} " + " ".join(
        f"speedup_u{size}={value:.3f}" for size, value in speedups.items()
    )
