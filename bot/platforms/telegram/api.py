"""Calls of the Bot API: which failures to try again at once, which later, and which never.

A call that was refused or never left this machine has had no effect; one that timed out or returned a 5xx may have.
In that case only idempotent calls are repeated.
"""

import asyncio
import datetime as dt
import logging
import os
import ssl
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final, TypeVar

import httpx
from telegram import Bot
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest

from bot.platforms.base import Gone, RetryLater, Undeliverable
from bot.platforms.telegram.pace import ChatPace
from db.environment import proxy_for

log = logging.getLogger(__name__)

# The library's own switch: RetryAfter carries a timedelta, instead of an int together with a deprecation warning.
os.environ.setdefault("PTB_TIMEDELTA", "true")

T = TypeVar("T")
_PAUSES: Final = (0.1, 0.4)
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_POLL_SLACK: Final = 10.0
_MOVED_KEPT: Final = 1000
_MOVE_PAUSE: Final = 2.0
_GONE: Final = (
    "blocked by the user",
    "was kicked",
    "not a member",
    "user is deactivated",
    "chat was deleted",
    "chat not found",
    "group chat was deactivated",
)
"""Why nothing can be sent to a chat at all: by Telegram's words, whatever the kind of its refusal."""
_HOPELESS: Final = (
    "user not found",
    "peer_id_invalid",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "chat_write_forbidden",
)


class Unanswered(RetryLater):
    """The request was sent and got no answer: it may have taken effect."""


class PollingBot(Bot):
    """A `telegram.Bot` that also returns raw updates.

    The library parses a batch of updates as a whole, so a single unreadable update would block all others for ever.
    """

    async def raw_updates(self, offset: int, seconds: int, kinds: list[str]) -> list[dict[str, Any]]:
        """Wait up to ``seconds`` for updates; ``offset`` confirms all earlier ones. ``kinds`` are update types."""
        return await self._post(
            "getUpdates",
            {"offset": offset, "timeout": seconds, "allowed_updates": kinds},
            read_timeout=seconds + _POLL_SLACK,
        )


def make_bot(token: str, api_url: str) -> PollingBot:
    """Return a client for the Bot API server whose root is ``api_url``."""
    root = api_url.rstrip("/")
    # The library would read the environment itself, and fails on a network of IPv6 in NO_PROXY.
    proxied: dict[str, Any] = {
        "proxy": proxy_for(api_url),
        "httpx_kwargs": {"trust_env": False, "verify": _trusted()},
    }
    return PollingBot(
        token,
        base_url=f"{root}/bot",
        base_file_url=f"{root}/file/bot",
        request=HTTPXRequest(
            connection_pool_size=64, connect_timeout=5, read_timeout=10, write_timeout=10, pool_timeout=5, **proxied
        ),
        get_updates_request=HTTPXRequest(connection_pool_size=2, **proxied),
    )


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Return the authorities that are trusted. Reading them takes 30 ms of the processor: once for all clients."""
    return httpx.create_ssl_context(trust_env=False)


def seconds_of(error: RetryAfter) -> float:
    """Return how long Telegram asks to wait, in seconds."""
    after = error.retry_after
    return after.total_seconds() if isinstance(after, dt.timedelta) else float(after)


def was_sent(error: NetworkError) -> bool:
    """Return whether the request may have reached Telegram."""
    return not isinstance(error.__cause__, _NOT_SENT)


def says(error: TelegramError, *texts: str) -> bool:
    """Return whether Telegram's error description contains one of these (lower-case) texts."""
    description = error.message.lower()
    return any(text in description for text in texts)


class TelegramApi:
    """Makes calls at the pace that Telegram allows, and remembers groups that became supergroups."""

    def __init__(
        self, pace: ChatPace | None = None, on_moved: Callable[[str, str], Awaitable[bool]] | None = None
    ) -> None:
        """``pace`` is the gate of all chats.

        ``on_moved`` moves what is stored for a group to its new id, False if it could not: a call may be the first to
        learn of it.
        """
        self._pace = pace or ChatPace()
        self._on_moved = on_moved
        self._moved: dict[str, str] = {}

    def chat_id(self, chat_id: str) -> int:
        """Return the current id of the chat. Raises `Undeliverable` if the id is not one of Telegram's."""
        try:
            return int(self._moved.get(chat_id, chat_id))
        except ValueError as e:
            raise Undeliverable(f"not a Telegram chat: {chat_id!r}") from e

    def moved(self, old: str, new: str) -> None:
        """Remember that a group became a supergroup with another id."""
        log.warning("Telegram group %s is now supergroup %s", old, new)
        self._moved.pop(old, None)
        self._moved[old] = new
        while len(self._moved) > _MOVED_KEPT:
            del self._moved[next(iter(self._moved))]

    async def call(
        self,
        chat_id: str,
        request: Callable[[], Awaitable[T]],
        *,
        idempotent: bool = False,
        calls: int = 1,
        progress: bool = False,
    ) -> T:
        """Make a call about a chat in its turn; without a chat (the answer to a button press), at once.

        It counts as ``calls`` messages; ``progress`` only goes out where nothing else needs the room.

        Raises `Unanswered` if it may have taken effect, `RetryLater` if it has not, `Undeliverable` if it never will;
        other refusals propagate as `telegram.error.BadRequest`.
        """
        for pause in (*_PAUSES, None):
            await self._enter(chat_id, calls, progress=progress)
            try:
                return await request()
            except RetryAfter as e:
                if chat_id:
                    self._pace.close(self.chat_id(chat_id), seconds_of(e))
                raise RetryLater("flood control", seconds_of(e)) from e
            except ChatMigrated as e:
                self.moved(chat_id, str(e.new_chat_id))
                if self._on_moved is not None and not await self._on_moved(chat_id, str(e.new_chat_id)):
                    raise RetryLater("the group became a supergroup", _MOVE_PAUSE) from e
                raise RetryLater("the group became a supergroup", 0.0) from e
            except Forbidden as e:
                raise (Gone if says(e, *_GONE) else Undeliverable)(e.message) from e
            except BadRequest as e:
                if says(e, *_GONE):
                    raise Gone(e.message) from e
                if says(e, *_HOPELESS):
                    raise Undeliverable(e.message) from e
                raise
            except InvalidToken as e:
                raise RetryLater("Telegram refuses the token", 60.0) from e
            except NetworkError as e:
                sent = was_sent(e)
                if pause is None or (sent and not idempotent) or (sent and isinstance(e, TimedOut)):
                    raise (Unanswered if sent else RetryLater)(e.message or type(e).__name__) from e
                await asyncio.sleep(pause)
            except TelegramError as e:
                raise RetryLater(e.message) from e
        raise AssertionError("the last try returns or raises")

    async def _enter(self, chat_id: str, calls: int, *, progress: bool) -> None:
        if not chat_id:
            return
        if not progress:
            await self._pace.enter(self.chat_id(chat_id), calls)
        elif not self._pace.spare(self.chat_id(chat_id)):
            raise RetryLater("no room for progress")
