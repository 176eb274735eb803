"""The default route of plain text, and of what is edited of it: to the persona of the conversation."""

from typing import Final

from bot.context import Context
from bot.events import EditedMessage, TextMessage
from bot.moderation import offer_help, screen
from bot.ratings import allowed_here
from bot.routes.base import TextRoute
from db import chat_turns, chats, personas
from db.conversations import DEFAULT_MODE
from db.payloads.persona import Reworded
from db.work import PersonaReply
from prompts.safety.rating import lowest


async def talk_to_persona(context: Context, message: TextMessage) -> bool:
    """Have the persona answer."""
    return await say_to_persona(context, message.text.strip())


async def say_to_persona(context: Context, text: str, *, quoted: bool = False) -> bool:
    """Have the persona answer what a person says. ``quoted``: others have not seen it, the answer repeats it."""
    persona = await personas.active(context.who.conversation)
    allowance = allowed_here(context)
    if await offer_help(context, text):
        return True
    verdict = await screen(context, rating=lowest(persona.card.get("rating"), allowance), message=text)
    exchange = await chats.say(context.who.conversation, persona, context.user_id, text, verdict)
    await context.work(PersonaReply(reply=exchange.reply.id, allowance=allowance, quoted=quoted))
    return True


async def reword(context: Context, message: EditedMessage) -> bool:
    """Have the new text of the last message count from now on, and offer to answer it."""
    key = f"{context.event.platform}:{message.said}"
    reply = await chat_turns.answer_of(context.conversation_id, key) if message.said else None
    if reply is None:
        return False
    persona = await personas.active(context.who.conversation)
    text, rating = message.text.strip(), lowest(persona.card.get("rating"), allowed_here(context))
    if await offer_help(context, text):
        return True
    verdict = await screen(context, rating=rating, message=text)
    await chat_turns.reword(context.who.conversation, reply, context.user_id, text, verdict)
    await context.say(Reworded(message=reply), ordered=False)
    return True


ROUTES: Final = (TextRoute(DEFAULT_MODE, talk_to_persona, edited=reword, permission="chat"),)
