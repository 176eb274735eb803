"""`python -m workers doctor`: all that `storyfork doctor` asks the workers, answered by one process."""

import json
import sys
from typing import Any

from workers.commands.models import found_models
from workers.commands.settings import names_of_settings
from workers.registries import problems


def answer_doctor() -> int:
    """Print JSON: a list of objects, of which ``about`` says what they are; returns the exit status."""
    rows: list[dict[str, Any]] = [{"about": "models", **model} for model in found_models()]
    rows += [{"about": "plugins", "problem": str(problem)} for problem in problems()]
    rows += [{"about": "settings", "name": name} for name in names_of_settings()]
    sys.stdout.write(json.dumps(rows) + "\n")
    return 0
