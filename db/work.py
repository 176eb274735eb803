"""Job types: the parameters of a job, its subject, and how it is abandoned.

A type is registered as a `JobType`; the product's own stand in `db.job_types`, packages add theirs by an entry point in
the group ``storyfork.job_types``. What abandoning a job undoes and reports belongs to its type:
cancelling it, failing it for good and deleting its subject all call `abandon`.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from typing import Any, ClassVar, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from db.connection import OUTAGES, transaction
from db.errors import LeaseLost
from db.payloads.base import Payload
from db.payloads.notice import Notice
from db.records import Json
from db.registry import Problem, Registry, load_plugins

GROUP: Final = "storyfork.job_types"
WORKING: Final = "job.working"
_OWN: Final = "db.job_types"
_log = logging.getLogger(__name__)

WorkerQueue = Literal["cpu", "gpu"]
Allowance = Literal["sfw", "suggestive", "nsfw"]


@dataclass(frozen=True, slots=True)
class Links:
    """The rows that a job works on: it is deleted with any of them."""

    story_id: int | None = None
    page_id: int | None = None
    message_id: int | None = None
    picture_id: int | None = None
    persona_id: int | None = None


class JobParameters(BaseModel):
    """The parameters of a job. One subclass per job type; ``type`` is the type's name in the database.

    Fields that this release does not know are ignored: a newer one may have added the job.
    """

    model_config = ConfigDict(frozen=True)
    type: ClassVar[str]

    def links(self) -> Links:
        """Return the rows that the job works on."""
        return Links()


class PictureTerms(BaseModel):
    """Parameters common to all picture jobs: the highest rating allowed there, and a seed that survives retries."""

    model_config = ConfigDict(frozen=True)
    allowance: Allowance = "sfw"
    random_seed: int = 0


class BranchingPage(JobParameters):
    """Write ``page``, rated at most ``allowance``. ``pictures``: illustrated. ``prompt``: its own template."""

    type: ClassVar[str] = "branching_page"
    page: int
    allowance: Allowance = "sfw"
    pictures: PictureTerms | None = None
    prompt: str | None = None

    def links(self) -> Links:
        """Return the page."""
        return Links(page_id=self.page)


class PersonaReply(JobParameters):
    """Write the chat message ``reply``, rated at most ``allowance``. ``prompt``: a template of this job's own.

    It goes on where the variant ``continues`` ends, if that is given. ``shown`` is the row of the outbox whose message
    it replaces. ``quoted``: the message of the answer repeats what it answers, which nobody there has seen.
    ``picture`` was sent with what it answers; ``unseen``: one was, and nobody looks at it.
    """

    type: ClassVar[str] = "persona_reply"
    reply: int
    allowance: Allowance = "sfw"
    prompt: str | None = None
    continues: int | None = None
    shown: int | None = None
    quoted: bool = False
    picture: int | None = None
    unseen: bool = False

    def links(self) -> Links:
        """Return the reply."""
        return Links(message_id=self.reply)


class Imagine(JobParameters, PictureTerms):
    """Draw what a person describes, or redraw the picture ``source`` by ``strength`` (0 to 1).

    ``alt`` describes the picture for people who cannot see it; empty: the prompt does. ``persona`` is in the picture;
    ``enhance``: the prompt is written out first.
    """

    type: ClassVar[str] = "imagine"
    prompt: str
    alt: str = ""
    negative: str = ""
    lora: str = ""
    style: str = ""
    size: str = ""
    quality: str = ""
    seed: int | None = None
    rating: Allowance = "sfw"
    source: int | None = None
    strength: float = 0.6
    persona: int | None = None
    enhance: bool = False

    def links(self) -> Links:
        """Return the picture that is redrawn, and the persona in it."""
        return Links(picture_id=self.source, persona_id=self.persona)


class IllustratePage(JobParameters, PictureTerms):
    """Draw the best moment of the page ``illustrates``. ``automatic``: requested by no person, fails silently."""

    type: ClassVar[str] = "illustrate_page"
    illustrates: int
    style: str = ""
    size: str = ""
    quality: str = ""
    automatic: bool = False

    def links(self) -> Links:
        """Return the page."""
        return Links(page_id=self.illustrates)


class PersonaPortrait(JobParameters, PictureTerms):
    """Draw ``persona``; ``prompt`` says how."""

    type: ClassVar[str] = "persona_portrait"
    persona: int
    prompt: str = ""
    style: str = ""
    size: str = ""
    quality: str = ""

    def links(self) -> Links:
        """Return the persona."""
        return Links(persona_id=self.persona)


class ExportData(JobParameters):
    """Write the data of ``person``, or of the place ``place``, into the export ``export``; parts of ``limit`` bytes.

    ``answers``: the archive is the answer to the event, and not sent beside it.
    """

    type: ClassVar[str] = "export_data"
    export: int
    person: int
    place: int | None = None
    limit: int
    answers: bool = True


class EraseData(JobParameters):
    """Delete what was closed (`db.erasure`): ``accounts``, and the person ``user`` with their part in others' places.

    ``identities`` (platform and id) and ``names`` are those that the person had. They are dropped at the end.
    """

    type: ClassVar[str] = "erase_data"
    user: int | None = None
    accounts: list[int] = []
    identities: list[tuple[str, str]] = []
    names: list[str] = []


class JudgePrompt(JobParameters):
    """Judge the account's own text ``prompt`` of a ``kind`` (`db.overrides`); it is in force if that is checked."""

    type: ClassVar[str] = "judge_prompt"
    prompt: int
    kind: Literal["override", "task", "variant"] = "override"
    allowance: Allowance = "sfw"


