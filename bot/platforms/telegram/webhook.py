"""The webhook: a small server of our own that confirms an update only after it is committed, or kept in the database.

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

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

from bot.platforms.telegram.intake import Intake

log = logging.getLogger(__name__)

BODY_LIMIT: Final = 1 << 20
"""Maximum size of an update in bytes. The longest text, its reply and all their entities stay under 100 kB."""
_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")  # Bot API, setWebhook
_DRAIN_SECONDS: Final = 5.0
BODY_SECONDS: Final = 10.0
"""Maximum time for receiving an update."""
SAFE_SECONDS: Final = 10.0
"""Maximum time until an update is safe; after that Telegram is asked to send it again."""


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

    def __init__(self, config: WebhookConfig, secret: str, intake: Intake) -> None:
        """``secret`` is required with every update."""
        self._config = config
        self._secret = secret.encode()
        self._intake = intake
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
        # As sent: a header may hold any bytes.
        shown = request.headers.get(_HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(shown, self._secret):
            return web.Response(status=401)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.read()
        except TimeoutError:
            return web.Response(status=408)
        except (ClientError, HttpProcessingError, RequestPayloadError) as e:
            log.warning("The webhook got a body that cannot be read (%s)", type(e).__name__)
            return web.Response(status=400)
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            log.warning("The webhook got something that is no update")
            return web.Response(status=400)
        # A broken connection cancels only this wait: lanes commit on.
        try:
            async with asyncio.timeout(SAFE_SECONDS):
                await self._intake.accept([cast("dict[str, Any]", data)])
        except TimeoutError:
            return web.Response(status=503)
        return web.Response(status=200)
