"""How much the tests try: a sample for every change, the full number for `make long`."""

import os
from typing import Final

LONG: Final = os.environ.get("LONG_TESTS", "") not in {"", "0"}


def times(short: int, full: int) -> int:
    """How often to try something: `short` usually, `full` in a long run."""
    return full if LONG else short
