"""`python -m workers plugins`: the installed plug-ins that are broken."""

import sys

from workers import registries


def list_problems() -> int:
    """Print them; returns the exit status."""
    sys.stdout.writelines(f"{problem}\n" for problem in registries.problems())
    return 0
