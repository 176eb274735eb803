"""The courier: takes outbox rows of its platforms, composes and delivers them, and records the outcome."""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from bot.compose import Composer
from bot.events import Destination
from bot.memory_budget import MemoryBudget
from bot.messages import Message
from bot.platforms.base import Delivery, FileTooLarge, Gone, Leaver, Platform, RetryLater, Undeliverable, Unshowable
from bot.progress import ProgressBoard
from db import outbox, places
from db.connection import transaction
from db.errors import LeaseLost, Outage, describe
from db.loops import forever
from db.outbox import Claimed, Claims, OutboxMessage
from db.payloads.notice import Erase, Notice
from db.payloads.operators import Leave

POLL_SECONDS: Final = 1.0
RENEW_SECONDS: Final = outbox.LEASE_SECONDS / 3
BACKOFF_BASE: Final = 1.0
BACKOFF_MOST: Final = 3600.0
DRAIN_SECONDS: Final = 6.0
"""Time for deliveries in flight when the process stops."""
DELAY_MOST: Final = 24 * 3600.0
GIVE_UP_SECONDS: Final = 24 * 3600.0
"""A message that its platform still does not take at this age is a dead letter. Tries are not counted."""
COMPOSE_SECONDS: Final = 30.0
"""Not composing a message within this time is a defect of the view."""
DEFECT_FAILURES: Final = 3
"""Failures of a row because of a defect of the bot, not of the platform, before it is a dead letter."""
OUTAGE_FAILURES: Final = 10
"""The same for a row whose statements fail although the database answers: they are cancelled, or exceed a limit."""
AT_ONCE: Final = 64
"""Maximum number of messages of one platform that are being sent."""
LOADED_BYTES: Final = 200_000_000
"""Maximum size of the large files that are in memory to be sent, of all platforms together."""
NOTHING: Final = Claims([], None)
_log = logging.getLogger(__name__)


