"""Callback queries: each button press is answered once, promptly, with the reply itself if it fits.

A pressed button shows a spinner until its query is answered; only the first answer counts, and after some seconds
Telegram refuses it ("query is too old"), which is not an error.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from telegram.error import BadRequest

from bot.platforms.base import DeliveryError

log = logging.getLogger(__name__)

ANSWER_LIMIT: Final = 200  # Bot API, answerCallbackQuery, characters of text
_KEPT_SECONDS: Final = 900.0
_KEPT: Final = 10_000
Answer = Callable[[str, str], Awaitable[None]]


class Background:
    """Fire-and-forget tasks; failures are logged."""

    def __init__(self) -> None:
        """Start empty."""
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` in the background."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("A background call to Telegram failed", exc_info=error)

    async def close(self) -> None:
        """Cancel what is still running."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(slots=True)
class _Query:
    since: float
    closed: bool = False
    reserved: bool = False


class Queries:
    """The callback queries that this process received in the last minutes."""

    def __init__(self, answer: Answer, background: Background) -> None:
        """``answer(query_id, text)`` calls Telegram; it may raise `DeliveryError` or `BadRequest`."""
        self._answer = answer
        self._background = background
        self._queries: dict[str, _Query] = {}

    def opened(self, query_id: str) -> None:
        """Record an incoming button press."""
        now = time.monotonic()
        # In the order in which they came: the oldest stand first.
        while self._queries and (
            len(self._queries) >= _KEPT or now - next(iter(self._queries.values())).since > _KEPT_SECONDS
        ):
            del self._queries[next(iter(self._queries))]
        self._queries.setdefault(query_id, _Query(now))

    def known(self, query_id: str) -> bool:
        """Return whether this process received the button press."""
        return query_id in self._queries

    def reserve(self, query_id: str) -> bool:
        """Reserve the query for an answer with text; False if it was answered already."""
        query = self._queries.setdefault(query_id, _Query(time.monotonic()))
        query.reserved = not query.closed
        return query.reserved

    async def tell(self, query_id: str, text: str) -> None:
        """Answer with a pop-up. Raises `DeliveryError`, `BadRequest` (too old)."""
        try:
            await self._answer(query_id, text)
        except BadRequest:
            self._close(query_id)
            raise
        self._close(query_id)

    def settle(self, query_id: str, text: str = "", after: float = 0.0) -> None:
        """Answer in the background, unless it has been answered or reserved by then."""
        if after or not self._taken(query_id):
            self._background.start(self._settle(query_id, text, after))

    async def _settle(self, query_id: str, text: str, after: float) -> None:
        if after:
            await asyncio.sleep(after)
        if self._taken(query_id):
            return
        self._close(query_id)
        with contextlib.suppress(DeliveryError, BadRequest):
            await self._answer(query_id, text)

    def _taken(self, query_id: str) -> bool:
        query = self._queries.get(query_id)
        return query is not None and (query.closed or query.reserved)

    def _close(self, query_id: str) -> None:
        self._queries.setdefault(query_id, _Query(time.monotonic())).closed = True
