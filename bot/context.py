"""One context: what a handler works with inside the event's transaction."""

from dataclasses import dataclass, field
from typing import Any

from bot.buttons import Action
from bot.events import Event
from db import drafts, jobs, outbox
from db.accounts import Who
from db.jobs import Abandoned
from db.work import JobParameters
from workers.queue import Queue


@dataclass(slots=True)
class Context:
    """An event being handled: who, where, and what comes of it.

    Everything here goes into the router's one transaction; ``wakes`` and ``cancels`` happen after its commit.
    ``placeholder_delay`` is the platform's (None: no placeholder for this event). ``adults``: the operator's word that
    places whose platform knows no age restriction are for adults. ``queue`` is for asking how the workers do.
    """

    event: Event
    who: Who
    placeholder_delay: float | None
    queue: Queue
    wakes: list[int] = field(default_factory=list[int])
    cancels: list[int] = field(default_factory=list[int])
    answered: bool = False
    private: bool = False
    adults: bool = False

    @property
    def account_id(self) -> int:
        """The account whose data this is."""
        return self.who.account.id

    @property
    def user_id(self) -> int:
        """Who acts."""
        return self.who.user.id

    @property
    def conversation_id(self) -> int:
        """Where it happens."""
        return self.who.conversation.id

    async def say(
        self,
        kind: str,
        payload: dict[str, Any],
        *,
        part: str = outbox.REPLY,
        ordered: bool = True,
        private: bool = False,
    ) -> None:
        """Answer with a row of the outbox: a kind and ids, composed when it is sent.

        ``private`` only prepares the platform for it; whether a message is private is said when it is composed.
        """
        self.private = self.private or private
        await outbox.add(
            self.event.key,
            part,
            platform=self.event.platform,
            conversation_id=self.conversation_id,
            kind=kind,
            payload=payload,
            destination=self.event.destination.model_dump(),
            ordered=ordered,
        )
        self.answered = self.answered or part != outbox.PLACEHOLDER

    async def notice(self, key: str, *, private: bool = True, story: int | None = None, **values: Any) -> None:
        """Answer with a wording. Private ones go to the person alone, ahead of whatever waits to be sent here."""
        payload: dict[str, Any] = {"key": key, "values": values, "private": private}
        if story is not None:
            payload["story"] = story
        await self.say("notice", payload, ordered=not private, private=private)

    async def erase(self) -> None:
        """Remove the pressed message."""
        if self.event.destination.pressed_message:
            await outbox.add(
                self.event.key,
                outbox.MARK,
                platform=self.event.platform,
                conversation_id=self.conversation_id,
                kind="erase",
                payload={},
                destination=self.event.destination.model_dump(),
                ordered=False,
            )

    async def mark(self, page_id: int, choice_id: int | None = None) -> None:
        """Show on the pressed message which choice was taken (None: none), and take its buttons away."""
        if self.event.destination.pressed_message:
            await outbox.add(
                self.event.key,
                outbox.MARK,
                platform=self.event.platform,
                conversation_id=self.conversation_id,
                kind="mark",
                payload={"page": page_id, "choice": choice_id},
                destination=self.event.destination.model_dump(),
                ordered=False,
            )

    async def work(self, parameters: JobParameters) -> int:
        """Answer by a job: add it, with a placeholder message where the platform wants one, and return its id."""
        job_id = await jobs.add(
            parameters,
            account_id=self.account_id,
            user_id=self.user_id,
            conversation_id=self.conversation_id,
            event_key=self.event.key,
            destination=self.event.destination.model_dump(),
        )
        if self.placeholder_delay is not None and not self.event.deferred:
            await outbox.add(
                self.event.key,
                outbox.PLACEHOLDER,
                platform=self.event.platform,
                conversation_id=self.conversation_id,
                kind="placeholder",
                payload={"job": job_id},
                destination=self.event.destination.model_dump(),
                ordered=False,
                delay=self.placeholder_delay,
            )
        self.wakes.append(job_id)
        return job_id

    async def answer_for(self, abandoned: Abandoned) -> None:
        """Answer the event of a job that will not answer itself any more, in the place where its answer was due."""
        job, told = abandoned.job, abandoned.notification
        self.cancels.append(job.id)
        if told is None or job.event_key is None or job.destination is None or job.conversation_id is None:
            return
        await outbox.add(
            job.event_key,
            outbox.REPLY,
            platform=self.event.platform,
            conversation_id=job.conversation_id,
            kind=told.kind,
            payload=told.payload,
            destination=job.destination,
        )

    async def ask(self, form: Action, values: dict[str, str], index: int) -> None:
        """Ask the form's field ``index`` as a message; the person's next text here answers it."""
        draft = {"form": form.pack(), "values": values, "index": index}
        await drafts.keep(self.conversation_id, self.user_id, draft)
        await self.say("question", {"form": form.pack(), "index": index, "given": sorted(values)})

    async def leave_form(self) -> None:
        """Drop the form that the person is being asked here, if there is one."""
        if self.who.draft is not None:
            await drafts.drop(self.conversation_id, self.user_id)

    async def wake(self) -> None:
        """After the commit: wake workers, and stop those whose job was cancelled."""
        for job_id in self.wakes:
            await self.queue.wake(job_id)
        for job_id in self.cancels:
            await self.queue.notify_cancel(job_id)
