"""What workflows are made of: steps, and the run they work in."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from db import jobs, outbox
from db.models import Job
from workers.queue import outbox_channel
from workers.services import Services
from workers.tracking import Tracker


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job was given up, for the person: a wording's key and its values."""

    key: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])


class Run:
    """One run of one job: what its steps work with. ``outputs`` holds the content of artifacts by step."""

    def __init__(self, job: Job, token: UUID, services: Services) -> None:
        """``token`` is the lease's."""
        self.job = job
        self.token = token
        self.services = services
        self.tracker = Tracker(job, services.queue)
        self.outputs: dict[str, Any] = {}
        self._platforms: set[str] = set()
        self._wakes: list[int] = []

    def wake_after_commit(self, job_id: int) -> None:
        """Wake a worker, after the commit, for a background job that was added in the transaction."""
        self._wakes.append(job_id)

    async def reply(
        self,
        kind: str,
        payload: dict[str, Any],
        *,
        part: str = outbox.REPLY,
        destination: dict[str, Any] | None = None,
    ) -> None:
        """Insert the answer to the job's event into the outbox; call it inside the transaction.

        ``part`` is another one than the answer for what comes besides; ``destination`` then says where it goes.
        """
        job = self.job
        if job.event_key is None or job.conversation_id is None or job.destination is None:
            return
        platform = job.event_key.partition(":")[0]
        await outbox.add(
            job.event_key,
            part,
            platform=platform,
            conversation_id=job.conversation_id,
            kind=kind,
            payload=payload,
            destination=destination or job.destination,
        )
        self._platforms.add(platform)

    async def notify(self) -> None:
        """Tell the couriers of new rows, and workers of new jobs; call it after the commit."""
        while self._platforms:
            await self.services.queue.publish(outbox_channel(self._platforms.pop()))
        while self._wakes:
            await self.services.queue.wake(self._wakes.pop(), priority=jobs.BACKGROUND)


class Step(ABC):
    """A piece of a workflow. ``name`` is unique in it; ``queue`` is the kind of worker it needs (None: any).

    ``kind`` is the kind of the artifact that it leaves.
    """

    name: ClassVar[str]
    queue: ClassVar[jobs.Queue | None] = None
    kind: ClassVar[str] = "step"

    @abstractmethod
    async def run(self, run: Run) -> Any:
        """Do the work and return what it leaves, as JSON."""


class Commit(Step):
    """A step that changes the record; it runs inside a transaction and must be quick."""

    kind = "record"


@dataclass(frozen=True)
class Parallel:
    """Steps that run at once."""

    steps: Sequence[Step]


class WaitForChoice:
    """Ends the run until a person chooses; the job keeps no lease. What they chose is left under ``name``."""

    name: ClassVar[str] = "choice"

    def needed(self, run: Run) -> bool:
        """Tell whether there is anything to wait for."""
        del run
        return True


AnyStep = Step | Parallel | WaitForChoice
