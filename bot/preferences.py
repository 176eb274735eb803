"""Preferences: what people can set, for themselves or for a place. One panel, `/settings`, shows them all.

A topic registers its own (`Topic.preferences`). All functions get the context of the event that opened or pressed the
panel, and run in its transaction.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from bot.actions.packing import NAME
from bot.context import Context
from bot.messages import Field
from db.permissions import Everybody, Permission
from db.registry import Registry

Holder = Literal["person", "place"]
NAME_LENGTH: Final = 16
"""Maximum length of a preference's name: it is packed into buttons beside other arguments."""


@dataclass(frozen=True, slots=True)
class PreferenceOption:
    """A value that a preference can have. ``label`` is a wording's key, or a text that is shown unchanged."""

    value: str
    label: str = ""

    @property
    def shown(self) -> str:
        """The label, else the value."""
        return self.label or self.value


@dataclass(frozen=True, slots=True)
class PreferenceSpec:
    """Something that can be set. ``label`` and ``help`` are wording keys; ``holder`` says whose setting it is.

    ``read`` returns the present value, ``write`` stores another one and raises `db.errors.UserError` if that is not
    allowed; "" is the default. ``options`` returns the values to choose from; with ``form`` the person types one
    instead, or beside them. ``permission`` is what changing it takes (`EVERYBODY`: none).
    ``available``: False where there is nothing to set. ``command`` sets it, too: if that is switched off, so is this.
    """

    name: str
    label: str
    holder: Holder
    read: Callable[[Context], Awaitable[str]]
    write: Callable[[Context, str], Awaitable[None]]
    permission: Permission | Everybody = field(kw_only=True)
    options: Callable[[Context], Awaitable[Sequence[PreferenceOption]]] | None = None
    form: Field | None = None
    help: str = ""
    available: Callable[[Context], Awaitable[bool]] | None = None
    command: str = ""

    def __post_init__(self) -> None:
        """Raise `ValueError` for a name that no button could carry, or if there is no way to set it."""
        if NAME.fullmatch(self.name) is None or len(self.name) > NAME_LENGTH:
            raise ValueError(f"not a preference's name: {self.name!r}")
        if self.options is None and self.form is None:
            raise ValueError(f"preference {self.name!r} has neither options nor a form")


class PreferenceRegistry(Registry[PreferenceSpec]):
    """All preferences, in the order in which the panel shows them."""

    def __init__(self, own: Iterable[PreferenceSpec] = ()) -> None:
        """``own`` are the product's preferences. Raises `db.registry.NameTaken`."""
        super().__init__("preference", lambda spec: spec.name, own)
