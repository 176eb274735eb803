"""Workflows and steps by name, the product's and a package's; what does not fit is named and left out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db import work
from tests.plugin_folder import install
from tests.workers.making import step
from workers import registries
from workers.steps.base import Join, Parallel, WaitFor
from workers.workflows import registry as workflows
from workers.workflows.base import Workflow
from workers.workflows.registry import WorkflowRegistry

DICE = """
from db.work import JobParameters, JobType
from workers.steps.base import Commit, WaitFor
from workers.workflows.base import Workflow

class Roll(JobParameters):
    type = "dice_roll"
    sides: int = 6

ROLL = JobType(Roll)
TAKEN = JobType(type("Other", (JobParameters,), {"type": "imagine", "__module__": __name__}))

class Announce(Commit):
    name = "announce_roll"
    async def run(self, run):
        return {}

class RollDice(Workflow):
    name = "dice_roll"
    steps = ("announce_roll", WaitFor("bet", 60, {}))

class Astray(Workflow):
    name = "astray"
    steps = ("no_such_step",)

class Loud:
    name = "loud"
    async def notify(self, event):
        pass
"""


def made(name: str, *of: Any) -> Workflow:
    class Made(Workflow):
        steps = of

    Made.name = name
    return Made()


def test_the_products_workflows_are_of_its_job_types():
    assert set(workflows.workflow_registry().plans.names) == {t.name for t in work.job_types()}
    assert {"write_page", "order_page", "draw", "choice"} <= set(workflows.workflow_registry().steps.names)


def test_a_workflow_names_steps_that_are_registered():
    registry = WorkflowRegistry()
    registry.add_step(step("write"))
    registry.add_step(Join("children"))
    registry.add_workflow(made("book", "write", "children", WaitFor("title")))
    assert registry.plan_of("book").name == "book"
    with pytest.raises(ValueError, match="no step 'bind'; known are write, children"):
        registry.add_workflow(made("volume", "bind"))
    with pytest.raises(ValueError, match="'book' is taken"):
        registry.add_workflow(made("book", "write"))
    with pytest.raises(ValueError, match="two steps leave 'write'"):
        registry.add_workflow(made("twice", "write", Parallel([step("write")])))
    for wrong in (Workflow.name if hasattr(Workflow, "name") else "x", object(), dict):
        with pytest.raises(TypeError):
            registry.add_workflow(wrong)
        with pytest.raises(TypeError):
            registry.add_step(wrong)


@pytest.fixture
def dice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with a job type, a step, a workflow and a notifier; and one of each that is wrong."""
    install(
        tmp_path,
        "dice",
        DICE,
        {
            work.GROUP: ["roll = dice:ROLL", "taken = dice:TAKEN", "wrong = dice:Roll"],
            workflows.STEPS: ["announce = dice:Announce", "wrong = dice:Roll"],
            workflows.WORKFLOWS: ["roll = dice:RollDice", "astray = dice:Astray"],
            registries.NOTIFIERS: ["loud = dice:Loud", "wrong = dice:Roll"],
        },
    )
    monkeypatch.syspath_prepend(tmp_path)
    caches = (work._load, workflows._load, registries.notifiers)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_a_package_adds_its_own(dice: None):
    assert work.job_types().source("dice_roll") == "dice 1.0"
    assert work.read("dice_roll", {"sides": 20, "newer": 1}).model_dump() == {"sides": 20}
    assert workflows.plan_of("dice_roll").name == "dice_roll"
    assert registries.notifiers()[0].names == ["log", "loud"]


def test_what_is_wrong_with_a_package_is_named(dice: None):
    found = {(p.group, p.entry): p.reason for p in (*work.problems(), *registries.problems())}
    assert set(found) == {
        (work.GROUP, "taken"),
        (work.GROUP, "wrong"),
        (workflows.STEPS, "wrong"),
        (workflows.WORKFLOWS, "astray"),
        (registries.NOTIFIERS, "wrong"),
    }
    assert "'imagine' is taken" in found[work.GROUP, "taken"]
    assert "no step 'no_such_step'" in found[workflows.WORKFLOWS, "astray"]
