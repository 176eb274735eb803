"""The settings that bot and workers share: the database, and the rules of moderation."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class DatabaseSettings(BaseSettings):
    """The connection settings of the database."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8-sig", extra="ignore")

    database_url: str = Field(
        default="",
        description="PostgreSQL, as `postgres://user:password@host:5432/name`, "
        "or `postgres://user@/name?host=/socket/dir`; libpq's parameters may follow. Empty: the embedded server in the "
        "data directory.",
    )
    storyfork_database_pool: int = Field(
        default=10, ge=1, le=200, description="Maximum number of PostgreSQL connections per process."
    )


class ModerationSettings(BaseSettings):
    """What becomes of refused texts and of people in a crisis."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore"
    )

    storyfork_strikes: int = Field(
        default=3,
        ge=0,
        le=1000,
        description="Refused requests for sexual content about minors after which a person has to wait; 0: never.",
    )
    storyfork_strike_hours: int = Field(
        default=24, ge=1, le=8760, description="Hours within which these requests are counted."
    )
    storyfork_cooldown_hours: int = Field(
        default=24, ge=1, le=8760, description="Hours that such a person has to wait; the operators are told."
    )
    storyfork_text_classifiers: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="The classifiers that judge texts, comma-separated: `remote` (a moderation endpoint), `judge` (a "
        "text model with a fixed prompt), `folder` (a small model in a folder), or a package's. All must consent. "
        "Without any, nothing for adults is written.",
    )
    storyfork_help_line: str = Field(
        default="",
        max_length=1500,
        description="What people get who write of ending or harming their own life, instead of a story. Empty: a "
        "wording that names the local emergency number and findahelpline.com.",
    )

    @field_validator("storyfork_text_classifiers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
