"""Workflows of character cards."""

from workers.steps.cards import JudgeCard, KeepCard, PortrayCard, ReadCardFile, SendCard, WriteCard
from workers.workflows.base import Workflow


class MakePersonaOfCard(Workflow):
    """Read a card that somebody handed in, and keep it as a persona."""

    name = "import_persona"
    steps = (ReadCardFile(), JudgeCard(), PortrayCard(), KeepCard())


class WritePersonaAsCard(Workflow):
    """Write a persona as a card, and send it."""

    name = "export_persona"
    steps = (WriteCard(), SendCard())
