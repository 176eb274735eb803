"""``python -m workers.models list`` and ``pull``: what the `storyfork models` commands start."""

import argparse
import json
import os
import sys
from pathlib import Path

from rich.console import Console

from db.environment import BadEnvironment, prepare_environment, read_settings
from workers.engines.text.settings import TextSettings
from workers.models.presets import Preset, presets

DEFAULT_HUB = "https://huggingface.co"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m workers.models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="list what can be downloaded")
    listing.add_argument("--json", action="store_true")
    pulling = commands.add_parser("pull", help="download presets")
    pulling.add_argument("presets", nargs="+", metavar="PRESET")
    pulling.add_argument("--into", type=Path, help="the models folder")
    options = parser.parse_args(arguments)
    try:
        prepare_environment()
        folder = read_settings(TextSettings).models_dir
    except BadEnvironment as error:
        sys.stderr.write(f"{error}\n")
        return os.EX_CONFIG
    if options.command == "list":
        return _list(as_json=options.json)
    unknown = [key for key in options.presets if key not in presets()]
    if unknown:
        sys.stderr.write(f"There is no preset {', '.join(unknown)}; there are {', '.join(presets())}.\n")
        return 2
    root = (options.into or folder).expanduser().absolute()
    return _pull([presets()[key] for key in options.presets], root)


def _pull(wanted: list[Preset], root: Path) -> int:
    # Loads an HTTP client: listing does without.
    from workers.models.hub import DownloadFailed, Hub
    from workers.models.pull import pull

    console = Console(stderr=True)
    hub = Hub(os.environ.get("HF_ENDPOINT") or DEFAULT_HUB, os.environ.get("HF_TOKEN"))
    try:
        for preset in wanted:
            console.print(f"{preset.title}: {preset.purpose} Needs {preset.needs}.", highlight=False)
            for path in pull(preset, root, hub, console):
                sys.stdout.write(f"{path}\n")
    except DownloadFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. What arrived is kept: the same command goes on from there.\n")
        return 130
    return 0


def _list(*, as_json: bool) -> int:
    if as_json:
        rows = [
            {"key": p.key, "title": p.title, "purpose": p.purpose, "needs": p.needs, "size_gb": round(p.size_gb, 2),
             "licence": p.licences}
            for p in presets().values()
        ]  # fmt: skip
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    for p in presets().values():
        sys.stdout.write(f"{p.key:18} {p.title}, {p.size_gb:.1f} GB, licence {p.licences}\n")
        sys.stdout.write(f"{'':18} {p.purpose} Needs {p.needs}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
