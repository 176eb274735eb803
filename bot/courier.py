"""The courier: takes outbox rows of its platforms, composes and delivers them, and records the outcome."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from bot.compose import Composer
from bot.events import Destination
from bot.messages import Message
from bot.platforms.base import Delivery, Platform, RetryLater, Undeliverable
from bot.progress import ProgressBoard
from db import outbox
from db.connection import OUTAGES, transaction
from db.errors import LeaseLost
from db.outbox import Claimed, Claims, OutboxMessage
from db.payloads.notice import Erase, Notice

POLL_SECONDS: Final = 1.0
RENEW_SECONDS: Final = outbox.LEASE_SECONDS / 3
BACKOFF_BASE: Final = 1.0
BACKOFF_MOST: Final = 3600.0
COMPOSE_SECONDS: Final = 30.0
"""Not composing a message within this time is a defect of the view."""
DEFECT_ATTEMPTS: Final = 3
"""Attempts for a row that fails because of a defect of the bot, not of the platform."""
AT_ONCE: Final = 64
NOTHING: Final = Claims([], None)
_AWAY: Final = OUTAGES
_log = logging.getLogger(__name__)


class Courier:
    """Delivers for the platforms of this process; it alone owns each sent message."""

    def __init__(self, platforms: Mapping[str, Platform], composer: Composer, board: ProgressBoard) -> None:
        """``board`` shows progress until an answer is sent."""
        self._platforms, self._composer, self._board = platforms, composer, board
        self._wakeups = {name: asyncio.Event() for name in platforms}
        self._under_way: dict[int, UUID] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def notify(self, platform: str) -> None:
        """Check a platform's rows now."""
        if platform in self._wakeups:
            self._wakeups[platform].set()

    async def run(self) -> None:
        """Deliver until cancelled; deliveries in flight then get a moment to finish."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._renew())
                for name in self._platforms:
                    group.create_task(self._serve(name))
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=3)
            for task in self._tasks:
                task.cancel()

    async def _serve(self, name: str) -> None:
        wakeup = self._wakeups[name]
        while True:
            wakeup.clear()
            try:
                room = AT_ONCE - len(self._tasks)
                claims = await outbox.claim(name, room) if room > 0 else NOTHING
                for claimed in claims.rows:
                    self._start(name, claimed)
                wait = POLL_SECONDS if claims.rows else _pause(claims.due_s)
            except _AWAY as e:
                _log.warning("the courier cannot reach the database: %s", e)
                wait = POLL_SECONDS
            # Not wait_for: before Python 3.12 it loses a cancellation that comes with the wake-up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await wakeup.wait()

    def _start(self, name: str, claimed: Claimed) -> None:
        self._under_way[claimed.row.id] = claimed.token
        task = asyncio.create_task(self._carry(self._platforms[name], claimed), name=f"outbox-{claimed.row.id}")
        self._tasks.add(task)

        def ended(task: "asyncio.Task[None]") -> None:
            self._tasks.discard(task)
            self._under_way.pop(claimed.row.id, None)
            if claimed.row.part != outbox.MARK:  # no one waits for a mark
                self.notify(name)

        task.add_done_callback(ended)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            if self._under_way:
                try:
                    await outbox.renew(list(self._under_way.items()))
                except _AWAY as e:
                    _log.warning("leases of messages cannot be renewed: %s", e)

    async def _carry(self, platform: Platform, claimed: Claimed) -> None:
        row, token = claimed.row, claimed.token
        try:
            try:
                if await self._deliver(platform, claimed):
                    await outbox.sent(row.id, token)
                else:
                    await outbox.supersede(row.id, token)
            except RetryLater as e:
                await self._again(claimed, e.delay, str(e), outbox.MAX_ATTEMPTS)
            except Undeliverable as e:
                _log.warning("message %d (%s) cannot be delivered: %s", row.id, row.kind, e)
                await self._bury(claimed, str(e))
            except (LeaseLost, *_AWAY):
                raise
            except Exception as e:  # noqa: BLE001 - one bad row must not stop the others
                _log.exception("message %d (%s) failed", row.id, row.kind)
                await self._again(claimed, None, f"{type(e).__name__}: {e}", DEFECT_ATTEMPTS)
        except LeaseLost:
            _log.info("message %d is not ours any more", row.id)
        except _AWAY as e:
            # The lease expires, and the row is claimed again with what was recorded for it.
            _log.warning("message %d stopped at the database: %s", row.id, e)
            if row.attempts >= outbox.MAX_ATTEMPTS:
                # The database was up for each of these claims: a view raises what looks like an outage.
                with contextlib.suppress(LeaseLost, *_AWAY):
                    await self._bury(claimed, f"{type(e).__name__}: {e}")

    async def _deliver(self, platform: Platform, claimed: Claimed) -> bool:
        """Show a row to the person; False if there is nothing left to show."""
        row, token = claimed.row, claimed.token
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
            if not delivery.sent:
                await platform.place(delivery, await self._composer.progress(row))
            await self._watch(claimed)
            return True
        if row.kind == Erase.kind:
            await platform.retract(destination, destination.pressed_message)
            return True
        if row.part == outbox.REPLY:
            await self._board.end(row.event_key)
        message = await self._compose(row)
        if message is None:
            if claimed.placeholder:
                await platform.retract(destination, claimed.placeholder)
            return False
        await platform.deliver(delivery, message)
        return True

    async def _compose(self, row: OutboxMessage) -> Message | None:
        limit = asyncio.timeout(COMPOSE_SECONDS)
        try:
            async with limit:
                return await self._composer.compose(row)
        except TimeoutError as e:
            if not limit.expired():
                raise
            raise RuntimeError(f"no message within {COMPOSE_SECONDS:g} s") from e

    async def _watch(self, claimed: Claimed) -> None:
        """Show progress in a placeholder that was just sent."""
        placed = await outbox.placeholder_of(claimed.row.event_key)
        if placed is not None:
            placeholder, destination, platform = placed
            self._board.expect(
                claimed.row.event_key, platform, Destination.model_validate(destination), placeholder, ""
            )

    async def _again(self, claimed: Claimed, delay: float | None, reason: str, attempts: int) -> None:
        row = claimed.row
        if row.attempts >= attempts:
            _log.error("giving up message %d (%s) after %d tries: %s", row.id, row.kind, row.attempts, reason)
            await self._bury(claimed, reason)
            return
        pause = delay if delay is not None else min(BACKOFF_BASE * 2 ** (row.attempts - 1), BACKOFF_MOST)
        _log.info("message %d (%s) is tried again in %.1f s: %s", row.id, row.kind, pause, reason)
        await outbox.retry(row.id, claimed.token, pause, reason)

    @staticmethod
    async def _bury(claimed: Claimed, reason: str) -> None:
        """Give up on a row; an answer is replaced by a short notice, never by silence."""
        row = claimed.row
        async with transaction():
            await outbox.bury(row.id, claimed.token, reason)
            if row.part == outbox.REPLY:
                await outbox.add(
                    row.event_key,
                    outbox.NOTICE,
                    platform=row.platform,
                    conversation_id=row.conversation_id,
                    payload=Notice(key="delivery.failed"),
                    destination=row.destination,
                    ordered=False,
                )


def _pause(due_s: float | None) -> float:
    return POLL_SECONDS if due_s is None or due_s <= 0 else min(due_s, POLL_SECONDS)
