"""``python -m workers``: `run`, `models`, `trial`, `classifiers`, `settings`, `plugins`, `doctor`,
`import-card`, `export-card`.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from db.connection import BadDatabaseUrl
from db.environment import BadEnvironment, prepare_environment, read_settings
from db.errors import Outage
from db.loading import loading
from db.logs import LogSettings, set_up_logging
from db.migrate import MigrationError
from workers.commands.settings import SETTINGS, list_settings


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m workers", description="The workers of Storyfork, and what they say about themselves."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="run jobs until SIGTERM")
    running.add_argument("--queue", choices=("cpu", "gpu"), default="cpu")
    models = commands.add_parser("models", help="list the models that are found")
    models.add_argument("--json", action="store_true")
    trial = commands.add_parser("trial", help="have a model write pages and replies in an empty database")
    trial.add_argument("--json", action="store_true")
    trial.add_argument("--model", default="", help="a file, or a name; else the one that would answer")
    trial.add_argument("--pages", type=int, default=10)
    classifiers = commands.add_parser("classifiers", help="ask the classifiers of texts about a harmless sentence")
    classifiers.add_argument("--json", action="store_true")
    importing = commands.add_parser("import-card", help="make a persona of a character card")
    importing.add_argument("--for", dest="owner", required=True)
    importing.add_argument("file", type=Path)
    exporting = commands.add_parser("export-card", help="write a persona as a character card")
    exporting.add_argument("persona", type=int)
    exporting.add_argument("file", type=Path)
    commands.add_parser("plugins", help="list the installed plug-ins that are broken")
    commands.add_parser("settings", help="list the settings that workers read")
    doctor = commands.add_parser("doctor", help="answer what `storyfork doctor` asks")
    doctor.add_argument("--json", action="store_true", required=True)
    options = parser.parse_args(arguments)
    try:
        prepare_environment()
        for kind in SETTINGS:
            read_settings(kind)
        return _run(options)
    except (BadDatabaseUrl, BadEnvironment, MigrationError) as e:
        sys.stderr.write(f"{e}\n")
        return os.EX_CONFIG
    except Outage as e:
        sys.stderr.write(f"The database cannot be used now: {e}\n")
        return os.EX_TEMPFAIL


def _run(options: argparse.Namespace) -> int:
    # Each imports what it needs: the service asks for models at its start.
    match options.command:
        case "models":
            from workers.commands.models import list_models

            return list_models(as_json=options.json)
        case "trial":
            from workers.commands.trial import run_trial

            set_up_logging(read_settings(LogSettings), quiet=True)
            return asyncio.run(run_trial(options.model, options.pages, as_json=options.json))
        case "classifiers":
            from workers.commands.classifiers import try_classifiers

            return asyncio.run(try_classifiers(as_json=options.json))
        case "import-card" | "export-card":
            with loading():
                from workers.commands.cards import export_card, import_card

            if options.command == "import-card":
                return asyncio.run(import_card(options.file, options.owner))
            return asyncio.run(export_card(options.persona, options.file))
        case "plugins":
            with loading():
                from workers.commands.plugins import list_problems

            return list_problems()
        case "settings":
            return list_settings()
        case "doctor":
            with loading():
                from workers.commands.doctor import answer_doctor

            return answer_doctor()
        case _:
            with loading():
                from workers.commands.worker import run_to_end

            set_up_logging(read_settings(LogSettings))
            return asyncio.run(run_to_end(options.queue))
