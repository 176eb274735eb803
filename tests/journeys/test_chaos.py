"""Nothing is lost and nothing happens twice, whatever dies; and a run without the reaper shows that this is tested."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.stack.home import StackUrls
from db.connection import rows
from tests.effort import LONG as LONG_RUN
from tests.homes import HomeTemplate
from tests.journeys.chaos import EVERYTHING, KILLS, Plan, Report, chaos
from tests.journeys.people import THUMB, TOWNS, Act, DiscordTown, Player
from tests.journeys.processes import bot, running, worker

FULL = Plan(seed=7, events=60, faults=len(EVERYTHING), kinds=EVERYTHING, bots=2, towns=tuple(TOWNS))
SHORT = FULL if LONG_RUN else replace(FULL, events=40, players=2, pause=(0.3, 0.8), stall=(0.5, 2.0))
"""Every fault once; a long run gives each more time, and more people."""
# Killed while it holds a job, a worker always leaves something for the reaper: the control must not depend on luck.
NO_REAPER = replace(
    FULL,
    kinds=KILLS,
    faults=0,
    bots=1,
    reaper=False,
    mid_job=True,
    down=(1.0, 2.0),
    patience=3.0,
    drain=8.0,
)
UNLED = replace(FULL, kinds=("bot rolled", "worker killed"), faults=2, events=40, led=False, rest=(0.1, 0.4))
LONG = Plan(
    seed=11,
    events=2000,
    faults=300,
    kinds=EVERYTHING,
    bots=2,
    towns=tuple(TOWNS),
    players=8,
    rest=(0.5, 4.0),
    drain=180.0,
)


def assert_whole(report: Report, plan: Plan) -> None:
    print(report)
    assert report.drained, report
    assert report.lost == [], report
    assert report.duplicated == [], report
    assert report.overwritten == [], report
    assert report.forked == [], report
    assert report.logged == [], report.logged
    assert report.moves > 0
    assert all(report.faults[kind] for kind in plan.kinds), report


@pytest.mark.slow
@pytest.mark.usefixtures("no_pool")
@pytest.mark.timeout(480)
async def test_a_short_run_loses_and_repeats_nothing(tmp_path: Path, template: HomeTemplate):
    template.copy_to(tmp_path / "stack")
    assert_whole(await chaos(tmp_path, SHORT), SHORT)


@pytest.mark.chaos
@pytest.mark.usefixtures("no_pool")
@pytest.mark.timeout(180)
async def test_without_the_reaper_something_is_lost(tmp_path: Path, template: HomeTemplate):
    template.copy_to(tmp_path / "stack")
    report = await chaos(tmp_path, NO_REAPER)
    print(report)
    assert report.lost != []
    assert report.duplicated == []
    assert report.forked == []


@pytest.mark.slow
async def test_what_was_said_during_a_restart_comes_before_what_is_said_then(
    database: str, redis_url: str, tmp_path: Path
):
    urls = StackUrls(database, redis_url)
    town = DiscordTown()
    await town.start()
    ann = town.player("ann")
    program = bot(urls, tmp_path, "discord", **town.settings)
    async with running(worker(urls, tmp_path), program):
        await town.ready()
        await _answers(ann, 1, await ann.say("Hello!"))
        await program.kill()
        missed = await ann.say("Nobody hears this yet.")
        await program.start()
        await town.server.ready()
        later = await ann.say("And this is said as soon as somebody is there.")
        await _answers(ann, 3, missed, later)
    await town.stop()
    found = await rows("SELECT event_key FROM inbox ORDER BY received_at DESC LIMIT 2")
    assert [f["event_key"] for f in found] == [later.key, missed.key]


async def _answers(player: Player, count: int, *acts: Act) -> None:
    async with asyncio.timeout(60):
        while len([m for m in player.messages() if THUMB in m.labels]) < count:
            await asyncio.sleep(0.05)
    assert all([await rows("SELECT 1 FROM inbox WHERE event_key = $1", act.key) for act in acts])


@pytest.mark.chaos
@pytest.mark.usefixtures("no_pool")
@pytest.mark.timeout(180)
async def test_without_a_leader_answers_are_overwritten(tmp_path: Path):
    report = await chaos(tmp_path, UNLED)
    print(report)
    assert report.overwritten != []


@pytest.mark.chaos
@pytest.mark.usefixtures("no_pool")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [11, 23])
async def test_a_long_run_loses_and_repeats_nothing(tmp_path: Path, seed: int):
    plan = replace(LONG, seed=seed)
    assert_whole(await chaos(tmp_path, plan), plan)
