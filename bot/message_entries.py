"""`/message`, and *Storyfork…* in the menus of messages: what can be done with one, as topics have registered it."""

from typing import Any, Final

from bot import access
from bot.actions.base import Action, ActionRegistry
from bot.actions.packing import pack
from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.context import Context, Enquiry
from bot.events import MenuPick
from bot.forms import Forms
from bot.locales import text as wording
from bot.menus import EntryRegistry, EntrySpec, MenuSpec, PickedMessage
from db import outbox, sent_messages
from db.errors import BadInput, NotAllowed, NotFound
from db.payloads.message import MessagePanel, OfferedEntry
from db.permissions import EVERYBODY

MENU: Final = "Storyfork…"
_SHOWN: Final = 40
"""How much of an unknown word is repeated in the answer, in characters."""


class MessageEntries:
    """Shows and runs the entries of a message."""

    def __init__(self, entries: EntryRegistry, actions: ActionRegistry, forms: Forms) -> None:
        """All may still grow."""
        self._entries, self._actions, self._forms = entries, actions, forms

    def command(self) -> CommandSpec:
        """Return the command."""
        what = Parameter("what", "What to do; all that there is if you leave it out", completes=self._complete)
        return CommandSpec(
            "message",
            "Do something with the message you reply to, or with the last one",
            self._run,
            (what,),
            example="hide",
            permission=EVERYBODY,
        )

    def menu(self) -> MenuSpec:
        """Return the entry of messages' context menus."""
        return MenuSpec(MENU, self._open, command="message", permission=EVERYBODY)

    async def _open(self, context: Context, picked: MenuPick) -> None:
        await self._show(context, PickedMessage(context, await _row(context, picked.message_id)))

    async def _run(self, context: Context, values: dict[str, Any]) -> None:
        """Do what is asked for with the message replied to, or with the last one; show what there is if nothing is."""
        word = "_".join(str(values.get("what") or "").casefold().split())
        spec = self._named(word, context.language)
        if word and spec is None:
            raise BadInput("message.unknown_entry", name=word[:_SHOWN], names=", ".join(self._entries.names))
        picked = PickedMessage(context, await self._meant(context))
        if spec is None:
            await self._show(context, picked)
            return
        action = await self._offered(picked, spec, refuse=True)
        if action is None:
            raise NotFound("message.not_with_this")
        if action.spec.form is not None and context.dialogs:
            # A dialog is the direct answer to a press only.
            await context.say(MessagePanel(entries=[_entry(spec, action)]), ordered=False, private=True)
        elif action.spec.form is not None:
            await self._forms.ask(context, action, {})
        else:
            await action.spec.handler(context, **action.args)

    async def _meant(self, context: Context) -> outbox.SentRow:
        if context.replied_to:
            return await _row(context, context.replied_to)
        found = await sent_messages.last_sent(context.conversation_id, self._entries.kinds)
        if found is None:
            raise NotFound("message.none_here")
        return found

    async def _show(self, context: Context, picked: PickedMessage) -> None:
        offered = [(spec, await self._offered(picked, spec)) for spec in self._entries]
        entries = [_entry(spec, action) for spec, action in offered if action is not None]
        if not entries:
            raise NotFound("message.nothing_with_this")
        await context.say(MessagePanel(entries=entries), ordered=False, private=True)

    async def _offered(self, picked: PickedMessage, spec: EntrySpec, *, refuse: bool = False) -> Action | None:
        """Return what an entry does with a message; None if it does not apply, or if the person may not do it.

        With ``refuse`` the latter raises `NotAllowed`.
        """
        if picked.row.kind not in spec.kinds or (args := await spec.offer(picked)) is None:
            return None
        action = self._actions.read(pack(spec.verb, *args))
        try:
            access.require_action(picked.context, action)
            picked.context.require_on(action.spec.command)
        except NotAllowed:
            if refuse:
                raise
            return None
        return action

    def _named(self, word: str, language: str) -> EntrySpec | None:
        """Return the entry that a word names, by its name or its label."""
        labels = {"_".join(_label(spec, language).casefold().split()): spec for spec in self._entries}
        return self._entries.get(word) or labels.get(word)

    async def _complete(self, enquiry: Enquiry, prefix: str) -> list[Suggestion]:
        language = enquiry.event.user.language
        found = [(_label(spec, language), spec.name) for spec in self._entries]
        return [(label, name) for label, name in found if prefix.casefold() in f"{label} {name}".casefold()]


def _label(spec: EntrySpec, language: str) -> str:
    return wording(f"button.{spec.name}", language=language)


def _entry(spec: EntrySpec, action: Action) -> OfferedEntry:
    return OfferedEntry(name=spec.name, verb=spec.verb, args=list(action.args.values()))


async def _row(context: Context, message_id: str) -> outbox.SentRow:
    """Return what a message of this chat shows. Raises `NotFound` if it is none of ours, or an old one."""
    found = await outbox.row_of_message(context.account_id, context.event.conversation.chat_id, message_id)
    if found is None:
        raise NotFound("message.not_mine")
    return found
