"""The person's view over HTTP, for a server that runs as a process of its own.

Every call is a POST with a JSON object to ``<control_url>/<action>``; 400 with ``{"error": …}`` if it cannot be done,
408 if the wait was in vain. A person is named, and made at the first mention; ``chat`` is a chat id, by default the
private chat.

==========  ====================================================================  =======================
action      fields (optional ones in brackets)                                    answer
==========  ====================================================================  =======================
say         person, text, [chat, reply_to, thread]                                message
tap         person, message, button, [chat, stale, timeout]                       the bot's answer
wait        person, [chat, contains, button, after, timeout]                      message
group       title, members, [topics, privacy]                                     {"id": chat id}
messages    [person, chat]                                                        {"messages": [message]}
requests    [method]                                                              {"requests": [request]}
fault       the fields of ``Fault`` but ``when``                                  {}
random      seed, probability, kinds, [methods, retry_after, status, seconds]     {}
clear       none                                                                  {}
==========  ====================================================================  =======================

A message: ``id chat text labels from_bot edits deleted force_reply thread reply_to``; a request: ``method params status
started ended``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.doubles.telegram.faults import Fault
from tests.doubles.telegram.person import NoSuchButtonError
from tests.doubles.telegram.server import TelegramServer
from tests.doubles.telegram.state import Chat, Message

Json = dict[str, Any]


def describe(message: Message) -> Json:
    """A message as the control calls show it."""
    return {
        "id": message.id, "chat": message.chat.id, "text": message.text, "labels": message.labels,
        "from_bot": message.from_bot, "edits": len(message.edits), "deleted": message.deleted,
        "force_reply": message.force_reply is not None, "thread": message.thread,
        "reply_to": message.reply_to.id if message.reply_to else None,
    }  # fmt: skip


class Control:
    """The actions, each named as in the table above."""

    def __init__(self, server: TelegramServer) -> None:
        self._server = server
        self._actions: dict[str, Callable[[Json], Awaitable[Json]]] = {
            "say": self._say, "tap": self._tap, "wait": self._wait, "group": self._group, "messages": self._messages,
            "requests": self._requests, "fault": self._fault, "random": self._random, "clear": self._clear,
        }  # fmt: skip

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application()
        app.router.add_post("/{action}", self._serve)
        return app

    async def _serve(self, http: web.Request) -> web.Response:
        action = self._actions.get(http.match_info["action"])
        if action is None:
            return web.json_response({"error": "no such action"}, status=404)
        try:
            return web.json_response(await action(await http.json() if http.can_read_body else {}))
        except TimeoutError as late:
            return web.json_response({"error": str(late)}, status=408)
        except (KeyError, TypeError, ValueError, NoSuchButtonError) as mistake:
            return web.json_response({"error": f"{type(mistake).__name__}: {mistake}"}, status=400)

    def _chat(self, fields: Json) -> Chat:
        if fields.get("chat") is not None:
            return self._server.world.chats[int(fields["chat"])]
        return self._server.person(fields["person"]).chat()

    def _message(self, chat: Chat, message_id: Any) -> Message | None:
        if message_id is None:
            return None
        message = chat.find(int(message_id))
        if message is None:
            raise ValueError(f"no message {message_id} in chat {chat.id}")
        return message

    async def _say(self, fields: Json) -> Json:
        chat = self._chat(fields)
        reply_to = self._message(chat, fields.get("reply_to"))
        person = self._server.person(fields["person"])
        return describe(await person.say(chat, fields["text"], reply_to, fields.get("thread")))

    async def _tap(self, fields: Json) -> Json:
        message = self._message(self._chat(fields), fields["message"])
        if message is None:
            raise ValueError("which message?")
        person = self._server.person(fields["person"])
        tap = await person.tap(message, fields["button"], stale=bool(fields.get("stale")))
        answer = await tap.answered(float(fields.get("timeout", 10)))
        return {"text": answer.text, "show_alert": answer.show_alert, "latency": answer.latency}

    async def _wait(self, fields: Json) -> Json:
        chat = self._chat(fields)
        contains, button = fields.get("contains", ""), fields.get("button")
        message = await self._server.person(fields["person"]).wait_for_message(
            chat,
            lambda seen: contains in seen.text and (button is None or button in seen.labels),
            float(fields.get("timeout", 10)),
            after=self._message(chat, fields.get("after")),
        )
        return describe(message)

    async def _group(self, fields: Json) -> Json:
        members = [self._server.person(name) for name in fields["members"]]
        topics, privacy = bool(fields.get("topics")), bool(fields.get("privacy", True))
        return {"id": self._server.group(fields["title"], members, topics=topics, privacy=privacy).id}

    async def _messages(self, fields: Json) -> Json:
        everywhere = "person" not in fields and "chat" not in fields
        messages = self._server.messages if everywhere else self._chat(fields).messages
        return {"messages": [describe(message) for message in messages]}

    async def _requests(self, fields: Json) -> Json:
        wanted = fields.get("method")
        return {
            "requests": [
                {"method": r.method, "params": r.params, "status": r.status, "started": r.started, "ended": r.ended}
                for r in self._server.requests
                if wanted in (None, r.method)
            ]
        }

    async def _fault(self, fields: Json) -> Json:
        self._server.faults.add(Fault(**fields))
        return {}

    async def _random(self, fields: Json) -> Json:
        self._server.faults.random(**fields)
        return {}

    async def _clear(self, _: Json) -> Json:
        self._server.faults.clear()
        return {}
