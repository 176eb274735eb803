"""The webhook: a small server of our own that confirms an update only after its event is committed.

Telegram sends an update again until it gets 2xx (https://core.telegram.org/bots/api#setwebhook).
"""

import asyncio
import hashlib
import hmac
import json
import logging
import re
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

from aiohttp import web

from bot.platforms.telegram.listener import Listener

log = logging.getLogger(__name__)

BODY_LIMIT: Final = 1 << 20
"""Maximum size of an update in bytes. The longest text, its reply and all their entities stay under 100 kB."""
_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")  # Bot API, setWebhook
_DRAIN_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """The address for Telegram's requests.

    ``url`` is public (https), its path is the one served; the server listens on ``host`` and ``port``, usually behind a
    proxy that terminates TLS. Without a ``secret``, one is derived from the token.
    """

    url: str
    host: str = "127.0.0.1"
    port: int = 8443
    secret: str = ""

    def secret_for(self, token: str) -> str:
        """Return the secret that Telegram must send. Raises `ValueError` if Telegram would refuse it."""
        secret = self.secret or hmac.new(token.encode(), b"storyfork webhook", hashlib.sha256).hexdigest()
        if not _SECRET.fullmatch(secret):
            raise ValueError("the webhook's secret may hold only A-Z a-z 0-9 _ -, at most 256 of them")
        return secret

    @property
    def path(self) -> str:
        """The served path."""
        return urlsplit(self.url).path or "/"


class WebhookServer:
    """Serves one path."""

    def __init__(self, config: WebhookConfig, secret: str, listener: Listener) -> None:
        """``secret`` is required with every update."""
        self._config = config
        self._secret = secret.encode()
        self._listener = listener
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_post(config.path, self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN_SECONDS)

    async def start(self) -> None:
        """Listen. Raises `OSError` if the address is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._config.host, self._config.port).start()

    async def stop(self) -> None:
        """Finish open requests, then stop listening."""
        await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        shown = request.headers.get(_HEADER, "").encode()
        if not hmac.compare_digest(shown, self._secret):
            return web.Response(status=403)
        try:
            data = json.loads(await request.read())
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            log.warning("The webhook got something that is no update")
            return web.Response(status=400)
        # Shielded: a broken connection must not cancel a commit.
        safe = await asyncio.shield(self._take(cast("dict[str, Any]", data)))
        return web.Response(status=200 if safe else 503)

    async def _take(self, data: dict[str, Any]) -> bool:
        incoming = await self._listener.read(data)
        return all([await self._listener.commit(each) for each in incoming])
