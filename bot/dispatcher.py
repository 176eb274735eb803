"""What becomes of an event, whatever goes wrong: answered, refused, set aside, or settled later. Never an exception."""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from bot import locales
from bot.commits import Admit, Committed, Committer, Deadline, Handle, Unsettled
from bot.context import Context
from bot.events import Event
from bot.platforms.base import Outcome
from db import inbox
from db.connection import OUTAGES, transaction
from db.errors import UserError, describe

SETTLE_SECONDS: Final = 600.0
"""How long to ask whether an event was committed; Discord takes a late answer for 15 minutes."""
SETTLE_PAUSE_SECONDS: Final = 0.5
SETTLE_PAUSE_MOST_SECONDS: Final = 10.0
AWAY: Final = (*OUTAGES, TimeoutError)
BURIALS: Final = 4
"""So often an event is given up with an apology before it goes without: a database that is away for a moment, or slow,
must not silence the answer; a place that cannot be written to must not hold up the rest of its chat for ever."""
BURIED: Final = 1000
"""Events of which the tries are remembered; older ones begin anew."""
KNOWN: Final = 5000
"""Committed events that are remembered; for older ones the inbox says that they were."""
_log = logging.getLogger(__name__)


class Dropped(Exception):
    """An event is to leave no trace: everything is rolled back, and nobody is told."""

    loggable = True


