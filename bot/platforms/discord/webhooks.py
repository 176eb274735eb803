"""The bot's own webhooks: one in each channel where a persona speaks under its own name and picture.

A message has a name of its own, but its picture is the webhook's or a public address, and the bot has none: the webhook
is given the persona's picture before it speaks, unless it has that already. Messages keep the picture that they were
posted with. The webhook's own name holds the picture's key, so that a process that has just started knows it.
"""

import asyncio
import base64
import logging
import re
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

import discord

from bot.messages import Face, Portrait
from bot.platforms.discord import api
from bot.platforms.discord.api import Body, DiscordApi
from bot.platforms.discord.markdown import plain
from bot.text.splitting import shortened

NAME: Final = "Storyfork"
"""The webhook's own name, which people read in the channel's settings; a picture's key follows."""
USERNAME: Final = 80
"""Characters of a message's name: https://discord.com/developers/docs/resources/webhook#execute-webhook."""
REFUSED_SECONDS: Final = 300.0
"""After so long it is tried again to make a webhook where that was refused."""
DRESS_SECONDS: Final = 5.0
"""How long a message waits for its persona's picture; without it, it bears the bot's."""
KNOWN: Final = 5000
_UNDRESSED_SECONDS: Final = 60.0
_INCOMING: Final = 1
_KEY: Final = re.compile(rf"{NAME} ([0-9a-z]+)")
_REFUSED_NAMES: Final = re.compile(
    r"(?<=d)(?=iscord)|(?<=c)(?=lyde)|(?<=^e)(?=veryone$)|(?<=^h)(?=ere$)", re.IGNORECASE
)
_APART: Final = "\u200a"
"""Hair space: it is hardly seen, and Discord no longer finds the word."""
_NOT_HERE: Final = frozenset({api.TOO_MANY_WEBHOOKS, api.WRONG_CHANNEL, *api.NO_WAY_IN})
_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Webhook:
    """A webhook of the bot. ``key`` is its picture's, empty if that is not known; ``lock`` is held while it speaks."""

    id: str
    token: str
    key: str = ""
    undressed_until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Webhooks:
    """The bot's webhooks by channel: found, made, given a picture, and forgotten when they are gone."""

    def __init__(self, calls: DiscordApi) -> None:
        """``calls`` makes the requests."""
        self._api = calls
        self.application = ""
        self.picture = ""
        """The address of the bot's own picture, once it is known."""
        self._known: dict[str, Webhook] = {}
        self._refused: dict[str, float] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, channel: str, *, make: bool = True) -> Webhook | None:
        """Return the bot's webhook of a channel, made if there is none; None if there can be none now.

        Raises what the calls raise.
        """
        if (known := self._known.get(channel)) is not None:
            return known
        if self._refused.get(channel, 0.0) > time.monotonic():
            return None
        async with self._locks[channel]:
            if (known := self._known.get(channel)) is not None:
                return known
            try:
                found = await self._find(channel)
                if found is None and make:
                    found = _webhook(await self._api.make_webhook(channel, NAME))
            except discord.HTTPException as e:
                if e.code not in _NOT_HERE:
                    raise
                self._refuse(channel, e)
                return None
            if found is not None:
                self._keep(channel, found)
            return found

    def forget(self, channel: str, gone: Webhook) -> None:
        """Forget a webhook that is gone."""
        if self._known.get(channel) is gone:
            del self._known[channel]

    async def dress(self, hook: Webhook, face: Face | None) -> Body:
        """Give a webhook the picture of who speaks next, while its lock is held; return what their message says of it.

        Never another persona's picture: if theirs cannot be had now, the message bears the bot's. Raises
        `discord.HTTPException` if the webhook is gone.
        """
        portrait = None if face is None else await face.portrait()
        if portrait is not None and (hook.key == portrait.key or await self._wears(hook, portrait)):
            return {}
        return {"avatar_url": self.picture} if self.picture else {}

    async def _wears(self, hook: Webhook, portrait: Portrait) -> bool:
        if hook.undressed_until > time.monotonic():
            return False
        file = await portrait.picture.load("photo")
        uri = f"data:{file.mime};base64,{base64.b64encode(file.data).decode()}"
        hook.key = ""
        try:
            async with asyncio.timeout(DRESS_SECONDS):
                await self._api.dress_webhook(hook.id, f"{NAME} {portrait.key}", uri)
        except api.TROUBLE as e:
            if isinstance(e, discord.HTTPException) and e.code == api.UNKNOWN_WEBHOOK:
                raise
            _log.warning("a persona's picture could not be put on a webhook: %s", e)
            pause = e.retry_after if isinstance(e, discord.RateLimited) else _UNDRESSED_SECONDS
            hook.undressed_until = time.monotonic() + pause
            return False
        hook.key = portrait.key
        return True

    async def _find(self, channel: str) -> Webhook | None:
        """Return the bot's oldest webhook of a channel; others of its own, made by an unclear request, are deleted."""
        ours = sorted((each for each in await self._api.webhooks(channel) if self._is_ours(each)), key=_number)
        for surplus in ours[1:]:
            await self._api.delete_webhook(str(surplus["id"]))
        return _webhook(ours[0]) if ours else None

    def _is_ours(self, webhook: dict[str, Any]) -> bool:
        made_by = str(webhook.get("application_id") or "")
        return made_by == self.application and webhook.get("type") == _INCOMING and bool(webhook.get("token"))

    def _refuse(self, channel: str, error: discord.HTTPException) -> None:
        """Remember for a while that a channel takes no webhook."""
        now = time.monotonic()
        self._refused = {each: until for each, until in self._refused.items() if until > now}
        self._refused[channel] = now + REFUSED_SECONDS
        why = "it has 15, Discord's limit" if error.code == api.TOO_MANY_WEBHOOKS else error.text
        _log.warning("personas speak under the bot's name in channel %s, which takes no webhook: %s", channel, why)

    def _keep(self, channel: str, hook: Webhook) -> None:
        self._known[channel] = hook
        if len(self._known) > KNOWN:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._locks.pop(oldest, None)


def username(name: str) -> str:
    """Return a persona's name as Discord takes it for a message: one line, none of the words that it refuses."""
    bare = " ".join(plain(name).split())
    return shortened(_REFUSED_NAMES.sub(_APART, shortened(bare, USERNAME)), USERNAME) or "—"


def _webhook(made: dict[str, Any]) -> Webhook:
    key = _KEY.fullmatch(str(made.get("name") or ""))
    return Webhook(str(made["id"]), str(made["token"]), key[1] if key is not None and made.get("avatar") else "")


def _number(webhook: dict[str, Any]) -> int:
    return int(webhook["id"])
