"""The interface between a platform and the rest of the bot."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, runtime_checkable

from bot.events import Destination, Event
from bot.hearing import Overheard
from bot.messages import Form, Message, Progress
from db.late_updates import KeptUpdate


class DeliveryError(Exception):
    """Base of the errors that a sender may raise."""

    loggable = True


class RetryLater(DeliveryError):
    """The platform asked to wait, or did not answer: the row stays open and is retried."""

    def __init__(self, reason: str, delay: float | None = None) -> None:
        """``delay`` in seconds; ``None`` leaves it to the courier's back-off."""
        super().__init__(reason)
        self.delay = delay


class Undeliverable(DeliveryError):
    """The platform will never take this message (blocked, chat gone, no permission): a dead letter."""


class Unshowable(Undeliverable):
    """The place is open, but the platform does not take what this message holds."""


class FileTooLarge(Unshowable):
    """A file is larger than what the place takes that is left for this message."""


class Gone(Undeliverable):
    """The bot was removed from the chat, or blocked there: it can send nothing at all."""


class FileTooBig(Exception):
    """A file that a person sent is larger than what is accepted."""

    loggable = True


class PlatformRefused(Exception):
    """The platform cannot be served as it is set up; the message says what to set."""

    loggable = True


class TokenRefused(PlatformRefused):
    """The platform rejects the bot's token or permissions."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Differences between platforms that the neutral core must know.

    ``forms``: can open a form as the direct answer to a press or command; otherwise the router asks field by field.
    ``placeholder_delay``: seconds after which an event that starts a job gets a placeholder message unless it
    has been answered; ``None``: never. ``progress_interval``: minimum seconds between two progress edits of a message.
    ``file_bytes``: the largest file that can be sent anywhere; an event may say that its place takes more.
    ``private_by_user``: a person's private chat has the person's id, and the platform itself turns to it in no case.
    ``files_by_reply``: a command that replies to a message with a file gets that file.
    """

    forms: bool
    placeholder_delay: float | None
    progress_interval: float
    private_by_user: bool = False
    files_by_reply: bool = False
    file_bytes: int = 10_000_000


@dataclass(slots=True)
class Delivery:
    """An outbox row being delivered.

    ``id`` is the outbox row's; senders derive their idempotency keys from it. ``sent`` holds the platform's ids of
    the messages already sent for this row, in order: the sender calls ``record`` right after each new one, so that a
    crash costs no duplicate. ``placeholder`` is the id of a placeholder message to turn into the answer, if any.
    ``edit`` is the id of a message that this row changes instead of sending one: the last part of a long message,
    which carries the buttons. ``edits`` are the ids that an earlier row recorded: this row rewrites that message as a
    whole. Its parts replace the old ones in order, additional parts are sent, surplus ones are deleted, and all ids are
    recorded for this row, so that the next edit can name either row. ``opened`` is called with the chat id of a thread
    that was opened for a message that wants one.
    ``age`` is seconds since the row was written, ``attempt`` counts from 1.
    """

    id: int
    event_key: str
    kind: str
    destination: Destination
    record: Callable[[str], Awaitable[None]]
    opened: Callable[[str], Awaitable[None]]
    sent: list[str] = field(default_factory=list[str])
    placeholder: str = ""
    edit: str = ""
    edits: tuple[str, ...] = ()
    attempt: int = 1
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A chat whose history is worth reading after a restart: a DM, or a thread with a story.

    ``last_said`` is the event id of the last plain text that was committed from there. Without a ``chat_id``: a person
    (``user_id``) who is known, but not from a private chat.
    """

    chat_id: str
    thread_id: str
    last_said: str
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an event that the router handled.

    ``status``: ``answered`` – outbox rows hold the answer, the courier sends it; ``working`` – a job will answer;
    ``silent`` – no answer (e.g. a message not meant for the bot); ``ignored`` – no answer, and no sign that it came;
    ``duplicate`` – seen before;
    ``refused`` – nothing was done, show ``notice`` to the person; unless ``final``, the same event may come again;
    ``unknown`` – COMMIT was not answered: say nothing yet, the answer comes later; the same event may come again.
    ``private``: the answer is for them alone.
    """

    status: str
    notice: str = ""
    private: bool = False
    final: bool = False

    @property
    def done(self) -> bool:
        """The platform need not deliver the event again."""
        return self.final or self.status not in ("refused", "unknown")


class Backlog(Protocol):
    """Keeps a platform's updates that are confirmed before they are committed (`db.late_updates`)."""

    async def keep(self, platform: str, updates: Sequence[tuple[str, dict[str, Any]]]) -> list[int]:
        """Keep updates, each with its chat, and return their ids in the same order."""
        ...

    async def chats(self, platform: str, older_s: float = 0.0) -> list[str]:
        """Return the chats with updates that have been kept for ``older_s`` seconds."""
        ...

    async def oldest(self, platform: str, chat_id: str, limit: int, without: Sequence[int] = ()) -> list[KeptUpdate]:
        """Return the oldest updates kept for a chat, but for those ``without``."""
        ...

    async def count_failure(self, update_id: int) -> int:
        """Count a failure to commit an update; returns how many there were."""
        ...

    async def forget(self, update_ids: Sequence[int]) -> None:
        """Delete updates that are committed."""
        ...