class _Lane:
    """One platform's messages: none of them waits for another platform's."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.wakeup = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        self.resume = 0


class Courier:
    """Delivers for the platforms of this process; it alone owns each sent message."""

    def __init__(
        self,
        platforms: Mapping[str, Platform],
        composer: Composer,
        board: ProgressBoard,
        *,
        allowed: Callable[[str], bool] = lambda _platform: True,
    ) -> None:
        """``board`` shows progress until an answer is sent. ``allowed``: whether this process sends for a platform."""
        self._composer, self._board, self._allowed = composer, board, allowed
        self._lanes = {name: _Lane(platform) for name, platform in platforms.items()}
        self._leases: dict[int, tuple[UUID, asyncio.Timeout]] = {}
        self._memory = MemoryBudget(LOADED_BYTES)

    def notify(self, platform: str) -> None:
        """Check a platform's rows now."""
        if platform in self._lanes:
            self._lanes[platform].wakeup.set()

    async def run(self) -> None:
        """Deliver until cancelled; deliveries in flight then get `DRAIN_SECONDS` to finish."""
        renewing = asyncio.create_task(
            forever("renewing the leases of messages", self._renew, pause_s=RENEW_SECONDS, backoff_most_s=POLL_SECONDS)
        )
        try:
            async with asyncio.TaskGroup() as group:
                for name, lane in self._lanes.items():
                    serve = functools.partial(self._serve, name, lane)
                    group.create_task(forever(f"the courier of {name}", serve, backoff_most_s=POLL_SECONDS))
        finally:
            # Their leases are renewed meanwhile, so that no other process sends the same.
            await self._drain()
            renewing.cancel()

    async def _drain(self) -> None:
        tasks = [task for lane in self._lanes.values() for task in lane.tasks]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()
        if late:
            _log.warning("%d messages were still being sent at the end: they are sent again", len(late))
            await asyncio.wait(late, timeout=1)

    async def _serve(self, name: str, lane: _Lane) -> None:
        """Claim what is due, and wait for more."""
        lane.wakeup.clear()
        # A lease is counted from before it was asked for.
        ends = asyncio.get_running_loop().time() + outbox.LEASE_SECONDS
        claims = await self._claim(name, lane)
        for claimed in claims.rows:
            self._start(lane, claimed, ends)
        # Not wait_for: before Python 3.12 it loses a cancellation that comes with the wake-up.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS if claims.rows else _pause(claims.due_s)):
                await lane.wakeup.wait()

    async def _claim(self, name: str, lane: _Lane) -> Claims:
        room = AT_ONCE - len(lane.tasks)
        if room <= 0 or not lane.platform.connected or not self._allowed(name):
            return NOTHING
        claims = await outbox.claim(name, room, self._composer.kinds, after=lane.resume)
        lane.resume = claims.resume
        return claims

    def _start(self, lane: _Lane, claimed: Claimed, ends: float) -> None:
        task = asyncio.create_task(self._carry(lane.platform, claimed, ends), name=f"outbox-{claimed.row.id}")
        lane.tasks.add(task)

        def ended(task: "asyncio.Task[None]") -> None:
            lane.tasks.discard(task)
            if claimed.row.part != outbox.MARK:  # no one waits for a mark
                lane.wakeup.set()

        task.add_done_callback(ended)

    async def _renew(self) -> None:
        held = dict(self._leases)
        if not held:
            return
        ends = asyncio.get_running_loop().time() + outbox.LEASE_SECONDS
        await outbox.renew([(row_id, token) for row_id, (token, _) in held.items()])
        for row_id, (_, lease) in held.items():
            if row_id in self._leases:
                lease.reschedule(ends)

    async def _carry(self, platform: Platform, claimed: Claimed, ends: float) -> None:
        """Deliver a row while its lease lasts (until ``ends``, unless it is renewed). Never raises."""
        row = claimed.row
        try:
            async with asyncio.timeout_at(ends) as lease:
                self._leases[row.id] = (claimed.token, lease)
                try:
                    await self._try(platform, claimed)
                finally:
                    del self._leases[row.id]
        except (LeaseLost, TimeoutError):
            _log.info("message %d is not ours any more", row.id)
        except Exception as e:  # noqa: BLE001 - the row's lease expires, and the row is claimed again
            _log.warning("message %d stopped at the database: %s", row.id, e)

    async def _try(self, platform: Platform, claimed: Claimed) -> None:
        row, token = claimed.row, claimed.token
        try:
            buttons = await self._deliver(platform, claimed)
            if buttons is None:
                await outbox.supersede(row.id, token)
            else:
                await outbox.sent(row.id, token, buttons)
                await self._composer.sent(row)
        except RetryLater as e:
            await self._again(claimed, e.delay, str(e))
        except FileTooLarge as e:
            if await self._composer.too_large(row):
                _log.info("message %d (%s) is sent in smaller parts: %s", row.id, row.kind, e)
                await outbox.supersede(row.id, token)
            else:
                await self._bury(claimed, str(e))
        except Gone as e:
            _log.info("message %d (%s): the bot is not in that chat any more: %s", row.id, row.kind, e)
            await self._bury(claimed, str(e), closed=platform, gone=True)
        except Undeliverable as e:
            _log.warning("message %d (%s) cannot be delivered to %s: %s", row.id, row.kind, _place(row), e)
            await self._bury(claimed, str(e), closed=None if isinstance(e, Unshowable) else platform)
        except LeaseLost:
            raise
        except Outage as e:
            # If the database answers now, the row's own statements probably take too much of it.
            await self._failed(claimed, describe(e), OUTAGE_FAILURES)
        except Exception as e:  # noqa: BLE001 - one bad row must not stop the others
            _log.exception("message %d (%s) failed", row.id, row.kind)
            await self._failed(claimed, describe(e), DEFECT_FAILURES)

    async def _deliver(self, platform: Platform, claimed: Claimed) -> list[str] | None:
        """Show a row to the person and return the data of its buttons; None if there is nothing left to show."""
        row, token = claimed.row, claimed.token
        if row.closed:
            raise Gone(places.REMOVED)
        destination = Destination.model_validate(row.destination)

        async def record(message_id: str) -> None:
            await outbox.record_message(row.id, token, message_id)

        async def opened(chat_id: str) -> None:
            await self._composer.thread_opened(row, chat_id)

        delivery = Delivery(
            id=row.id,
            event_key=row.event_key,
            kind=row.kind,
            destination=destination,
            record=record,
            opened=opened,
            sent=list(row.message_ids),
            placeholder=claimed.placeholder,
            edits=claimed.edits,
            edit=destination.pressed_message if row.part == outbox.MARK else "",
            attempt=row.attempts,
            age=claimed.age,
        )
        if row.part == outbox.PLACEHOLDER:
            progress = await self._composer.progress(row)
            if not delivery.sent:
                await platform.place(delivery, progress)
            return [button.action for line in progress.buttons for button in line]
        if row.kind == Erase.kind:
            await platform.retract(destination, destination.pressed_message)
            return []
        if row.kind == Leave.kind:
            if isinstance(platform, Leaver):
                await platform.leave(Leave.model_validate(row.payload).place)
            return []
        if row.part == outbox.REPLY:
            await self._board.end(row.event_key)
        message = await self._compose(row)
        if message is None:
            if claimed.placeholder:
                await platform.retract(destination, claimed.placeholder)
            return None
        async with self._memory.holding(sum(each.size for each in message.attachments)):
            await platform.deliver(delivery, message)
        return message.actions()

    async def _compose(self, row: OutboxMessage) -> Message | None:
        limit = asyncio.timeout(COMPOSE_SECONDS)
        try:
            async with limit:
                return await self._composer.compose(row)
        except TimeoutError as e:
            if not limit.expired():
                raise
            raise RuntimeError(f"no message within {COMPOSE_SECONDS:g} s") from e

    async def _again(self, claimed: Claimed, delay: float | None, reason: str) -> None:
        """Try a row again later: its platform did not take it now."""
        if claimed.age >= GIVE_UP_SECONDS:
            await self._give_up(claimed, reason)
            return
        await self._put_off(claimed, delay, reason, failed=False)

    async def _failed(self, claimed: Claimed, reason: str, limit: int) -> None:
        """Try a row again later that failed because of a defect of ours, up to ``limit`` times."""
        if claimed.row.failures + 1 >= limit:
            await self._give_up(claimed, reason)
            return
        await self._put_off(claimed, None, reason, failed=True)

    async def _put_off(self, claimed: Claimed, delay: float | None, reason: str, *, failed: bool) -> None:
        row = claimed.row
        tries = row.failures if failed else row.attempts - 1
        pause = min(BACKOFF_BASE * 2 ** min(tries, 20), BACKOFF_MOST) if delay is None else delay
        pause = min(max(pause, 0.0), DELAY_MOST)
        _log.info("message %d (%s) is tried again in %.1f s: %s", row.id, row.kind, pause, reason)
        await outbox.retry(row.id, claimed.token, pause, reason, failed=failed)

    async def _give_up(self, claimed: Claimed, reason: str) -> None:
        row = claimed.row
        _log.error("giving up message %d (%s) after %d tries: %s", row.id, row.kind, row.attempts, reason)
        await self._bury(claimed, reason)

    @staticmethod
    async def _bury(claimed: Claimed, reason: str, closed: Platform | None = None, *, gone: bool = False) -> None:
        """Give up on a row; an answer is replaced by a short notice, never by silence.

        ``closed``: this platform takes nothing in that place, so that the notice goes to the person's private chat.
        ``gone``: nor will it before the bot is let in again.
        """
        row, told, destination = claimed.row, Notice(key="delivery.failed"), claimed.row.destination
        aside = None if closed is None or not closed.capabilities.private_by_user else _private(destination)
        if aside is not None:
            place, destination = await places.name_of(row.conversation_id), aside
            told = Notice(key="delivery.closed_in", values={"place": place}) if place else Notice(key="delivery.closed")
        async with transaction():
            await outbox.bury(row.id, claimed.token, reason)
            if gone and not row.closed:
                await places.leave(row.conversation_id, private=row.destination.get("kind") == "dm")
            if row.part == outbox.REPLY and (aside is not None or not gone):
                await outbox.add(
                    row.event_key,
                    outbox.NOTICE,
                    platform=row.platform,
                    conversation_id=row.conversation_id,
                    payload=told,
                    destination=destination,
                    ordered=False,
                )


def _private(destination: dict[str, Any]) -> dict[str, Any] | None:
    """Return the person's private chat in place of a group; None if it is that already, or nobody is named.

    Who acts for the group itself has none.
    """
    user_id = str(destination.get("user_id") or "")
    if destination.get("kind") == "dm" or user_id in ("", destination.get("chat_id")):
        return None
    return Destination(chat_id=user_id, user_id=user_id, kind="dm").model_dump()


def _place(row: OutboxMessage) -> str:
    """Return the ids of the place that a row is for, which an operator can look up."""
    chat, thread = row.destination.get("chat_id"), row.destination.get("thread_id")
    return f"chat {chat}{f', thread {thread}' if thread else ''} of {row.platform}"


def _pause(due_s: float | None) -> float:
    return POLL_SECONDS if due_s is None or due_s <= 0 else min(due_s, POLL_SECONDS)
