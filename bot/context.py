"""What handlers work with: the event, its person and place, and the resulting answers and jobs."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.events import Command, Event, TextMessage
from bot.policy import OPEN, AccessPolicy
from bot.rights import Rights, rights_of
from db import audit, awaited_files, drafts, jobs, limits, moderation, outbox, people, work
from db.errors import Moved, NotAllowed, UserError
from db.jobs import Abandoned
from db.limits import Subject
from db.moderation import ModerationPolicy, TextRefused
from db.payloads.base import Payload
from db.payloads.notice import Notice, Placeholder
from db.payloads.operators import Leave
from db.people import PERSONAL, Who
from db.permissions import Permission, Role, at_least
from db.sent_messages import SentMessage
from db.usage_limits import QUOTAS, UNLIMITED, Quota, UsageLimits
from db.work import JobParameters, Links
from prompts.registry import PromptRegistry
from prompts.safety.names import presentable
from workers.queue import Queue, outbox_channel


class CommandCatalogue(Protocol):
    """The commands there are (`bot.commands.base.CommandRegistry`)."""

    @property
    def names(self) -> list[str]:
        """Their names."""
        ...

    def group_names(self) -> list[str]:
        """Return the first words of commands of two words."""
        ...

    def named(self, text: str) -> str:
        """Return the name of the command or group that a text names, however it is spelt; empty if there is none."""
        ...

    def is_fixed(self, name: str) -> bool:
        """Whether a command or a whole group can never be switched off."""
        ...


@dataclass(slots=True)
class Enquiry:
    """An autocompletion request: reads only, commits nothing. ``adults``: what is for adults may be shown there."""

    event: Event
    known: Who
    queue: Queue
    prompts: PromptRegistry
    commands: CommandCatalogue
    adults: bool = False

    async def who(self) -> Who:
        """Return the person and the place."""
        return self.known


async def resolve(event: Event) -> Who:
    """Return the rows of an event's account, user and conversation, creating missing ones.

    A name that not everybody may read is left out.
    """
    return await people.resolve(
        event.platform,
        account=(event.account.kind, event.account.external_id, presentable(event.account.name)),
        user=(event.user.external_id, presentable(event.user.name), event.user.language),
        conversation=(event.conversation.chat_id, event.conversation.thread_id, event.conversation.kind),
        username=event.user.username,
    )


@dataclass(slots=True)
class Context:
    """An event being handled: its person, its place, and the results.

    Everything here goes into the router's one transaction; ``wakes`` and ``cancels`` happen after its commit, and the
    ``couriers`` of platforms to which messages go besides the answer are notified.
    ``placeholder_delay`` is the platform's (None: no placeholder for this event). ``adults``: the operator declares
    that places without a platform age restriction are for adults. ``queue`` is used to query the workers.
    ``commands`` are all there are. ``policy`` says who runs the service,
    ``moderation`` what becomes of refused texts. ``off`` are the commands that are switched
    off. ``ignored``: nobody is told anything, not even that the event was taken. ``shut_out``: the person is banned or
    not on the list, and uses what is left to them. ``limits`` are this person's.
    ``file_bytes``: the largest file that an answer may carry. ``files_by_reply``: a command may reply to one.
    ``dialogs``: the platform shows a form as one dialog.
    """

    event: Event
    who: Who
    placeholder_delay: float | None
    queue: Queue
    commands: CommandCatalogue
    limits: UsageLimits = UNLIMITED
    file_bytes: int = 10_000_000
    wakes: list[jobs.Wakeup] = field(default_factory=list[jobs.Wakeup])
    cancels: list[int] = field(default_factory=list[int])
    couriers: set[str] = field(default_factory=set[str])
    answered: bool = False
    private: bool = False
    adults: bool = False
    policy: AccessPolicy = OPEN
    moderation: ModerationPolicy = field(default_factory=ModerationPolicy)
    off: frozenset[str] = frozenset()
    ignored: bool = False
    shut_out: bool = False
    genuine: bool = False
    resumed: bool = False
    awaits_file: bool = False
    files_by_reply: bool = False
    dialogs: bool = False

    @property
    def operator(self) -> bool:
        """Whether an operator of the service acts."""
        return self.policy.is_operator(self.event)

    @property
    def account_id(self) -> int:
        """The account that owns the data."""
        return self.who.account.id

    @property
    def user_id(self) -> int:
        """The person who acts."""
        return self.who.user.id

    @property
    def acting_for(self) -> int | None:
        """The group for which the person may act, as its anonymous administrators do; None if there are none."""
        return self.who.group_user if at_least(self.role, "moderator") else None

    @property
    def conversation_id(self) -> int:
        """The conversation where it happens."""
        return self.who.conversation.id

    @property
    def rights(self) -> Rights:
        """Where the person stands in this place."""
        return rights_of(self.event, self.who)

    @property
    def role(self) -> Role:
        """The person's role in this place; the owner in their private chat."""
        return self.rights.role

    @property
    def replied_to(self) -> str:
        """The platform's id of the message that a command or text replies to; empty if it replies to none."""
        payload = self.event.payload
        return payload.reply_to if isinstance(payload, Command | TextMessage) else ""

    def may(self, permission: Permission) -> bool:
        """Return whether the person has a permission here."""
        return self.rights.decide(permission).allowed

    def require(self, permission: Permission) -> None:
        """Raise `NotAllowed`, with the rule that refuses and who can change it, if the person lacks the permission."""
        self.rights.require(permission)

    @property
    def language(self) -> str:
        """The person's language, a BCP 47 tag; empty if unknown."""
        return self.who.identity.language or self.event.user.language

    async def audit(self, action: str, subject: str = "", **details: Any) -> None:
        """Note in the audit log that the person did something in a place; their own private chat has none.

        See `db.audit.note`: ids, names of settings, numbers and choices; no words of people.
        """
        if self.event.account.kind not in PERSONAL:
            await audit.note(action, account_id=self.account_id, user_id=self.user_id, subject=subject, details=details)

    def require_on(self, command: str) -> None:
        """Raise `NotAllowed` if a command, or its group, is switched off."""
        if name := self.switched_off(command):
            raise NotAllowed("operators.switched_off", name=name)

    def switched_off(self, command: str) -> str:
        """Return which of a command and its group is switched off; "" if neither is."""
        return next((name for name in (command, command.partition(" ")[0]) if name and name in self.off), "")

    async def say(
        self,
        payload: Payload,
        *,
        part: str = outbox.REPLY,
        ordered: bool = True,
        private: bool = False,
        edits_row: int | None = None,
    ) -> None:
        """Answer with a row of the outbox, from which the message is composed when it is sent.

        ``edits_row``: the message of that earlier row is rewritten (`db.outbox.row_of_message`). ``private`` only
        prepares the platform for it; the view decides whether a message is private.
        """
        self.private = self.private or private
        await self._add(payload, part, ordered=ordered, edits_row=edits_row)
        self.answered = True

    async def notice(self, key: str, *, private: bool = True, story: int | None = None, **values: Any) -> None:
        """Answer with a wording. Private ones go to the person alone, ahead of other messages in the queue."""
        payload = Notice(key=key, values=values, private=private, story=story)
        await self.say(payload, ordered=not private, private=private)

    async def refuse(self, error: UserError) -> None:
        """Answer privately with the error, and with a link to the story if it has moved on.

        A refused text is an incident, which is recorded without the text.
        """
        if isinstance(error, TextRefused):
            self.couriers |= await moderation.note(
                error,
                self.moderation,
                source=self.event.key,
                account_id=self.account_id,
                user_id=self.user_id,
                conversation_id=self.conversation_id,
            )
        story = error.story_id if isinstance(error, Moved) else None
        payload = Notice(key=error.key, values=error.values, private=True, story=story)
        await self.say(payload, ordered=False, private=True)

    async def change_pressed(self, payload: Payload) -> None:
        """Change the message whose button was pressed, if there is one, and if it is ours and had that button."""
        if self.event.destination.pressed_message and self.genuine:
            await self._add(payload, outbox.MARK, ordered=False)

    async def tell(self, conversation_id: int, user_id: int | None, payload: Payload) -> None:
        """Send a message to another conversation, on whichever platform it is; nothing happens if it is gone."""
        await self._elsewhere(conversation_id, user_id, payload, f"aside:{conversation_id}")

    async def rewrite(self, sent: SentMessage, user_id: int | None, payload: Payload) -> None:
        """Change a message that was sent to a person in another conversation."""
        await self._elsewhere(sent.conversation_id, user_id, payload, f"mark:{sent.row_id}", edits_row=sent.row_id)

    async def leave_place(self, delay: float) -> None:
        """Let the bot leave the guild or group after ``delay`` seconds."""
        await self._add(Leave(place=self.event.account.external_id), Leave.kind, ordered=False, delay=delay)

    async def work(self, parameters: JobParameters, *, number: int = 1) -> int:
        """Answer by a job: add it, with a placeholder message if the platform needs one, and return its id.

        ``number``: of several jobs that answer the event, each with a message of its own. Raises `LimitReached`, and
        `NotAllowed` during a cooldown.
        """
        moderation.check_cooldown(self.who.cooldown_until)
        quotas: list[Quota] = [quota for quota in QUOTAS if quota in ("work", work.spec_of(parameters.type).quota)]
        await self.use(*quotas, links=parameters.links())
        job_id = await jobs.add(
            parameters,
            account_id=self.account_id,
            user_id=self.user_id,
            conversation_id=self.conversation_id,
            event_key=self._key(number),
            destination=self.event.destination.model_dump(),
        )
        if self.placeholder_delay is not None and not self.event.deferred:
            placeholder = Placeholder(job=job_id, wording=work.waiting_wording(parameters))
            delay = self.placeholder_delay
            await self._add(placeholder, outbox.PLACEHOLDER, ordered=False, delay=delay, number=number)
        self.wakes.append(jobs.Wakeup(job_id, jobs.queue_of(parameters), jobs.INTERACTIVE))
        return job_id

    async def use(self, *quotas: Quota, links: Links | None = None) -> None:
        """Use one of each quota. Raises `LimitReached`, which rolls everything back.

        ``links``: what the work is about.
        """
        await limits.admit(self.limits, self._subject(), *quotas, links=links)

    async def check_room(self) -> None:
        """Check that one more file may be kept here. Raises `LimitReached`."""
        await limits.check_kept(self.limits, self._subject(), "uploads")

    async def await_file(self, *, keeps: bool) -> None:
        """Leave the event until its file has been fetched (`bot.fetching`); it is then handled again, with the file.

        Uses the quota of files at once: what is not allowed is not fetched. ``keeps``: the file itself is stored.
        Raises `LimitReached`.
        """
        await awaited_files.add(
            self.event.key,
            self.event.model_dump(mode="json"),
            platform=self.event.platform,
            account_id=self.account_id,
            conversation_id=self.conversation_id,
        )
        await limits.admit(self.limits, self._subject(), "uploads", keeps=keeps)
        self.awaits_file = True

    def _subject(self) -> Subject:
        return Subject(self.account_id, self.user_id, place=self.who.account.kind not in PERSONAL)

    async def answer_for(self, abandoned: Abandoned) -> None:
        """Answer the event of a job that will no longer answer it, in the place where the answer was due."""
        job, told = abandoned.job, abandoned.notification
        self.cancels.append(job.id)
        if told is None or job.event_key is None or job.destination is None or job.conversation_id is None:
            return
        await outbox.add(
            job.event_key,
            outbox.REPLY,
            platform=job.event_key.partition(":")[0],  # somebody may act on one platform for what was asked on another
            conversation_id=job.conversation_id,
            payload=told,
            destination=job.destination,
        )

    async def keep_form(self, form: str, values: dict[str, str], present: dict[str, str]) -> None:
        """Remember a form that the person is asked field by field; their next text here answers it.

        ``form`` is the packed action that opened it, ``values`` the answers so far, ``present`` the previous values.
        """
        await drafts.keep(self.conversation_id, self.user_id, {"form": form, "values": values, "present": present})

    async def leave_form(self) -> None:
        """Drop the form that the person is being asked here, if there is one."""
        if self.who.draft is not None:
            await drafts.drop(self.conversation_id, self.user_id)

    async def wake(self) -> None:
        """After the commit: wake workers, and stop those whose job was cancelled."""
        for job in self.wakes:
            await self.queue.wake(job.id, queue=job.queue, priority=job.priority)
        for job_id in self.cancels:
            await self.queue.notify_cancel(job_id)
        for platform in self.couriers:
            await self.queue.publish(outbox_channel(platform))

    async def _elsewhere(
        self, conversation_id: int, user_id: int | None, payload: Payload, part: str, edits_row: int | None = None
    ) -> None:
        place = await outbox.place_of(conversation_id, user_id)
        if place is None:
            return
        await outbox.add(
            self.event.key,
            part,
            platform=place.platform,
            conversation_id=conversation_id,
            payload=payload,
            destination=place.destination,
            ordered=False,
            edits_row=edits_row,
        )
        self.couriers.add(place.platform)

    def _key(self, number: int) -> str:
        """Return the key of one of the event's answers: the event's own for the first."""
        return self.event.key if number == 1 else f"{self.event.key}/{number}"

    async def _add(
        self,
        payload: Payload,
        part: str,
        *,
        ordered: bool,
        delay: float = 0.0,
        edits_row: int | None = None,
        number: int = 1,
    ) -> None:
        await outbox.add(
            self._key(number),
            part,
            platform=self.event.platform,
            conversation_id=self.conversation_id,
            payload=payload,
            destination=self.event.destination.model_dump(),
            ordered=ordered,
            delay=delay,
            edits_row=edits_row,
        )
