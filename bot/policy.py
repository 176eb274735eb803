"""Who runs the service, and who may use it: the settings of access."""

from dataclasses import dataclass
from typing import Final, Literal

from bot.events import Event

CONSOLE: Final = "console"


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The operators' settings. ``operators`` are named as ``platform:user id``.

    ``access``: ``open`` – everybody may use the bot; ``listed`` – only people and places on the list. ``appeal`` says
    whom to ask about bans and access. ``leave``: the bot leaves guilds and groups that are banned or not on the list.
    """

    operators: frozenset[str] = frozenset()
    access: Literal["open", "listed"] = "open"
    appeal: str = ""
    leave: bool = False

    def is_operator(self, event: Event) -> bool:
        """Whether an operator acts. The console is only used on the machine itself."""
        return event.account.kind == CONSOLE or f"{event.platform}:{event.user.external_id}" in self.operators


OPEN: Final = AccessPolicy()
"""Everybody may use the bot, and nobody but the console's user is an operator."""
