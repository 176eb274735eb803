"""What workflows are made of: steps, waits and joins, and the run they work in."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from db import jobs, outbox
from db.payloads.base import Payload
from db.work import Job, JobParameters
from workers.progress import Tracker
from workers.queue import outbox_channel
from workers.services import Services

P = TypeVar("P", bound=JobParameters)
T = TypeVar("T")


class Run:
    """One run of one job: what its steps work with. ``outputs`` holds the content of artifacts by name."""

    def __init__(self, job: Job, token: UUID, services: Services) -> None:
        """``token`` is the lease's."""
        self.job = job
        self.token = token
        self.services = services
        self.tracker = Tracker(job, services.queue)
        self.outputs: dict[str, Any] = {}
        self._parameters: JobParameters | None = None
        self._known: dict[str, Any] = {}
        self._platforms: set[str] = set()
        self._wakeups: list[jobs.Wakeup] = []

    def parameters(self, type_: type[P]) -> P:
        """Return the job's parameters. Raises `TypeError` if the step does not belong to jobs of this type."""
        if self._parameters is None:
            self._parameters = self.job.typed()
        if not isinstance(self._parameters, type_):
            raise TypeError(f"a job of type {self.job.type} has no {type_.__name__}")
        return self._parameters

    async def once(self, name: str, read: Callable[[], Awaitable[T]]) -> T:
        """Return the result of ``read``, kept for this run, so that steps that need the same read it once."""
        if name not in self._known:
            self._known[name] = await read()
        return self._known[name]

    def answer_as(self, now: Job) -> None:
        """Answer the event that the job has now."""
        self.job = self.tracker.job = replace(
            self.job, event_key=now.event_key, destination=now.destination, priority=now.priority
        )

    async def spawn(
        self,
        parameters: JobParameters,
        *,
        queue: jobs.WorkerQueue | None = None,
        priority: int | None = None,
        answers: bool = False,
    ) -> int:
        """Add a child job for the same people and return its id; call it in a `Commit` step.

        A `Join` waits for it. ``priority`` is the job's own if None. ``answers``: the child answers the job's event,
        beside the job.
        """
        job = self.job
        queue = queue or jobs.queue_of(parameters)
        priority = job.priority if priority is None else priority
        added = await jobs.add(
            parameters,
            queue=queue,
            priority=priority,
            account_id=job.account_id,
            user_id=job.user_id,
            conversation_id=job.conversation_id,
            parent_id=job.id,
            event_key=job.event_key if answers else None,
            destination=job.destination if answers else None,
        )
        self.wake_after_commit(jobs.Wakeup(added, queue, priority))
        return added

    def wake_after_commit(self, job: jobs.Wakeup | None) -> None:
        """Wake a worker, after the commit, for a job that was queued in the transaction."""
        if job is not None:
            self._wakeups.append(job)

    async def reply(
        self,
        payload: Payload,
        *,
        part: str = outbox.REPLY,
        destination: dict[str, Any] | None = None,
        edits_row: int | None = None,
    ) -> None:
        """Insert the answer to the job's event into the outbox, if it has one; call it inside the transaction.

        ``part`` names a message other than the answer; ``destination`` then says where it goes. ``edits_row``: the
        message of that earlier row is rewritten.
        """
        job = self.job
        if job.event_key is None or job.conversation_id is None or job.destination is None:
            return
        platform = job.event_key.partition(":")[0]
        await self._post(job.event_key, platform, payload, part, destination or job.destination, edits_row)

    async def send(self, payload: Payload, *, part: str = outbox.REPLY) -> bool:
        """Send an unsolicited message to the job's conversation; call it inside the transaction.

        One message per ``part``, also if the job runs again. False if the conversation is gone.
        """
        job = self.job
        if job.conversation_id is None:
            return False
        place = await outbox.place_of(job.conversation_id, job.user_id)
        if place is None:
            return False
        await self._post(f"job:{job.id}", place.platform, payload, part, place.destination)
        return True

    async def _post(
        self,
        event_key: str,
        platform: str,
        payload: Payload,
        part: str,
        destination: dict[str, Any],
        edits_row: int | None = None,
    ) -> None:
        assert self.job.conversation_id is not None
        await outbox.add(
            event_key,
            part,
            platform=platform,
            conversation_id=self.job.conversation_id,
            payload=payload,
            destination=destination,
            edits_row=edits_row,
        )
        self._platforms.add(platform)

    def forget(self) -> None:
        """Drop the pending notifications: the transaction is rolled back."""
        self._platforms.clear()
        self._wakeups.clear()

    async def notify(self) -> None:
        """Notify couriers of new rows and workers of new jobs; call it after the commit."""
        while self._platforms:
            await self.services.queue.publish(outbox_channel(self._platforms.pop()))
        while self._wakeups:
            job = self._wakeups.pop()
            await self.services.queue.wake(job.id, queue=job.queue, priority=job.priority)


