"""What an event must pass before anything else: bans, the allow-list, maintenance mode, commands that are off.

Operators pass everything. Who is banned, or not on the list, is told once a day; after that nothing is said. In their
private chat they may still read what is stored about them, get it and have it deleted (``own_data``), and nothing else.
"""

import time
from dataclasses import dataclass
from typing import Final, Protocol

from bot.actions.base import ActionRegistry, ActionSpec
from bot.actions.packing import FILL, BadButton
from bot.commands.base import CommandRegistry
from bot.commands.typed import read_typed
from bot.context import Context
from bot.events import (
    BotMembership,
    ButtonPress,
    Command,
    EditedMessage,
    Event,
    MenuPick,
    Reaction,
    Submit,
    TextMessage,
)
from bot.menus import MenuRegistry
from bot.policy import AccessPolicy
from db import access, switches
from db.access import AccessState
from db.errors import NotAllowed
from db.payloads.operators import Banned
from db.people import PERSONAL

SILENT_SECONDS: Final = 30.0
"""So long nobody looks again whether somebody who is ignored still is: their events cost nothing meanwhile."""
SILENT: Final = 10_000
"""Maximum number of people who are remembered for that."""
OWN_DATA_EVENTS: Final = 10
"""How often in `OWN_DATA_SECONDS` somebody who is shut out may ask for what is theirs; more of it is ignored."""
OWN_DATA_SECONDS: Final = 600.0
LEAVE_SECONDS: Final = 15.0
"""After so long the bot leaves a place: it has been told why by then."""


class Switchable(Protocol):
    """What belongs to a command and goes off with it; what is ``always`` on works in maintenance mode, too."""

    @property
    def command(self) -> str:
        """The name of the command or of the group of commands; empty: none."""
        ...

    @property
    def always(self) -> bool:
        """Whether it can neither be switched off nor stop for maintenance."""
        ...


@dataclass(frozen=True, slots=True)
class _Free:
    """Plain text, whose route is found later, or what nobody knows."""

    command: str = ""
    always: bool = False


