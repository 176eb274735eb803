"""Messages about the chats of a place, and the author's note."""

from typing import Final

from bot.messages import Message
from bot.text.splitting import shortened
from bot.views.base import ViewContext, ViewSpec, select_of
from bot.views.cards import sent, written_file
from bot.views.chat import edited_note, reply_buttons
from bot.views.faces import face_of
from db import chat_turns, saved_chats
from db.payloads.chats import AuthorsNote, ChatList, ChatOpened, ChatWritten
from db.saved_chats import ListedChat, SavedChat

NAME: Final = 45
"""Characters of a name in a list."""


async def chat_list(view: ViewContext, payload: ChatList) -> Message:
    """Compose the list of chats."""
    found = await saved_chats.listed(payload.conversation)
    if not found:
        return Message(view.words("chat.no_chats"), private=True)
    lines = [
        view.words(
            "chat.line_open" if each.open else "chat.line",
            name=called(view, each, payload.user),
            persona=each.persona,
            messages=each.messages,
        )
        for each in found
    ]
    others = [
        view.button("chat_open", each.id, text=called(view, each, payload.user)) for each in found if not each.open
    ]
    return Message(
        "\n".join(lines),
        title=view.words("chat.list_title"),
        selects=(select_of(view.words("chat.choose"), others),) if others else (),
        private=True,
        menu=True,
    )


async def opened(view: ViewContext, payload: ChatOpened) -> Message | None:
    """Compose a chat that was opened, with its last answer, or one that was named."""
    chat = await saved_chats.get(payload.account, payload.chat)
    if chat is None:
        return None
    name = seen_name(chat, payload.user)
    title = view.words("chat.opened", name=name) if name else view.words("chat.number", number=chat.id)
    if payload.imported is not None:
        title += f": {view.words('chat_import.done', messages=payload.imported)}"
    if payload.left_out:
        title += f" {view.words('chat_import.left_out', lines=payload.left_out)}"
    found = None if payload.message is None else await chat_turns.shown(payload.account, payload.message)
    if found is None:
        return Message(f"*{title}*")
    return Message(
        found.message.text,
        speaker=found.persona.name,
        face=face_of(payload.account, found.persona.id, found.message.id),
        footer=". ".join(filter(None, (title.removesuffix("."), edited_note(view, found)))),
        buttons=reply_buttons(view, found),
    )


async def authors_note(view: ViewContext, payload: AuthorsNote) -> Message | None:
    """Compose the author's note of a chat."""
    chat = await saved_chats.get(payload.account, payload.chat)
    if chat is None:
        return None
    if not chat.note:
        return Message(view.words("chat.note_gone"), private=True)
    key = "chat.note" if chat.note_depth else "chat.note_last"
    return Message(view.words(key, note=chat.note, depth=chat.note_depth), private=True)


async def chat_written(view: ViewContext, payload: ChatWritten) -> Message | None:
    """Compose a chat as a file."""
    return await written_file(view, payload, "chat.written")


def called(view: ViewContext, chat: ListedChat | SavedChat, user_id: int) -> str:
    """Return a chat's name as a person sees it: its number if it has none, or none that they may see yet."""
    return seen_name(chat, user_id) or view.words("chat.number", number=chat.id)


def seen_name(chat: ListedChat | SavedChat, user_id: int) -> str:
    """Return a chat's name; empty if it has none, or none that a person may see yet."""
    return shortened(chat.name if chat.verdict == "checked" or chat.author_id == user_id else "", NAME)


VIEWS: Final = (
    ViewSpec(ChatList, chat_list),
    ViewSpec(ChatOpened, opened),
    ViewSpec(AuthorsNote, authors_note),
    ViewSpec(ChatWritten, chat_written, sent=sent),
)
