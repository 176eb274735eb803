"""Context menus: actions on a person's message. Discord shows them; other platforms have none."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bot.events import MenuPick
from db.permissions import Everybody, Permission
from db.registry import Registry

if TYPE_CHECKING:
    from bot.context import Context

NAME_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class MenuSpec:
    """An entry. ``name`` is the visible label, at most `NAME_LENGTH` characters.

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
    """All entries, in order. Discord shows at most 15."""

    def __init__(self, own: Iterable[MenuSpec] = ()) -> None:
        """``own`` are the product's entries. Raises `db.registry.NameTaken`."""
        super().__init__("menu", lambda spec: spec.name, own)
