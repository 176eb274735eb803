"""A strict Telegram Bot API server on this machine, with a person's view of the chats it keeps.

The real, unmodified client library talks to it over sockets; tests play the people. It refuses what Telegram refuses
(``rules.py`` holds the limits as data), floods, delays and drops as told (``faults.py``) and logs every request.

Running it (in the test's event loop; the bot may be another process)::

    rules = Rules(flood=None)                            # flood control off; Rules() is as strict as Telegram
    async with TelegramServer(token="123456:TEST", rules=rules) as server:   # or: await server.start() / stop()
        server.api_url      # "http://127.0.0.1:49152"; the client appends /bot and /file/bot
        server.token, server.bot.username, server.bot.id

``stop()`` then ``start()`` again keeps the port and the state: an outage of the platform.
``server.clock.advance(seconds)`` makes everything older (48 h rule of deletion, age of callback queries).

A person's view (everything runs in the event loop that started the server)::

    alice = server.person("alice", language="en")       # the same name gives the same person
    dm = alice.chat()                                    # Chat: .id .kind .title .messages .topics
    group = server.group("Readers", members=[alice, bob], topics=False, privacy=True)
    thread = server.topic(group, "Night shift")          # int: message_thread_id; the group needs topics=True

    said = await alice.say(dm, "/story_new a door")      # Message; reply_to=Message, thread=int are optional
    page = await alice.wait_for_message(dm, lambda m: bool(m.buttons), timeout=5, after=said)
    page = await alice.wait_for_message(dm, "Chapter 1") # text: substring of the current text
    tap = await alice.tap(page, "1")                     # label, else callback data, of a current button, else
                                                         #   NoSuchButtonError; stale=True: also buttons of old edits
    answer = await tap.answered(timeout=5)               # tap.answer is None until then
    answer.text, answer.show_alert, answer.latency       # latency: seconds from tap to answer
    await alice.edit(said, "other text"); alice.block(); alice.unblock()
    await alice.send_document(dm, "card.json", b"…", caption="")

``wait_for_message`` looks at messages of the bot that are not deleted, newest first, as they are now (after edits), and
waits for a change until one satisfies; ``after`` leaves out messages up to that one. ``wait_until(message, predicate)``
waits for one message. Both raise TimeoutError with the transcript of the chat.

``Message``: ``.id .chat .sender .text .entities .buttons`` (rows of ``Button(text, data, url)``) ``.labels`` (flat
button texts) ``.edits`` (the states it had before, oldest first: ``Version(text, entities, buttons, at)``)
``.force_reply`` (``ForceReply`` or None) ``.reply_to`` (Message or None) ``.thread .deleted .from_bot .file .date``
(unix seconds) ``.at`` (monotonic seconds). The object is live: an edit changes it.

The record::

    server.requests                 # list[Request]: .method .params .status .description .started .ended .fault
    server.calls("sendMessage")     # those of one method
    server.messages                 # every message ever made, in order; server.sent: those of the bot
    server.placeholders()           # bot's messages still standing whose text has no letter or digit ("…", "⏳")
    server.pending_updates          # not yet confirmed
    await server.wait_for_request("deleteMessage", timeout=5)
    server.commands                 # {(scope JSON, language): [BotCommand dict]}; server.chat_actions
    server.restart_update_ids()     # as after a week's silence: ids go on from another number

Faults (each is consumed by the requests that match it)::

    server.faults.add(Fault("drop_after", method="sendMessage", times=1))
    server.faults.add(Fault("flood", "editMessageText", retry_after=2, when=lambda p: p["chat_id"] == str(dm.id)))
    server.faults.random(seed=7, probability=0.05, kinds=["error_before", "error_after", "drop_before", "drop_after"])
    server.faults.injected; server.faults.clear()

Kinds: ``flood`` (429 with retry_after), ``error_before`` / ``error_after`` (``status``, default 502, without / with
the deed done), ``drop_before`` / ``drop_after`` (connection aborted), ``late_before`` / ``late_after`` (the deed, or
only its answer, comes ``seconds`` later), ``conflict`` (409 on getUpdates), ``old_query`` (answerCallbackQuery),
``blocked`` (403). A random fault befalls only methods it fits, and getUpdates only if ``methods`` names it.

As a process of its own: ``python -m tests.doubles.telegram --port 0`` prints one JSON line with its urls;
``control.py`` describes the person's view over HTTP that it offers.
"""

from tests.doubles.telegram.entities import Entity
from tests.doubles.telegram.faults import Fault, Faults
from tests.doubles.telegram.person import NoSuchButtonError, Person, Tap
from tests.doubles.telegram.rules import FloodRules, Rules
from tests.doubles.telegram.server import Request, TelegramServer
from tests.doubles.telegram.state import Answer, Button, Chat, File, ForceReply, Message, User, Version

__all__ = [
    "Answer",
    "Button",
    "Chat",
    "Entity",
    "Fault",
    "Faults",
    "File",
    "FloodRules",
    "ForceReply",
    "Message",
    "NoSuchButtonError",
    "Person",
    "Request",
    "Rules",
    "Tap",
    "TelegramServer",
    "User",
    "Version",
]
