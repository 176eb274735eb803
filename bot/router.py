"""From event to commit: one transaction takes the event in, changes the record and leaves the answer or the work."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from bot import actions, locales, text_messages
from bot.buttons import Action, BadButton, unpack
from bot.commands import picture
from bot.commands.model import DEFAULT
from bot.commands.registry import CommandRegistry, CommandSpec
from bot.compose import Composer
from bot.context import Context
from bot.events import ButtonPress, Command, EditedMessage, Event, MenuPick, Reaction, Submit, TextMessage
from bot.forms import ASKING, form_of
from bot.messages import Form, Message
from bot.platforms.base import Capabilities, Outcome, Watched
from db import accounts, inbox, personas, stories
from db.accounts import Who
from db.connection import OUTAGES, transaction
from db.errors import BadInput, Moved, NotAllowed, UserError
from prompts.pictures import styles
from prompts.registry import PromptRegistry
from workers.queue import Queue

PATIENCE_SECONDS: Final = 1.5
"""No commit within this: refuse explicitly. Discord shows a failure after 3 s."""
SUGGESTIONS: Final = 25
"""Discord's limit of autocomplete choices."""
SUGGESTED: Final = 100
"""Discord's limit of characters of one."""
_AWAY: Final = (*OUTAGES, TimeoutError)
_log = logging.getLogger(__name__)


