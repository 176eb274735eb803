"""Workflows of questions to the language model alone."""

from workers.steps.asking import AnswerQuestionStep, TellAnswer
from workers.workflows.base import Workflow


class AnswerAQuestion(Workflow):
    """Answer a question."""

    name = "ask_model"
    steps = (AnswerQuestionStep(), TellAnswer())
