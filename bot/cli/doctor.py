"""`storyfork doctor`: runs the checks and prints one line each, with advice below."""

import asyncio
import sys
import tempfile
from pathlib import Path

import typer

from bot.cli.checks import CHECKS, Check, State, check_models, check_platforms, look_around
from bot.cli.classifier_checks import check_classifiers
from bot.cli.configuration import read_settings
from bot.cli.database_checks import check_database
from bot.cli.environment_checks import check_environment
from bot.cli.errors import OperatorError
from bot.cli.model_trial import try_model
from bot.cli.platform_checks import check_served
from bot.cli.plugin_checks import check_plugins
from bot.cli.signals import run_until_signalled
from bot.settings import BotSettings
from bot.stack.errors import StackError

COLOURS = {State.OK: typer.colors.GREEN, State.WARN: typer.colors.YELLOW, State.FAIL: typer.colors.RED}


def run_doctor(*, offline: bool) -> int:
    """Check everything, print the report; returns 1 if a check failed, else 0 (warnings do not count)."""
    try:
        settings = read_settings()
    except OperatorError as error:
        show([Check("settings", State.FAIL, str(error))])
        return 1
    checks = [Check("settings", State.OK, "readable"), *run_until_signalled(collect(settings, offline=offline))]
    show(checks)
    return 1 if any(check.state is State.FAIL for check in checks) else 0


def run_model_trial(name: str) -> int:
    """Try a model ("": the one that would answer), and print what it is fit for; returns 1 if that is nothing."""
    try:
        with tempfile.TemporaryDirectory(prefix="storyfork-trial-") as home:
            checks = run_until_signalled(try_model(read_settings(), Path(home), name))
    except (OperatorError, StackError) as error:
        checks = [Check("model", State.FAIL, str(error), "Run `storyfork models` to see what is found.")]
    show(checks)
    return 1 if all(check.state is State.FAIL for check in checks) else 0


async def collect(settings: BotSettings, *, offline: bool) -> list[Check]:
    """Run all checks at once and return their results in a fixed order."""
    try:
        around = await look_around(settings)
    except StackError as error:
        return [Check("data directory", State.FAIL, str(error))]
    environment, singles, database, models, classifiers, plugins, platforms, served = await asyncio.gather(
        check_environment(around),
        asyncio.gather(*(check(around) for check in CHECKS)),
        check_database(around),
        check_models(around),
        check_classifiers(around, offline=offline),
        check_plugins(around),
        check_platforms(around, offline=offline),
        check_served(around),
    )
    return [*environment, *singles, *database, *models, *classifiers, *plugins, *platforms, *served]


def show(checks: list[Check]) -> None:
    """Print the report: colours only on a terminal."""
    width = max(len(check.name) for check in checks)
    for check in checks:
        state = (
            typer.style(f"{check.state:<4}", fg=COLOURS[check.state]) if sys.stdout.isatty() else f"{check.state:<4}"
        )
        typer.echo(f"{state}  {check.name:<{width}}  {check.detail}")
        if check.advice:
            typer.echo(f"      {'':<{width}}  → {check.advice}")
    counts = {state: sum(check.state is state for check in checks) for state in State}
    typer.echo(f"{counts[State.OK]} ok, {counts[State.WARN]} warnings, {counts[State.FAIL]} failed")
