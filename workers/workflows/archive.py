"""Workflows of the archive."""

from workers.steps.archive import EmbedDocument, JudgeUpload, KeepDocument, ReadUpload
from workers.workflows.base import Workflow


class ReadIntoArchive(Workflow):
    """Read a file that somebody handed in, keep its text, and have it found by its meaning, too."""

    name = "read_document"
    steps = (ReadUpload(), JudgeUpload(), KeepDocument(), EmbedDocument())
