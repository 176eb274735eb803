"""A job type for tests of jobs as such."""

from typing import ClassVar

from pydantic import Field

from db.work import JobParameters, Links


class Chore(JobParameters):
    """Something to do; no registry knows it."""

    type: ClassVar[str] = "chore"
    note: str | None = None
    about: dict[str, int] = Field(default_factory=dict)

    def links(self) -> Links:
        return Links(**self.about)
