"""Workflows: named lists of steps, and the engine that runs one.

A finished step leaves its artifact, so a rerun continues after it. `Commit` steps change the record: they run
inside the transaction that saves their artifact, and where they are the last before the end (or before a wait), the
same transaction also ends (or parks) the job.
"""

from abc import ABC
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from db import jobs
from db.connection import transaction
from db.errors import LeaseLost
from db.work import spec_of
from workers.concurrency import run_together
from workers.steps.base import AnyStep, Commit, Join, Parallel, PutOff, Run, Step, Wait, WaitFor


class Workflow(ABC):
    """How jobs of the type ``name`` are done. ``steps`` holds steps, or names of registered ones."""

    name: ClassVar[str]
    steps: ClassVar[Sequence[AnyStep | str]]


class Promoted(Exception):
    """The job answers another event now: the transaction must be repeated."""


class WorkflowPlan:
    """A workflow whose steps are found and checked, ready to run."""

    def __init__(self, name: str, steps: Sequence[AnyStep]) -> None:
        """Raises `ValueError` if two steps leave the same artifact."""
        self.name = name
        self._steps = tuple(steps)
        seen: set[str] = set()
        for left in _artifacts(self._steps):
            if left in seen:
                raise ValueError(f"workflow {name}: two steps leave {left!r}")
            seen.add(left)

    async def run(self, run: Run) -> bool:
        """Run the steps that left nothing yet; False if the job is not done: it waits, or another worker goes on.

        Raises `LeaseLost` and whatever the steps raise.
        """
        run.outputs.update({name: a.content for name, a in (await jobs.artifacts(run.job.id)).items()})
        todo = list(self._steps)
        while todo:
            step = todo.pop(0)
            if isinstance(step, Wait):
                if step.name not in run.outputs and step.needed(run) and not await self._wait(step, run):
                    return False
            elif isinstance(step, Parallel):
                left = [s for s in step.steps if s.artifact not in run.outputs]
                if left and await _hand_over(run, step.queue):
                    return False
                await run_together(_plain(s, run) for s in left)
            elif step.artifact in run.outputs:
                continue
            elif await _hand_over(run, step.queue):
                return False
            elif isinstance(step, Commit):
                if await self._commit(step, run, todo):
                    return not todo
            else:
                try:
                    await _plain(step, run)
                except PutOff:
                    return False
        async with transaction():
            run.wake_after_commit(await jobs.finish(run.job.id, run.token))
        await run.notify()
        return True

    async def _wait(self, wait: Wait, run: Run) -> bool:
        """Take what the job waits for; False if the job is parked until it arrives."""
        async with transaction():
            return await _arrived(wait, run)

    async def _commit(self, step: Commit, run: Run, todo: list[AnyStep]) -> bool:
        """Run a step in its transaction; True if that ended the run as well."""
        while True:
            try:
                ended = await self._transact(step, run, todo)
            except Promoted:
                job = await jobs.get(run.job.id)
                if job is None:
                    raise LeaseLost(f"job {run.job.id}") from None
                run.answer_as(job)
            else:
                await run.notify()
                return ended

    async def _transact(self, step: Commit, run: Run, todo: list[AnyStep]) -> bool:
        run.forget()
        answers = run.job.event_key
        async with transaction():
            content = await step.run(run)
            saved = await jobs.save_artifact(run.job.id, run.token, step.artifact, step.kind, content)
            if saved.event_key != answers:
                raise Promoted
            run.outputs[step.artifact] = content
            following = todo[0] if todo else None
            if following is None:
                run.wake_after_commit(await jobs.finish(run.job.id, run.token))
                return True
            if isinstance(following, Wait) and following.needed(run):
                return not await _arrived(following, run)
        return False


def _artifacts(steps: Sequence[AnyStep]) -> Iterator[str]:
    for step in steps:
        if isinstance(step, Parallel):
            yield from (s.artifact for s in step.steps)
        else:
            yield step.name if isinstance(step, Wait) else step.artifact


async def _hand_over(run: Run, queue: jobs.WorkerQueue | None) -> bool:
    """Let a worker of another kind continue the job, if that is needed."""
    if queue is None or queue == run.job.queue:
        return False
    await jobs.move(run.job.id, run.token, queue)
    await run.services.queue.wake(run.job.id, queue=queue, priority=run.job.priority)
    return True


async def _arrived(wait: Wait, run: Run) -> bool:
    """Save what a job has waited for; False if there is nothing yet: then the job is parked in this transaction."""
    if isinstance(wait, Join):
        came = await jobs.join_or_wait(run.job.id, run.token, wait.name, wait.deadline_s)
    else:
        expiry_s = spec_of(run.job.type).deadlines.wait_s
        came = await jobs.take_or_wait(run.job.id, run.token, wait.name, wait.deadline_s, expiry_s)
    if came is None:
        return False
    content: Any
    if isinstance(wait, Join):
        content = [asdict(child) for child in await jobs.children(run.job.id)]
    else:
        content = wait.default if came.timed_out and isinstance(wait, WaitFor) else came.content
    await jobs.save_artifact(run.job.id, run.token, wait.name, "interaction", content)
    run.outputs[wait.name] = content
    return True


async def _plain(step: Step, run: Run) -> None:
    content = await step.run(run)
    await jobs.save_artifact(run.job.id, run.token, step.artifact, step.kind, content)
    run.outputs[step.artifact] = content
