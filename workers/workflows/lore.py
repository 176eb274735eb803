"""Workflows of lorebooks."""

from workers.steps.lore import JudgeLore, KeepLore, ReadLoreFile
from workers.workflows.base import Workflow


class AddLorebook(Workflow):
    """Read a lorebook that somebody handed in, and keep it."""

    name = "read_lorebook"
    steps = (ReadLoreFile(), JudgeLore(), KeepLore())