class PutOff(Exception):
    """The step has put its job off: this run is over, another one goes on later."""


class Step(ABC):
    """A piece of a workflow. ``name`` is unique among all steps; ``queue`` is the kind of worker it needs (None: any).

    ``leaves`` is the name of the artifact that it leaves (``name`` if empty), so that steps can stand in for each
    other; ``kind`` is the artifact's kind.
    """

    name: ClassVar[str]
    queue: ClassVar[jobs.WorkerQueue | None] = None
    kind: ClassVar[str] = "step"
    leaves: ClassVar[str] = ""

    @property
    def artifact(self) -> str:
        """The name of the artifact that it leaves."""
        return self.leaves or self.name

    @abstractmethod
    async def run(self, run: Run) -> Any:
        """Do the work and return what it leaves, as JSON."""


class Commit(Step):
    """A step that changes the record; it runs inside a transaction and must be quick."""

    kind = "record"


@dataclass(frozen=True)
class Parallel:
    """Steps that run concurrently; the first error cancels the others and fails the job.

    Raises `ValueError` for `Commit` steps, which need a transaction of their own, and for steps of different queues.
    """

    steps: Sequence[Step]

    def __post_init__(self) -> None:
        """Check the steps."""
        if changing := [step.name for step in self.steps if isinstance(step, Commit)]:
            raise ValueError(f"{changing[0]} changes the record: it cannot run in parallel with other steps")
        if len({step.queue for step in self.steps} - {None}) > 1:
            raise ValueError("steps of different queues cannot run in parallel: spawn a child job and join it")

    @property
    def queue(self) -> jobs.WorkerQueue | None:
        """The kind of worker that its steps need (None: any)."""
        return next((step.queue for step in self.steps if step.queue is not None), None)


class Wait:
    """Ends the run until something happens; meanwhile the job has neither lease nor worker. Base of the two below.

    The result is left under ``name``. ``deadline_s``: it continues without one after that many seconds (None: never).
    """

    def __init__(self, name: str, deadline_s: float | None = None) -> None:
        """See the class. Raises `ValueError` for a deadline that is no time."""
        if deadline_s is not None and not math.isfinite(deadline_s):
            raise ValueError(f"wait {name!r}: not a deadline: {deadline_s}")
        self.name = name
        self.deadline_s = deadline_s

    def needed(self, run: Run) -> bool:
        """Return whether there is anything to wait for."""
        del run
        return True


class WaitFor(Wait):
    """Waits for an interaction (`db.jobs.interact`), or leaves ``default`` at the deadline."""

    def __init__(self, name: str, deadline_s: float | None = None, default: Any = None) -> None:
        """Raises `TypeError` or `ValueError` for a ``default`` that is not JSON."""
        super().__init__(name, deadline_s)
        json.dumps(default, allow_nan=False)
        self.default = default


class Join(Wait):
    """Waits until all child jobs have ended and leaves a list of `db.jobs.Child`, as JSON, in the order of their start.

    At the deadline it continues, with the unfinished ones in their current state.
    """


AnyStep = Step | Parallel | Wait
