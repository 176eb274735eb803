"""Settings of the bot and of the `storyfork` command, from environment variables or a `.env` file."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import platformdirs
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

WEBHOOK_SECRET_FORMAT: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
"""https://core.telegram.org/bots/api#setwebhook, secret_token."""
_PRINTED: Final = re.compile(r"[!-~]+")


class BotSettings(BaseSettings):
    """The settings of the bot process and the `storyfork` command. Built once, at the entry point."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore"
    )

    storyfork_home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("storyfork"),
        description="The data directory: the embedded database, logs and sockets. Default: the user's data directory, "
        "`~/.local/share/storyfork` on Linux.",
    )
    redis_url: str = Field(
        default="",
        description="Redis or Valkey, as `redis://:password@host:6379/0`, `rediss://…` or `unix:///path/to/socket`. "
        "Empty: the embedded Valkey.",
    )
    storyfork_drain_seconds: float = Field(
        default=25.0,
        ge=0,
        le=300,
        description="Seconds that a stopping worker lets running jobs finish; `storyfork up` waits so long for it.",
    )
    storyfork_operators: Annotated[frozenset[str], NoDecode] = Field(
        default_factory=frozenset[str],
        description="The operators of this service, comma-separated, each as platform and user id, such as "
        "`discord:80351110224678912,telegram:123456789`. They may use `/operator`, and `/status` in direct messages "
        "shows them workers and engines in detail. The user of the console is always one.",
    )
    storyfork_access: Literal["open", "listed"] = Field(
        default="open",
        description="Who may use the bot: everybody, or only the people, guilds and chats that operators have put on "
        "the list by `/operator allow`.",
    )
    storyfork_leave: bool = Field(
        default=False,
        description="Leave a guild or group that is banned, or not on the list, after telling it why.",
    )
    storyfork_appeal: str = Field(
        default="",
        max_length=300,
        description="Whom to ask about bans, refusals and access to the bot, as people are told: a name, an address. "
        "One line.",
    )
    storyfork_privacy_file: Path | None = Field(
        default=None,
        description="A text file (UTF-8) with your privacy notice, which `/privacy` shows in place of the default one. "
        "What people can do about their data is added.",
    )
    storyfork_backup_days: int = Field(
        default=30,
        ge=0,
        le=3650,
        description="For how many days you keep backups, as `/privacy` and `/data delete` tell people.",
    )
    storyfork_adults: bool = Field(
        default=False,
        description="Declares that everyone who can reach the bot on Telegram or the console is an adult: `/rating` "
        "can then enable pictures for adults. On Discord the age restriction of the channel decides.",
    )
    discord_token: SecretStr | None = Field(
        default=None, description="The token of the Discord bot, from the developer portal. Unset: no Discord."
    )
    discord_api_url: str = Field(
        default="https://discord.com/api/v10",
        pattern=r"^https?://",
        description="The versioned root of Discord's REST API; point it at a rate-limit proxy or a test server.",
    )
    discord_gateway_url: str | None = Field(
        default=None,
        pattern=r"^wss?://",
        description="The gateway's address. Unset: the one that the REST API returns.",
    )
    discord_message_content: bool = Field(
        default=False,
        description="Ask for the privileged message-content intent, so that replies in channels work without a "
        "mention, and `/channel set` can let the bot speak unaddressed. It must be enabled in the developer portal as "
        "well: Discord refuses the bot otherwise. Direct messages and mentions work without.",
    )
    discord_webhooks: bool = Field(
        default=True,
        description="Let personas speak in servers under their own name and picture, by a webhook of the channel. The "
        "bot needs the permissions *Manage Webhooks* and *Read Message History* there; without them, or if this is "
        "off, it speaks itself and begins with the persona's name.",
    )
    discord_shard_count: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="The number of shards of all bot processes together. Unset: as many as Discord recommends, all in "
        "one process.",
    )
    discord_shard_ids: Annotated[tuple[int, ...] | None, NoDecode] = Field(
        default=None,
        description="The shards of this process, as `0,1,2` (each is below `DISCORD_SHARD_COUNT`). Unset: all. "
        "Processes with the same shards stand by for one another.",
    )
    telegram_token: SecretStr | None = Field(
        default=None, description="The token of the Telegram bot, from @BotFather. Unset: no Telegram."
    )
    telegram_api_url: str = Field(
        default="https://api.telegram.org",
        pattern=r"^https?://",
        description="The root of Telegram's Bot API, to which `/bot` and `/file/bot` are appended; point it at a "
        "local Bot API server or a test server.",
    )
    telegram_file_mb: int = Field(
        default=50,
        ge=1,
        le=2000,
        description="Megabytes of the largest file that the Bot API takes: 50, and up to 2000 with a local Bot API "
        "server. Exports of data come in parts of that size, of 100 at most.",
    )
    telegram_flood_limits: bool = Field(
        default=True,
        description="Keep each chat to the pace that Telegram allows (about one message a second, 20 a minute in "
        "groups, 30 a second overall). Switch it off only for a test server or a proxy that does so itself; waits that "
        "Telegram asks for are kept in any case.",
    )
    telegram_webhook_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="The public address to which Telegram sends updates. Unset: the bot polls for them, "
        "which needs no public address.",
    )
    telegram_webhook_host: str = Field(default="127.0.0.1", description="The address on which the webhook listens.")
    telegram_webhook_port: int = Field(default=8443, ge=1, le=65535, description="The port on which it listens.")
    telegram_webhook_secret: SecretStr | None = Field(
        default=None,
        description="The secret that Telegram sends with every update: 1–256 of `A-Z a-z 0-9 _ -`. "
        "Required with a webhook.",
    )

    @field_validator("discord_shard_ids", mode="before")
    @classmethod
    def _split_shards(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(sorted({int(number) for number in value.split(",")}))
        return value

    @model_validator(mode="after")
    def _shards_exist(self) -> Self:
        if self.discord_shard_ids is not None:
            if self.discord_shard_count is None:
                raise ValueError("DISCORD_SHARD_IDS needs DISCORD_SHARD_COUNT, the number of all shards")
            if any(not 0 <= number < self.discord_shard_count for number in self.discord_shard_ids):
                raise ValueError(f"DISCORD_SHARD_IDS must be from 0 to {self.discord_shard_count - 1}")
        return self

    @field_validator("storyfork_home")
    @classmethod
    def _of_a_user_who_exists(cls, value: Path) -> Path:
        try:
            return value.expanduser()
        except RuntimeError:
            raise ValueError("there is no such user's home directory; write the path without ~") from None

    @field_validator("discord_token", "telegram_token", "telegram_webhook_secret")
    @classmethod
    def _on_one_line(cls, value: SecretStr | None) -> SecretStr | None:
        """Forgive blanks around a secret, which come with copying it, and refuse those inside."""
        if value is None:
            return None
        secret = value.get_secret_value().strip()
        if not _PRINTED.fullmatch(secret):
            raise ValueError("a blank, a line break or an unusual character is in it; copy it again, on one line")
        return SecretStr(secret)

    @field_validator("telegram_webhook_secret")
    @classmethod
    def _as_telegram_wants(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not WEBHOOK_SECRET_FORMAT.fullmatch(value.get_secret_value()):
            raise ValueError("Telegram takes 1–256 of A-Z a-z 0-9 _ - (e.g. `openssl rand -hex 32`)")
        return value

    @field_validator("storyfork_operators", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(name.strip().lower() for name in value.split(",") if name.strip())
        return value

    @field_validator("storyfork_operators")
    @classmethod
    def _named_fully(cls, names: frozenset[str]) -> frozenset[str]:
        for name in names:
            platform, _, user = name.partition(":")
            if not platform or not user:
                raise ValueError(f"{name!r} is not a platform and a user id, such as telegram:123456789")
        return names