class Router:
    """Takes events of all platforms (bot.platforms.base.Inbound)."""

    def __init__(
        self,
        registry: CommandRegistry,
        composer: Composer,
        prompts: PromptRegistry,
        queue: Queue,
        capabilities: Mapping[str, Capabilities],
        on_commit: Callable[[Event, Outcome], None],
        *,
        adults: bool = False,
    ) -> None:
        """``on_commit`` hears of every committed event: the courier sends what is there at once.

        ``adults``: the operator's word that places whose platform knows no age restriction are for adults.
        """
        self._registry, self._composer, self._prompts, self._queue = registry, composer, prompts, queue
        self._capabilities, self._on_commit, self._adults = capabilities, on_commit, adults

    async def dispatch(self, event: Event) -> Outcome:
        """Commit the event and what it changes, then wake whoever does the rest. Never raises."""
        try:
            outcome, context = await self._commit(event, self._handle)
        except UserError as e:
            outcome, context = await self._answer(event, e.key, e.values, e.story_id if isinstance(e, Moved) else None)
        except _AWAY as e:
            _log.warning("event %s is refused: the database is away (%s: %s)", event.key, type(e).__name__, e)
            outcome, context = self._refused(event), None
        except Exception:  # noqa: BLE001 - a defect in a handler must not cost the person an answer
            reference = secrets.token_hex(4)
            _log.exception("event %s failed, reference %s", event.key, reference)
            outcome, context = await self._answer(event, "router.defect", {"reference": reference}, None)
        if context is not None:
            self._on_commit(event, outcome)
            await context.wake()
        return outcome

    async def form_for(self, event: Event) -> Form | Message | None:
        """Return the form that a press or command opens, a refusal, or None: then dispatch the event."""
        language = event.user.language
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._form(event, language)
        except UserError as e:
            story = e.story_id if isinstance(e, Moved) else None
            return self._composer.notice(e.key, e.values, language, story=story)
        except _AWAY as e:
            _log.warning("event %s gets no form: the database is away (%s: %s)", event.key, type(e).__name__, e)
            return self._composer.notice("router.busy", {}, language)
        except Exception:  # noqa: BLE001 - as in dispatch
            reference = secrets.token_hex(4)
            _log.exception("event %s failed, reference %s", event.key, reference)
            return self._composer.notice("router.defect", {"reference": reference}, language)

    async def _form(self, event: Event, language: str) -> Form | None:
        if isinstance(event.payload, ButtonPress):
            action = _read_button(event.payload.data)
            if action.verb == "own":
                await self._check_own(event, action)
            return form_of(action, self._registry, frozenset(), language)
        if isinstance(event.payload, Command):
            spec, values = self._read(event.payload)
            if spec.missing(values):
                action = Action("fill", (self._registry.index(spec.name),))
                return form_of(action, self._registry, frozenset(values), language)
        return None

    async def complete(self, event: Event, parameter: str, prefix: str) -> list[tuple[str, str]]:
        """Return suggestions for a command's parameter: what the person may see, matching what is typed so far."""
        spec = self._registry.get(event.payload.name) if isinstance(event.payload, Command) else None
        source = next((p.completes for p in spec.parameters if p.name == parameter), "") if spec else ""
        if source == "styles":
            found_styles = [s for s in styles().values() if prefix.lower() in f"{s.key} {s.name}".lower()]
            return [(s.name, s.key) for s in found_styles][:SUGGESTIONS]
        if source == "prompts":
            return [(n, n) for n in self._prompts.names() if prefix.lower() in n][:SUGGESTIONS]
        if source == "image_engines":
            names = (picture.DEFAULT, *await picture.image_engines(self._queue))
            return [(name, name) for name in names if prefix.casefold() in name.casefold()][:SUGGESTIONS]
        if source == "models":
            known = dict.fromkeys((DEFAULT, *(await self._queue.models() or ())))
            return [(n, n) for n in known if prefix.lower() in n.lower() and len(n) <= SUGGESTED][:SUGGESTIONS]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                who = await _resolve(event)
                if source == "stories":
                    found = await stories.list_owned(who.account.id, who.user.id, search=prefix, limit=SUGGESTIONS)
                    return [((s.title or s.premise)[:100], f"#{s.id}") for s in found]
                if source == "personas":
                    known = await personas.known(who.account.id, search=prefix)
                    return [(p.name[:100], p.name[:100]) for p in known[:SUGGESTIONS]]
        except _AWAY as e:
            _log.warning("no suggestions: the database is away (%s: %s)", type(e).__name__, e)
        return []

    async def watched(self, platform: str) -> list[Watched]:
        """Return the chats whose history is to be caught up after a restart."""
        found = await accounts.watched(platform)
        return [Watched(c.chat_id, c.thread_id, c.last_said) for c in found]

    async def _commit(
        self, event: Event, handle: Callable[[Context], Awaitable[None]]
    ) -> tuple[Outcome, Context | None]:
        async with asyncio.timeout(PATIENCE_SECONDS) as patience, transaction():
            if not await inbox.record(event.key):
                return Outcome("duplicate"), None
            capabilities = self._capabilities[event.platform]
            who = await _resolve(event)
            context = Context(event, who, capabilities.placeholder_delay, self._queue, adults=self._adults)
            await handle(context)
            # A commit under way is waited for: cut off, nobody would know whether it happened.
            patience.reschedule(None)
        status = "answered" if context.answered else "working" if context.wakes else "silent"
        return Outcome(status, private=context.private), context

    async def _answer(
        self, event: Event, key: str, values: dict[str, Any], story: int | None
    ) -> tuple[Outcome, Context | None]:
        """Take the event in with a wording as its answer: what the handler did was rolled back."""

        async def handle(context: Context) -> None:
            await context.notice(key, story=story, **values)

        try:
            return await self._commit(event, handle)
        except _AWAY as e:
            _log.warning("event %s is refused: the database is away (%s: %s)", event.key, type(e).__name__, e)
            return self._refused(event), None

    def _refused(self, event: Event) -> Outcome:
        return Outcome("refused", locales.text("router.busy", language=event.user.language))

    async def _handle(self, context: Context) -> None:
        payload = context.event.payload
        match payload:
            case Command():
                await self._command(context, payload)
            case ButtonPress():
                await self._press(context, payload)
            case Submit():
                await self._submit(context, _read_button(payload.form), payload.values)
            case TextMessage():
                await text_messages.receive(context, payload, self._registry, self._submit)
            case EditedMessage() | Reaction() | MenuPick():
                pass  # no topic handles these yet

    async def _command(self, context: Context, command: Command) -> None:
        spec, values = self._read(command)
        _allow(spec, context, values)
        await context.leave_form()
        # Kept before anything is asked: the person sends it once, and the answer to a question brings no file.
        if spec.file is not None and (kept := await picture.attached(context)) is not None:
            values[spec.file.name] = str(kept)
        if spec.missing(values):
            if self._capabilities[context.event.platform].forms:
                missing = spec.missing(values)[0]
                raise BadInput("command.missing", parameter=missing.name, help=missing.help)
            await context.ask(Action("fill", (self._registry.index(spec.name),)), values, 0)
            return
        await spec.handler(context, _typed(spec, values))

    async def _press(self, context: Context, pressed: ButtonPress) -> None:
        action = _read_button(pressed.data)
        if action.verb in ASKING:
            if action.verb == "own":
                await self._check_own(context.event, action)
            await context.ask(action, {}, 0)
            return
        await context.leave_form()
        try:
            await actions.press(context, action)
        except (LookupError, ValueError) as e:
            raise BadInput("router.old_button") from e

    async def _submit(self, context: Context, action: Action, values: dict[str, str]) -> None:
        if action.verb == "own":
            await actions.own(context, *_page_of(action), values.get("text", ""))
            return
        if action.verb == "change" and action.args:
            await picture.change(context, action.args[0], values.get("text", ""))
            return
        spec = self._registry.at(action.args[0]) if action.verb == "fill" and action.args else None
        if spec is None:
            raise BadInput("router.old_button")
        _allow(spec, context, values)
        await spec.handler(context, _typed(spec, values))

    async def _check_own(self, event: Event, action: Action) -> None:
        """Refuse the form for an own action where it would only be refused after it was filled in."""
        page_id, revision = _page_of(action)
        who = await _resolve(event)
        found = await stories.page(page_id)
        if found is None:
            raise BadInput("story.unknown")
        story, page = await stories.at_cursor(who.account.id, who.user.id, found[0].id)
        if page.id != page_id or story.revision != revision:
            raise Moved("story.being_written" if page.state == "pending" else "story.moved_on", story.id)

    def _read(self, command: Command) -> tuple[CommandSpec, dict[str, str]]:
        """Return the command's definition and its values by name, free text given to its first text parameter."""
        spec = self._registry.get(command.name)
        if spec is None:
            group = self._registry.groups().get(command.name.split()[0] if command.name else "")
            if group is not None and len(command.name.split()) == 1:
                verbs = ", ".join(s.name.split()[-1] for s in group)
                raise BadInput("command.group", name=f"/{command.name}", verbs=verbs)
            raise BadInput("command.unknown", name=f"/{command.name}")
        values = {k: v for k, v in command.values.items() if v.strip()}
        if spec.file is not None:
            values.pop(spec.file.name, None)
        unknown = values.keys() - {p.name for p in spec.parameters}
        if unknown:
            raise BadInput("command.unknown_parameter", name=f"/{spec.name}", parameter=min(unknown))
        first = next((p for p in spec.parameters if p.kind is str), None)
        if command.rest.strip() and first is not None and first.name not in values:
            values[first.name] = command.rest.strip()
        return spec, values


