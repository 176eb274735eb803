"""Payloads of what the operators decide."""

from typing import ClassVar

from db.payloads.base import Payload


class Banned(Payload):
    """The answer to somebody who is banned; ``rule`` is the id of the ban."""

    kind: ClassVar[str] = "banned"

    rule: int
