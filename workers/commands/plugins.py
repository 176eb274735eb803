"""`python -m workers plugins`: the installed plug-ins that are broken."""

import json
import sys
from dataclasses import asdict

from workers import registries


def list_problems(*, as_json: bool) -> int:
    """Print them; returns the exit status."""
    problems = registries.problems()
    if as_json:
        sys.stdout.write(json.dumps([{**asdict(problem), "problem": str(problem)} for problem in problems]) + "\n")
    else:
        sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 0
