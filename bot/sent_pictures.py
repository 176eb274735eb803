"""Pictures that come with a text: fetched where a persona is talked with and somebody can look at them."""

from bot.context import Context
from bot.events import TextMessage
from db import heartbeats
from db.conversations import DEFAULT_MODE
from db.errors import BadInput


async def with_picture(context: Context, message: TextMessage) -> TextMessage | None:
    """Return a text with the picture that came with it, or without its bytes if nobody looks at it.

    None if it is handled once the picture is fetched, or if it has no words and nobody looks: that is said.
    Raises `BadInput` for one that is refused and has no words.
    """
    file = message.file
    assert file is not None
    # What is not allowed is not fetched: who may not talk is told so where their words are taken.
    talks = context.who.conversation.mode == DEFAULT_MODE and context.may("chat")
    looks = talks and await heartbeats.somebody_sees()
    if looks and file.awaited:
        await context.await_file(keeps=False)
        return None
    if looks and file.data:
        return message
    if message.text.strip():
        return message.model_copy(update={"file": file.model_copy(update={"data": b""})})
    if looks and file.problem:
        raise BadInput(file.problem, **file.values)
    await context.notice("unreadable.picture", private=False)
    return None
