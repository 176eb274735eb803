"""The commands of `storyfork` and their options; the other modules of this package do the work."""

import importlib.metadata
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.configuration import read, read_settings
from bot.cli.models import models_app
from bot.cli.personas import personas_app
from bot.settings import BotSettings
from bot.stack.errors import StackError
from db.logs import LogSettings, set_up_logging

app = typer.Typer(
    name="storyfork",
    help="Storyfork: branching stories and personas on Discord and Telegram, run by you.\n\n"
    "Try `storyfork demo` first: it needs no token and no model. Settings are environment variables or lines of a "
    "file named .env; docs/settings.md lists them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models_app)
app.add_typer(personas_app)


class QueueOption(StrEnum):
    """The queues that a worker can serve."""

    CPU = "cpu"
    GPU = "gpu"


class PlatformOption(StrEnum):
    """The chat platforms."""

    DISCORD = "discord"
    TELEGRAM = "telegram"
    CONSOLE = "console"


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            version = importlib.metadata.version("storyfork")
        except importlib.metadata.PackageNotFoundError:
            version = "(run from its source, not installed)"
        typer.echo(f"storyfork {version}")
        raise typer.Exit


@app.callback()
def main_options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Handle the options that come before the command."""
    del version


@app.command()
def demo() -> None:
    """Play in this terminal: everything is started for you, no token and no model needed.

    With input from a file or pipe it plays those lines and ends. Stories and chats are kept in the data directory.
    """
    from bot.cli.run import run_demo

    raise typer.Exit(run_demo(_settings(quiet=True)))


@app.command()
def up() -> None:
    """Run the whole service on this machine: servers, workers and every platform whose token is set.

    PostgreSQL and Valkey are embedded unless DATABASE_URL and REDIS_URL are set. SIGTERM or Ctrl-C ends all of it.
    """
    from bot.cli.run import run_up

    raise typer.Exit(run_up(_settings()))


@app.command()
def bot(
    platform: Annotated[
        list[PlatformOption] | None,
        typer.Option(help="May be given more than once. Default: every platform whose token is set."),
    ] = None,
) -> None:
    """Run only the bot process, against a running stack (`storyfork up`, or DATABASE_URL and REDIS_URL)."""
    from bot.cli.run import run_bot

    names = [choice.value for choice in platform or []]
    raise typer.Exit(run_bot(_settings(quiet=names == [PlatformOption.CONSOLE]), names))


@app.command()
def worker(
    queue: Annotated[QueueOption, typer.Option(help="cpu: stories and chat. gpu: pictures.")],
) -> None:
    """Run only a worker, against a running stack (`storyfork up`, or DATABASE_URL and REDIS_URL)."""
    from bot.cli.run import run_worker

    run_worker(_settings(), queue.value)


@app.command()
def migrate() -> None:
    """Bring the database's tables up to date. Safe to run at any time, also concurrently."""
    from bot.cli.run import run_migrate

    applied = run_migrate(_settings())
    for name in applied:
        typer.echo(f"applied {name}")
    typer.echo(f"{len(applied)} applied; the database is up to date." if applied else "The database is up to date.")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write. It must not exist.")],
) -> None:
    """Save everything worth keeping to one file: the database, with the tables of packages. The service may run.

    The file holds what people wrote: keep it as safe as the database.
    """
    from bot.cli.backup import run_backup

    run_backup(_settings(), file)
    typer.echo(f"Saved to {file}.")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="A file written by `storyfork backup`.")]) -> None:
    """Fill an empty database from a backup: an empty STORYFORK_HOME, or an empty database in DATABASE_URL."""
    from bot.cli.backup import run_restore

    for name in run_restore(_settings(), file):
        typer.echo(f"applied {name}")
    typer.echo(
        f"Restored from {file}. What people deleted after this backup was made is in it again: ask them to repeat it, "
        "or delete it for them, before anybody else sees it (docs/operating.md, “Backups and upgrades”)."
    )


@app.command()
def doctor(
    name: Annotated[str, typer.Argument(help="With --model: a file or a name; else the one that would answer.")] = "",
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask Discord, Telegram and classifiers.")] = False,
    model: Annotated[
        bool, typer.Option("--model", help="Have a model write ten pages, and say what it is fit for: minutes.")
    ] = False,
) -> None:
    """Check settings, database, Redis, models, classifiers and tokens, and say what to do.

    Exits with 1 if something is wrong.
    """
    from bot.cli.doctor import run_doctor, run_model_trial

    if name and not model:
        raise typer.BadParameter("a model's name comes with --model")
    raise typer.Exit(run_model_trial(name) if model else run_doctor(offline=offline))


@app.command()
def health() -> None:
    """Say whether bot processes serve the platforms. Exits with 1 if not; a container's health check runs it."""
    from bot.cli.platform_checks import run_health

    raise typer.Exit(run_health(_settings(quiet=True)))


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code. An operator's mistake is printed as one message."""
    try:
        app(arguments, prog_name="storyfork")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except StackError as error:
        typer.echo(f"storyfork: {error}", err=True)
        return 1
    return 0


def _settings(*, quiet: bool = False) -> BotSettings:
    settings = read_settings()
    set_up_logging(read(LogSettings), quiet=quiet)
    return settings
