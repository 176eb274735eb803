"""Menus of messages: Discord's context menus, and what can be done with a message of the bot's.

Discord takes five context menus at most, so one of them, *Storyfork…*, opens a panel of the entries that topics
register (`EntrySpec`). Everywhere `/message`, sent as a reply to the message, opens the same panel
(`bot.message_entries`).
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bot.events import MenuPick
from db.outbox import SentRow
from db.permissions import Everybody, Permission
from db.registry import Registry

if TYPE_CHECKING:
    from bot.context import Context

NAME_LENGTH: Final = 32
_ENTRY: Final = re.compile(r"[a-z][a-z_]{0,31}")


@dataclass(frozen=True, slots=True)
class MenuSpec:
    """An entry of a context menu. ``name`` is the visible label, at most `NAME_LENGTH` characters.

    ``handler`` runs in the event's transaction. ``command`` and ``always`` as in `bot.actions.base.ActionSpec`.
    ``permission`` is what it takes (`EVERYBODY`: none).
    """

    name: str
    handler: Callable[["Context", MenuPick], Awaitable[None]]
    command: str = ""
    always: bool = False
    permission: Permission | Everybody = field(kw_only=True)

    def __post_init__(self) -> None:
        """Raise `ValueError` for a name that Discord would refuse, and with it all commands."""
        if not self.name.strip() or len(self.name) > NAME_LENGTH:
            raise ValueError(f"not a name for a menu: {self.name!r}")


class MenuRegistry(Registry[MenuSpec]):
    """All context menus, in order. discord.py takes five at most."""

    def __init__(self, own: Iterable[MenuSpec] = ()) -> None:
        """``own`` are the product's entries. Raises `db.registry.NameTaken`."""
        super().__init__("menu", lambda spec: spec.name, own)


@dataclass(slots=True)
class PickedMessage:
    """A message of the bot's in this chat with which something is to be done; ``row`` says what it shows.

    ``known`` is for what the entries of one topic look up, so that it is looked up once.
    """

    context: "Context"
    row: SentRow
    known: dict[str, Any] = field(default_factory=dict[str, Any])


Offer = Callable[[PickedMessage], Awaitable[tuple[int | str, ...] | None]]
"""Returns the arguments of an entry's button for a message; None if the entry does not apply to it."""


@dataclass(frozen=True, slots=True)
class EntrySpec:
    """What can be done with a message: a button in its panel, and a word behind `/message`.

    ``name`` is that word, and under ``button`` the key of the label. ``verb`` is the button's action, which brings its
    permission, switch and form. ``kinds`` are the kinds of messages (`db.payloads`) that may have it.
    """

    name: str
    verb: str
    kinds: frozenset[str]
    offer: Offer

    def __post_init__(self) -> None:
        """Raise `ValueError` for a name that nobody could type."""
        if _ENTRY.fullmatch(self.name) is None:
            raise ValueError(f"not a name for an entry: {self.name!r}")


class EntryRegistry(Registry[EntrySpec]):
    """All entries, in the order in which panels show them."""

    def __init__(self) -> None:
        """Start without entries."""
        super().__init__("message entry", lambda spec: spec.name)

    @property
    def kinds(self) -> list[str]:
        """The kinds of messages with which something can be done."""
        return sorted({kind for spec in self for kind in spec.kinds})
