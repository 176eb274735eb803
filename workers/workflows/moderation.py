"""Workflows of moderation."""

from workers.steps.moderation import (
    JudgeMemoryStep,
    JudgePersonaStep,
    JudgePromptStep,
    RecordMemoryVerdict,
    RecordPersonaVerdict,
    RecordPromptVerdict,
)
from workers.workflows.base import Workflow


class JudgeOwnPrompt(Workflow):
    """Judge a prompt that an account wrote, before it is in force."""

    name = "judge_prompt"
    steps = (JudgePromptStep(), RecordPromptVerdict())


class JudgeOwnScopedPrompt(Workflow):
    """Judge a prompt for a story or a type of jobs, or a variant of one, before it is in force."""

    name = "judge_scoped_prompt"
    steps = (JudgePromptStep(), RecordPromptVerdict())


class JudgeRemembered(Workflow):
    """Judge what a person added to a memory, before others see it."""

    name = "judge_memory"
    steps = (JudgeMemoryStep(), RecordMemoryVerdict())


class JudgeWrittenPersona(Workflow):
    """Judge a persona that a person wrote, before others see it."""

    name = "judge_persona"
    steps = (JudgePersonaStep(), RecordPersonaVerdict())