def _read_button(data: str) -> Action:
    try:
        return unpack(data)
    except BadButton as e:
        raise BadInput("router.old_button") from e


def _page_of(action: Action) -> tuple[int, int]:
    """Return the page and the revision that a button was made for. Raises `BadInput`."""
    if len(action.args) != 2:
        raise BadInput("router.old_button")
    return action.args[0], action.args[1]


async def _resolve(event: Event) -> Who:
    return await accounts.resolve(
        event.platform,
        account=(event.account.kind, event.account.external_id, event.account.name),
        user=(event.user.external_id, event.user.name, event.user.language),
        conversation=(event.conversation.chat_id, event.conversation.thread_id, event.conversation.kind),
    )


def _allow(spec: CommandSpec, context: Context, values: Mapping[str, str]) -> None:
    if spec.manages(values) and not context.event.user.is_admin:
        raise NotAllowed("admin.only")


def _typed(spec: CommandSpec, values: dict[str, str]) -> dict[str, Any]:
    """Return the values in their parameters' types. Raises `BadInput`."""
    typed: dict[str, Any] = {}
    for parameter in spec.parameters:
        value = values.get(parameter.name)
        if value is None:
            continue
        if len(value) > parameter.max_length:
            raise BadInput("command.too_long", parameter=parameter.name, length=len(value), limit=parameter.max_length)
        if parameter.choices:
            by_word = {w.casefold(): v for label, v in parameter.choices for w in (label, v)}
            if value.casefold() not in by_word:
                choices = ", ".join(v for _, v in parameter.choices)
                raise BadInput("command.bad_choice", parameter=parameter.name, choices=choices, value=value)
            typed[parameter.name] = by_word[value.casefold()]
        elif parameter.kind in (int, bytes):  # in place of a file stands the number under which it is kept
            if not value.lstrip("-").isdigit():
                raise BadInput("command.bad_number", parameter=parameter.name, value=value)
            typed[parameter.name] = int(value)
        elif parameter.kind is bool:
            typed[parameter.name] = value.casefold() in ("1", "true", "yes", "on")
        else:
            typed[parameter.name] = value
    return typed
