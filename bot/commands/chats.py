"""`/chat …`: several chats in one place, and the author's note."""

from typing import Any, Final, Literal, cast

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.commands.persona import greet
from bot.context import Context, Enquiry
from bot.moderation import screen
from db import chats, company, outbox, personas, saved_chats
from db.conversations import DEFAULT_MODE, set_mode
from db.errors import BadInput, NotFound
from db.payloads.chats import AuthorsNote, ChatList, ChatOpened
from db.payloads.persona import ChatReply, Greeting
from db.permissions import EVERYBODY
from db.saved_chats import DEEPEST, DEPTH, NAME_CHARS, NOTE_CHARS, ExportChat, ListedChat, SavedChat

SHOWING: Final = frozenset({ChatReply.kind, Greeting.kind, ChatOpened.kind})
"""Messages that show an answer of a persona's, by which they name it."""
NOTHING: Final = "none"
"""Takes a note away."""


async def begin(context: Context, values: dict[str, Any]) -> None:
    """Begin another chat here; the one that was open is kept."""
    name, verdict = await _named(context, values.get("name"))
    here = context.who.conversation
    made = await saved_chats.begin(here, context.user_id, name, verdict)
    await set_mode(here.id, DEFAULT_MODE)
    await context.audit("chat_begin", str(made.id))
    await greet(context, await company.lead(here), made.epoch, begun=True)


async def list_chats(context: Context, values: dict[str, Any]) -> None:
    """List the chats of this place."""
    del values
    await context.say(ChatList(user=context.user_id, conversation=context.conversation_id), ordered=False, private=True)


async def switch(context: Context, values: dict[str, Any]) -> None:
    """Open another chat of this place."""
    wanted = str(values["chat"]).strip()
    found = await saved_chats.listed(context.conversation_id)
    for each in found:
        if wanted.lstrip("#") == str(each.id) or (each.name and each.name.casefold() == wanted.casefold()):
            await open_chat(context, each.id)
            return
    raise NotFound("chat.no_such_chat")


async def open_chat(context: Context, chat: int) -> None:
    """Open a chat of this place, and show where it stands."""
    here = context.who.conversation
    opened = await saved_chats.switch(here, context.user_id, chat)
    await set_mode(here.id, DEFAULT_MODE)
    await context.audit("chat_switch", str(chat))
    persona = opened.persona_id or (await personas.active(here)).id
    last = await chats.last_reply(here.id, persona, opened.epoch)
    await context.say(ChatOpened(account=context.account_id, user=context.user_id, chat=chat, message=last))


async def branch(context: Context, values: dict[str, Any]) -> None:
    """Begin another chat from the answer that the command replies to, else from the last one here."""
    del values
    here = context.who.conversation
    if context.replied_to:
        await branch_from(context, await answer_shown(context, context.replied_to))
        return
    last = await chats.last_reply(here.id, (await personas.active(here)).id, here.epoch)
    if last is None:
        raise NotFound("chat.nothing_said")
    await branch_from(context, last)


async def branch_from(context: Context, message: int) -> None:
    """Begin another chat that goes on from an answer."""
    here = context.who.conversation
    made = await saved_chats.branch(here, context.user_id, message)
    await set_mode(here.id, DEFAULT_MODE)
    await context.audit("chat_begin", str(made.id))
    found = await chats.get(context.account_id, message)
    last = None if found is None else await chats.last_reply(here.id, found[0].persona_id, made.epoch)
    await context.say(ChatOpened(account=context.account_id, user=context.user_id, chat=made.id, message=last))


async def answer_shown(context: Context, message_id: str) -> int:
    """Return the persona's answer that a message of this chat shows. Raises `NotFound` if it shows none."""
    shown = await outbox.row_of_message(context.account_id, context.event.conversation.chat_id, message_id)
    if shown is None or shown.kind not in SHOWING or shown.payload.get("message") is None:
        raise NotFound("chat.no_answer")
    return int(shown.payload["message"])


