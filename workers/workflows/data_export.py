"""Workflows of data exports."""

from workers.steps.data_export import SendArchive, WriteArchive
from workers.workflows.base import Workflow


class ExportPersonalData(Workflow):
    """Write an archive of somebody's data, or of a place's, and send it."""

    name = "export_data"
    steps = (WriteArchive(), SendArchive())
