"""The Telegram platform: connects, listens, and delivers what the courier sends."""

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from telegram import BotCommand, BotCommandScopeChat
from telegram.error import BadRequest, InvalidToken, RetryAfter, TelegramError

from bot.commands.base import CommandRegistry
from bot.events import Destination
from bot.messages import Message, Progress
from bot.platforms.base import (
    ALWAYS_LEADS,
    Capabilities,
    Delivery,
    FileTooBig,
    Inbound,
    PlatformRefused,
    RetryLater,
    TokenRefused,
    Turns,
    Undeliverable,
)
from bot.platforms.telegram.api import PollingBot, TelegramApi, make_bot, seconds_of
from bot.platforms.telegram.commands import bot_commands, menus
from bot.platforms.telegram.inbound import Translator
from bot.platforms.telegram.intake import Intake
from bot.platforms.telegram.kinds import HANDLED
from bot.platforms.telegram.listener import Listener
from bot.platforms.telegram.pace import ChatPace
from bot.platforms.telegram.polling import Poller
from bot.platforms.telegram.queries import Background, Queries
from bot.platforms.telegram.send import TelegramSender
from bot.platforms.telegram.webhook import WebhookConfig, WebhookServer

log = logging.getLogger(__name__)

API_URL: Final = "https://api.telegram.org"
FORM_BYTES: Final = 500_000
"""What is left of the size of a request for what comes with a file."""
_LONGEST_PAUSE: Final = 15.0
_RECONNECT_SECONDS: Final = 1.0
ASK_SECONDS: Final = 30.0
SILENT_SECONDS: Final = 90.0
"""Much longer than a poll, and than the pause between two questions, last."""