class Admission:
    """The gate of the router. Answers whom it refuses, in the event's transaction."""

    def __init__(
        self, policy: AccessPolicy, commands: CommandRegistry, actions: ActionRegistry, menus: MenuRegistry
    ) -> None:
        """The registries say which command a button or a menu entry belongs to; all may still grow."""
        self._policy, self._commands, self._actions, self._menus = policy, commands, actions, menus
        self._silent: dict[tuple[str, ...], float] = {}
        self._own_data: dict[tuple[str, ...], list[float]] = {}

    def silences(self, event: Event) -> bool:
        """Whether an event is to be ignored without a look at the database: the last one like it was, moments ago."""
        until = self._silent.get(_acts(event), 0.0)
        if time.monotonic() >= until or isinstance(event.payload, BotMembership):
            return False
        return not self._about_own_data(event) or self._asked(event) >= OWN_DATA_EVENTS

    async def admits(self, context: Context) -> bool:
        """Let an event pass, or refuse it: False, then it is answered or to be ignored, and nothing else may happen."""
        if context.operator:
            self._silent.clear()  # they may be about to let somebody in
            return True
        state = await self._state(context)
        context.off = switches.commands_off(state.switches)
        shut_out = state.ban is not None or self._unlisted(state)
        if shut_out and self._about_own_data(context.event) and self._asked(context.event) < OWN_DATA_EVENTS:
            self._note_asked(context.event)
            context.shut_out = True
            return True
        if shut_out:
            await self._shut_out(context, state)
        elif (refusal := self._switched_off(context, state)) is None:
            return True
        elif _asks(context):
            await context.refuse(refusal)
            if isinstance(context.event.payload, TextMessage):
                await context.leave_form()
        context.ignored = not context.answered
        if shut_out and context.ignored and _asks(context):
            self._silence(context.event)
        return False

    async def _shut_out(self, context: Context, state: AccessState) -> None:
        """Say once a day why somebody or some place may not use the bot."""
        if not _asks(context):
            return
        if state.ban is not None:
            if await access.tell_ban(state.ban.id):
                await context.say(Banned(rule=state.ban.id), ordered=False, private=True)
                if state.ban.subject == "place":
                    await self._leave(context)
        elif await access.tell_unlisted(context.account_id):
            key = "operators.unlisted_ask" if self._policy.appeal else "operators.unlisted"
            await context.refuse(NotAllowed(key, appeal=self._policy.appeal))
            await self._leave(context)

    def _about_own_data(self, event: Event) -> bool:
        """Whether somebody asks, in private, for what is stored about them: by the command or the button itself.

        A form or an answer to a question is not: what it leads to depends on what else is open there.
        """
        if event.account.kind not in PERSONAL or event.conversation.kind != "dm":
            return False
        match event.payload:
            case Command(name=name):
                spec = self._commands.get(name)
            case TextMessage(text=text, addressed=True):
                typed = read_typed(text, self._commands)
                spec = None if typed is None else typed.spec
            case ButtonPress(data=data):
                try:
                    spec = self._actions.read(data).spec
                except BadButton:
                    spec = None
            case _:
                spec = None
        return spec is not None and spec.own_data

    def _asked(self, event: Event) -> int:
        """Return how often somebody who is shut out has asked for what is theirs lately."""
        since = time.monotonic() - OWN_DATA_SECONDS
        return sum(at > since for at in self._own_data.get(_acts(event), ()))

    def _note_asked(self, event: Event) -> None:
        while len(self._own_data) >= SILENT:
            del self._own_data[next(iter(self._own_data))]
        times = self._own_data.setdefault(_acts(event), [])
        times[:] = [*times[-OWN_DATA_EVENTS:], time.monotonic()]

    def _silence(self, event: Event) -> None:
        while len(self._silent) >= SILENT:
            del self._silent[next(iter(self._silent))]
        self._silent[_acts(event)] = time.monotonic() + SILENT_SECONDS

    async def _leave(self, context: Context) -> None:
        """Leave the place where an event happened, once it was told why, if the operators want that."""
        account = context.event.account
        if self._policy.leave and account.kind in {"guild", "group"}:
            await context.leave_place(LEAVE_SECONDS)

    async def passes(self, context: Context) -> bool:
        """Whether `admits` would let an event pass; says and changes nothing."""
        if context.operator:
            return True
        state = await self._state(context)
        context.off = switches.commands_off(state.switches)
        refused = state.ban is not None or self._unlisted(state)
        return not refused and self._switched_off(context, state) is None

    async def _state(self, context: Context) -> AccessState:
        event = context.event
        parent = str(event.destination.handle.get("parent") or "")
        places = {event.account.external_id, event.conversation.chat_id, parent} - {""}
        if event.account.kind == "dm":
            places = set[str]()
        return await access.standing(event.platform, event.user.external_id, context.user_id, sorted(places))

    def _unlisted(self, state: AccessState) -> bool:
        return self._policy.access == "listed" and not state.listed

    def _switched_off(self, context: Context, state: AccessState) -> NotAllowed | None:
        """Return why an event is refused although its person and place may use the bot."""
        if not state.switches:
            return None
        found = self._subject(context)
        if found.always:
            return None
        message = state.switches.get(switches.MAINTENANCE)
        if message is not None:
            key = "operators.maintenance_message" if message else "operators.maintenance"
            return NotAllowed(key, message=message)
        try:
            context.require_on(found.command)
        except NotAllowed as e:
            return e
        return None

    def _subject(self, context: Context) -> Switchable:
        """Return what an event is about."""
        return self._known(context) or _Free()

    def _known(self, context: Context) -> Switchable | None:
        match context.event.payload:
            case Command(name=name):
                return self._commands.get(name)
            case ButtonPress(data=data) | Submit(form=data):
                found = self._of_action(data)
                answers = isinstance(found, ActionSpec) and found.keeps_form
                return (self._of_draft(context) or found) if answers else found
            case MenuPick(name=name):
                return self._menus.get(name)
            case TextMessage(text=text, addressed=addressed):
                typed = read_typed(text, self._commands) if addressed else None
                if typed is not None:
                    return typed.spec
                return self._of_draft(context)
            case _:
                return None

    def _of_draft(self, context: Context) -> Switchable | None:
        """Return what the question belongs to that the person is being asked."""
        draft = context.who.draft
        return None if draft is None else self._of_action(str(draft.get("form")))

    def _of_action(self, data: str) -> Switchable | None:
        try:
            action = self._actions.read(data)
        except BadButton:
            return None
        if action.verb == FILL:
            return self._commands.get(str(action.args["command"]))
        return action.spec


def _acts(event: Event) -> tuple[str, ...]:
    """Return who acts where."""
    return (event.platform, event.user.external_id, event.account.external_id, event.conversation.chat_id)


def _asks(context: Context) -> bool:
    """Whether somebody expects an answer: not of what they say to others, nor of a reaction."""
    match context.event.payload:
        case TextMessage(addressed=addressed):
            return addressed
        case Reaction() | EditedMessage() | BotMembership():
            return False
        case _:
            return True
