"""Texts that answer an open question: typed, in a text file, or not meant for it."""

from bot.context import Context
from bot.events import TextMessage
from bot.files import is_picture, text_of
from db import awaited_files


async def is_aside(context: Context, message: TextMessage) -> bool:
    """Return whether a text is no answer to the open question, because a file that answers it is being fetched."""
    if message.file is not None:
        return False
    return await awaited_files.holds_text_of(context.conversation_id, context.event.user.external_id)


async def answer_in(context: Context, message: TextMessage) -> str | None:
    """Return the answer in a text; None if its file is fetched first, or for a picture alone, which answers nothing.

    Raises `BadInput` for a file that cannot be read.
    """
    file = message.file
    if file is None:
        return message.text
    if is_picture(file):
        if not message.text.strip():
            await context.notice("unreadable.picture", private=False)
            return None
        return message.text
    if file.awaited:
        await context.await_file(keeps=False)
        return None
    return text_of(file)
