"""Dice: a topic that a package adds to Storyfork by entry points only. One file per part, as the product has them."""

from importlib.resources import files
from typing import Final

PROMPTS: Final = files("storyfork_dice") / "prompts"
