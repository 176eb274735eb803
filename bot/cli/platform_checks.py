"""Whether bot processes serve the platforms: what `doctor` reports, and `health` as an exit code."""

import asyncio

import typer

from bot.cli.checks import TIMEOUT_SECONDS, Check, Installation, State, look_around
from bot.cli.signals import run_until_signalled
from bot.platforms.registry import configured
from bot.settings import BotSettings
from db.errors import Outage
from db.inspection import inspect
from db.leaders import Leader, leader_connection
from db.switches import MAINTENANCE

CURE = "Look into the log of the bot process; it goes on by itself once the cause is gone."


async def check_served(around: Installation) -> list[Check]:
    """Each platform that is set up and that a bot process has served before: by which process, or why not.

    One platform in trouble is a warning while others are served; so is a service that does not run.
    """
    found = await _leaders(around)
    trouble = State.WARN if any(leader.served for leader in found) else State.FAIL
    return [_check(leader, silence=State.WARN, trouble=trouble) for leader in found]


async def unhealthy(settings: BotSettings) -> list[Check]:
    """Return what a health check must report: a platform that no process takes care of, or that none is served."""
    around = await look_around(settings)
    found = await _leaders(around)
    missing = {*configured(settings)} - {_platform(leader) for leader in found}
    trouble = State.WARN if any(leader.served for leader in found) else State.FAIL
    checks = [Check(f"{name} service", State.FAIL, "no bot process serves it") for name in sorted(missing)]
    checks += [_check(leader, silence=State.FAIL, trouble=trouble) for leader in found]
    return [check for check in checks if check.state is State.FAIL]


def run_health(settings: BotSettings) -> int:
    """Print what is wrong with the bots, one line each, and whether they are in maintenance mode.

    Returns 1 if anything is wrong, else 0.
    """
    found, in_maintenance = run_until_signalled(_health(settings))
    for check in found:
        typer.echo(f"{check.name}: {check.detail}")
    if in_maintenance:
        typer.echo("maintenance mode is on: nothing new is taken")
    return 1 if found else 0


async def _health(settings: BotSettings) -> tuple[list[Check], bool]:
    return await unhealthy(settings), await in_maintenance(settings)


async def in_maintenance(settings: BotSettings) -> bool:
    """Whether the operators have switched maintenance mode on, which is no fault."""
    around = await look_around(settings)
    url = around.database_url or (around.running.database_url if around.running else "")
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return bool(url) and MAINTENANCE in (await inspect(url)).switches
    except (Outage, TimeoutError, ValueError):
        return False


def _check(leader: Leader, *, silence: State, trouble: State) -> Check:
    name = f"{leader.name} service"
    if leader.silent:
        return Check(name, silence, f"no bot process for {leader.age_s:.0f} s")
    if leader.problem:
        return Check(name, trouble, leader.problem, CURE)
    return Check(name, State.OK, f"served by {leader.host}")


def _platform(leader: Leader) -> str:
    return leader.name.partition(" ")[0]


async def _leaders(around: Installation) -> list[Leader]:
    """Return the rows of the platforms that are set up; none if the database does not answer."""
    url = around.database_url or (around.running.database_url if around.running else "")
    if not url:
        return []
    names = configured(around.settings)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS), leader_connection(url) as connection:
            found = await connection.leaders()
    except Exception:  # noqa: BLE001  what is wrong with the database is another check's finding
        return []
    return [leader for leader in found if _platform(leader) in names]