class Dispatcher:
    """Has events committed and people answered, within the patience and `bot.commits.EXTRA_SECONDS`."""

    def __init__(
        self, commits: Committer, handle: Handle, on_commit: Callable[[Event, Outcome], None], patience_s: float
    ) -> None:
        """``on_commit`` is called for every committed event."""
        self._commits, self._handle, self._on_commit, self._patience_s = commits, handle, on_commit, patience_s
        self._settling: set[asyncio.Task[None]] = set()
        self._burials: OrderedDict[str, int] = OrderedDict()
        self._committed: OrderedDict[str, None] = OrderedDict()

    async def dispatch(self, event: Event, admit: Admit | None = None) -> Outcome:
        """Commit an event and its changes, then wake the workers. Never raises.

        Runs in a task of its own: whatever happens to the database, nothing of it outlasts the event.
        An event may come twice, from a chat's history and by itself. What this process knows to be committed is not
        refused because the database has gone away since.
        """
        if admit is None and event.key in self._committed:
            return Outcome("duplicate")
        try:
            return await asyncio.create_task(self._dispatch(event, admit), name=f"event-{event.key}")
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            _log.exception("event %s: something inside was cancelled", event.key)
        except Exception:  # noqa: BLE001 - a platform's loop must not end here
            _log.exception("event %s is refused", event.key)
        return _refused(event)

    async def bury(self, event: Event, admit: Admit | None = None) -> bool:
        """Make an event that was refused again and again a dead letter; False if that is to be tried again later.

        The person gets an apology, unless the place itself is what cannot be written to.
        """
        apology, reason, deadline = UserError("router.gave_up"), "refused again and again", self._deadline()

        async def once() -> bool:
            return await _record_dead(event, admit, reason)

        outcome = Outcome("answered")
        try:
            made = await self._commits.commit(event, lambda context: context.refuse(apology), deadline, once)
            outcome = made.outcome
            if outcome.status == "duplicate":
                return True  # a try whose COMMIT was not answered did it
        except Exception as e:  # noqa: BLE001 - whatever is wrong with it, it must not hold up the others
            if isinstance(e, AWAY) and self._tried(event.key) < BURIALS:
                _log.warning("event %s cannot be given up now: %s", event.key, describe(e))
                return False
            try:
                await self._record_alone(event, admit, reason, self._deadline())
            except Exception as again:  # noqa: BLE001 - the database is away, then
                _log.warning("event %s cannot be given up: %s", event.key, again)
                return False
            _log.error("event %s: nobody is told, %s", event.key, describe(e))
        self._burials.pop(event.key, None)
        _log.error("event %s is a dead letter: it was refused again and again", event.key)
        self._on_commit(event, outcome)
        return True

    def _tried(self, key: str) -> int:
        """Count a try to give an event up, and return which it was."""
        tries = self._burials[key] = self._burials.pop(key, 0) + 1
        while len(self._burials) > BURIED:
            self._burials.popitem(last=False)
        return tries

    def _note_committed(self, key: str) -> None:
        self._committed[key] = None
        while len(self._committed) > KNOWN:
            self._committed.popitem(last=False)

    async def settled(self) -> None:
        """Wait until the fate of every event that is ``unknown`` so far is known, or not to be found out."""
        await asyncio.gather(*self._settling)

    def _deadline(self) -> Deadline:
        return Deadline.after(self._patience_s)

    async def _dispatch(self, event: Event, admit: Admit | None, unsure: Committed | None = None) -> Outcome:
        deadline = self._deadline()
        try:
            made = await self._made(event, deadline, admit, unsure)
        except Unsettled as e:
            _log.warning("event %s: %s; it is settled when the database is back", event.key, e)
            if unsure is None:
                task = asyncio.create_task(self._settle(event, admit, e.commit), name=f"settle-{event.key}")
                self._settling.add(task)
                task.add_done_callback(self._settling.discard)
            return Outcome("unknown")
        except AWAY as e:
            _log.warning("event %s is refused: the database is away (%s)", event.key, e)
            return _refused(event)
        self._note_committed(event.key)
        if made.context is not None:
            await self._wake(event, made.outcome, made.context, deadline)
        return made.outcome

    async def _made(self, event: Event, deadline: Deadline, admit: Admit | None, unsure: Committed | None) -> Committed:
        """Commit an event, with its answer or with what was wrong. Raises `Outage` and `TimeoutError`."""
        try:
            return await self._commits.commit(event, self._handle, deadline, admit, unsure)
        except UserError as e:
            return await self._answer(event, e, deadline, admit)
        except Dropped:
            return Committed(Outcome("ignored"))
        except AWAY:
            raise
        except Exception:  # noqa: BLE001 - a defect in a handler must not cost the person an answer
            return await self._answer(event, defect(event), deadline, admit)

    async def _answer(self, event: Event, error: UserError, deadline: Deadline, admit: Admit | None) -> Committed:
        """Record the event with a wording as its answer, after the handler was rolled back."""
        try:
            return await self._commits.commit(event, lambda context: context.refuse(error), deadline, admit)
        except AWAY:
            raise
        except Exception:  # noqa: BLE001 - the values of an error may be no JSON, or the place not storable
            apology = defect(event)
        if error.key != apology.key:
            return await self._answer(event, apology, deadline, admit)
        return await self._quarantine(event, apology, deadline, admit)

    async def _quarantine(self, event: Event, apology: UserError, deadline: Deadline, admit: Admit | None) -> Committed:
        """Record only that the event came: it would fail again, so it is not to come again."""
        try:
            await self._record_alone(event, admit, str(apology), deadline)
        except AWAY:
            raise
        except Exception:  # noqa: BLE001 - then it is not, and must not come again either
            _log.exception("event %s cannot even be recorded", event.key)
        notice = locales.text(apology.key, apology.values, event.user.language)
        return Committed(Outcome("refused", notice, final=True))

    @staticmethod
    async def _record_alone(event: Event, admit: Admit | None, reason: str, deadline: Deadline) -> None:
        async with asyncio.timeout_at(deadline.work_until), transaction(commit_by=deadline.commit_until):
            await _record_dead(event, admit, reason)

    async def _wake(self, event: Event, outcome: Outcome, context: Context, deadline: Deadline) -> None:
        try:
            self._on_commit(event, outcome)
            async with asyncio.timeout_at(deadline.commit_until):
                await context.wake()
        except Exception as e:  # noqa: BLE001 - polling and the reaper do it a little later
            _log.warning("event %s is committed, but nobody could be woken: %s", event.key, e)

    async def _settle(self, event: Event, admit: Admit | None, unsure: Committed) -> None:
        """Repeat an event whose COMMIT was not answered until it is known to have been committed once."""
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + SETTLE_SECONDS, SETTLE_PAUSE_SECONDS
        while loop.time() < until:
            await asyncio.sleep(pause)
            pause = min(pause * 2, SETTLE_PAUSE_MOST_SECONDS)
            outcome = await self._dispatch(event, admit, unsure)
            if outcome.status != "unknown":
                _log.info("event %s is settled: %s", event.key, outcome.status)
                return
        _log.error("event %s: whether it was committed was never known", event.key)


def defect(event: Event) -> UserError:
    """Log the current exception under a reference, and return the notice for the person."""
    reference = secrets.token_hex(4)
    _log.exception("event %s failed, reference %s", event.key, reference)
    return UserError("router.defect", reference=reference)


def _refused(event: Event) -> Outcome:
    return Outcome("refused", locales.text("router.busy", language=event.user.language))


async def _record_dead(event: Event, admit: Admit | None, reason: str) -> bool:
    if not await (inbox.record(event.key) if admit is None else admit()):
        return False
    return await inbox.bury(event.key, reason)
