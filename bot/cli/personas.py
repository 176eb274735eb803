"""`storyfork persona`: character cards in files, larger ones than a chat takes."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.children import child_environment, module_argv
from bot.cli.configuration import read_settings
from bot.cli.signals import run_until_signalled
from bot.settings import BotSettings

personas_app = typer.Typer(
    name="persona", help="Personas as character cards in files.", no_args_is_help=True, rich_markup_mode=None
)


@personas_app.command("import")
def import_card(
    file: Annotated[Path, typer.Argument(help="A card: PNG, JSON or CHARX, at most 64 MB.", exists=True)],
    owner: Annotated[str, typer.Option("--for", help="Whose persona it becomes: telegram:ID or discord:ID.")],
) -> None:
    """Make a persona of a character card. A running worker judges and keeps it, and the person is told."""
    raise typer.Exit(run_until_signalled(_ask(read_settings(), "import-card", "--for", owner, "--", str(file))))


@personas_app.command("export")
def export_card(
    persona: Annotated[int, typer.Argument(help="The persona's number.")],
    file: Annotated[Path, typer.Argument(help="The file to write; it ends in .png, .json or .charx.")],
) -> None:
    """Write a persona as a character card for other programs."""
    raise typer.Exit(run_until_signalled(_ask(read_settings(), "export-card", "--", str(persona), str(file))))


async def _ask(settings: BotSettings, *arguments: str) -> int:
    """Run the workers' command on this terminal; return its exit status."""
    # Not imported at the top: it loads the database library.
    from bot.cli.run import reach_database

    async with reach_database(settings) as url:
        environment = {**os.environ, **child_environment(settings.storyfork_home), "DATABASE_URL": url}
        child = await asyncio.create_subprocess_exec(*module_argv("workers", *arguments), env=environment)
        return await child.wait()
