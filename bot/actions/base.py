"""Actions: what buttons do. One `ActionSpec` per verb, declared in its topic's file (bot/actions/<topic>.py)."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bot.actions.packing import NAME, VERB, BadButton, pack, read_name, read_number, split
from bot.messages import FIELDS, Field
from db.permissions import Everybody, Permission
from db.registry import Registry

MOST: Final[Mapping[str, int]] = {"id": 2**63 - 1, "number": 2**31 - 1}
"""The largest values: PostgreSQL's ``bigint`` and ``integer``."""


@dataclass(frozen=True, slots=True)
class Arg:
    """A typed argument: a database ``id``, a small ``number`` (a revision, a position) or a ``name``."""

    name: str
    kind: Literal["id", "number", "name"] = "id"

    def read(self, packed: str) -> int | str:
        """Return the argument's value. Raises `BadButton`."""
        return read_name(packed) if self.kind == "name" else read_number(packed, MOST[self.kind])


@dataclass(frozen=True, slots=True)
class FormSpec:
    """A form that an action opens before it runs.

    ``title`` and the fields' labels and placeholders are wording keys (other texts are shown unchanged). Discord shows
    45 characters of a title or label, 100 of a placeholder, and 80 of a button; longer ones end with "…" there.
    ``prefill(context, **args)`` returns the current values by field; it only reads.
    """

    title: str
    fields: tuple[Field, ...]
    prefill: Callable[..., Awaitable[Mapping[str, str]]] | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError` for no or too many fields, and for names not unique or unfit for a button."""
        names = [field.name for field in self.fields]
        if not names or len(set(names)) < len(names) or not all(map(NAME.fullmatch, names)):
            raise ValueError(f"form {self.title!r}: bad names of fields: {', '.join(names) or 'none'}")
        if len(names) > FIELDS:
            raise ValueError(
                f"form {self.title!r} has {len(names)} fields; the limit is {FIELDS}: ask in several steps"
            )


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """A verb. ``handler(context, **args)`` runs it in the event's transaction.

    With a ``form`` the handler also gets the answers: ``handler(context, values, **args)``. ``form`` may be a function
    of the arguments; where it returns None there is nothing to ask. ``check(context, **args)`` raises before the form
    is shown if the action would be refused after it is filled in; it only reads. ``keeps_form``: the person's pending
    form stays open (any other button press closes it). ``command`` is the command or group of commands with which the
    button is switched off (default: its topic's); ``always``: it works in maintenance mode, too. ``permission`` is what
    it takes (`EVERYBODY`: none), or a function of the arguments that returns it. ``operator``: reserved for the
    operators of the service. ``own_data``: as of a command (`bot.commands.base.CommandSpec`).
    """

    verb: str
    handler: Callable[..., Awaitable[None]]
    args: tuple[Arg, ...] = ()
    form: FormSpec | Callable[..., FormSpec | None] | None = None
    check: Callable[..., Awaitable[None]] | None = None
    keeps_form: bool = False
    command: str = ""
    always: bool = False
    operator: bool = False
    own_data: bool = False
    permission: Permission | Everybody | Callable[..., Permission | Everybody] = field(kw_only=True)

    def __post_init__(self) -> None:
        """Raise `ValueError` for an invalid verb, or if the functions do not accept the arguments."""
        if VERB.fullmatch(self.verb) is None:
            raise ValueError(f"not a verb: {self.verb!r}")
        if unknown := [arg.kind for arg in self.args if arg.kind not in {*MOST, "name"}]:
            raise ValueError(f"action {self.verb!r}: no kind of argument: {unknown[0]!r}")
        first = ("context",) if self.form is None else ("context", "values")
        takes: list[tuple[Callable[..., Any] | None, tuple[str, ...]]] = [
            (self.handler, first),
            (self.check, ("context",)),
            (self.form if callable(self.form) else None, ()),
            (self.permission if callable(self.permission) else None, ()),
            (self.form.prefill if isinstance(self.form, FormSpec) else None, ("context",)),
        ]
        for function, positional in takes:
            if function is not None:
                try:
                    inspect.signature(function).bind(*positional, **{a.name: None for a in self.args})
                except TypeError as e:
                    raise ValueError(f"action {self.verb!r}: {function.__qualname__} does not fit: {e}") from e


@dataclass(frozen=True, slots=True)
class Action:
    """A verb with its arguments: what one button means."""

    spec: ActionSpec
    args: Mapping[str, Any]

    @property
    def verb(self) -> str:
        """The verb."""
        return self.spec.verb

    def pack(self) -> str:
        """Return the packed button data. Raises `ValueError` if it is too long."""
        return pack(self.verb, *self.args.values())

    def permission(self) -> Permission | Everybody:
        """Return what the action takes."""
        permission = self.spec.permission
        return permission(**self.args) if callable(permission) else permission

    def form(self) -> FormSpec | None:
        """Return the form that the action opens, if any."""
        form = self.spec.form
        return form(**self.args) if callable(form) else form


class ActionRegistry(Registry[ActionSpec]):
    """All verbs."""

    def __init__(self, own: Iterable[ActionSpec] = ()) -> None:
        """``own`` are the product's actions. Raises `db.registry.NameTaken`."""
        super().__init__("action", lambda spec: spec.verb, own)

    def read(self, data: str) -> Action:
        """Return what a button's data means. Raises `BadButton`."""
        verb, packed = split(data)
        spec = self.get(verb)
        if spec is None or len(packed) != len(spec.args):
            raise BadButton(data)
        return Action(spec, {arg.name: arg.read(p) for arg, p in zip(spec.args, packed, strict=True)})
