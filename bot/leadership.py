"""Leadership: for which platforms this process polls, sends and edits. Every other process waits to take over.

A leader renews its row every second. What it may do ends `PROOF_SECONDS` after the last renewal began, on its own
monotonic clock; another process takes the row over only after it has seen it unchanged for `TAKEOVER_SECONDS`, which is
longer. So two never act at once, however slow or silent the database is and whatever the clocks say. A leader that
stops releases its row and is followed within a second; one that died on this machine is recognised at once.

A leader that has not been able to serve its platform for `TROUBLED_SECONDS` (no way out of its host, say) steps aside
if another process stands by. That one may do no better; so who has stepped aside does not offer itself soon again, but
it takes over as before from a leader that is gone.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Generator, Iterable
from typing import Final

from bot.identity import ProcessIdentity, is_gone
from db.errors import Outage
from db.leaders import LeaderConnection, Standing, leader_connection
from db.loops import forever

LOOK_SECONDS: Final = 0.5
RENEW_SECONDS: Final = 1.0
PROOF_SECONDS: Final = 3.0
TAKEOVER_SECONDS: Final = 5.0
UNPROVEN_SECONDS: Final = 60.0
"""A leader that has had no proof for this long stops listening, too: until then it can refuse events with a notice."""
REPORT_SECONDS: Final = 5.0
RELEASE_SECONDS: Final = 1.0
TROUBLED_SECONDS: Final = 180.0
ASIDE_SECONDS: Final = 10.0
"""For how long who steps aside leaves the platform to others."""
QUIET_SECONDS: Final = 1800.0
"""For how long who has stepped aside does not offer itself: two processes without a way out would take turns."""
AWAY_SECONDS: Final = 2.0
"""Maximum pause between two tries to reach the database."""
_log = logging.getLogger(__name__)


class Seat:
    """The candidacy of this process for one platform, or one group of a platform's shards."""

    def __init__(self, name: str, changed: Callable[[], None]) -> None:
        """``changed`` is called when the seat begins to stand, or to lead."""
        self.name, self._changed = name, changed
        self._candidates = 0
        self._proven_until = 0.0
        self._leads, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._bodies: set[asyncio.Task[None]] = set()
        self._seen = Standing("", -1)
        self._seen_since = self._seen_at = 0.0
        self.renewed_at = self.reported_at = -math.inf
        self.reported = ""
        self.retired = False
        self._followed = False
        self._troubled_since: float | None = None
        self._aside_until = self._offers_from = self._offered_at = -math.inf

    @property
    def stands(self) -> bool:
        """Whether this process is ready to lead."""
        return self._candidates > 0 and not self.retired and time.monotonic() >= self._aside_until

    @property
    def leads(self) -> bool:
        """Whether this process leads, as far as it knows."""
        return self._leads.is_set()

    def proof_left(self) -> float:
        """Return for how many seconds it is certain that nobody else leads; 0 if it is not."""
        return max(0.0, self._proven_until - time.monotonic()) if self.leads else 0.0

    @contextlib.contextmanager
    def standing(self) -> Generator[None]:
        """Be a candidate within the block."""
        self._candidates += 1
        self._changed()
        try:
            yield
        finally:
            self._candidates -= 1
            if not self._candidates:
                self._changed()

    async def while_leading(self, body: Callable[[], Awaitable[None]]) -> None:
        """Run ``body`` whenever this process leads and cancel it when it no longer does; ends when ``body`` ends."""
        while True:
            await self._leads.wait()
            task = asyncio.create_task(_awaited(body), name=f"leads-{self.name}")
            self._bodies.add(task)
            self._idle.clear()
            try:
                await asyncio.wait([task])
            finally:
                task.cancel()
                await asyncio.wait([task])
                self._bodies.discard(task)
                if not self._bodies:
                    self._idle.set()
            if not task.cancelled():
                return task.result()

    async def idle(self) -> None:
        """Wait until nothing runs that only a leader may do."""
        await self._idle.wait()

    def heard(self, standing: Standing, key: str, asked_at: float) -> None:
        """Take note of who leads. ``asked_at``: when the question was sent, on the monotonic clock."""
        now = time.monotonic()
        if standing.holder == key:
            self.renewed_at, self._proven_until = asked_at, asked_at + PROOF_SECONDS
            self._followed = standing.followed
            if not self.leads and self.stands:
                _log.info("this process leads %s", self.name)
                self._leads.set()
                self._changed()
            return
        if self.leads:
            _log.warning("another process leads %s now", self.name)
            self.lose()
        # A candidate that did not look meanwhile has seen nothing: it begins anew.
        if standing != self._seen or now - self._seen_at > 3 * LOOK_SECONDS:
            self._seen, self._seen_since = standing, now
        self._seen_at = now

    def check_service(self, problem: str) -> None:
        """Step aside if this process leads, has had a ``problem`` for too long, and another stands by."""
        now = time.monotonic()
        if not self.leads or not problem:
            self._troubled_since = None
        elif self._troubled_since is None:
            self._troubled_since = now
        elif self._followed and now - self._troubled_since >= TROUBLED_SECONDS:
            _log.warning("this process cannot serve %s and leaves it to another: %s", self.name, problem)
            self._troubled_since = None
            self._aside_until, self._offers_from = now + ASIDE_SECONDS, now + QUIET_SECONDS

    def offers(self) -> bool:
        """Return whether it is time to say that this process stands by."""
        now = time.monotonic()
        if self.leads or now < self._offers_from or now - self._offered_at < REPORT_SECONDS:
            return False
        self._offered_at = now
        return True

    async def unchanged_beat(self) -> int | None:
        """Return the beat at which the row may be taken from its leader, if that one is silent or gone."""
        if self.leads or not self._seen.holder:
            return None
        silent = self._seen_at - self._seen_since >= TAKEOVER_SECONDS
        return self._seen.beat if silent or await asyncio.to_thread(is_gone, self._seen.holder) else None

    def lose(self) -> None:
        """Act no more."""
        self._leads.clear()
        self._proven_until, self.renewed_at = 0.0, -math.inf
        for task in self._bodies:
            task.cancel()

    def check_proof(self) -> None:
        """Stop listening if it has been unknown for too long whether this process leads."""
        if self.leads and time.monotonic() - self._proven_until > UNPROVEN_SECONDS:
            _log.warning("this process cannot tell whether it leads %s: it stops", self.name)
            self.lose()


