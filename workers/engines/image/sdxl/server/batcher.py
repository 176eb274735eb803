"""Chooses the pictures of the next step: the order of service, and which pictures share a step."""

from collections.abc import Callable
from dataclasses import dataclass, field

from workers.engines.fairness import FairOrder
from workers.engines.image.sdxl.protocol import Draw
from workers.engines.image.sdxl.server.conditioning import PromptPlan


@dataclass(frozen=True, slots=True)
class Key:
    """What pictures must have in common to share one pass through the UNet: the shapes of its inputs and its weights.

    Steps, scheduler, guidance, seed and progress may differ: each row has its own.
    """

    width: int
    height: int
    chunks: int
    loras: tuple[tuple[str, float], ...]


@dataclass(slots=True, eq=False)
class DrawingJob:
    """A waiting or running picture. ``arrived`` is its number in the order of arrival."""

    draw: Draw
    plan: PromptPlan
    negative: PromptPlan
    source: bytes = b""
    arrived: int = 0
    started: bool = False
    done: int = 0
    """Steps drawn so far, of ``total``."""
    total: int = 0
    ahead: int = field(default=-1)
    """The last reported number of requests before it."""

    key: Key = field(init=False)
    """What it must have in common with others of its batch."""

    def __post_init__(self) -> None:
        draw = self.draw
        self.total = draw.steps
        chunks = self.plan.chunks if draw.guidance <= 1 else max(self.plan.chunks, self.negative.chunks)
        loras = tuple(sorted((lora.name, lora.weight) for lora in draw.loras))
        self.key = Key(draw.width, draw.height, chunks, loras)

    @property
    def tenant(self) -> str:
        """The account that the picture is for."""
        return self.draw.tenant

    @property
    def priority(self) -> int:
        """0 is interactive; larger numbers are background work."""
        return self.draw.priority


class Batcher:
    """All waiting and running pictures.

    Smaller priorities go first; among equals, tenants take turns (`FairOrder`, one unit per picture). A picture that
    has begun is finished before others of its priority begin, except those that can share its steps: they join at
    once, so that no picture waits for a batch to fill. To keep a stream of one kind from starving another, no picture
    joins ahead of a waiting one of another kind if that would make the batch last longer. A picture of a smaller
    priority preempts the others, which keep their progress.
    """

    def __init__(self, limit: Callable[[Key], int]) -> None:
        """``limit`` returns how many pictures of a kind fit into one step."""
        self._limit = limit
        self._jobs: dict[int, DrawingJob] = {}
        self._order = FairOrder(aging_s=None)
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: DrawingJob) -> None:
        """Queue a picture."""
        self._arrivals += 1
        job.arrived = self._arrivals
        self._order.arrived(job.tenant)
        self._jobs[job.draw.id] = job

    def remove(self, number: int) -> DrawingJob | None:
        """Forget a picture, finished or not, and return it."""
        if (job := self._jobs.pop(number, None)) is not None:
            self._order.left(job.tenant)
        return job

    def waiting(self) -> list[DrawingJob]:
        """Return the pictures that have not begun, in the order of service."""
        return self._order.line((job for job in self._jobs.values() if not job.started), now=0.0)

    def jobs(self) -> list[DrawingJob]:
        """Return all pictures, in no particular order."""
        return list(self._jobs.values())

    def next_batch(self) -> list[DrawingJob]:
        """Return the pictures of the next step, marking them as begun; empty if there are none."""
        if not self._jobs:
            return []
        waiting = self.waiting()
        started = sorted(
            (job for job in self._jobs.values() if job.started), key=lambda job: (job.draw.priority, job.arrived)
        )
        leader = min([*started[:1], *waiting[:1]], key=lambda job: (job.draw.priority, not job.started))
        batch = [leader]
        if not leader.draw.alone:
            room = max(1, self._limit(leader.key))
            mates = [job for job in started if job.key == leader.key and not job.draw.alone and job is not leader]
            batch += mates[: room - 1]
            batch += self._joining(leader, batch, waiting)[: room - len(batch)]
        for job in batch:
            if not job.started:
                job.started = True
                self._order.charge(job.tenant, 1.0)
        return batch

    def _joining(self, leader: DrawingJob, batch: list[DrawingJob], waiting: list[DrawingJob]) -> list[DrawingJob]:
        left = max(job.total - job.done for job in batch)
        joining: list[DrawingJob] = []
        passed = False
        for job in waiting:
            if job is leader:
                continue
            if job.key != leader.key or job.draw.alone:
                passed = True
            elif not passed or job.total <= left:
                joining.append(job)
        return joining
