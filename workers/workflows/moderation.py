"""Workflows of moderation."""

from workers.steps.moderation import JudgePromptStep, RecordPromptVerdict
from workers.workflows.base import Workflow


class JudgeOwnPrompt(Workflow):
    """Judge a prompt that an account wrote, before it is in force."""

    name = "judge_prompt"
    steps = (JudgePromptStep(), RecordPromptVerdict())
