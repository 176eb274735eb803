"""Workflows and steps by name: the product's own, and those of packages.

A package adds steps by entry points in the group ``storyfork.steps`` (an instance or a class of `Step`, `WaitFor` or
`Join`) and workflows in ``storyfork.workflows`` (a class or an instance of `Workflow`).
"""

from functools import lru_cache
from typing import Any, Final

from db.registry import OWN, Problem, Registry, load_plugins
from db.work import job_types
from workers.steps.base import AnyStep, Parallel, Step, Wait
from workers.workflows.announcement import SendAnnouncement
from workers.workflows.archive import ReadIntoArchive
from workers.workflows.asking import AnswerAQuestion
from workers.workflows.base import Workflow, WorkflowPlan
from workers.workflows.cards import MakePersonaOfCard, WritePersonaAsCard
from workers.workflows.chat import JudgeEditedReply, ReplyAsPersona, WriteChatAsFile
from workers.workflows.chat_import import MakeChatOfFile
from workers.workflows.data_export import ExportPersonalData
from workers.workflows.erasure import EraseEverything
from workers.workflows.feeds import FollowFeed
from workers.workflows.lore import AddLorebook
from workers.workflows.memory import BringMemoryUpToDate
from workers.workflows.moderation import (
    JudgeOwnPrompt,
    JudgeOwnScopedPrompt,
    JudgeRemembered,
    JudgeWrittenPersona,
)
from workers.workflows.personas import MakeUpAPersona, RewriteAPersona
from workers.workflows.picture import (
    DrawChatMoment,
    DrawImagined,
    DrawOnceMore,
    DrawPage,
    DrawPortrait,
    DrawUpscaled,
    DrawVariation,
)
from workers.workflows.replay import ReplayContextSession
from workers.workflows.story import WritePageWithChoices
from workers.workflows.suggestions import SuggestALine
from workers.workflows.tokens import CountTokensOfText

WORKFLOWS: Final = "storyfork.workflows"
STEPS: Final = "storyfork.steps"
_OWN: Final = (
    WritePageWithChoices(),
    ReplyAsPersona(),
    JudgeEditedReply(),
    AnswerAQuestion(),
    SuggestALine(),
    WriteChatAsFile(),
    MakeChatOfFile(),
    MakePersonaOfCard(),
    WritePersonaAsCard(),
    JudgeOwnPrompt(),
    JudgeOwnScopedPrompt(),
    JudgeRemembered(),
    JudgeWrittenPersona(),
    MakeUpAPersona(),
    RewriteAPersona(),
    CountTokensOfText(),
    ReplayContextSession(),
    DrawImagined(),
    DrawPage(),
    DrawPortrait(),
    DrawChatMoment(),
    DrawOnceMore(),
    DrawVariation(),
    DrawUpscaled(),
    EraseEverything(),
    SendAnnouncement(),
    ExportPersonalData(),
    ReadIntoArchive(),
    AddLorebook(),
    FollowFeed(),
    BringMemoryUpToDate(),
)


class WorkflowRegistry:
    """Steps, and workflows whose steps are found among them and checked."""

    def __init__(self) -> None:
        """Empty."""
        self.steps: Registry[Step | Wait] = Registry("step", lambda s: s.name)
        self.plans: Registry[WorkflowPlan] = Registry("workflow", lambda p: p.name)

    def add_step(self, step: Any, package: str = OWN) -> None:
        """Add a step or a wait, or a class of one. Raises `TypeError`, `NameTaken`."""
        made = step() if isinstance(step, type) else step
        if not isinstance(made, Step | Wait):
            raise TypeError(f"a step must be a Step or a Wait, not {type(made).__name__}")
        self.steps.add(made, package)

    def add_workflow(self, workflow: Any, package: str = OWN) -> None:
        """Add a workflow, or a class of one.

        Raises `TypeError`, and `ValueError` for a name that is taken, a step that is not known or steps that do not
        go together.
        """
        made = workflow() if isinstance(workflow, type) else workflow
        if not isinstance(made, Workflow):
            raise TypeError(f"a workflow must be a Workflow, not {type(made).__name__}")
        self.plans.add(WorkflowPlan(made.name, [self._found(made.name, step) for step in made.steps]), package)

    def plan_of(self, job_type: str) -> WorkflowPlan:
        """Return how jobs of a type are done. Raises `LookupError` for a type that is not known here."""
        found = self.plans.get(job_type)
        if found is None:
            raise LookupError(f"no workflow {job_type!r}; known are {', '.join(self.plans.names)}")
        return found

    def _found(self, workflow: str, step: AnyStep | str) -> AnyStep:
        if not isinstance(step, str):
            return step
        found = self.steps.get(step)
        if found is None:
            raise ValueError(f"workflow {workflow}: no step {step!r}; known are {', '.join(self.steps.names)}")
        return found


def plan_of(job_type: str) -> WorkflowPlan:
    """Return how jobs of a type are done. Raises `LookupError` for a type that is not known here."""
    return _load()[0].plan_of(job_type)


def known_types() -> list[str]:
    """Return the job types that this release can do: jobs of others are left to newer workers."""
    return [name for name in _load()[0].plans.names if name in job_types()]


def workflow_registry() -> WorkflowRegistry:
    """Return all steps and workflows."""
    return _load()[0]


def problems() -> list[Problem]:
    """Return the problems of packages' steps and workflows."""
    return _load()[1]


@lru_cache
def _load() -> tuple[WorkflowRegistry, list[Problem]]:
    registry = WorkflowRegistry()
    for workflow in _OWN:
        for step in workflow.steps:
            for each in step.steps if isinstance(step, Parallel) else (step,):
                if not isinstance(each, str | Parallel) and each.name not in registry.steps:
                    registry.add_step(each)
    for workflow in _OWN:
        registry.add_workflow(workflow)
    found = load_plugins(STEPS, registry.add_step)
    return registry, [*found, *load_plugins(WORKFLOWS, registry.add_workflow)]
