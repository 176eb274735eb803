"""Names of people and places, which everybody reads."""

from functools import lru_cache
from typing import Final

from prompts.safety.check import scan

NAMES: Final = 4096
"""Names whose check is remembered."""


@lru_cache(maxsize=NAMES)
def presentable(name: str) -> str:
    """Return a name if everybody may read it, else an empty one."""
    finding = scan(name)
    return "" if finding.forbidden or finding.needs != "sfw" else name
