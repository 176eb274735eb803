"""Payloads of linking: the code, the question to both sides, what one is now, what to take off."""

from typing import ClassVar

from db.payloads.base import Payload


class LinkCode(Payload):
    """A new code of a linking, made when it is shown."""

    kind: ClassVar[str] = "link_code"

    linking: int


class LinkQuestion(Payload):
    """The question whether two people are one, and what became of it."""

    kind: ClassVar[str] = "link_question"

    linking: int


class Linked(Payload):
    """The identities of a person, who has just been linked."""

    kind: ClassVar[str] = "linked"

    user: int


class UnlinkQuestion(Payload):
    """The question which identity of a person to take off."""

    kind: ClassVar[str] = "unlink_question"

    user: int
