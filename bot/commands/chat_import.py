"""`/chat import`: a chat of SillyTavern's, or one that was exported here."""

from pathlib import PurePosixPath
from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter
from bot.commands.uploaded import attached, handed_in
from bot.context import Context
from bot.moderation import screen
from bot.ratings import allowed_here
from db import personas
from db.chat_imports import ImportChat
from prompts.safety.rating import lowest


async def import_chat(context: Context, values: dict[str, Any]) -> None:
    """Have a chat read, with the persona who talks here."""
    upload, name = await handed_in(context, values, "chat_import")
    await screen(context, name=PurePosixPath(name).stem)
    persona = await personas.active(context.who.conversation)
    allowance = lowest(persona.card.get("rating"), allowed_here(context))
    await context.work(ImportChat(upload=upload, persona=persona.id, allowance=allowance))


COMMANDS: Final = (
    CommandSpec(
        "chat import",
        "Begin another chat from a file, with the persona who talks here",
        import_chat,
        (
            Parameter("file", "JSON lines of SillyTavern's, or an export, at most 10 MB", bytes, accepts="chat",
                      store=attached),
        ),
        permission="reset",
    ),
)  # fmt: skip
