"""The database settings."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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
