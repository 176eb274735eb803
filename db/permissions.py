"""Who may do what in a place: permissions, roles, the defaults, and the rules by which a place differs from them.

A permission belongs to a role and to all roles above it, so that a rule is the lowest role that has the permission. The
most specific rule wins: that of the channel, then the place's, then the default. The owner always may, and in their
private chat everybody is the owner.

A place's rules are part of its account's settings and are read with the account: deciding costs no statement.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast, get_args

from db.connection import jsonb, row

Permission = Literal[
    "play", "start", "vote", "choose_for_others", "imagine", "chat", "reset", "use_persona", "create_persona", "share",
    "settings", "prompts", "models", "spend", "moderate",
]  # fmt: skip
Role = Literal["owner", "admin", "moderator", "member", "guest"]
"""The roles, highest first. A guest is no member of the place, or one whom the platform restricts."""
Everybody = Literal["everybody"]
Reason = Literal["own", "owner", "channel", "place", "default"]
"""What decided: one's own private chat, being the owner, a rule of the channel or of the place, the default."""
PERMISSIONS: Final[tuple[Permission, ...]] = get_args(Permission)
ROLES: Final[tuple[Role, ...]] = get_args(Role)
EVERYBODY: Final[Everybody] = "everybody"
"""Declared by what needs no permission."""
DEFAULTS: Final[Mapping[Permission, Role]] = {
    "play": "guest",  # read and continue one's own stories, and those that are open to all
    "start": "guest",  # begin a story
    "vote": "guest",  # take part in a vote
    "imagine": "guest",  # have pictures drawn
    "chat": "guest",  # talk with the persona
    "create_persona": "member",  # make a persona
    "share": "member",  # let others see something of one's own
    "choose_for_others": "moderator",  # choose, retry, illustrate in another person's story; have their answer redone
    "reset": "moderator",  # make the persona forget the conversation of everybody here
    "use_persona": "moderator",  # choose with whom everybody here talks
    "moderate": "moderator",  # delete what others made, stop what others started
    "settings": "admin",  # the settings, roles and permissions of the place
    "prompts": "admin",  # the prompts for everything written here
    "models": "admin",  # the models that write and draw here
    "spend": "admin",  # what costs the place money
}
"""The lowest role that has a permission where no rule says otherwise."""
RULES: Final = 200
"""Maximum number of rules of a place; they are read with every event."""
MAPPED: Final = 100
"""Maximum number of platform roles that are mapped in a place."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a role has a permission. ``lowest`` is the lowest role that has it there, ``reason`` what decided."""

    allowed: bool
    role: Role
    lowest: Role
    reason: Reason


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a place. ``lowest`` holds roles by permission and channel ("": the place), ``roles`` by the key of a
    platform's role.
    """

    lowest: Mapping[tuple[Permission, str], Role] = field(default_factory=dict[tuple[Permission, str], Role])
    roles: Mapping[str, Role] = field(default_factory=dict[str, Role])

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> "Rules":
        """Return the rules in an account's settings; what another release wrote in another format is left out."""
        lowest: dict[tuple[Permission, str], Role] = {}
        for permission, channels in _mapping(settings.get("permissions")).items():
            if permission in PERMISSIONS:
                for channel, role in _mapping(channels).items():
                    if role in ROLES:
                        lowest[permission, channel] = role
        return cls(lowest, {key: role for key, role in _mapping(settings.get("roles")).items() if role in ROLES})

    def role_of(self, given: Role, keys: Iterable[str]) -> Role:
        """Return a person's role here: ``given`` by the platform's permissions, or by their platform roles' mapping.

        The highest counts, except that a role mapped to guest restricts everybody whom the platform makes no admin.
        The owner stays the owner.
        """
        mapped = {self.roles[key] for key in keys if key in self.roles}
        if given == "owner" or not mapped:
            return given
        if "guest" in mapped and given != "admin":
            return "guest"
        return next(role for role in ROLES if role == given or role in mapped)

    def decide(self, role: Role, permission: Permission, channels: Sequence[str] = ()) -> Decision:
        """Return whether a role has a permission in the first of ``channels`` that has a rule, else in the place."""
        channel = next((c for c in channels if (permission, c) in self.lowest), "")
        lowest = self.lowest.get((permission, channel))
        reason: Reason = "default" if lowest is None else "channel" if channel else "place"
        lowest = DEFAULTS[permission] if lowest is None else lowest
        if role == "owner":
            return Decision(True, role, lowest, "owner")
        return Decision(at_least(role, lowest), role, lowest, reason)


def at_least(role: Role, other: Role) -> bool:
    """Return whether ``role`` is ``other`` or a higher one."""
    return ROLES.index(role) <= ROLES.index(other)


def above(role: Role) -> Role:
    """Return the next higher role; the owner's is the highest."""
    return ROLES[max(ROLES.index(role) - 1, 0)]


async def set_rule(account_id: int, permission: Permission, channel: str, lowest: Role | None) -> None:
    """Set the lowest role that has a permission in a channel ("": the place); None goes back to the less specific."""
    await _set(account_id, ("permissions", permission), channel, lowest)


async def reset_rules(account_id: int, permission: Permission | None = None) -> None:
    """Remove the rules of a permission, of the place and of all channels; None: those of all permissions."""
    path = ["permissions"] if permission is None else ["permissions", permission]
    await row("UPDATE accounts SET settings = settings #- $2::text[] WHERE id = $1 RETURNING id", account_id, path)


async def map_role(account_id: int, key: str, role: Role | None) -> None:
    """Map a platform's role to one of ours; None removes the mapping."""
    await _set(account_id, ("roles",), key, role)


async def reset_roles(account_id: int) -> None:
    """Remove the mappings of all platform roles."""
    await row("UPDATE accounts SET settings = settings - 'roles' WHERE id = $1 RETURNING id", account_id)


async def _set(account_id: int, path: tuple[str, ...], key: str, role: Role | None) -> None:
    # From the inside out, so that each level keeps what else it holds.
    change = "coalesce(settings #> $2::text[], '{}') - $3::text || $4::jsonb"
    if len(path) == 2:
        change = f"coalesce(settings -> ($2::text[])[1], '{{}}') || jsonb_build_object(($2::text[])[2], {change})"
    await row(
        f"UPDATE accounts SET settings = settings || jsonb_build_object(($2::text[])[1], {change}) "
        "WHERE id = $1 RETURNING id",
        account_id, list(path), key, jsonb({} if role is None else {key: role}),
    )  # fmt: skip


def _mapping(value: object) -> Mapping[Any, Any]:
    return cast("Mapping[Any, Any]", value) if isinstance(value, dict) else {}
