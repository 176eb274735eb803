"""From event to commit: one transaction records the event, applies its changes and stores the answer or the job."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from bot import access
from bot.actions.base import Action
from bot.actions.packing import BadButton
from bot.admission import Admission
from bot.commands.base import Suggestion
from bot.commands.parsing import read_command
from bot.commands.typed import read_typed
from bot.commits import Admit, Committer
from bot.compose import Composer
from bot.context import Context, Enquiry, resolve
from bot.dispatcher import AWAY, Dispatcher, defect
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
    Unreadable,
)
from bot.files import is_picture
from bot.forms import fill, run_command
from bot.hearing import Overheard, heard_in, is_unaddressed
from bot.listening import Listening, stop_listening
from bot.listening import answer as answer_overheard
from bot.messages import Form, Message
from bot.place_records import PlaceRecords
from bot.platforms.base import Backlog, Capabilities, Outcome, Watched
from bot.policy import OPEN, AccessPolicy
from bot.ratings import may_choose
from bot.sent_pictures import with_picture
from bot.text.splitting import shortened
from bot.topics import Topics
from bot.typed_answers import answer_in, is_aside
from bot.welcome import greet, membership, show_hint
from db import conversations, late_updates, members, offers, outbox, people, places
from db.connection import transaction
from db.conversations import DEFAULT_MODE
from db.errors import BadInput, NotFound, UserError
from db.moderation import PLAIN, ModerationPolicy
from db.usage_limits import UNLIMITED, UsageLimits
from prompts.registry import PromptRegistry
from workers.queue import Queue

PATIENCE_SECONDS: Final = 1.5
"""Refuse an event that is not committed within this time. Discord shows a failure after 3 s."""
FIRST_MESSAGES: Final = 10
"""Maximum number of people whose first private message is looked for after a restart."""
SUGGESTIONS: Final = 25
"""Discord's maximum number of autocomplete choices."""
SUGGESTED: Final = 100
"""Discord's maximum length of one, in characters."""
STORE_SECONDS: Final = 60.0
"""Maximum time for storing a file that has been fetched."""
_log = logging.getLogger(__name__)


