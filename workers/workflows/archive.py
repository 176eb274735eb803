"""Workflows of the archive."""

from workers.steps.archive import JudgeUpload, KeepDocument, ReadUpload
from workers.workflows.base import Workflow


class ReadIntoArchive(Workflow):
    """Read a file that somebody handed in, and keep its text."""

    name = "read_document"
    steps = (ReadUpload(), JudgeUpload(), KeepDocument())
