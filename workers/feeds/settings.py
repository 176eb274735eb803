"""What of feeds is read here, from ``STORYFORK_FEEDS…``."""

from typing import Annotated, Final

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from workers.web.fetcher import FetchLimits

TYPES: Final = ("text/", "application/rss", "application/atom", "application/rdf", "application/xml",
                "application/x-", "application/octet-stream")  # fmt: skip
"""Feeds are served as all of these, and what is none is found out by reading it."""
CHARACTERS: Final = 2_000
"""Of an item: a few passages."""


class FeedSettings(BaseSettings):
    """Feeds are off by default: to read one, the server asks whatever address somebody names."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore"
    )

    storyfork_feeds: bool = Field(
        default=False,
        description="Let people have personas follow RSS and Atom feeds (`/feed add`). The workers then ask the public "
        "addresses that people name, and show them the server's own; they never ask private ones.",
    )
    storyfork_feed_minutes: int = Field(
        default=60, ge=15, le=10_080, description="Minutes after which a feed is read again."
    )
    storyfork_feed_items: int = Field(
        default=100,
        ge=1,
        le=1000,
        description="Items that a persona knows at most, of all its feeds together; the oldest leave.",
    )
    storyfork_feed_mb: int = Field(default=5, ge=1, le=50, description="Megabytes of the largest feed that is read.")
    storyfork_feed_hosts: Annotated[frozenset[str], NoDecode] = Field(
        default_factory=frozenset[str],
        description="Hosts in private networks that may be asked nevertheless, comma-separated, with their port if "
        "it is not the usual one: `rss.home.arpa,10.0.0.7:8080`.",
    )

    @field_validator("storyfork_feed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(filter(None, (part.strip().lower() for part in value.split(","))))
        return value

    @property
    def limits(self) -> FetchLimits:
        """What is fetched at most."""
        return FetchLimits(bytes=self.storyfork_feed_mb * 1_000_000, types=TYPES)
