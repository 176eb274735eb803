"""Settings of the worker process."""

from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class WorkerSettings(BaseSettings):
    """Settings of a worker process, besides those of the database and the engines."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore"
    )

    storyfork_home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("storyfork"), description="The data directory."
    )
    storyfork_operators: Annotated[frozenset[str], NoDecode] = Field(
        default_factory=frozenset[str], description="The operators of this service; they are told of cooldowns."
    )
    redis_url: str = Field(default="", description="Redis or Valkey. Empty: the embedded Valkey.")
    storyfork_worker_jobs: int = Field(
        default=32, ge=1, le=1000, description="Maximum number of jobs that one worker process runs at once."
    )
    storyfork_drain_seconds: float = Field(
        default=25.0,
        ge=0,
        le=300,
        description="Seconds that a stopping worker lets running jobs finish; `storyfork up` waits so long for it.",
    )
    storyfork_reaper: bool = Field(
        default=True,
        description="Wake forgotten jobs and take back those of dead workers. Switch it off only to show "
        "what would be lost without it.",
    )

    @field_validator("storyfork_operators", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return frozenset(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
