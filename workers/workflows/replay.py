"""Workflows that replay a context session."""

from workers.steps.replay import KeepReplay, ReplayContextStep
from workers.workflows.base import Workflow


class ReplayContextSession(Workflow):
    """Build the context of a session anew, and show it."""

    name = "replay_context"
    steps = (ReplayContextStep(), KeepReplay())