class Leadership:
    """All seats of this process, and the connection over which it stands for them."""

    def __init__(
        self,
        url: str,
        names: Iterable[str],
        *,
        problem: Callable[[str], Awaitable[str]],
        changed: Callable[[], None] = lambda: None,
        identity: ProcessIdentity,
    ) -> None:
        """``problem`` returns what is wrong with the platform of a seat, for operators.

        ``changed`` is called when this process begins to stand or to lead.
        """
        self._url, self._problem, self._notify, self._identity = url, problem, changed, identity
        self._poked = asyncio.Event()
        self.seats = {name: Seat(name, self._changed) for name in names}

    async def run(self) -> None:
        """Stand, lead and renew until cancelled."""
        if self.seats:
            await forever("electing leaders", self._session, backoff_s=LOOK_SECONDS, backoff_most_s=AWAY_SECONDS)

    async def _session(self) -> None:
        """Stand, lead and renew until the connection fails."""
        try:
            async with leader_connection(self._url) as connection:
                while True:
                    self._poked.clear()
                    async with asyncio.timeout(PROOF_SECONDS):
                        await self._round(connection)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await self._poked.wait()
        except TimeoutError as e:
            raise Outage(f"no answer within {PROOF_SECONDS:g} s") from e
        finally:
            for seat in self.seats.values():
                seat.check_proof()

    async def retire(self) -> None:
        """Lead no longer: polling ends, and no edit or claim begins any more. The rows are still ours."""
        for seat in self.seats.values():
            seat.retired = True
            seat.lose()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                for seat in self.seats.values():
                    await seat.idle()

    async def release(self) -> None:
        """After `retire`: let others lead at once. If the database does not answer, they find out by themselves."""
        if not self.seats:
            return
        try:
            async with asyncio.timeout(RELEASE_SECONDS), leader_connection(self._url) as connection:
                await connection.release(list(self.seats), self._identity.key)
        except Exception as e:  # noqa: BLE001 - as in run
            _log.warning("what this process led could not be released: %s", e)

    async def _round(self, connection: LeaderConnection) -> None:
        for seat in self.seats.values():
            now, problem = time.monotonic(), await self._problem(seat.name)
            seat.check_service(problem)
            if seat.stands:
                if now - seat.renewed_at >= RENEW_SECONDS or not seat.leads:
                    standing = await connection.stand(
                        seat.name, self._identity.key, host=self._identity.shown,
                        problem=problem, unchanged_beat=await seat.unchanged_beat(),
                    )  # fmt: skip
                    seat.heard(standing, self._identity.key, now)
                    if standing.holder == self._identity.key and not seat.leads:  # it stood down meanwhile
                        await connection.release([seat.name], self._identity.key)
                    if seat.offers():
                        await connection.stand_by(seat.name, self._identity.key)
                continue
            if seat.leads:
                seat.lose()
                await connection.release([seat.name], self._identity.key)
            if problem and (problem != seat.reported or now - seat.reported_at >= REPORT_SECONDS):
                await connection.report(seat.name, self._identity.shown, problem)
                seat.reported, seat.reported_at = problem, now

    def _changed(self) -> None:
        self._poked.set()
        self._notify()


async def _awaited(body: Callable[[], Awaitable[None]]) -> None:
    await body()
