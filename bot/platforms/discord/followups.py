"""Follow-ups by an interaction's token, for places where the bot cannot write: each is sent at most once.

Discord takes no nonce for them and lists none of them, so a second try could show a part twice (see
bot.platforms.attempts). discord.py repeats requests after a 5xx; here nothing does.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import discord

from bot.platforms.attempts import INTENT, REFUSED, UNCLEAR, note
from bot.platforms.base import Delivery, RetryLater
from bot.platforms.discord import api
from bot.platforms.discord.api import Body, DiscordApi

LIMIT: Final = 5
"""Follow-ups per interaction where only the person has installed the app (Discord's documentation, "Follow-ups")."""
_SHORT: Final = 5.0
"""Seconds of a rate limit that are waited for here; the limit is five in two seconds."""
_TRIES: Final = 3
_LATE: Final = 2 * api.PATIENCE
Find = Callable[[str, Body, float], Awaitable[str]]
"""Returns the id of the bot's message with this body in a channel, sent since a Unix time; empty if there is none."""


class FollowUps:
    """Sends follow-ups, and records what became of them."""

    def __init__(self, calls: DiscordApi, find: Find) -> None:
        """``calls`` makes the requests; ``find`` looks a message up where its channel can be read."""
        self._api, self._find = calls, find

    async def send(self, delivery: Delivery, application: str, token: str, body: Body) -> bool:
        """Send a part; False if Discord does not take it. Raises `RetryLater` if it was not sent."""
        if delivery.sent.count(INTENT) - delivery.sent.count(REFUSED) >= LIMIT:
            return False
        await note(delivery, INTENT)
        for last in (*[False] * (_TRIES - 1), True):
            try:
                await note(delivery, await self._api.follow_up(application, token, body))
            except discord.RateLimited as e:
                if last or e.retry_after > _SHORT:
                    await note(delivery, REFUSED)
                    raise RetryLater("rate limited", e.retry_after) from e
                await asyncio.sleep(e.retry_after)
            except aiohttp.ClientConnectorError as e:
                await note(delivery, REFUSED)
                raise RetryLater(f"{type(e).__name__}: {e}"[:300]) from e
            except discord.DiscordServerError:
                break
            except discord.HTTPException as e:
                await note(delivery, REFUSED)
                if e.code == api.INVALID_BODY:
                    raise
                return False
            except (aiohttp.ClientError, OSError, TimeoutError):
                break
            else:
                return True
        await note(delivery, await self._look_up(delivery, body) or UNCLEAR)
        return True

    async def _look_up(self, delivery: Delivery, body: Body) -> str:
        """Return the id of a follow-up whose answer was lost; an empty string where the bot cannot read."""
        try:
            return await self._find(delivery.destination.chat_id, body, time.time() - _LATE)
        except api.TROUBLE:
            return ""
