"""`storyfork models`: list installed models, list presets, and download them."""

import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.children import child_environment, module_argv
from bot.cli.configuration import read, read_settings
from bot.cli.signals import child_takes_ctrl_c
from db.logs import LogSettings, set_up_logging

models_app = typer.Typer(name="models", invoke_without_command=True, add_completion=False, rich_markup_mode=None)


@models_app.callback()
def models(context: typer.Context) -> None:
    """List the models that are found, and where; `presets` and `pull` bring new ones."""
    if context.invoked_subcommand is None:
        # Not imported at the top: it loads the database library.
        from bot.cli.run import run_models

        settings = read_settings()
        set_up_logging(read(LogSettings))
        raise typer.Exit(run_models(settings))


@models_app.command()
def presets() -> None:
    """List what can be downloaded: what for, what it needs, its size and its licence."""
    raise typer.Exit(_workers_models("list"))


@models_app.command()
def pull(
    preset: Annotated[list[str], typer.Argument(help="One or more keys of `storyfork models presets`.")],
    into: Annotated[
        Path | None, typer.Option(help="The models folder. Default: STORYFORK_MODELS_DIR, else ./models.")
    ] = None,
) -> None:
    """Download models. Checksums are compared; called again, it goes on where it stopped.

    Most come from the Hugging Face Hub: HF_ENDPOINT is another hub, HF_TOKEN opens repositories whose licence you
    accepted there.
    """
    folder = [] if into is None else ["--into", str(into)]
    raise typer.Exit(_workers_models("pull", *folder, "--", *preset))


def _workers_models(*arguments: str) -> int:
    """Run the workers' command in its own process on this terminal; return its exit code."""
    settings = read_settings()
    environment = {**os.environ, **child_environment(settings.storyfork_home)}
    with child_takes_ctrl_c():
        return subprocess.run(module_argv("workers.models", *arguments), env=environment, check=False).returncode
