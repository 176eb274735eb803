"""Workflows of personas that a model writes."""

from workers.steps.personas import KeepMadeUp, KeepRewritten, MakeUp, Rewrite
from workers.workflows.base import Workflow


class MakeUpAPersona(Workflow):
    """Make up a persona from a hint."""

    name = "make_up_persona"
    steps = (MakeUp(), KeepMadeUp())


class RewriteAPersona(Workflow):
    """Write a persona's description anew, or what its card lacks."""

    name = "rewrite_persona"
    steps = (Rewrite(), KeepRewritten())
