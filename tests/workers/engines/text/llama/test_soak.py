"""Random traffic for a little while; `benchmarks/soak.py` does it for long."""

from pathlib import Path

import pytest

from benchmarks.soak import CONTEXT, soak
from tests.effort import times
from workers.engines.text.llama.engine import LlamaEngine


@pytest.mark.slow
async def test_random_traffic_leaves_nothing_behind(model: Path) -> None:
    engine = LlamaEngine(model, context=CONTEXT, cells=3 * CONTEXT, threads=1, swap_bytes=2**22)
    try:
        result = await soak(engine, float(times(5, 60)), people=16)
        assert not result.problems
        assert not result.stuck
        assert result.ends["written"] > times(5, 200)
        assert {"ContextFull", "GenerationCancelled"} <= result.ends.keys()
        (statistics,) = await engine.statistics()
        assert statistics["running"] == statistics["waiting"] == statistics["reserved_cells"] == 0
    finally:
        await engine.close()