class JudgeScopedPrompt(JudgePrompt):
    """The same for the kinds that workers of the release before do not know: they leave such jobs to newer ones."""

    type: ClassVar[str] = "judge_scoped_prompt"


@dataclass(frozen=True, slots=True)
class Job:
    """A job's row. ``attempt`` counts crashes, ``retries`` counts retryable errors.

    ``waiting_for`` names what a job in state ``waiting`` waits for, up to ``deadline``; ``joining``: it waits for its
    child jobs.
    """

    id: int
    type: str
    parameters: Json[dict[str, Any]]
    queue: WorkerQueue
    priority: int
    state: str
    attempt: int
    retries: int
    run_after: datetime
    woken_at: datetime
    lease_token: UUID | None
    lease_expires: datetime | None
    phase: str
    percent: int
    stop_requested: bool
    waiting_for: str
    joining: bool
    deadline: datetime | None
    error: str
    account_id: int | None
    user_id: int | None
    conversation_id: int | None
    parent_id: int | None
    story_id: int | None
    page_id: int | None
    message_id: int | None
    picture_id: int | None
    persona_id: int | None
    event_key: str | None
    destination: Json[dict[str, Any] | None]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    def typed(self) -> JobParameters:
        """Return the typed parameters. Raises `UnknownJobType`, and `ValueError` if they do not fit it."""
        return read(self.type, self.parameters)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job was abandoned, for the person: a wording's key and its values."""

    key: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])


Abandon = Callable[[Job, Any, Failure], Awaitable[Payload | None]]
"""Undoes what a job promised and returns the notice for the person."""


