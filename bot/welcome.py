"""What somebody sees who is new: in their first private message, and in a place that has just added the bot."""

import re
from typing import Final, Literal

from bot.commands.start import show_home
from bot.context import Context
from bot.events import BotMembership, EditedMessage, Reaction, TextMessage, Unreadable
from bot.panels import fresh_panel, private_chat
from db import conversations

GREETINGS: Final = frozenset(
    word
    for line in (
        "hi hello hey hallo hola ola olá ciao salut bonjour coucou moin servus yo sup hei hej ahoj cześć hoi привет",
        "здравствуйте здравствуй привіт merhaba selam 你好 您好 こんにちは 안녕",
        "안녕하세요 there bot storyfork good morning evening day afternoon",
        "guten tag morgen abend buenos dias días start menu test ping how are you",
    )
    for word in line.split()
)
"""Words of a message that only says hello, in the languages of stories."""
GREETING_WORDS: Final = 4
HINT: Final = "hint"
"""The part of an event's answers that tells a new person what else there is."""
_WORD: Final = re.compile(r"\w+")


async def greet(context: Context) -> Literal["", "greeted", "hint"]:
    """Greet a person whose first event in their private chat this is.

    Who only says hello gets the first screen, and has been ``greeted``. Who already asks for something gets that, and
    then a short ``hint`` (`show_hint`) at what else there is.
    """
    payload = context.event.payload
    first = private_chat(context) and not context.who.conversation.welcomed
    if not first or isinstance(payload, BotMembership | Reaction | EditedMessage):
        return ""
    await conversations.note_welcomed(context.conversation_id)
    if isinstance(payload, TextMessage):
        if context.who.draft is not None or payload.text.lstrip().startswith("/"):
            return ""
        if not is_greeting(payload.text):
            return "hint"
    elif not isinstance(payload, Unreadable):
        return ""
    await show_home(context, fresh_panel(context))
    return "greeted"


async def show_hint(context: Context) -> None:
    """Show a new person what else there is, below the answer to what they asked for."""
    await show_home(context, fresh_panel(context), page="hint", part=HINT)


def is_greeting(text: str) -> bool:
    """Return whether a text says hello, or nothing at all, and asks for nothing."""
    words = _WORD.findall(text.casefold())
    return len(words) <= GREETING_WORDS and all(word in GREETINGS for word in words)


async def membership(context: Context, payload: BotMembership) -> None:
    """Show everybody the first screen in a place that has just added the bot."""
    known = context.who.conversation.welcomed and not context.who.gone
    if payload.change == "removed" or private_chat(context) or known:
        return
    await conversations.note_welcomed(context.conversation_id)
    await show_home(context, fresh_panel(context), shared=True)