class Inbound(Protocol):
    """The router as seen by a platform's listener."""

    backlog: Backlog

    async def dispatch(self, event: Event) -> Outcome:
        """Commit the event and its changes, and wake the workers. Never raises.

        On return with any status but ``refused`` the event is safe and may be confirmed to the platform.
        """
        ...

    async def overhears(self, heard: Overheard) -> bool:
        """Return whether a message that nobody addressed to the bot is to be answered, and may be dispatched.

        Any other must not be kept anywhere. Writes nothing; never raises.
        """
        ...

    async def bury(self, event: Event) -> bool:
        """Give up on an event that was refused again and again: a dead letter, with an apology to the person.

        False if that could not be committed, or not with the apology: it is to be tried again later.
        """
        ...

    async def group_moved(self, platform: str, old: str, new: str) -> bool:
        """Move what is stored for a group to its new id; False if that could not be committed."""
        ...

    async def record_places(self, platform: str, present: Sequence[str]) -> list[str]:
        """Record the guilds in which the bot is, and return those that were recorded before and are not among them.

        Such a one is only left if the platform says so: then call `place_left`. Empty if nothing could be recorded.
        """
        ...

    async def place_left(self, platform: str, place: str) -> bool:
        """Note that the bot is not in a guild or group any more; False if that could not be committed."""
        ...

    async def form_for(self, event: Event) -> Form | Message | None:
        """Return the form that this button press or command opens, a refusal to show instead, or None to dispatch it.

        A direct answer: reads only, commits nothing.
        """
        ...

    async def watched(self, platform: str) -> list[Watched]:
        """Return the chats whose history must be caught up after a restart, the last written in first, and people who
        may have written for the first time.
        """
        ...

    async def complete(self, event: Event, parameter: str, prefix: str) -> list[tuple[str, str]]:
        """Return at most 25 ``(label, value)`` suggestions for a command's parameter. A direct answer."""
        ...


@runtime_checkable
class FileSource(Protocol):
    """A platform whose events name files (`IncomingFile.source`) that are fetched after the commit."""

    async def fetch(self, source: str, limit: int) -> bytes:
        """Return a file.

        Raises `FileTooBig` above ``limit`` bytes, `RetryLater` while the client is not connected; other errors count as
        failed attempts.
        """
        ...


@runtime_checkable
class Leaver(Protocol):
    """A platform whose places the bot can leave by itself."""

    async def leave(self, place: str) -> None:
        """Leave a guild or group by its id; nothing happens if the bot is not in it. Raises `RetryLater`."""
        ...


@runtime_checkable
class Startable(Protocol):
    """A platform on which a link opens a private chat with the bot."""

    @property
    def start_link(self) -> str:
        """Its address, to which what the chat is opened with is added (`bot.links.link_payload`); empty if unknown."""
        ...


class Turns(Protocol):
    """When this process may do what only one process at a time may do for a platform."""

    async def while_leading(self, body: Callable[[], Awaitable[None]]) -> None:
        """Call ``body`` once this process leads and cancel it when it no longer does, each time anew.

        From this call on the process is a candidate, and messages can be sent. Ends when ``body`` ends by itself.
        """
        ...

    def proof_left(self) -> float:
        """Return for how many seconds it is certain that nobody else leads; 0 if it is not."""
        ...


class AlwaysLeads:
    """The turns of a platform that every process serves on its own, such as the console."""

    async def while_leading(self, body: Callable[[], Awaitable[None]]) -> None:
        """Run ``body``."""
        await body()

    def proof_left(self) -> float:
        """Return that it is certain for ever."""
        return math.inf


ALWAYS_LEADS: Final[Turns] = AlwaysLeads()


class Platform(Protocol):
    """A chat platform.

    ``connected``: messages can be sent; nothing is taken from the outbox before.
    """

    name: str
    capabilities: Capabilities

    @property
    def connected(self) -> bool:
        """Whether the client is logged in."""
        ...

    async def run(self, inbound: Inbound, turns: Turns = ALWAYS_LEADS) -> None:
        """Connect and pass events on until cancelled or, for the console, until the person leaves.

        What the platform pushes to any of several processes may be received at once; polling and a gateway session
        belong into ``turns.while_leading``. May be called again after it has raised. Raises `PlatformRefused`.
        """
        ...

    async def deliver(self, delivery: Delivery, message: Message) -> None:
        """Deliver ``message`` exactly once, however often this is called for one row.

        Raises `RetryLater` or `Undeliverable`.
        """
        ...

    async def place(self, delivery: Delivery, progress: Progress) -> None:
        """Send the placeholder message that later becomes the answer, and ``record`` its id."""
        ...

    async def show_progress(self, destination: Destination, placeholder: str, progress: Progress) -> None:
        """Show progress in the placeholder (or the deferred answer). Best effort; the caller throttles."""
        ...

    async def retract(self, destination: Destination, message_id: str) -> None:
        """Remove a placeholder that will not become an answer. Best effort."""
        ...

    async def check_ready(self) -> str:
        """Return an empty string if events arrive and messages can be sent, else the problem, for operators."""
        ...
