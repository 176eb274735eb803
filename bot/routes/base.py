"""Routes of plain text: a topic's handler for a conversation's mode, and for replies to its messages."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.context import Context
from bot.events import EditedMessage, TextMessage
from db.permissions import Everybody, Permission
from db.registry import NameTaken, Registry

Handler = Callable[[Context, TextMessage], Awaitable[bool]]
"""Handles a text; False if nothing here accepts it."""
ReplyHandler = Callable[[Context, Mapping[str, Any], TextMessage], Awaitable[bool]]
"""The same for a reply; gets the payload of the outbox row whose message is replied to."""
EditHandler = Callable[[Context, EditedMessage], Awaitable[bool]]
"""Handles the new text of a message that a person has edited; False if nothing here has read its first text."""
MODE: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class TextRoute:
    """Handles the plain text of conversations in a ``mode``, and replies to messages of the given outbox kinds.

    A handler routes a conversation's text here with `db.conversations.set_mode`. ``edited`` takes the new texts of
    messages there. ``command`` is the command or group of commands with which the route is switched off (default: its
    topic's). ``permission`` is what writing takes (`EVERYBODY`: none).
    """

    mode: str
    handler: Handler
    replies: Mapping[str, ReplyHandler] = field(default_factory=dict[str, ReplyHandler])
    edited: EditHandler | None = None
    command: str = ""
    permission: Permission | Everybody = field(kw_only=True)

    def __post_init__(self) -> None:
        """Raise `ValueError` for a name that the database would refuse."""
        if MODE.fullmatch(self.mode) is None:
            raise ValueError(f"not a mode: {self.mode!r}")


class RouteRegistry(Registry[TextRoute]):
    """All routes by mode."""

    def __init__(self) -> None:
        """Start without routes."""
        super().__init__("route", lambda route: route.mode)

    def check(self, specs: Iterable[object], type_: type) -> None:
        """Raise what `add` would raise for these, and `db.registry.NameTaken` if replies to a kind have a route."""
        given = tuple(specs)
        super().check(given, type_)
        taken = {kind: route.mode for route in self for kind in route.replies}
        for route in (spec for spec in given if isinstance(spec, TextRoute)):
            for kind in route.replies:
                if kind in taken:
                    raise NameTaken(f"replies to messages of kind {kind!r} are taken by the route {taken[kind]!r}")
                taken[kind] = route.mode

    def for_replies(self, kind: str) -> TextRoute | None:
        """Return the route of replies to messages of an outbox kind."""
        return next((route for route in self if kind in route.replies), None)
