"""What jobs need from the disk, read before the first one: a job must not read on the event loop."""

import prompts.preload
from db.loading import loading
from db.work import job_types
from workers import registries


def preload() -> None:
    """Load prompts and other data files, and what packages bring by their entry points. Blocking."""
    with loading():
        prompts.preload.preload()
        job_types()
        registries.problems()
