"""The base of views. A view composes the message of one kind of outbox row from the database when it is sent."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from bot import locales
from bot.actions.packing import pack
from bot.commands.base import CommandRegistry
from bot.forms import Forms
from bot.messages import Button, ButtonStyle, Message, Select, SelectOption
from bot.privacy_terms import NO_TERMS, PrivacyTerms
from db.agents import OperatorSampling, product_sampling
from db.outbox import OutboxMessage
from db.payloads.base import Payload
from db.payloads.notice import Erase, Placeholder
from db.payloads.operators import Leave
from db.registry import Registry
from db.usage_limits import UNLIMITED, UsageLimits
from prompts.registry import PromptRegistry
from workers.queue import Queue

P = TypeVar("P", bound=Payload)
BUTTONS_A_ROW: Final = 5
"""Discord's limit."""
FEW: Final = 6
"""Up to so many buttons of a menu stay buttons; more become a list."""
A_ROW: Final = 3
"""Buttons of a menu in a row: more are too narrow on a telephone."""


class Words:
    """The wordings of one language."""

    def __init__(self, language: str, appeal: str = "") -> None:
        """``language`` is a BCP 47 tag; empty for the default. ``appeal`` says whom to ask about a refusal."""
        self.language = language or locales.DEFAULT
        self._appeal = appeal

    def __call__(self, key: str, /, **values: Any) -> str:
        """Return a wording with its slots filled, among them the slot ``appeal_line``."""
        line = locales.text("moderation.appeal", {"appeal": self._appeal}, self.language) if self._appeal else ""
        return locales.text(key, {"appeal_line": line, **values}, self.language)


@dataclass(frozen=True, slots=True)
class ViewServices:
    """What views have access to besides the database. ``operators`` run the service, as ``platform:user id``.

    ``appeal`` says whom to ask about bans; empty: the operators named nobody.
    ``limits`` hold for everybody but them. ``terms`` are what the operator says about privacy, ``sampling`` how
    functions sample.
    """

    commands: CommandRegistry
    forms: Forms
    prompts: PromptRegistry
    queue: Queue
    operators: frozenset[str] = frozenset()
    appeal: str = ""
    limits: UsageLimits = UNLIMITED
    terms: PrivacyTerms = NO_TERMS
    sampling: OperatorSampling = field(default_factory=product_sampling)


@dataclass(frozen=True, slots=True)
class ViewContext:
    """The recipient and place of a message. ``place`` is the kind of conversation, ``account_id`` its account."""

    platform: str
    place: str
    user_id: str
    account_id: int
    words: Words
    around: ViewServices

    @property
    def for_operator(self) -> bool:
        """Whether only an operator sees this. The console is only used on the machine itself."""
        operator = self.platform == "console" or f"{self.platform}:{self.user_id}" in self.around.operators
        return operator and self.place == "dm"

    def button(
        self, verb: str, *args: int | str, label: str = "", text: str = "", style: ButtonStyle = "secondary"
    ) -> Button:
        """Return a button. ``label`` is its wording's key under ``button.`` if not the verb; ``text`` replaces it.

        On the console the key is typed, if it is one word.
        """
        key = label or verb
        shown = text or self.words(f"button.{key}")
        return Button(shown, pack(verb, *args), word=(shown if text or "_" in key else key).lower(), style=style)


@dataclass(frozen=True, slots=True)
class ViewSpec(Generic[P]):
    """A kind of message: its payload and the function that composes it (None: the subject is gone, send nothing).

    ``thread_opened(payload, conversation_id, chat_id)`` records the thread opened for a message with ``thread``.
    ``sent(payload)`` is called once the message is delivered; a crash in between may leave it out.
    ``too_large(payload, row)`` is called if its place does not take its file: it sends something smaller instead and
    returns True, or False if there is nothing.
    """

    payload: type[P]
    compose: Callable[[ViewContext, P], Awaitable[Message | None]]
    thread_opened: Callable[[P, int, str], Awaitable[None]] | None = None
    sent: Callable[[P], Awaitable[None]] | None = None
    too_large: Callable[[P, OutboxMessage], Awaitable[bool]] | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError` for kinds without a view, which the courier handles itself."""
        if self.kind in {Placeholder.kind, Erase.kind, Leave.kind}:
            raise ValueError(f"messages of kind {self.kind!r} have no view")

    @property
    def kind(self) -> str:
        """The kind of outbox rows that it composes."""
        return self.payload.kind


class ViewRegistry(Registry[ViewSpec[Any]]):
    """All views by kind."""

    def __init__(self) -> None:
        """Start without views."""
        super().__init__("message kind", lambda view: view.kind)


def in_rows(buttons: Sequence[Button], width: int = BUTTONS_A_ROW) -> tuple[tuple[Button, ...], ...]:
    """Return buttons in rows."""
    return tuple(tuple(buttons[n : n + width]) for n in range(0, len(buttons), width))


def turns(
    view: ViewContext, verb: str, at: Sequence[int | str], start: int, listed: int, *, more: bool
) -> tuple[Button, ...]:
    """Return the buttons that turn the pages of a list, ``listed`` entries each; ``start`` comes behind ``at``."""
    found: list[Button] = []
    if start:
        found.append(view.button(verb, *at, max(0, start - listed), label="previous"))
    if more:
        found.append(view.button(verb, *at, start + listed, label="next"))
    return tuple(found)


def select_of(placeholder: str, buttons: Sequence[Button], descriptions: Sequence[str] = ()) -> Select:
    """Return buttons as the options of a list; ``descriptions`` are theirs, in the same order."""
    told = [*descriptions, *[""] * (len(buttons) - len(descriptions))]
    options = (SelectOption(b.label, b.action, about, b.word) for b, about in zip(buttons, told, strict=True))
    return Select(placeholder, tuple(options))
