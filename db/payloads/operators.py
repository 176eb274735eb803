"""Payloads of what the operators decide."""

from typing import ClassVar, Literal

from db.payloads.base import Payload


class AuditPage(Payload):
    """A page of the audit log: of a place (None: of all), a person and an action, before an entry."""

    kind: ClassVar[str] = "audit"

    account: int | None
    user: int | None = None
    action: str = ""
    before: int | None = None


class AccessChanged(Payload):
    """The answer to an operator who banned or allowed somebody; ``jobs`` is how many open jobs were stopped."""

    kind: ClassVar[str] = "access_changed"

    rule: int
    jobs: int = 0


class AccessList(Payload):
    """The bans, or the list of those who may use the bot."""

    kind: ClassVar[str] = "access_list"

    verdict: Literal["banned", "allowed"]


class Banned(Payload):
    """The answer to somebody who is banned; ``rule`` is the id of the ban."""

    kind: ClassVar[str] = "banned"

    rule: int


class Leave(Payload):
    """The bot leaves a place; ``place`` is the platform's id of the guild or group. It has no view."""

    kind: ClassVar[str] = "leave"

    place: str


class Announced(Payload):
    """An announcement, as a place gets it."""

    kind: ClassVar[str] = "announced"

    announcement: int


class AnnouncementDraft(Payload):
    """The question to an operator whether to send an announcement; ``settled``: it was decided."""

    kind: ClassVar[str] = "announcement_draft"

    announcement: int
    settled: bool = False


class AnnouncementResult(Payload):
    """What became of an announcement."""

    kind: ClassVar[str] = "announcement_result"

    announcement: int
