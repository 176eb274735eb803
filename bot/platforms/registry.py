"""Platforms by name: the product's own, and those of installed packages.

A package adds one by an entry point of the group ``storyfork.platforms`` that names a `PlatformSpec`. Client libraries
are imported only when a platform is built.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from bot.settings import BotSettings
from db.registry import Problem, Registry, load_plugins

if TYPE_CHECKING:  # every command asks for names and tokens; loading all topics would be half of its start
    from bot.platforms.base import Platform
    from bot.topics import Topics

GROUP: Final = "storyfork.platforms"


@dataclass(frozen=True, slots=True)
class PlatformSpec:
    """A platform. ``configured`` returns whether its settings are complete, so that `storyfork up` runs it.

    ``build`` is only called then; otherwise ``needs`` says what the operator must set. ``local``: every process serves
    it on its own. ``shards`` names the group of shards that the process listens to; one process listens to each group.
    ``bot`` reads the platform's id of the bot from the settings, empty if they do not say.
    """

    name: str
    configured: Callable[[BotSettings], bool]
    build: "Callable[[BotSettings, Topics], Platform]"
    needs: str = ""
    local: bool = False
    shards: Callable[[BotSettings], str] = lambda _settings: ""
    bot: Callable[[BotSettings], str] = lambda _settings: ""


def _console(settings: BotSettings, topics: "Topics") -> "Platform":
    from bot.platforms.console import ConsolePlatform

    home = settings.storyfork_home
    return ConsolePlatform(topics.commands, history=home / "console_history", pictures=home / "pictures")


def _discord(settings: BotSettings, topics: "Topics") -> "Platform":
    from bot.platforms.discord import DiscordPlatform

    assert settings.discord_token is not None
    return DiscordPlatform(
        settings.discord_token.get_secret_value(),
        topics.commands,
        api_url=settings.discord_api_url,
        gateway_url=settings.discord_gateway_url,
        message_content=settings.discord_message_content,
        webhooks=settings.discord_webhooks,
        menus=topics.menus,
        shard_ids=settings.discord_shard_ids,
        shard_count=settings.discord_shard_count,
    )


def _discord_shards(settings: BotSettings) -> str:
    """Return the group's name, such as ``0,1 of 4``; empty if one process has all shards."""
    if settings.discord_shard_ids is None:
        return ""
    return f"{','.join(map(str, settings.discord_shard_ids))} of {settings.discord_shard_count}"


def _telegram(settings: BotSettings, topics: "Topics") -> "Platform":
    from bot.platforms.telegram import FORM_BYTES, ChatPace, TelegramPlatform, WebhookConfig

    assert settings.telegram_token is not None
    secret, webhook = settings.telegram_webhook_secret, None
    if settings.telegram_webhook_url is not None:
        webhook = WebhookConfig(
            settings.telegram_webhook_url,
            host=settings.telegram_webhook_host,
            port=settings.telegram_webhook_port,
            secret=secret.get_secret_value() if secret is not None else "",
        )
    token = settings.telegram_token.get_secret_value()
    pace = ChatPace(unlimited=not settings.telegram_flood_limits)
    operators = [name.partition(":")[2] for name in settings.storyfork_operators if name.startswith("telegram:")]
    return TelegramPlatform(
        token, topics.commands, api_url=settings.telegram_api_url, webhook=webhook, pace=pace, operators=operators,
        file_bytes=settings.telegram_file_mb * 1_000_000 - FORM_BYTES,
    )  # fmt: skip


def _discord_bot(settings: BotSettings) -> str:
    """Return the bot's id: a token begins with it, in base64."""
    token = settings.discord_token.get_secret_value() if settings.discord_token is not None else ""
    first = token.partition(".")[0]
    try:
        found = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).decode("ascii")
    except ValueError:
        return ""
    return found if found.isdigit() else ""


def _telegram_bot(settings: BotSettings) -> str:
    """Return the bot's id: a token begins with it."""
    token = settings.telegram_token.get_secret_value() if settings.telegram_token is not None else ""
    return token.partition(":")[0]


PRODUCT: Final = (
    PlatformSpec(
        "discord",
        lambda s: s.discord_token is not None,
        _discord,
        "DISCORD_TOKEN",
        shards=_discord_shards,
        bot=_discord_bot,
    ),
    PlatformSpec("telegram", lambda s: s.telegram_token is not None, _telegram, "TELEGRAM_TOKEN", bot=_telegram_bot),
    # Runs on request only.
    PlatformSpec("console", lambda _: False, _console, local=True),
)


def platforms() -> Registry[PlatformSpec]:
    """Return all platforms."""
    return _load()[0]


def problems() -> list[Problem]:
    """Return the problems of packages' platforms."""
    return _load()[1]


def configured(settings: BotSettings) -> list[str]:
    """Return the names of the platforms whose settings are complete."""
    return [spec.name for spec in platforms() if spec.configured(settings)]


@lru_cache
def _load() -> tuple[Registry[PlatformSpec], list[Problem]]:
    registry: Registry[PlatformSpec] = Registry("platform", lambda spec: spec.name, PRODUCT)

    def add(spec: Any, package: str) -> None:
        if not isinstance(spec, PlatformSpec):
            raise TypeError(f"a platform must be a PlatformSpec, not {type(spec).__name__}")
        registry.add(spec, package)

    return registry, load_plugins(GROUP, add)
