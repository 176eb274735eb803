"""Bot API methods that make, change and remove messages, and answer taps."""

from __future__ import annotations

from typing import Any

from tests.doubles.telegram.api import Api, Method, find_chat, read_text
from tests.doubles.telegram.entities import Formatted, utf16_length
from tests.doubles.telegram.keyboards import read_markup
from tests.doubles.telegram.rules import CHAT_ACTIONS, bad_request, old_query
from tests.doubles.telegram.state import Answer, Chat, File, Message

Json = dict[str, Any]
_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content"
    " and reply markup of the message"
)


async def send_message(api: Api) -> Json:
    """sendMessage."""
    chat = find_chat(api, writing=True)
    text = read_text(api, "text", "entities", api.rules.text_length, "message is too long")
    if not text.text:
        raise bad_request("message text is empty")
    return post(api, chat, text, None)


def post(api: Api, chat: Chat, text: Formatted, file: File | None) -> Json:
    markup = read_markup(api.params, api.rules)
    thread, reply_to = place_of(api, chat)
    api.flood.count(chat)
    message = api.world.add_message(
        chat, api.world.bot, text, buttons=markup.buttons, markup=markup.raw, force_reply=markup.force_reply,
        fixed=markup.force_reply is not None or markup.other, reply_to=reply_to, thread=thread, file=file,
    )  # fmt: skip
    return message.to_json()


def place_of(api: Api, chat: Chat) -> tuple[int | None, Message | None]:
    """Return the topic for a new message, None for "General", and what it replies to."""
    thread, reply_to = thread_of(api, chat), reply_to_of(api, chat)
    if thread is None and reply_to is not None:
        thread = reply_to.thread
    refuse_closed(chat, thread)
    return thread, reply_to


def thread_of(api: Api, chat: Chat) -> int | None:
    thread = api.params.integer("message_thread_id")
    if thread is None or thread == 0:
        return None
    if thread not in chat.topics:
        raise bad_request("message thread not found")
    refuse_closed(chat, thread)
    return thread


def refuse_closed(chat: Chat, thread: int | None) -> None:
    """Refuse to write in a closed topic: the bot manages none."""
    if thread in chat.closed:
        raise bad_request("TOPIC_CLOSED")


def reply_to_of(api: Api, chat: Chat) -> Message | None:
    reply = api.params.object("reply_parameters", "reply parameters")
    if reply is None:
        return None
    elsewhere = reply.get("chat_id")
    source = chat if elsewhere is None else api.world.chats.get(int(elsewhere))
    if source is None:
        raise bad_request("chat not found")
    if not isinstance(reply.get("message_id"), int):
        raise bad_request("message identifier is not specified")
    message = source.find(reply["message_id"])
    if message is None and reply.get("allow_sending_without_reply") is not True:
        raise bad_request("message to be replied not found")
    if message is not None and reply.get("quote") and reply["quote"] not in message.text:
        raise bad_request("QUOTE_TEXT_INVALID")
    return message


async def edit_message_text(api: Api) -> Json:
    """editMessageText: the keyboard goes unless it is given again."""
    chat = find_chat(api, writing=True)
    text = read_text(api, "text", "entities", api.rules.text_length, "message is too long")
    if not text.text:
        raise bad_request("message text is empty")
    message = to_edit(api, chat)
    if message.file is not None:
        raise bad_request("there is no text in the message to edit")
    return revise(api, message, text)


async def edit_message_caption(api: Api) -> Json:
    """editMessageCaption."""
    chat = find_chat(api, writing=True)
    text = read_text(api, "caption", "caption_entities", api.rules.caption_length, "message caption is too long")
    message = to_edit(api, chat)
    if message.file is None:
        raise bad_request("there is no caption in the message to edit")
    return revise(api, message, text)


async def edit_message_reply_markup(api: Api) -> Json:
    """editMessageReplyMarkup."""
    message = to_edit(api, find_chat(api, writing=True))
    return revise(api, message, message.formatted)


def to_edit(api: Api, chat: Chat) -> Message:
    message_id = api.params.integer("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    message = chat.find(message_id)
    if message is None:
        raise bad_request("message to edit not found")
    refuse_closed(chat, message.thread)
    if not message.from_bot or message.fixed or message.service is not None:
        raise bad_request("message can't be edited")
    return message


def revise(api: Api, message: Message, text: Formatted, media: tuple[File, bool] | None = None) -> Json:
    """Edits a message, or refuses and leaves it as it is; ``media``: another file, and whether it is covered."""
    markup = read_markup(api.params, api.rules)
    if markup.force_reply is not None or markup.other:
        raise bad_request("inline keyboard expected")
    api.flood.count(message.chat)
    if media is None and message.formatted == text and (message.markup or None) == (markup.raw or None):
        raise bad_request(_NOT_MODIFIED)
    if media is not None:
        message.file, message.hidden = media
    api.world.revise(message, text, markup.buttons, markup.raw)
    return message.to_json()


async def delete_message(api: Api) -> bool:
    """deleteMessage: own ones, in private chats also the person's; younger than 48 hours."""
    chat = find_chat(api, writing=False)
    message = chat.find(api.params.integer("message_id"))
    if message is None:
        raise bad_request("message to delete not found")
    foreign = not message.from_bot and chat.kind != "private" and chat.privacy
    if foreign or api.world.clock.now() - message.date >= api.rules.delete_seconds:
        raise bad_request("message can't be deleted for everyone")
    message.deleted = True
    api.world.changed.pulse()
    return True


async def answer_callback_query(api: Api) -> bool:
    """answerCallbackQuery: in time, and text of at most 200."""
    text = api.params.text("text")
    if text is not None and utf16_length(text) > api.rules.answer_length:
        raise bad_request("MESSAGE_TOO_LONG")
    query = api.world.queries.get(api.params.text("callback_query_id") or "")
    now = api.world.clock.monotonic()
    if query is None or now - query.at > api.rules.query_seconds:
        raise old_query()
    if query.answer is None:
        url = api.params.text("url")
        query.answer = Answer(text or None, api.params.boolean("show_alert"), url, now - query.at)
        api.world.changed.pulse()
    return True


async def send_chat_action(api: Api) -> bool:
    """sendChatAction."""
    chat = find_chat(api, writing=True)
    thread_of(api, chat)
    action = api.params.text("action") or ""
    if action not in CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    api.world.chat_actions.append((chat.id, action, api.world.clock.monotonic()))
    api.world.changed.pulse()
    return True


METHODS: dict[str, Method] = {
    "sendMessage": send_message,
    "editMessageText": edit_message_text,
    "editMessageCaption": edit_message_caption,
    "editMessageReplyMarkup": edit_message_reply_markup,
    "deleteMessage": delete_message,
    "answerCallbackQuery": answer_callback_query,
    "sendChatAction": send_chat_action,
}
