"""Workflows: named lists of steps, and the engine that runs one.

A step that finished leaves its artifact, so a rerun goes on behind it. `Commit` steps change the record: they run
inside the transaction that saves their artifact, and where they are the last before the end (or before a waiting
step), the same transaction also ends (or parks) the job.
"""

import asyncio
from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from db import chats, jobs, stories
from db.connection import transaction
from db.errors import Retryable
from workers.steps.base import AnyStep, Commit, Failure, Parallel, Run, Step, WaitForChoice
from workers.steps.chat import AnswerAsPersona, PublishReply
from workers.steps.picture_orders import (
    OrderAgain,
    OrderImagined,
    OrderPage,
    OrderPortrait,
    OrderUpscaled,
    OrderVariation,
)
from workers.steps.pictures import CleanSource, DrawPicture, FindStudio, PublishPicture
from workers.steps.story import PublishPage, SettleSiblings, SuggestChoices, WaitForReader, WritePage


class Workflow(ABC):
    """A job type: its steps, and what to undo when it is given up."""

    name: ClassVar[str]
    steps: ClassVar[Sequence[AnyStep]]

    async def give_up(self, run: Run, failure: Failure) -> None:
        """Undo what the job promised and tell the person; inside the transaction that buries the job."""
        await run.reply("notice", {"key": failure.key, "values": failure.values})

    async def run(self, run: Run) -> None:
        """Run the steps that left nothing yet. Raises `LeaseLost` and whatever the steps raise."""
        run.outputs.update({step: a.content for step, a in (await jobs.artifacts(run.job.id)).items()})
        if run.job.interaction is not None:
            run.outputs[WaitForChoice.name] = run.job.interaction
        todo = list(self.steps)
        while todo:
            step = todo.pop(0)
            if isinstance(step, WaitForChoice):
                if step.name not in run.outputs and step.needed(run):
                    await jobs.wait(run.job.id, run.token)
                    return
            elif isinstance(step, Parallel):
                await asyncio.gather(*(_plain(s, run) for s in step.steps if s.name not in run.outputs))
            elif step.name in run.outputs:
                continue
            elif (queue := step.queue) is not None and queue != run.job.queue:
                await self._hand_over(run, queue)
                return
            elif isinstance(step, Commit):
                if await self._commit(step, run, todo):
                    return
            else:
                await _plain(step, run)
        await jobs.finish(run.job.id, run.token)
        await run.notify()

    async def _hand_over(self, run: Run, queue: jobs.Queue) -> None:
        """Let a worker of another kind go on with the job."""
        await jobs.move(run.job.id, run.token, queue)
        await run.services.queue.wake(run.job.id, queue=queue, priority=run.job.priority)

    async def _commit(self, step: Commit, run: Run, todo: list[AnyStep]) -> bool:
        """Run a step in its transaction; True if that ended the run as well."""
        async with transaction():
            run.outputs[step.name] = await step.run(run)
            await jobs.save_artifact(run.job.id, run.token, step.name, step.kind, run.outputs[step.name])
            following = todo[0] if todo else None
            waits = isinstance(following, WaitForChoice) and following.needed(run)
            if waits:
                await jobs.wait(run.job.id, run.token)
            elif following is None:
                await jobs.finish(run.job.id, run.token)
        await run.notify()
        return waits or not todo


class SinglePage(Workflow):
    """Write one page as an ending: nothing is chosen after it."""

    name = "single_page"
    steps = (WritePage(ending=True), PublishPage())

    async def give_up(self, run: Run, failure: Failure) -> None:
        """Move the story back to the page before."""
        await _give_up_page(run, failure)


class BranchingPage(Workflow):
    """Write a page and its choices, wait until one is taken, then settle what was not."""

    name = "branching_page"
    steps = (WritePage(), SuggestChoices(), PublishPage(), WaitForReader(), SettleSiblings())

    async def give_up(self, run: Run, failure: Failure) -> None:
        """Move the story back to the page before."""
        await _give_up_page(run, failure)


class PersonaReply(Workflow):
    """Answer what a user said to a persona."""

    name = "persona_reply"
    steps = (AnswerAsPersona(), PublishReply())

    async def give_up(self, run: Run, failure: Failure) -> None:
        """Mark the reply as failed."""
        await chats.give_up(int(run.job.parameters["reply"]))
        await super().give_up(run, failure)


class PictureWorkflow(Workflow):
    """A picture: what shall be drawn, the drawing, the answer. A picture that nobody asked for fails in silence."""

    async def give_up(self, run: Run, failure: Failure) -> None:
        """Tell who asked for it."""
        if run.job.parent_id is None:
            await super().give_up(run, failure)


class Imagine(PictureWorkflow):
    """Draw what a person describes, or redraw a picture of theirs."""

    name = "imagine"
    steps = (FindStudio(), CleanSource(), OrderImagined(), DrawPicture(), PublishPicture())


class IllustratePage(PictureWorkflow):
    """Draw the best moment of a page."""

    name = "illustrate_page"
    steps = (FindStudio(), OrderPage(), DrawPicture(), PublishPicture())


class PersonaPortrait(PictureWorkflow):
    """Draw a persona."""

    name = "persona_portrait"
    steps = (FindStudio(), OrderPortrait(), DrawPicture(), PublishPicture())


class Redrawn(PictureWorkflow):
    """Draw the same again with another seed."""

    name = "draw_again"
    steps = (FindStudio(), OrderAgain(), DrawPicture(), PublishPicture())


class Variations(PictureWorkflow):
    """Redraw a picture a little differently."""

    name = "variations"
    steps = (FindStudio(), OrderVariation(), DrawPicture(), PublishPicture())


class Upscale(PictureWorkflow):
    """Redraw a picture at twice its size."""

    name = "upscale"
    steps = (FindStudio(), OrderUpscaled(), DrawPicture(), PublishPicture())


class UnknownWorkflow(Workflow):
    """Stands for a job type of a newer release: another worker may know it."""

    name = ""
    steps = ()

    async def run(self, run: Run) -> None:
        """Raise `Retryable`."""
        raise Retryable(f"this worker does not know jobs of type {run.job.type!r}", delay=5.0)


_ALL: tuple[Workflow, ...] = (
    SinglePage(),
    BranchingPage(),
    PersonaReply(),
    Imagine(),
    IllustratePage(),
    PersonaPortrait(),
    Redrawn(),
    Variations(),
    Upscale(),
)
_WORKFLOWS: dict[str, Workflow] = {w.name: w for w in _ALL}
_UNKNOWN = UnknownWorkflow()


def names() -> list[str]:
    """Return the names of all workflows."""
    return list(_WORKFLOWS)


def workflow_of(name: str) -> Workflow:
    """Return the workflow of a job type, or one that asks for another worker."""
    return _WORKFLOWS.get(name, _UNKNOWN)


async def _give_up_page(run: Run, failure: Failure) -> None:
    story = await stories.give_up(int(run.job.parameters["page"]))
    values = {**failure.values, "story": story.id} if story is not None else failure.values
    await run.reply("page_failed", {"key": failure.key, "values": values})


async def _plain(step: Step, run: Run) -> None:
    content = await step.run(run)
    await jobs.save_artifact(run.job.id, run.token, step.name, step.kind, content)
    run.outputs[step.name] = content
