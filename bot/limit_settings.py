"""Settings of what people and places may use (`db.limits`)."""

from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from db.usage_limits import UsageLimits


def _limit(default: int, description: str) -> Any:
    return Field(default=default, ge=0, le=1_000_000_000, description=f"{description} 0: no limit.")


class LimitSettings(BaseSettings):
    """The limits of people and places. Operators, and the user of the console, have none."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore"
    )

    storyfork_limit_work: int = _limit(20, "Requests that need a worker, for each person, in a minute.")
    storyfork_limit_open_jobs: int = _limit(8, "Requests of a person that are worked on, or wait for it, at a time.")
    storyfork_limit_open_pictures: int = _limit(4, "Pictures among them.")
    storyfork_limit_stories: int = _limit(50, "Stories that a person may begin in a day.")
    storyfork_limit_pages: int = _limit(1000, "Pages that a person may have written in a day.")
    storyfork_limit_replies: int = _limit(2000, "Replies of personas that a person may have in a day.")
    storyfork_limit_personas: int = _limit(50, "Personas that a person may make in a day.")
    storyfork_limit_pictures: int = _limit(200, "Pictures that a person may have drawn in a day.")
    storyfork_limit_uploads: int = _limit(200, "Files that a person may send to be used in a day.")
    storyfork_limit_exports: int = _limit(1, "Exports of data (`/data export`) that a person may ask for in a day.")
    storyfork_limit_kept_stories: int = _limit(1000, "Stories that are kept for a person.")
    storyfork_limit_kept_pages: int = _limit(5000, "Pages of one story.")
    storyfork_limit_kept_pictures: int = _limit(5000, "Pictures and sent files that are kept for a person.")
    storyfork_limit_kept_mb: int = _limit(2000, "Megabytes that these may take.")
    storyfork_limit_company: int = _limit(6, "Personas that talk in one conversation at a time.")
    storyfork_limit_place_factor: int = Field(
        default=10,
        ge=1,
        le=1_000_000,
        description="How many times as much a place (a Discord server, a Telegram group) may use as one person: the "
        "limits above hold for each person in it, and that much for all of them together.",
    )

    def limits(self) -> UsageLimits:
        """Return the limits."""
        prefix = "storyfork_limit_"
        return UsageLimits(**{name.removeprefix(prefix): value for name, value in self.model_dump().items()})
