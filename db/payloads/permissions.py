"""Payloads of roles and permissions."""

from typing import ClassVar

from db.payloads.base import Payload


class PermissionTable(Payload):
    """Who may what in a place. ``channels``: the keys of the channel, most specific first.

    ``role`` is that of ``user`` (None: of whoever has it), ``given`` what the platform made them.
    """

    kind: ClassVar[str] = "permissions"

    account: int
    channels: list[str]
    role: str
    user: int | None = None
    given: str = ""
    me: bool = False
    table: bool = True


class RoleMapping(Payload):
    """How a place maps the roles of its platform."""

    kind: ClassVar[str] = "role_mapping"

    account: int
