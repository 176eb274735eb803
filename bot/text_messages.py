"""Plain text: where it goes. A pending form, else the page it replies to, else what was opened here last."""

from collections.abc import Awaitable, Callable
from typing import Any

from bot import actions
from bot.buttons import Action, unpack
from bot.commands import story as story_commands
from bot.commands.registry import CommandRegistry
from bot.context import Context
from bot.events import TextMessage
from bot.forms import draft_form, form_of
from db import accounts, chats, outbox, personas, stories
from db.errors import Moved, NotAllowed, NotFound
from db.work import PersonaReply

Submit = Callable[[Context, Action, dict[str, str]], Awaitable[None]]


async def receive(context: Context, words: TextMessage, registry: CommandRegistry, submit: Submit) -> None:
    """Handle plain text. Raises `db.errors.UserError`."""
    if context.who.draft is not None:
        await _fill(context, context.who.draft, words.text, registry, submit)
        return
    if not words.addressed or not words.text.strip():
        return
    event = context.event
    await accounts.note_said(context.conversation_id, event.event_id)
    if words.reply_to:
        page_id = await outbox.page_in_message(event.platform, event.conversation.chat_id, words.reply_to)
        found = None if page_id is None else await stories.page_of(context.account_id, page_id)
        if found is not None:
            story, page, _ = found
            await actions.own(context, page.id, story.revision, words.text)
            return
    if context.who.conversation.mode == "story" and context.who.conversation.story_id is not None:
        story, page = await story_commands.here(context)
        await actions.own(context, page.id, story.revision, words.text)
        return
    persona = await personas.active(context.who.conversation)
    reply = (await chats.say(context.who.conversation, persona, context.user_id, words.text.strip())).reply
    await context.work(PersonaReply(reply=reply.id))


async def _fill(context: Context, draft: dict[str, Any], text: str, registry: CommandRegistry, submit: Submit) -> None:
    """Take the text as the answer to the field that was asked, then ask the next or hand the form in."""
    form = draft_form(draft, registry, context.who.user.language)
    if form is None:
        await context.leave_form()
        await context.notice("form.gone")
        return
    action, values, field = unpack(draft["form"]), dict(draft["values"]), form.fields[0]
    if len(text) > field.max_length:
        await context.notice("form.too_long", length=len(text), limit=field.max_length)
        return
    values[field.name] = text
    if form_of(action, registry, frozenset(values), context.who.user.language) is None or len(form.fields) == 1:
        await context.leave_form()
        try:
            await submit(context, action, values)
        except (Moved, NotFound, NotAllowed) as e:
            # Answered here, not by the router: its rollback would bring the form back. These come before any change.
            await context.notice(e.key, story=e.story_id if isinstance(e, Moved) else None, **e.values)
    else:
        await context.ask(action, values, draft["index"] + 1)
