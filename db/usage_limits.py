"""What a person may use. Apart from `db.limits`, so that settings are read without the database's libraries."""

from dataclasses import dataclass
from typing import Final, Literal

Quota = Literal["work", "stories", "pages", "replies", "personas", "pictures", "uploads", "exports"]
QUOTAS: Final[tuple[Quota, ...]] = ("work", "stories", "pages", "replies", "personas", "pictures", "uploads", "exports")


@dataclass(frozen=True, slots=True)
class UsageLimits:
    """What one person may use, and what is kept of an account; 0: no limit.

    ``work`` is a minute, ``open_…`` at a time, ``kept_…`` altogether (``kept_pages`` in one story, ``kept_mb`` in
    megabytes of files), ``company`` are personas in one conversation, the rest a day. A place may use ``place_factor``
    times as much.
    """

    work: int = 0
    open_jobs: int = 0
    open_pictures: int = 0
    stories: int = 0
    pages: int = 0
    replies: int = 0
    personas: int = 0
    pictures: int = 0
    uploads: int = 0
    exports: int = 0
    kept_stories: int = 0
    kept_pages: int = 0
    kept_pictures: int = 0
    kept_mb: int = 0
    company: int = 0
    place_factor: int = 10

    def of(self, name: Quota) -> int:
        """Return a person's limit of a quota."""
        return int(getattr(self, name))


UNLIMITED: Final = UsageLimits()
