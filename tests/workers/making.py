"""Steps and plans made of functions, for tests of the engine that runs them."""

from collections.abc import Awaitable, Callable
from typing import Any

from db import jobs
from db.models import JobRow, OutboxRow
from tests.db.job_kinds import Chore
from tests.db.world import somebody
from workers.runner import Runner
from workers.services import Services
from workers.steps.base import AnyStep, Commit, Run, Step
from workers.workflows.base import WorkflowPlan

Deed = Callable[[Run], Awaitable[Any]]


async def nothing(_: Run) -> Any:
    return {}


def step(name: str, deed: Deed = nothing, *, commit: bool = False, **attributes: Any) -> Step:
    async def run(self: Step, run: Run) -> Any:
        return await deed(run)

    made: Any = type(name, (Commit if commit else Step,), {"name": name, "run": run, **attributes})
    return made()


def plan(*steps: AnyStep) -> WorkflowPlan:
    return WorkflowPlan("made", steps)


async def a_job(**columns: Any) -> int:
    """Somebody's chore, which answers an event unless told otherwise."""
    who = await somebody()
    defaults: dict[str, Any] = {
        "account_id": who.account.id,
        "user_id": who.user.id,
        "conversation_id": who.conversation.id,
        "event_key": f"console:{len(await JobRow.all())}",
        "destination": {"chat_id": "c"},
    }
    return await jobs.add(Chore(), **{**defaults, **columns})


async def run_by(runner: Runner, job_id: int) -> None:
    """Let a runner work on one job, whatever its turn; nothing happens if it may not start."""
    if (job := await jobs.claim(job_id)) is not None:
        await runner.run(job)


async def run(services: Services, job_id: int, made: WorkflowPlan) -> JobRow:
    await run_by(Runner(services, 4, lambda _: made), job_id)
    return await JobRow.get(id=job_id)


async def told() -> list[str]:
    return [r.payload["key"] for r in await OutboxRow.all().order_by("id")]
