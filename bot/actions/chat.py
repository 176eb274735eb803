"""Buttons of persona chat."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.context import Context
from bot.ratings import allowed_here
from db import chats
from db.work import PersonaReply


async def variant(context: Context, message: int) -> None:
    """Regenerate the answer; the old one is kept."""
    for_others = context.may("choose_for_others")
    exchange = await chats.again(context.who.conversation, message, context.user_id, for_others=for_others)
    await context.work(PersonaReply(reply=exchange.reply.id, allowance=allowed_here(context)))


ACTIONS: Final = (ActionSpec("variant", variant, (Arg("message"),), permission="chat"),)
