"""Workflows of persona chat."""

from workers.steps.chat import AnswerAsPersonaStep, PublishReply
from workers.workflows.base import Workflow


class ReplyAsPersona(Workflow):
    """Answer what a user said to a persona."""

    name = "persona_reply"
    steps = (AnswerAsPersonaStep(), PublishReply())
