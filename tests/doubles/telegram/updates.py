"""The queue of updates: getUpdates with its offsets and conflicts, and delivery to a webhook."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.doubles.telegram.rules import OPT_IN_KINDS, UPDATE_KINDS, Rules, conflict
from tests.doubles.telegram.state import World

Json = dict[str, Any]
_OTHER_POLLER = "terminated by other getUpdates request; make sure that only one bot instance is running"
_WEBHOOK_ACTIVE = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"


@dataclass(slots=True)
class Webhook:
    """Where updates are posted."""

    url: str
    secret: str | None
    max_connections: int = 40
    error: str | None = None
    error_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Update:
    """One update; updates of one ``lane`` (chat) reach a webhook in order."""

    id: int
    lane: int
    body: Json


class Updates:
    """Pending updates of one bot."""

    def __init__(self, world: World, rules: Rules) -> None:
        self.pending: list[Update] = []
        self.allowed: list[str] = []
        self.webhook: Webhook | None = None
        self._world = world
        self._rules = rules
        self._next_id = random.randrange(1 << 20, 1 << 28)
        self._poll: asyncio.Future[None] | None = None
        self._poll_end = ""
        self._arrived = asyncio.Event()
        self._courier: asyncio.Task[None] | None = None

    def restart_ids(self) -> None:
        """Ids go on from another, lower number, as Telegram does after a week without updates."""
        self._next_id = random.randrange(1, max(2, self._next_id // 2))

    def add(self, kind: str, lane: int, body: Json) -> None:
        """Queues an update unless the bot does not want its kind."""
        wanted = kind in self.allowed if self.allowed else kind not in OPT_IN_KINDS
        if not wanted:
            return
        self.pending.append(Update(self._next_id, lane, {"update_id": self._next_id, kind: body}))
        self._next_id += 1
        self._arrived.set()
        self._world.changed.pulse()

    def allow(self, kinds: list[Any] | None) -> None:
        """Remembers which kinds to queue from now on; None keeps the setting, unknown names are ignored."""
        if kinds is not None:
            self.allowed = [kind for kind in kinds if kind in UPDATE_KINDS]

    async def poll(self, offset: int, limit: int, timeout: float, gone: Callable[[], bool]) -> list[Json]:
        """getUpdates: confirms what is below ``offset``, then waits up to ``timeout`` seconds for something to give.

        Raises ApiError 409 when a webhook is set, another poller comes, or a webhook is set meanwhile.
        """
        if self.webhook is not None:
            raise conflict(_WEBHOOK_ACTIVE)
        self.end_poll(_OTHER_POLLER)
        if offset < 0:
            self.pending = self.pending[offset:]
        else:
            self.pending = [update for update in self.pending if update.id >= offset]
        self._world.changed.pulse()
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._poll = ended
        deadline = asyncio.get_running_loop().time() + min(max(timeout, 0), self._rules.poll_seconds)
        try:
            while not self.pending and (left := deadline - asyncio.get_running_loop().time()) > 0 and not gone():
                self._arrived.clear()
                arrival = asyncio.ensure_future(self._arrived.wait())
                # A client that has gone is noticed within a second; its wait must not shadow the next poller's.
                try:
                    await asyncio.wait({arrival, ended}, timeout=min(left, 1.0), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    arrival.cancel()
                if ended.done():
                    raise conflict(self._poll_end)
            return [update.body for update in self.pending[: limit if 0 < limit <= 100 else 100]]
        finally:
            if self._poll is ended:
                self._poll = None

    def end_poll(self, reason: str) -> None:
        """Ends the waiting getUpdates with 409."""
        if self._poll is not None and not self._poll.done():
            self._poll_end = reason
            self._poll.set_result(None)
        self._poll = None

    async def set_webhook(self, webhook: Webhook | None) -> None:
        """Sets or (None) removes the webhook and starts or stops delivery."""
        if webhook is not None:
            self.end_poll("terminated by setWebhook request")
        await self.stop()
        self.webhook = webhook
        self.start()

    def start(self) -> None:
        """Begins delivery if a webhook is set."""
        if self.webhook is not None and self._courier is None:
            self._courier = asyncio.create_task(self._deliver(self.webhook), name="telegram double: webhook")

    async def stop(self) -> None:
        """Stops delivery; the webhook stays set."""
        if self._courier is not None:
            self._courier.cancel()
            await asyncio.gather(self._courier, return_exceptions=True)
            self._courier = None

    async def _deliver(self, webhook: Webhook) -> None:
        timeout = aiohttp.ClientTimeout(total=self._rules.webhook_timeout_seconds)
        busy: dict[int, asyncio.Task[None]] = {}
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                while True:
                    self._arrived.clear()
                    busy = {lane: task for lane, task in busy.items() if not task.done()}
                    for update in list(self.pending):
                        if update.lane not in busy and len(busy) < webhook.max_connections:
                            busy[update.lane] = asyncio.create_task(self._post(session, webhook, update))
                    arrival = asyncio.ensure_future(self._arrived.wait())
                    try:
                        await asyncio.wait({arrival, *busy.values()}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        arrival.cancel()
        finally:
            for task in busy.values():
                task.cancel()
            await asyncio.gather(*busy.values(), return_exceptions=True)

    async def _post(self, session: aiohttp.ClientSession, webhook: Webhook, update: Update) -> None:
        headers = {"X-Telegram-Bot-Api-Secret-Token": webhook.secret} if webhook.secret else {}
        try:
            async with session.post(webhook.url, json=update.body, headers=headers) as response:
                error = None if 200 <= response.status < 300 else f"Wrong response from the webhook: {response.status}"
        except (aiohttp.ClientError, TimeoutError) as failure:
            error = f"Connection failed: {failure}"
        if error is None:
            self.pending = [other for other in self.pending if other.id != update.id]
            self._world.changed.pulse()
            return
        webhook.error, webhook.error_at = error, self._world.clock.now()
        self._world.changed.pulse()
        await asyncio.sleep(self._rules.webhook_retry_seconds)
