"""Nothing is lost and nothing happens twice, whatever dies; and a run without the reaper shows that this is tested."""

from pathlib import Path

import pytest

from tests.journeys.chaos import Plan, Report, chaos
from tests.journeys.people import TOWNS

SHORT = Plan(seed=7, events=60, towns=tuple(TOWNS), players=4)
LONG = Plan(seed=11, events=500, towns=tuple(TOWNS), players=6, drain=60.0)


def assert_whole(report: Report) -> None:
    print(report)
    assert report.drained, report
    assert report.lost == [], report
    assert report.duplicated == [], report
    assert report.forked == [], report
    assert report.moves > 0
    assert all(report.faults[kind] for kind in ("worker killed", "bot killed", "Redis killed", "Redis wiped")), report


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_short_run_loses_and_repeats_nothing(tmp_path: Path):
    assert_whole(await chaos(tmp_path, SHORT))


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_without_the_reaper_something_is_lost(tmp_path: Path):
    report = await chaos(tmp_path, Plan(seed=7, events=60, players=4, reaper=False, patience=3.0, drain=10.0))
    print(report)
    assert report.lost != []
    assert report.duplicated == []
    assert report.forked == []


@pytest.mark.chaos
@pytest.mark.timeout(1800)
async def test_a_long_run_loses_and_repeats_nothing(tmp_path: Path):
    assert_whole(await chaos(tmp_path, LONG))
