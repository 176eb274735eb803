"""The default route of plain text, and of what is edited of it: to the personas of the conversation."""

from typing import Final

from bot import locales
from bot.context import Context
from bot.events import EditedMessage, TextMessage
from bot.files import is_picture
from bot.hearing import is_unaddressed
from bot.moderation import offer_help, screen
from bot.ratings import allowed_here
from bot.routes.base import TextRoute
from bot.turn_order import Candidate, answering
from db import chat_turns, chats, company, outbox, personas, pictures
from db.company import PresentPersona
from db.conversations import DEFAULT_MODE
from db.payloads.persona import Reworded
from db.personas import Persona
from db.personas.card import PersonaCard
from db.sent_pictures import SENT, UNSEEN, with_picture
from db.work import PersonaReply
from prompts.safety.rating import lowest


async def talk_to_persona(context: Context, message: TextMessage) -> bool:
    """Have the persona answer, or those of several whose turn it is."""
    file = message.file
    if file is None or not is_picture(file):
        return await say_to_persona(context, message.text.strip(), reply_to=message.reply_to)
    picture = None
    if file.data:
        picture = await pictures.attach(context.account_id, context.user_id, context.conversation_id, file.data)
    text = with_picture(message.text.strip(), UNSEEN if picture is None else SENT)
    return await say_to_persona(
        context, text, reply_to=message.reply_to, picture=picture, unseen=picture is None
    )  # fmt: skip


async def say_to_persona(
    context: Context,
    text: str,
    *,
    reply_to: str = "",
    quoted: bool = False,
    picture: int | None = None,
    unseen: bool = False,
) -> bool:
    """Have the persona, or some of several, answer what a person says in reply to the platform's message ``reply_to``.

    ``quoted``: others have not seen it, the answer repeats it. ``picture`` is one that they send with it; ``unseen``:
    they do, and nobody looks at it.
    """
    here, allowance = context.who.conversation, allowed_here(context)
    present = await company.present(here)
    chat: Persona | None = next((each for each in present if here.persona_id in (None, each.id)), None)
    if await offer_help(context, text):
        return True
    answering_now = await _answering(context, present, text, reply_to)
    if not answering_now:
        return False
    first, *others = answering_now
    # Each of them hears the message, and what those before have made of it.
    rating = lowest(*(each.card.get("rating") for each in (first, *others)), allowance)
    verdict = await screen(context, rating=rating, message=text)
    chat = chat or await personas.active(here)
    exchange = await chats.say(here, chat, context.user_id, text, verdict, speaker_id=first.id)
    asked = PersonaReply(reply=exchange.reply.id, allowance=allowance, quoted=quoted, picture=picture, unseen=unseen)
    await context.work(asked)
    for number, persona in enumerate(others, 2):
        reply = await chats.answer_too(exchange.said, persona.id)
        await context.work(PersonaReply(reply=reply.id, allowance=allowance), number=number)
    return True


async def _answering(context: Context, present: list[PresentPersona], text: str, reply_to: str) -> list[PresentPersona]:
    """Return those who answer a text, in order. Nobody, if nobody spoke to them and all wait for that."""
    overheard = is_unaddressed(context.event)
    if len(present) < 2 and not overheard:
        return present
    cards = [PersonaCard.lenient(each.card) for each in present]
    candidates = [
        Candidate(each.id, (each.name, card.called), card.talkativeness, each.when_called, each.spoke)
        for each, card in zip(present, cards, strict=True)
    ]
    found = answering(
        candidates,
        text,
        replied_to=await _replied_to(context, reply_to),
        everybody=[word.strip() for word in locales.text("company.everybody", {}, context.language).split(",")],
        seed=f"{context.conversation_id} {context.event.key}",
        overheard=overheard,
    )
    known = {each.id: each for each in present}
    return [known[each] for each in found]


async def _replied_to(context: Context, reply_to: str) -> int | None:
    """Return the persona whose message of the platform this is; None if it is none."""
    if not reply_to:
        return None
    shown = await outbox.row_of_message(context.account_id, context.event.conversation.chat_id, reply_to)
    reply = None if shown is None else shown.payload.get("message")
    found = await chats.get(context.account_id, int(reply)) if reply is not None else None
    return None if found is None else found[1].id


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
