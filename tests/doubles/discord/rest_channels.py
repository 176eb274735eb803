"""REST: channels, messages, threads."""

import time
from collections.abc import Sequence

from aiohttp import web

from tests.doubles.discord import rules
from tests.doubles.discord.api import Api, answer, check_body, read
from tests.doubles.discord.bodies import Body
from tests.doubles.discord.errors import ApiError, Form
from tests.doubles.discord.messages import Message
from tests.doubles.discord.places import Channel
from tests.doubles.discord.rules import Json

REPLY = 19


class ChannelRoutes:
    """The handlers below /channels."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.world = api.world

    def routes(self) -> Sequence[web.RouteDef]:
        """What is served."""
        channel = "/api/v10/channels/{channel_id}"
        message = channel + "/messages/{message_id}"
        return [
            web.get(channel, self.get_channel),
            web.patch(channel, self.edit_channel),
            web.delete(channel, self.delete_channel),
            web.get(channel + "/messages", self.list_messages),
            web.post(channel + "/messages", self.create_message),
            web.get(message, self.get_message),
            web.patch(message, self.edit_message),
            web.delete(message, self.delete_message),
            web.post(channel + "/typing", self.typing),
            web.post(channel + "/threads", self.create_thread),
            web.post(message + "/threads", self.create_thread_from_message),
            web.put(channel + "/thread-members/@me", self.join_thread),
            web.delete(channel + "/thread-members/@me", self.leave_thread),
            web.put(message + "/reactions/{emoji}/@me", self.add_reaction),
            web.delete(message + "/reactions/{emoji}/@me", self.remove_reaction),
        ]

    async def get_channel(self, request: web.Request) -> web.Response:
        return answer(self.api.channel(request).payload())

    async def edit_channel(self, request: web.Request) -> web.Response:
        channel = self.api.channel(request)
        if channel.guild is None:
            raise ApiError(50024)
        mine = channel.is_thread and channel.owner is self.world.bot
        if not mine and not channel.bot_may("MANAGE_THREADS" if channel.is_thread else "MANAGE_CHANNELS"):
            raise ApiError(50013)
        raw, _ = await read(request)
        form = Form()
        if "name" in raw:
            channel.name = form.text(("name",), raw["name"], rules.THREAD_NAME, minimum=1, required=True)
        form.finish()
        channel.archived = bool(raw.get("archived", channel.archived))
        channel.locked = bool(raw.get("locked", channel.locked))
        channel.topic = raw.get("topic", channel.topic)
        channel.update()
        return answer(channel.payload())

    async def delete_channel(self, request: web.Request) -> web.Response:
        channel = self.api.channel(request)
        if channel.guild is not None:
            self.api.channel(request, "MANAGE_THREADS" if channel.is_thread else "MANAGE_CHANNELS")
            channel.delete()
        return answer(channel.payload())

    async def list_messages(self, request: web.Request) -> web.Response:
        channel = self.api.channel(request)
        query = request.query
        form = Form()
        limit = int(query.get("limit") or 50) if query.get("limit", "50").isdecimal() else 0
        if not 1 <= limit <= 100:
            form.error(("limit",), "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
        if sum(key in query for key in ("before", "after", "around")) > 1:
            form.error((), "BASE_TYPE_EXCLUSIVE", "before, after and around are mutually exclusive")
        form.finish()
        if not channel.bot_may("READ_MESSAGE_HISTORY"):
            return answer([])
        found = sorted((m for m in channel.messages.values() if not m.ephemeral), key=lambda m: m.id)
        if "after" in query:
            found = [m for m in found if m.id > int(query["after"])][:limit]
        elif "around" in query:
            middle = int(query["around"])
            older = [m for m in found if m.id < middle][-(limit // 2) :]
            found = [*older, *[m for m in found if m.id >= middle][: limit - len(older)]]
        else:
            before = int(query["before"]) if "before" in query else None
            found = [m for m in found if before is None or m.id < before][-limit:]
        return answer([self.api.show(m) for m in reversed(found)])

    async def get_message(self, request: web.Request) -> web.Response:
        channel = self.api.channel(request, "READ_MESSAGE_HISTORY")
        return answer(self.api.show(self.api.message(request, channel)))

    async def create_message(self, request: web.Request) -> web.Response:
        raw, uploads = await read(request)
        channel = self._writable(request)
        body = check_body(raw, uploads)
        if body.uploads and not channel.bot_may("ATTACH_FILES"):
            raise ApiError(50013)
        bot = self.world.bot
        existing = self.api.remembered(bot, body)
        if existing is not None:
            return answer(self.api.show(existing, nonce=True))
        message = Message(self.world.new_id(), channel, bot, nonce=body.nonce)
        self._refer(message, body, raw)
        self.api.compose(message, body)
        self.api.remember(bot, body, message)
        self.world.add_message(message)
        return answer(self.api.show(message, nonce=True))

    def _writable(self, request: web.Request) -> Channel:
        channel = self.api.channel(request)
        self.api.channel(request, "SEND_MESSAGES_IN_THREADS" if channel.is_thread else "SEND_MESSAGES")
        if channel.recipient is not None and not channel.recipient.dms_open:
            raise ApiError(50007)
        if channel.archived:
            if channel.locked:
                raise ApiError(50083)
            channel.archived = False
            channel.update()
        return channel

    def _refer(self, message: Message, body: Body, raw: Json) -> None:
        if body.reference is None:
            return
        found = message.channel.messages.get(body.reference)
        if found is None or found.ephemeral:
            if (raw.get("message_reference") or {}).get("fail_if_not_exists") is False:
                return
            form = Form()
            form.error(("message_reference",), "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
            form.finish()
        message.reference = found
        message.type = REPLY

    async def edit_message(self, request: web.Request) -> web.Response:
        raw, uploads = await read(request)
        message = self.api.message(request, self.api.channel(request))
        if message.author is not self.world.bot:
            raise ApiError(50005)
        body = check_body(raw, uploads, message)
        self.api.compose(message, body)
        self.world.edited(message)
        return answer(self.api.show(message))

    async def delete_message(self, request: web.Request) -> web.Response:
        channel = self.api.channel(request)
        message = self.api.message(request, channel)
        if message.author is not self.world.bot:
            if channel.guild is None:
                raise ApiError(50003)
            self.api.channel(request, "MANAGE_MESSAGES")
        self.world.delete_message(message)
        return answer()

    async def typing(self, request: web.Request) -> web.Response:
        channel = self._writable(request)
        channel.typing.append(time.monotonic())
        self.world.touch()
        return answer()

    async def create_thread(self, request: web.Request) -> web.Response:
        raw, _ = await read(request)
        kind = raw.get("type", 12)
        channel = self.api.channel(request, "CREATE_PRIVATE_THREADS" if kind == 12 else "CREATE_PUBLIC_THREADS")
        thread_id = self.world.new_id()
        thread = self._new_thread(channel, raw, thread_id, private=kind == 12)
        return answer(thread.payload(), 201)

    async def create_thread_from_message(self, request: web.Request) -> web.Response:
        raw, _ = await read(request)
        channel = self.api.channel(request, "CREATE_PUBLIC_THREADS")
        message = self.api.message(request, channel)
        if message.id in self.world.channels:
            raise ApiError(160004)
        thread = self._new_thread(channel, raw, message.id, private=False)
        message.thread = thread
        return answer(thread.payload(), 201)

    def _new_thread(self, channel: Channel, raw: Json, thread_id: int, *, private: bool) -> Channel:
        if channel.guild is None or channel.is_thread:
            raise ApiError(50024)
        form = Form()
        name = form.text(("name",), raw.get("name"), rules.THREAD_NAME, minimum=1, required=True)
        duration = raw.get("auto_archive_duration")
        if duration is not None and duration not in rules.ARCHIVE_DURATIONS:
            form.error(
                ("auto_archive_duration",), "BASE_TYPE_CHOICES", f"Value must be one of {rules.ARCHIVE_DURATIONS}."
            )
        form.finish()
        thread = channel.guild.add_thread(thread_id, channel, name, self.world.bot, private=private)
        thread.auto_archive = duration or thread.auto_archive
        return thread

    async def join_thread(self, request: web.Request) -> web.Response:
        channel = self.api.channel(request)
        if not channel.is_thread:
            raise ApiError(50024)
        channel.bot_joined = True
        return answer()

    async def leave_thread(self, request: web.Request) -> web.Response:
        channel = self.api.channel(request)
        if not channel.is_thread:
            raise ApiError(50024)
        channel.bot_joined = False
        return answer()

    async def add_reaction(self, request: web.Request) -> web.Response:
        message = self.api.message(request, self.api.channel(request, "ADD_REACTIONS"))
        mark = (self.world.bot.id, request.match_info["emoji"])
        if mark not in message.reactions:
            message.reactions.append(mark)
        self.world.touch()
        return answer()

    async def remove_reaction(self, request: web.Request) -> web.Response:
        message = self.api.message(request, self.api.channel(request))
        mark = (self.world.bot.id, request.match_info["emoji"])
        if mark in message.reactions:
            message.reactions.remove(mark)
        self.world.touch()
        return answer()