async def rename(context: Context, values: dict[str, Any]) -> None:
    """Name the chat that is open here."""
    name, verdict = await _named(context, values["name"])
    if not name:
        raise BadInput("form.required")
    named = await saved_chats.rename(context.who.conversation, context.user_id, name, verdict)
    await context.audit("chat_rename", str(named.id))
    await context.say(ChatOpened(account=context.account_id, user=context.user_id, chat=named.id))


async def note(context: Context, values: dict[str, Any]) -> None:
    """Set, show or take away the author's note of the chat that is open here."""
    here, text = context.who.conversation, " ".join(str(values.get("text") or "").split())
    now = await saved_chats.current(here)
    depth = values.get("depth")
    if text or depth is not None:
        kept = "" if text.casefold() == NOTHING else text or ("" if now is None else now.note)
        if text:
            await screen(context, note=kept)
        at = depth if depth is not None else DEPTH if now is None else now.note_depth
        now = await saved_chats.set_note(here, context.user_id, kept, int(at))
        await context.audit("chat_note", str(now.id))
    if now is None:
        raise NotFound("chat.no_note")
    await context.say(AuthorsNote(account=context.account_id, user=context.user_id, chat=now.id), private=True)


async def export(context: Context, values: dict[str, Any]) -> None:
    """Have the chat that is open here written as a file."""
    here = context.who.conversation
    persona = await personas.active(here)
    form = cast("Literal['jsonl', 'md']", values.get("form") or "jsonl")
    context.private = True
    await context.work(ExportChat(persona=persona.id, epoch=here.epoch, form=form))


async def complete_chat(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest the chats of this place that are not open."""
    who = await enquiry.who()
    found = [(called(each, who.user.id), each) for each in await saved_chats.listed(who.conversation.id)]
    return [
        (name or f"#{each.id}", f"#{each.id}")
        for name, each in found
        if not each.open and prefix.casefold() in (name or f"#{each.id}").casefold()
    ]


def called(chat: ListedChat | SavedChat, user_id: int) -> str:
    """Return a chat's name as a person sees it; "" if it has none, or none that they may see yet."""
    return chat.name if chat.verdict == "checked" or chat.author_id == user_id else ""


async def _named(context: Context, value: object) -> tuple[str, Any]:
    name = " ".join(str(value or "").split())
    if not any(map(str.isprintable, name.replace(" ", ""))):
        name = ""  # Nobody would see it.
    return name, await screen(context, name=name) if name else "checked"


FORMS: Final = (("SillyTavern's JSON lines, with all variants", "jsonl"), ("Markdown, to read", "md"))
_NAME: Final = "How it is called"
COMMANDS: Final = (
    CommandSpec(
        "chat new",
        "Begin another chat here; this one is kept",
        begin,
        (Parameter("name", _NAME, max_length=NAME_CHARS),),
        permission="reset",
        example="In the rain",
    ),
    CommandSpec(
        "chat branch",
        "Begin another chat from the answer you reply to, or from the last one",
        branch,
        permission="reset",
    ),
    CommandSpec("chat list", "List the chats here", list_chats, permission=EVERYBODY),
    CommandSpec(
        "chat switch",
        "Go on with another chat",
        switch,
        (Parameter("chat", "Its name or number", required=True, completes=complete_chat),),
        permission="reset",
        example="In the rain",
    ),
    CommandSpec(
        "chat rename",
        "Name the chat that is open here",
        rename,
        (Parameter("name", _NAME, required=True, max_length=NAME_CHARS),),
        permission="reset",
        example="In the rain",
    ),
    CommandSpec(
        "chat export",
        "Get the chat that is open here as a file",
        export,
        (Parameter("form", "As what", choices=FORMS),),
        permission="reset",
    ),
    CommandSpec(
        "chat note",
        "Tell the persona something about the chat with every answer",
        note,
        (
            Parameter("text", "The author's note; “none” takes it away", max_length=NOTE_CHARS, multiline=True),
            Parameter("depth", f"Before how many of the last messages ({DEPTH})", int, minimum=0, maximum=DEEPEST),
        ),
        permission="reset",
        example="It rains all day long",
    ),
)
