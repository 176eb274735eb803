"""`/chat context` and `/tokens`: what the last answer's writer was told, and how long a text is for the model."""

from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter
from bot.commands.remembered import OF, STORY, MemoryHere, check_seen, memory_here
from bot.commands.sessions import session_of
from bot.context import Context
from bot.panels import OpenPanel, fresh_panel, show_panel
from bot.ratings import may_choose
from db import chats
from db.errors import BadInput, NotFound
from db.payloads.told import ToldPanel
from db.permissions import EVERYBODY
from db.token_counts import CountTokens

TEXT_CHARS: Final = 4000
"""Maximum length of a text that is counted, in characters; platforms limit what a person can send."""


async def context_shown(context: Context, values: dict[str, Any]) -> None:
    """Show what the writer of the last answer here was told."""
    here = await memory_here(context, values.get("of") or "")
    if here.page_id is not None:
        await show_told(context, fresh_panel(context), here, page=here.page_id)
        return
    record = here.record
    reply = None
    if record.conversation_id is not None and record.persona_id is not None and record.epoch is not None:
        reply = await chats.last_reply(record.conversation_id, record.persona_id, record.epoch)
    if reply is None:
        raise NotFound("told.nothing_yet")
    await show_told(context, fresh_panel(context), here, reply=reply)


async def show_told(
    context: Context, panel: OpenPanel, here: MemoryHere, *, page: int | None = None, reply: int | None = None
) -> None:
    """Show what the writer of a page or a reply of this memory's story or chat was told."""
    session = await session_of(context, here)
    payload = ToldPanel(
        owner=panel.owner, opened=panel.opened, memory=here.id, page=page, reply=reply, place=here.page_id,
        session=session.id, adults=may_choose(context, "nsfw"),
    )  # fmt: skip
    await show_panel(context, panel, payload)


async def tokens(context: Context, values: dict[str, Any]) -> None:
    """Count the tokens of a text, by the model that writes here."""
    text = str(values["text"])
    if not text.strip():
        raise BadInput("told.empty")
    conversation = context.who.conversation
    in_story = conversation.mode == STORY and conversation.story_id is not None
    context.private = True
    await context.work(CountTokens(text=text, persona=None if in_story else conversation.persona_id, story=in_story))


COMMANDS: Final = (
    CommandSpec(
        "chat context",
        "Show what the writer of the last answer was told",
        context_shown,
        (OF,),
        check=check_seen,
        permission=EVERYBODY,
    ),
    CommandSpec(
        "tokens",
        "Count how long a text is for the model that writes here",
        tokens,
        (Parameter("text", "The text", required=True, max_length=TEXT_CHARS, multiline=True),),
        permission="chat",
        example="a keeper finds a door under the sea",
    ),
)