async def notice(job: Job, parameters: Any, failure: Failure) -> Payload | None:
    """Undo nothing and return the reason: for jobs that leave nothing behind."""
    del job, parameters
    return Notice(key=failure.key, values=failure.values)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """When a job is late, in seconds; then it ends with a notice.

    ``nobody_s``: due while no living worker serves its queue. ``start_s``: due without being started, however busy the
    workers are. ``run_s``: one run of it. ``wait_s``: a wait for a person that has no deadline of its own.
    """

    nobody_s: float = 120.0
    start_s: float = 3600.0
    run_s: float = 1800.0
    wait_s: float = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class JobType:
    """A type of jobs.

    ``abandon`` undoes, in the caller's transaction, what a job promised, and returns the notice for the person (None:
    nothing). ``stoppable``: it may be asked to end early and keep what it has. ``queue`` is where it starts,
    ``wording`` the key of the wording shown before there is any progress. ``phases`` are the keys of wordings that the
    type has for phases of its own steps. ``deadlines`` are when a job is late, ``nobody`` the key of the wording where
    no worker takes it up. ``quota`` is what people use of their limits with each (`db.limits.Quota`).
    """

    parameters: type[JobParameters]
    abandon: Abandon = notice
    stoppable: bool = False
    queue: WorkerQueue = "cpu"
    wording: str = WORKING
    phases: Mapping[str, str] = field(default_factory=dict[str, str])
    deadlines: Deadlines = Deadlines()
    nobody: str = "job.nobody"
    quota: str = ""

    @property
    def name(self) -> str:
        """The type's name in the database."""
        return self.parameters.type


class UnknownJobType(LookupError):
    """No job type of that name is registered here; a newer release or a missing package may know it."""


def read(type_: str, parameters: Mapping[str, Any]) -> JobParameters:
    """Return typed parameters. Raises `UnknownJobType`, and `ValueError` if they do not fit it."""
    found = job_types().get(type_)
    if found is None:
        raise UnknownJobType(f"no job type {type_!r}; known are {', '.join(job_types().names)}")
    return found.parameters.model_validate(dict(parameters))


async def abandon(job: Job, failure: Failure) -> Payload | None:
    """Undo what a job promised and return the notice for the person; the caller ends the job in the same transaction.

    For a job that this release cannot read, nothing is undone, but the notice is returned. The same holds if the type
    raises (logged): otherwise the job could never end, nor its subject be deleted.
    """
    try:
        parameters = job.typed()
    except (UnknownJobType, ValidationError) as e:
        _log.warning("job %d (%s) is abandoned unread: %s", job.id, job.type, type(e).__name__)
        return await notice(job, None, failure)
    found = job_types().get(job.type)
    assert found is not None
    try:
        async with transaction():  # a savepoint: a failure here must not abort the caller's transaction
            return await found.abandon(job, parameters, failure)
    except (LeaseLost, *OUTAGES):
        raise
    except Exception:  # noqa: BLE001 - the type may be a package's
        _log.exception("job %d (%s) is abandoned without undoing what it promised", job.id, job.type)
        return await notice(job, None, failure)


def spec_of(type_: str) -> JobType:
    """Return a job type; for an unknown one, the defaults."""
    return job_types().get(type_) or JobType(JobParameters)


def stoppable(job: Job) -> bool:
    """Return whether a job may be asked to end early and keep its partial result."""
    found = job_types().get(job.type)
    return found is not None and found.stoppable


def waiting_wording(parameters: JobParameters) -> str:
    """Return the key of the wording that is shown for a job before there is any progress."""
    found = job_types().get(parameters.type)
    return WORKING if found is None else found.wording


def phase_wording(type_: str, phase: str) -> str:
    """Return the key of the wording for a phase of a job."""
    found = job_types().get(type_)
    return f"job.{phase}" if found is None else found.phases.get(phase, f"job.{phase}")


def job_types() -> Registry[JobType]:
    """Return all job types."""
    return _load()[0]


def problems() -> list[Problem]:
    """Return the problems of packages' job types."""
    return _load()[1]


@lru_cache
def _load() -> tuple[Registry[JobType], list[Problem]]:
    # Imported by name: the product's types import the topics' modules, which import this one.
    registry: Registry[JobType] = Registry("job type", lambda t: t.name, import_module(_OWN).SPECS)

    def add(spec: Any, package: str) -> None:
        if not isinstance(spec, JobType):
            raise TypeError(f"a job type must be a JobType, not {type(spec).__name__}")
        registry.add(spec, package)

    return registry, load_plugins(GROUP, add)