class TelegramPlatform:
    """A `bot.platforms.base.Platform`."""

    name = "telegram"
    capabilities = Capabilities(
        forms=False,
        placeholder_delay=0.0,
        progress_interval=1.5,
        private_by_user=True,
        files_by_reply=True,
        # https://core.telegram.org/bots/api#sending-files: 50 MB.
        file_bytes=50_000_000 - FORM_BYTES,
    )

    def __init__(
        self,
        token: str,
        registry: CommandRegistry,
        *,
        api_url: str = API_URL,
        webhook: WebhookConfig | None = None,
        pace: ChatPace | None = None,
        operators: Iterable[str] = (),
        file_bytes: int = capabilities.file_bytes,
    ) -> None:
        """``api_url`` is the root of a Bot API server; with ``webhook``, updates are pushed instead of polled.

        ``pace`` overrides the limits to which all chats are kept. ``operators`` are the ids of those whose menu has the
        operators' commands, too. ``file_bytes``: the largest file that the server takes.

        Raises `ValueError` for a webhook that Telegram would refuse or that would expose the token.
        """
        if webhook is not None:
            if token in webhook.url:
                raise ValueError("the webhook's URL must not hold the token")
            webhook.secret_for(token)
        self.capabilities = replace(self.capabilities, file_bytes=file_bytes)
        self._token = token
        self._registry = registry
        self._operators = [int(operator) for operator in operators if operator.isdecimal()]
        self._api_url = api_url
        self._webhook = webhook
        self._state = "not started"
        self._reported_at = 0.0
        self._refused = asyncio.Event()
        self._bot: PollingBot | None = None
        self._api = TelegramApi(pace, self._move)
        self._inbound: Inbound | None = None
        self._background = Background()
        self._queries = Queries(self._answer, self._background)
        self._sender = TelegramSender(self._connected, self._api, self._queries)
        self._listener: Listener | None = None

    @property
    def possible_orphans(self) -> int:
        """How many placeholders may be left over because Telegram did not answer."""
        return self._sender.possible_orphans

    @property
    def removed_orphans(self) -> int:
        """How many left-over placeholders have been removed."""
        return self._listener.removed_orphans if self._listener else 0

    @property
    def connected(self) -> bool:
        """Whether messages can be sent."""
        return self._bot is not None

    @property
    def start_link(self) -> str:
        """See `bot.platforms.base.Startable.start_link`."""
        return "" if self._bot is None else f"https://t.me/{self._bot.username}?start="

    async def run(self, inbound: Inbound, turns: Turns = ALWAYS_LEADS) -> None:
        """Connect and listen until cancelled: by polling while this process leads, or always by a webhook.

        Raises `PlatformRefused` for a token that Telegram refuses, or a webhook that cannot listen.
        """
        # The HTTP client logs whole URLs at INFO, and Telegram's hold the token.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._inbound = inbound
        bot = make_bot(self._token, self._api_url)
        try:
            await self._patiently("connecting", bot.initialize)
            self._bot = bot
            log.info("Telegram: connected as @%s", bot.username)
            self._listener = Listener(
                bot, inbound, Translator(bot, self._registry), self._queries, self._background,
                moved=self._api.moved, retract=self._sender.retract,
            )  # fmt: skip
            self._background.start(self._publish_commands(bot))
            listener, backlog = self._listener, inbound.backlog
            self._refused.clear()
            if self._webhook is None:
                await turns.while_leading(lambda: self._unless_refused(self._poll(bot, Intake(listener, backlog))))
            else:
                async with Intake(listener, backlog) as intake:
                    await self._serve(bot, intake, self._webhook, turns)
        except InvalidToken:
            # The library's message quotes the token.
            raise TokenRefused("Telegram refuses the token: check TELEGRAM_TOKEN") from None
        finally:
            self._state = "stopped"
            await self._background.close()
            self._bot = None
            await bot.shutdown()

    async def deliver(self, delivery: Delivery, message: Message) -> None:
        """See `bot.platforms.base.Platform.deliver`."""
        with self._noticing_refusal():
            await self._sender.deliver(delivery, message)

    async def place(self, delivery: Delivery, progress: Progress) -> None:
        """See `bot.platforms.base.Platform.place`."""
        with self._noticing_refusal():
            await self._sender.place(delivery, progress)

    async def show_progress(self, destination: Destination, placeholder: str, progress: Progress) -> None:
        """See `bot.platforms.base.Platform.show_progress`."""
        await self._sender.show_progress(destination, placeholder, progress)

    async def retract(self, destination: Destination, message_id: str) -> None:
        """See `bot.platforms.base.Platform.retract`."""
        await self._sender.retract(destination, message_id)

    async def fetch(self, source: str, limit: int) -> bytes:
        """See `bot.platforms.base.FileSource.fetch`."""
        file = await self._connected().get_file(source)
        if (file.file_size or 0) > limit:
            raise FileTooBig(source)
        return bytes(await file.download_as_bytearray())

    async def leave(self, place: str) -> None:
        """See `bot.platforms.base.Leaver.leave`."""

        async def leave() -> bool:
            return await self._connected().leave_chat(self._api.chat_id(place))

        try:
            await self._api.call(place, leave, idempotent=True)
        except (BadRequest, Undeliverable) as e:
            log.info("Telegram: the bot is not in chat %s any more: %s", place, e)

    async def check_ready(self) -> str:
        """See `bot.platforms.base.Platform.check_ready`."""
        silent = time.monotonic() - self._reported_at
        if not self._state and silent > SILENT_SECONDS:
            return f"Telegram has not answered for {silent:.0f} s"
        return self._state

    async def _poll(self, bot: PollingBot, intake: Intake) -> None:
        await self._patiently("removing the webhook", lambda: bot.delete_webhook(drop_pending_updates=False))
        self._report("")
        async with intake:
            await Poller(bot, intake, self._report).run()

    async def _serve(self, bot: PollingBot, intake: Intake, config: WebhookConfig, turns: Turns) -> None:
        secret = config.secret_for(self._token)
        server = WebhookServer(config, secret, intake)
        try:
            try:
                await server.start()
            except OSError as e:
                raise PlatformRefused(
                    f"the webhook cannot listen on {config.host}:{config.port} ({e.strerror or e}): free the port, "
                    "or change TELEGRAM_WEBHOOK_HOST and TELEGRAM_WEBHOOK_PORT"
                ) from e
            await turns.while_leading(lambda: self._unless_refused(self._keep_webhook(bot, config, secret)))
        finally:
            await server.stop()

    async def _keep_webhook(self, bot: PollingBot, config: WebhookConfig, secret: str) -> None:
        """Set the webhook, and ask regularly whether the token still works: nothing else would say so."""
        await self._patiently(
            "setting the webhook",
            lambda: bot.set_webhook(
                config.url, secret_token=secret, allowed_updates=list(HANDLED), drop_pending_updates=False
            ),
        )
        log.info("Telegram: webhook at %s", urlsplit(config.url).hostname)
        while True:
            self._report("")
            await asyncio.sleep(ASK_SECONDS)
            await self._patiently("asking who this bot is", bot.get_me)

    @contextlib.contextmanager
    def _noticing_refusal(self) -> Generator[None]:
        """A send may be the first to see that the token no longer works: a poll lasts long."""
        try:
            yield
        except RetryLater as e:
            if isinstance(e.__cause__, InvalidToken):
                self._refused.set()
                raise RetryLater(str(e), _RECONNECT_SECONDS) from None
            raise

    async def _unless_refused(self, work: Coroutine[object, object, None]) -> None:
        """Do what a leader does, until a send finds that the token is refused. Raises `InvalidToken`."""
        working, refused = asyncio.create_task(work), asyncio.create_task(self._refused.wait())
        try:
            await asyncio.wait([working, refused], return_when=asyncio.FIRST_COMPLETED)
        finally:
            working.cancel()
            refused.cancel()
            await asyncio.wait([working, refused])
        if working.cancelled():
            raise InvalidToken
        return working.result()

    async def _patiently(self, doing: str, call: Callable[[], Awaitable[object]]) -> None:
        """Repeat a call that everything else depends on until it succeeds."""
        for attempt in itertools.count():
            try:
                await call()
            except InvalidToken:
                raise
            except TelegramError as e:
                self._report(f"{doing}: {e.message}")
                log.warning("Telegram: %s failed: %s", doing, e.message)
                pause = min(0.5 * 2 ** min(attempt, 10), _LONGEST_PAUSE)
                await asyncio.sleep(max(pause, seconds_of(e) if isinstance(e, RetryAfter) else 0.0))
            else:
                return

    async def _publish_commands(self, bot: PollingBot) -> None:
        """Update the menus of commands that changed; the one for all chats is an earlier release's."""

        async def publish() -> None:
            for scope, wanted in menus(self._registry):
                known: tuple[BotCommand, ...] = await bot.get_my_commands(scope)
                if list(known) != wanted:
                    await bot.set_my_commands(wanted, scope)
            if await bot.get_my_commands():
                await bot.delete_my_commands()

        await self._patiently("publishing the commands", publish)
        menu = bot_commands(self._registry, operator=True)
        for operator in self._operators:
            try:
                await bot.set_my_commands(menu, scope=BotCommandScopeChat(operator))
            except TelegramError as e:
                # An operator who never wrote to the bot has no chat yet.
                log.info("Telegram: operator %s has no menu of their own: %s", operator, e.message)

    async def _move(self, old: str, new: str) -> bool:
        return self._inbound is None or await self._inbound.group_moved(self.name, old, new)

    async def _answer(self, query_id: str, text: str) -> None:
        async def answer() -> bool:
            return await self._connected().answer_callback_query(query_id, text or None, show_alert=bool(text))

        await self._api.call("", answer, idempotent=True)

    def _connected(self) -> PollingBot:
        if self._bot is None:
            raise RetryLater("not connected to Telegram", _RECONNECT_SECONDS)
        return self._bot

    def _report(self, state: str) -> None:
        self._state, self._reported_at = state, time.monotonic()
