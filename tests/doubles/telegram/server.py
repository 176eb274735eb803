"""The server: sockets, tokens, faults, the log, and the front door for tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from tests.doubles.telegram.api import Api
from tests.doubles.telegram.entities import Formatted
from tests.doubles.telegram.faults import Fault, Faults
from tests.doubles.telegram.flood import Flood
from tests.doubles.telegram.methods import METHODS
from tests.doubles.telegram.params import Params, read_params
from tests.doubles.telegram.person import Person, membership
from tests.doubles.telegram.rules import TOKEN, ApiError, Rules, blocked, conflict, old_query, too_many_requests
from tests.doubles.telegram.state import Chat, Message, World
from tests.doubles.telegram.updates import Updates

Json = dict[str, Any]
_CHUNK = 1 << 16
_RIGHTS = (
    "can_delete_messages", "can_manage_video_chats", "can_restrict_members", "can_promote_members", "can_change_info",
    "can_invite_users", "can_post_stories", "can_edit_stories", "can_delete_stories",
)  # fmt: skip
_ALLOWED = (
    "can_send_messages", "can_send_audios", "can_send_documents", "can_send_photos", "can_send_videos",
    "can_send_video_notes", "can_send_voice_notes", "can_send_polls", "can_send_other_messages",
    "can_add_web_page_previews", "can_change_info", "can_invite_users", "can_pin_messages", "can_manage_topics",
    "can_edit_tag", "can_react_to_messages",
)  # fmt: skip
_BY_LOWER = {name.lower(): name for name in METHODS}


def administrator(*rights: str) -> Json:
    """What getChatMember says of an administrator with these rights."""
    return {
        "status": "administrator", "is_anonymous": False, "can_be_edited": False, "can_manage_chat": True,
        **{right: right in rights for right in _RIGHTS},
    }  # fmt: skip


@dataclass(slots=True, eq=False)
class Request:
    """One request in the log; times are monotonic seconds, ``status`` is what the client was (to be) told."""

    method: str
    params: Json
    started: float
    status: int | None = None
    description: str = ""
    ended: float | None = None
    fault: Fault | None = None


class TelegramServer:
    """A Bot API server for one bot; see the package's docstring."""

    def __init__(
        self, token: str = "123456:TEST-token", rules: Rules | None = None, *,
        name: str = "Storyfork", username: str = "storyfork_bot",
    ) -> None:  # fmt: skip
        if not TOKEN.fullmatch(token):
            raise ValueError("a token is digits, a colon, then letters, digits, - and _")
        self.rules = rules or Rules()
        self.token = token
        self.world = World(token, name, username, self.rules)
        self.updates = Updates(self.world, self.rules)
        self.flood = Flood(self.rules.flood, self.world.clock)
        self.faults = Faults()
        self.requests: list[Request] = []
        self.clock = self.world.clock
        self.bot = self.world.bot
        self._people: dict[str, Person] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._stopping = asyncio.Event()
        self._line = asyncio.Lock()

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1; after a stop on the same port as before."""
        app = web.Application(client_max_size=self.rules.upload_bytes + 1_000_000)
        app.router.add_route("*", "/bot{token}/{method}", self._serve)
        app.router.add_get("/file/bot{token}/{path:.+}", self._serve_file)
        self._stopping.clear()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port or self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.updates.start()

    async def stop(self) -> None:
        """Closes every connection; what happened stays."""
        self._stopping.set()
        await self.updates.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def api_url(self) -> str:
        """The root; clients append /bot and /file/bot."""
        return f"http://127.0.0.1:{self._port}"

    # -- people and places

    def person(self, name: str, language: str = "en") -> Person:
        """The person of that name, made at the first call."""
        if name not in self._people:
            self._people[name] = Person(self.world.add_user(name, language), self.world, self.updates)
        return self._people[name]

    def group(
        self, title: str, members: Sequence[Person], *, topics: bool = False, privacy: bool = True
    ) -> Chat:  # fmt: skip
        """A new supergroup with the bot in it, who gets my_chat_member; without ``privacy`` it reads everything."""
        users = [person.user for person in members]
        chat = self.world.add_group(title, users, topics=topics, privacy=privacy)
        if not privacy:
            chat.standing[self.world.bot.id] = administrator()
        self.updates.add("my_chat_member", chat.id, membership(self.world, chat, users[0], present=True))
        return chat

    def upgrade(self, old: int, group: Chat) -> None:
        """A group with the id ``old`` has become this supergroup: whoever writes to it is told so."""
        self.world.upgraded[old] = group.id

    def appoint(self, group: Chat, person: Person, *rights: str, title: str = "", owner: bool = False) -> None:
        """Make a person the owner of a group, or an administrator with these rights."""
        if unknown := set(rights) - set(_RIGHTS):
            raise ValueError(f"Telegram knows no right {sorted(unknown)}")
        named: Json = {"is_anonymous": False} | ({"custom_title": title} if title else {})
        group.standing[person.id] = ({"status": "creator"} if owner else administrator(*rights)) | named

    def demote(self, group: Chat, by: Person) -> None:
        """The bot is no administrator of a group any more, and reads only what is addressed to it."""
        bot = self.world.bot
        there: Json = {"user": bot.to_json()}
        change = {
            "chat": group.to_json(), "from": by.user.to_json(), "date": int(self.world.clock.now()),
            "old_chat_member": there | group.standing.pop(bot.id), "new_chat_member": there | {"status": "member"},
        }  # fmt: skip
        group.privacy = True
        self.updates.add("my_chat_member", group.id, change)

    def restrict(self, group: Chat, person: Person, *, left: bool = False) -> None:
        """Restrict a member, who may still write; ``left``: they are no member any more."""
        restricted: Json = {"status": "restricted", "is_member": True, "until_date": 0, **dict.fromkeys(_ALLOWED, True)}
        group.standing[person.id] = {"status": "left"} if left else restricted

    def topic(self, group: Chat, name: str) -> int:
        """A new topic in a forum; its message_thread_id."""
        if not group.is_forum:
            raise ValueError(f"{group.title} has no topics")
        creator = next(iter(group.members.values()))
        service: Json = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
        message = self.world.add_message(group, creator, Formatted(""), service=service)
        message.thread = message.id
        group.topics[message.id] = name
        self.updates.add("message", group.id, message.to_json())
        return message.id

    # -- the record

    @property
    def messages(self) -> list[Message]:
        """Every message ever made, in order."""
        return self.world.messages

    @property
    def sent(self) -> list[Message]:
        """Messages of the bot, in order."""
        return [message for message in self.world.messages if message.from_bot]

    @property
    def commands(self) -> dict[tuple[str, str], list[Json]]:
        """What setMyCommands has set, by (scope as JSON, language)."""
        return self.world.commands

    @property
    def chat_actions(self) -> list[tuple[int, str, float]]:
        """(chat id, action, monotonic time) of every sendChatAction."""
        return self.world.chat_actions

    @property
    def pending_updates(self) -> list[Json]:
        """Updates that the bot has not confirmed."""
        return [update.body for update in self.updates.pending]

    def calls(self, method: str) -> list[Request]:
        """The requests of one method."""
        return [request for request in self.requests if request.method == method]

    def placeholders(self) -> list[Message]:
        """Standing messages of the bot without a letter or digit and without a file: replies that never came."""
        return [
            message
            for message in self.sent
            if not message.deleted and message.file is None and not any(map(str.isalnum, message.text))
        ]

    def restart_update_ids(self) -> None:
        """Lets update ids go on from a lower number, as after a week without updates."""
        self.updates.restart_ids()

    async def wait_for_request(self, method: str, timeout: float = 30.0, *, count: int = 1) -> Request:
        """The ``count``-th finished request of a method; raises TimeoutError."""

        def look() -> Request | None:
            ended = [request for request in self.calls(method) if request.ended is not None]
            return ended[count - 1] if len(ended) >= count else None

        try:
            return await self.world.changed.until(look, timeout)
        except TimeoutError:
            raise TimeoutError(f"no {method} ({count}) within {timeout} s") from None

    # -- serving

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        sent_name = http.match_info["method"]
        name = _BY_LOWER.get(sent_name.lower())
        record = Request(name or sent_name, {}, self.clock.monotonic())
        self.requests.append(record)
        try:
            params = await read_params(http)
            record.params = {**params.values, **{key: file.filename for key, file in params.files.items()}}
            self._admit(http.match_info["token"], name)
            record.fault = self.faults.draw(record.method, record.params)
            body: Json = {"ok": True, "result": await self._perform(http, record.method, params, record.fault)}
            record.status = 200
        except ApiError as refusal:
            record.status, record.description = refusal.code, refusal.description
            body = {"ok": False, "error_code": refusal.code, "description": refusal.description}
            if refusal.parameters:
                body["parameters"] = refusal.parameters
        except ConnectionError:
            # The client left before its request had arrived: nothing was asked.
            self.requests.remove(record)
            return web.Response(status=400)
        except _DroppedError:
            if http.transport is not None:
                http.transport.abort()
            record.status, record.description, body = 0, "connection dropped", {}
        finally:
            record.ended = self.clock.monotonic()
            self.world.changed.pulse()
        return web.json_response(body, status=record.status or 500)

    def _admit(self, token: str, method: str | None) -> None:
        if not TOKEN.fullmatch(token):
            raise ApiError(404, "Not Found")
        if token != self.token:
            raise ApiError(401, "Unauthorized")
        if method is None:
            raise ApiError(404, "Not Found: method not found")

    async def _perform(self, http: web.Request, name: str, params: Params, fault: Fault | None) -> Any:
        def gone() -> bool:
            return self._stopping.is_set() or http.transport is None or http.transport.is_closing()

        kind = fault.kind if fault is not None else ""
        if fault is not None:
            await self._trouble_before(fault)
        api = Api(self.world, self.updates, self.flood, self.rules, params, gone)
        result = await METHODS[name](api)
        if fault is not None and kind == "error_after":
            raise _server_error(fault)
        if fault is not None and kind == "late_after":
            await self._sleep(fault.seconds)
        if kind == "drop_after":
            raise _DroppedError
        return result

    async def _trouble_before(self, fault: Fault) -> None:
        match fault.kind:
            case "flood":
                raise too_many_requests(fault.retry_after)
            case "error_before":
                raise _server_error(fault)
            case "drop_before":
                raise _DroppedError
            case "conflict":
                raise conflict(
                    "terminated by other getUpdates request; make sure that only one bot instance is running"
                )
            case "old_query":
                raise old_query()
            case "blocked":
                raise blocked()
            case "late_before":
                await self._sleep(fault.seconds)
            case "error_after" | "drop_after" | "late_after":
                return

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _serve_file(self, http: web.Request) -> web.StreamResponse:
        file = self.world.files.get(http.match_info["path"].rpartition("/")[2])
        if http.match_info["token"] != self.token or file is None:
            return web.json_response({"ok": False, "error_code": 404, "description": "Not Found"}, status=404)
        if self.rules.download_bytes_per_second is None:
            return web.Response(body=file.content, content_type="application/octet-stream")
        return await self._send_slowly(http, file.content, self.rules.download_bytes_per_second)

    async def _send_slowly(self, http: web.Request, content: bytes, speed: float) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(content)
        await response.prepare(http)
        with contextlib.suppress(ConnectionResetError):  # the client stops
            for start in range(0, len(content), _CHUNK):
                chunk = content[start : start + _CHUNK]
                async with self._line:
                    await asyncio.sleep(len(chunk) / speed)
                await response.write(chunk)
            await response.write_eof()
        return response


class _DroppedError(Exception):
    """The connection is to be cut."""


def _server_error(fault: Fault) -> ApiError:
    return ApiError(
        fault.status, {502: "Bad Gateway", 504: "Gateway Timeout"}.get(fault.status, "Internal Server Error")
    )
