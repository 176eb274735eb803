"""From event to commit: in time, and exactly once even if the answer to COMMIT is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from bot.context import Context
from bot.events import Event
from bot.platforms.base import Outcome
from db import inbox
from db.connection import transaction
from db.errors import CommitUnknown, Outage

COMMIT_SECONDS: Final = 1.0
"""Ask what became of a COMMIT that is not answered within this time, if there is time to ask."""
EXTRA_SECONDS: Final = 0.4
"""How much longer than the handler's patience COMMIT, and waking the workers, may take."""
REPEATS: Final = 3
"""How often a transaction is repeated that failed by accident: a deadlock, a stale prepared statement."""

Admit = Callable[[], Awaitable[bool]]
"""Records in a transaction that an event is handled; False if it has been before."""
Handle = Callable[[Context], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when an event may be handled, and until when its COMMIT must be answered: times of the event loop."""

    work_until: float
    commit_until: float

    @classmethod
    def after(cls, patience_s: float) -> "Deadline":
        """Begin now."""
        until = asyncio.get_running_loop().time() + patience_s
        return cls(until, until + EXTRA_SECONDS)


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit brought about. ``context`` is None if there is nothing to wake."""

    outcome: Outcome
    context: Context | None = None


class Unsettled(Outage):
    """Whether the event was committed is still unknown; ``commit`` is what it brought about if it was."""

    def __init__(self, commit: Committed) -> None:
        """Keep ``commit`` and hand it to the next try."""
        super().__init__("the answer to COMMIT was lost")
        self.commit = commit


class Committer:
    """Runs handlers in the one transaction that also records their event."""

    def __init__(self, open_context: Callable[[Event], Awaitable[Context]]) -> None:
        """``open_context`` finds the event's person and place, inside the transaction."""
        self._open_context = open_context

    async def commit(
        self,
        event: Event,
        handle: Handle,
        deadline: Deadline,
        admit: Admit | None = None,
        unsure: Committed | None = None,
    ) -> Committed:
        """Handle an event, unless that was done before; without ``admit`` the inbox says so.

        ``unsure`` is the commit of an earlier try that may have happened. Raises what ``handle`` raises, `Outage` and
        `TimeoutError` if nothing was committed, `Unsettled` if that is not known.
        """
        repeats = 0
        while True:
            tried: list[Committed] = []
            try:
                made = await self._once(event, handle, deadline, admit, tried)
            except CommitUnknown:
                # The next try waits at the event's key until the lost transaction has ended, one way or the other.
                unsure = tried[0]
                if asyncio.get_running_loop().time() >= deadline.work_until:
                    raise Unsettled(unsure) from None
            except (Outage, TimeoutError) as e:
                repeats += 1
                if isinstance(e, Outage) and e.at_once and repeats <= REPEATS:
                    continue
                if unsure is None:
                    raise
                raise Unsettled(unsure) from None
            else:
                return unsure if unsure is not None and made.outcome.status == "duplicate" else made

    async def _once(
        self, event: Event, handle: Handle, deadline: Deadline, admit: Admit | None, tried: list[Committed]
    ) -> Committed:
        async with (
            asyncio.timeout_at(deadline.work_until) as patience,
            transaction(commit_s=COMMIT_SECONDS, commit_by=deadline.commit_until),
        ):
            if not await (inbox.record(event.key) if admit is None else admit()):
                made = Committed(Outcome("duplicate"))
            else:
                context = await self._open_context(event)
                context.resumed = admit is not None
                await handle(context)
                works = context.wakes or context.awaits_file
                quiet = "ignored" if context.ignored else "silent"
                status = "answered" if context.answered else "working" if works else quiet
                made = Committed(Outcome(status, private=context.private), context)
            tried.append(made)
            patience.reschedule(None)  # COMMIT has a deadline of its own
        return made