class Router(PlaceRecords):
    """Handles the events of all platforms (bot.platforms.base.Inbound)."""

    def __init__(
        self,
        topics: Topics,
        composer: Composer,
        prompts: PromptRegistry,
        queue: Queue,
        capabilities: Mapping[str, Capabilities],
        on_commit: Callable[[Event, Outcome], None],
        *,
        adults: bool = False,
        policy: AccessPolicy = OPEN,
        limits: UsageLimits = UNLIMITED,
        moderation: ModerationPolicy = PLAIN,
        patience_s: float = PATIENCE_SECONDS,
    ) -> None:
        """``on_commit`` is called for every committed event, so that the courier sends at once.

        ``adults``: the operator declares that places without a platform age restriction are for adults. ``policy``
        says who may use the bot. ``limits`` hold for everybody but operators.
        ``moderation`` says what becomes of refused texts.
        Without a commit within ``patience_s`` an event is refused.
        """
        self._topics, self._composer, self._prompts, self._queue = topics, composer, prompts, queue
        self._capabilities, self._adults = capabilities, adults
        self._policy, self._moderation = policy, moderation
        self._admission = Admission(policy, topics.commands, topics.actions, topics.menus)
        self._patience_s, self._limits = patience_s, limits
        self._listening = Listening()
        self._dispatcher = Dispatcher(Committer(self._context), self._handle, on_commit, patience_s)
        self.backlog: Backlog = late_updates

    async def dispatch(self, event: Event) -> Outcome:
        """Commit the event and its changes, then wake the workers. Never raises."""
        if self._admission.silences(event):
            return Outcome("ignored")
        if not is_unaddressed(event):
            outcome = await self._dispatcher.dispatch(event)
            self._listening.forget(event)
            return outcome
        if not await self.overhears(heard_in(event)):
            return Outcome("ignored")
        outcome = await self._dispatcher.dispatch(event)
        return Outcome("ignored") if outcome.status == "refused" else outcome

    async def overhears(self, heard: Overheard) -> bool:
        """Return whether a message that nobody addressed to the bot is to be answered. Writes nothing, never raises."""
        return await self._listening.hears(heard)

    async def settled(self) -> None:
        """Wait until the fate of every event that is ``unknown`` so far is known, or not to be found out."""
        await self._dispatcher.settled()

    async def resume(self, event: Event, admit: Admit) -> Outcome:
        """Handle an event again, now with its file; ``admit`` ends its wait, False if that was done. Never raises."""
        return await self._dispatcher.dispatch(event, admit)

    async def store_file(self, event: Event, note: Callable[[str], Awaitable[None]]) -> str:
        """Store a command's file, without the deadline of an event; returns the parameter's value, empty if none.

        ``note`` records the value in the same transaction.
        """
        command = event.payload
        spec = self._topics.commands.get(command.name) if isinstance(command, Command) else None
        if not isinstance(command, Command) or spec is None or spec.file is None or spec.file.store is None:
            return ""
        async with asyncio.timeout(STORE_SECONDS), transaction():
            context = await self._context(event)
            access.require_command(context, spec, command.values)
            await context.check_room()  # the quota was used when the event was accepted
            stored = await spec.file.store(context)
            if stored is None:
                return ""
            await note(str(stored))
        return str(stored)

    async def bury(self, event: Event, admit: Admit | None = None) -> bool:
        """Make an event that was refused again and again a dead letter; False if that is to be tried again later.

        The person gets an apology, unless the place itself is what cannot be written to. ``admit`` as in `resume`.
        """
        return await self._dispatcher.bury(event, admit)

    async def form_for(self, event: Event) -> Form | Message | None:
        """Return the form that a press or command opens, a refusal, or None: then dispatch the event."""
        language = event.user.language
        if self._admission.silences(event):
            return None
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._form(event)
        except UserError as e:
            return self._composer.error(e, language)
        except AWAY as e:
            _log.warning("event %s gets no form: the database is away (%s)", event.key, e)
            return self._composer.error(UserError("router.busy"), language)
        except Exception:  # noqa: BLE001 - as in dispatch
            return self._composer.error(defect(event), language)

    async def complete(self, event: Event, parameter: str, prefix: str) -> list[Suggestion]:
        """Return suggestions for a command's parameter: those that match the text typed so far."""
        spec = self._topics.commands.get(event.payload.name) if isinstance(event.payload, Command) else None
        completer = next((p.completes for p in spec.parameters if p.name == parameter), None) if spec else None
        if spec is None or completer is None or self._admission.silences(event):
            return []
        try:
            async with asyncio.timeout(self._patience_s):
                context = await self._context(event)
                if not await self._admission.passes(context) or not access.may_complete(context, spec, parameter):
                    return []
                adults = may_choose(context, "nsfw")
                enquiry = Enquiry(event, context.who, self._queue, self._prompts, self._topics.commands, adults)
                found = await completer(enquiry, prefix)
            # A value that was cut would name something else.
            return [(shortened(label, SUGGESTED), value) for label, value in found if len(value) <= SUGGESTED][
                :SUGGESTIONS
            ]
        except AWAY as e:
            _log.warning("no suggestions: the database is away (%s)", e)
            return []
        except Exception:  # noqa: BLE001 - suggestions are worth no error message
            _log.exception("suggestions for %s %s failed", spec.name, parameter)
            return []

    async def watched(self, platform: str) -> list[Watched]:
        """Return the chats whose history is to be caught up after a restart, and people without a private chat."""
        found = await conversations.watched(platform)
        strangers = await people.without_private_chat(platform, FIRST_MESSAGES)
        chats = [Watched(c.chat_id, c.thread_id, c.last_said) for c in found]
        return chats + [Watched("", "", "", user_id) for user_id in strangers]

    async def _context(self, event: Event) -> Context:
        platform = self._capabilities[event.platform]
        return Context(
            event,
            await resolve(event),
            platform.placeholder_delay,
            self._queue,
            self._topics.commands,
            adults=self._adults,
            policy=self._policy,
            moderation=self._moderation,
            limits=UNLIMITED if self._policy.is_operator(event) else self._limits,
            file_bytes=event.file_bytes or platform.file_bytes,
            files_by_reply=platform.files_by_reply,
            dialogs=platform.forms,
        )

    async def _form(self, event: Event) -> Form | None:
        if isinstance(event.payload, ButtonPress):
            action, given = self._read_button(event.payload.data), dict[str, str]()
        elif isinstance(event.payload, Command):
            spec, given = read_command(event.payload, self._topics.commands)
            if not spec.missing(given) or (spec.operator and not self._policy.is_operator(event)):
                return None
            action = fill(spec, self._topics.actions)
        else:
            return None
        if action.form() is None:
            return None
        context = await self._context(event)
        if not await self._admission.passes(context):
            return None  # refused when it is dispatched
        return await self._topics.forms.open(context, action, given)

    async def _handle(self, context: Context) -> None:
        payload = context.event.payload
        if is_unaddressed(context.event):
            await answer_overheard(context, self._admission, self._topics.routes.get(DEFAULT_MODE))
            return
        # Where a platform does not say who removed the bot, the event's person has no name.
        by = context.user_id if context.event.user.name else None
        if isinstance(payload, BotMembership) and payload.change == "removed":
            await places.leave(context.conversation_id, by, private=context.event.account.kind in people.PERSONAL)
            context.ignored = True
            return
        if context.who.gone:
            await places.back(context.conversation_id, by)
        if not await self._admission.admits(context):
            return
        greeted = "" if context.shut_out else await greet(context)
        if greeted != "greeted":
            await self._take(context)
        if greeted == "hint":
            await show_hint(context)

    async def _take(self, context: Context) -> None:
        payload, user = context.event.payload, context.event.user
        if not context.rights.own and isinstance(payload, Command | ButtonPress | Submit):
            # Other events do not always say what somebody is.
            await members.seen(context.account_id, context.user_id, user.role, user.roles)
        if context.event.reads_all is False and context.who.channel is not None and context.who.channel.listens:
            await stop_listening(context)
        match payload:
            case Command():
                await self._command(context, payload)
            case ButtonPress():
                await self._press(context, payload)
            case Submit():
                await self._verify(context, payload.form, offered=payload.offered)
                await self._topics.forms.hand_in(context, self._read_button(payload.form), payload.values)
            case TextMessage():
                await self._text(context, payload)
            case MenuPick():
                if (menu := self._topics.menus.get(payload.name)) is not None:
                    access.require(context, menu.permission)
                    await menu.handler(context, payload)
            case Unreadable():
                await self._unreadable(context, payload)
            case EditedMessage():
                await self._edited(context, payload)
            case BotMembership(change="demoted"):
                await stop_listening(context)
            case BotMembership():
                await membership(context, payload)
            case Reaction():
                pass  # no topic handles these yet

    async def _command(self, context: Context, command: Command) -> None:
        spec, values = read_command(command, self._topics.commands, operator=context.operator)
        access.require_command(context, spec, values)
        if not context.resumed:
            await context.leave_form()
        file = spec.file
        if file is not None and command.file is not None:
            if command.file.awaited:
                await context.await_file(keeps=file.store is not None)
                return
            # Save the file before asking anything: the answer to a question carries no file.
            if command.file.stored:
                values[file.name] = command.file.stored
            elif file.store is not None:
                # The quota of a file that was awaited is used already.
                await (context.check_room() if context.resumed else context.use("uploads"))
                if (kept := await file.store(context)) is not None:
                    values[file.name] = str(kept)
        if missing := spec.missing(values):
            if self._capabilities[context.event.platform].forms:
                raise BadInput("command.missing", parameter=missing[0].name, help=missing[0].help)
            await self._topics.forms.ask(context, fill(spec, self._topics.actions), values)
            return
        await run_command(context, spec, values)

    async def _press(self, context: Context, pressed: ButtonPress) -> None:
        action = self._read_button(pressed.data)
        await self._verify(context, pressed.data, offered=pressed.offered)
        access.require_action(context, action)
        if action.spec.form is not None:
            await self._topics.forms.ask(context, action, {})
            return
        if not action.spec.keeps_form:
            await context.leave_form()
        await action.spec.handler(context, **action.args)

    async def _verify(self, context: Context, data: str, *, offered: bool | None) -> None:
        """Check that a pressed message is ours and offered that button; anybody can forge a press.

        Raises `NotFound` if it did not. A message that is too old to be known is left as it is.
        """
        event, message = context.event, context.event.destination.pressed_message
        if offered is None and message:
            known = await offers.offered(context.account_id, event.conversation.chat_id, message)
            offered = None if known is None else data in known
        if offered is False:
            raise NotFound("router.not_here")
        context.genuine = bool(offered)

    async def _text(self, context: Context, message: TextMessage) -> None:
        """Route plain text to a pending form, else to what it replies to, else to what was opened here last."""
        if (typed := read_typed(message.text, self._topics.commands)) is not None:
            # Platforms with a list of commands of their own send as text what is not chosen from it.
            await self._command(context, typed.command)
            return
        picture = is_picture(message.file)
        if context.who.draft is not None and not await is_aside(context, message):
            if (answer := await answer_in(context, message)) is not None:
                await self._topics.forms.take(context, answer)
            return
        if picture:
            shown = await with_picture(context, message)
            if shown is None:
                return
            message = shown
        if not message.text.strip() and not picture:
            if message.file is not None:
                await context.notice("unreadable.file", private=False)
            return
        event, routes = context.event, self._topics.routes
        await conversations.note_said(context.conversation_id, event.event_id)
        if message.reply_to:
            row = await outbox.row_of_message(context.account_id, event.conversation.chat_id, message.reply_to)
            route = None if row is None else routes.for_replies(row.kind)
            if row is not None and route is not None:
                context.require_on(route.command)
                access.require(context, route.permission)
                if await route.replies[row.kind](context, row.payload, message):
                    return
        for mode in dict.fromkeys((context.who.conversation.mode, DEFAULT_MODE)):
            if (route := routes.get(mode)) is not None:
                context.require_on(route.command)
                access.require(context, route.permission)
                if await route.handler(context, message):
                    return

    async def _unreadable(self, context: Context, message: Unreadable) -> None:
        """Say that something is not read; what a sticker stands for is said to the persona, if that is who listens."""
        route, here = self._topics.routes.get(DEFAULT_MODE), context.who
        listens = here.draft is None and here.conversation.mode == DEFAULT_MODE
        if route is not None and message.stands_for and listens and not context.switched_off(route.command):
            access.require(context, route.permission)
            if await route.handler(context, TextMessage(text=message.stands_for)):
                return
        await context.notice(f"unreadable.{message.kind}", private=False)

    async def _edited(self, context: Context, message: EditedMessage) -> None:
        """Route the new text of a message to where its first text went; else say that it is not read."""
        route = self._topics.routes.get(context.who.conversation.mode)
        if route is not None and route.edited is not None and not context.switched_off(route.command):
            access.require(context, route.permission)
            if await route.edited(context, message):
                return
        await context.notice("unreadable.edited", private=False)

    def _read_button(self, data: str) -> Action:
        try:
            return self._topics.actions.read(data)
        except BadButton as e:
            raise BadInput("router.old_button") from e
