"""Payloads of what people reported, for operators."""

from typing import ClassVar

from db.payloads.base import Payload


class ReportList(Payload):
    """The open reports."""

    kind: ClassVar[str] = "reports"


class PauseBegun(Payload):
    """Somebody has to wait because of strikes. ``until`` is ISO 8601."""

    kind: ClassVar[str] = "pause"

    user: int
    strikes: int
    until: str


class ReportDetails(Payload):
    """One report with what was reported."""

    kind: ClassVar[str] = "report"

    report: int


class ReportedPicture(Payload):
    """The picture of a report."""

    kind: ClassVar[str] = "report_picture"

    report: int
