"""Where a person stands in a place: their role there, and what it may do under the place's rules."""

from dataclasses import dataclass

from bot.events import Event
from db.errors import NotAllowed
from db.people import Who
from db.permissions import Decision, Permission, Role, Rules


@dataclass(frozen=True, slots=True)
class Rights:
    """A person's role in a place. ``channels``: keys of the channel, most specific first. ``own``: their own place."""

    role: Role
    rules: Rules
    channels: tuple[str, ...] = ()
    own: bool = False

    def at(self, channel: str) -> "Rights":
        """Return the same for a channel by its key; "": for the place."""
        return Rights(self.role, self.rules, (channel,) if channel else (), self.own)

    def decide(self, permission: Permission) -> Decision:
        """Return whether the person has a permission, and why."""
        made = self.rules.decide(self.role, permission, self.channels)
        return Decision(True, "owner", made.lowest, "own") if self.own else made

    def require(self, permission: Permission) -> None:
        """Raise `NotAllowed`, with the rule that refuses and who can change it, if the person lacks the permission."""
        made = self.decide(permission)
        if not made.allowed:
            key = "permission.refused_owner" if made.lowest == "owner" else f"permission.refused_{made.reason}"
            raise NotAllowed(key, permission=permission, role=made.role, lowest=made.lowest)


def rights_of(event: Event, who: Who) -> Rights:
    """Return where the person of an event stands. In their private chat everybody is the owner."""
    if event.account.kind in {"dm", "console"}:
        return Rights("owner", Rules(), own=True)
    rules = Rules.read(who.account.settings)
    return Rights(rules.role_of(event.user.role, event.user.roles), rules, event.channels)
