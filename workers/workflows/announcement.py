"""Workflows of announcements."""

from workers.steps.announcement import ReportAnnouncement, SpreadAnnouncement
from workers.workflows.base import Workflow


class SendAnnouncement(Workflow):
    """Send an announcement to every place."""

    name = "announce"
    steps = (SpreadAnnouncement(), ReportAnnouncement())
