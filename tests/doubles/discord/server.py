"""The server: one port with the REST API, the gateway and the attachments."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from aiohttp import web

from tests.doubles.discord import rules
from tests.doubles.discord.api import Api, answer
from tests.doubles.discord.errors import ApiError
from tests.doubles.discord.faults import Fault, Faults
from tests.doubles.discord.gateway import Gateway
from tests.doubles.discord.interactions import Interaction
from tests.doubles.discord.log import Log, Request
from tests.doubles.discord.person import Person
from tests.doubles.discord.places import GROUP_DM, Channel, Guild
from tests.doubles.discord.ratelimit import Limiter, RateLimits
from tests.doubles.discord.rest_application import ApplicationRoutes
from tests.doubles.discord.rest_channels import ChannelRoutes
from tests.doubles.discord.rest_interactions import InteractionRoutes
from tests.doubles.discord.rest_webhooks import WebhookRoutes
from tests.doubles.discord.rules import Json
from tests.doubles.discord.state import World

PREFIX: Final = "/api/v10"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Settings:
    """How this Discord behaves; durations in seconds."""

    token: str = "MTAxMDEwMTAxMDEwMTAxMDEw.double.of-a-token"
    host: str = "127.0.0.1"
    port: int = 0
    shards: int = 1
    message_content: bool = False
    """Whether the bot has been granted the message content intent."""
    heartbeat_interval: float = 41.25
    ack_window: float = rules.ACK_WINDOW
    token_lifetime: float = rules.TOKEN_LIFETIME
    nonce_memory: float = rules.NONCE_MEMORY
    history_nonce: bool = False
    replay_limit: int = 1000
    """Events kept for a resumption, per session."""
    rate_limits: RateLimits = field(default_factory=RateLimits)


class DiscordServer:
    """A whole Discord with one bot in it."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.token = self.settings.token
        self.log = Log()
        self.world = World(self.log)
        self.faults = Faults()
        self.gateway = Gateway(
            self.world,
            token=self.token,
            shards=self.settings.shards,
            message_content=self.settings.message_content,
            heartbeat_interval=self.settings.heartbeat_interval,
            replay_limit=self.settings.replay_limit,
        )
        self.api = Api(
            self.world,
            message_content=self.settings.message_content,
            nonce_memory=self.settings.nonce_memory,
            history_nonce=self.settings.history_nonce,
        )
        self.port = self.settings.port
        self._limiter = Limiter(self.settings.rate_limits)
        self._people: dict[str, Person] = {}
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        """Root of the server."""
        return f"http://{self.settings.host}:{self.port}"

    @property
    def api_url(self) -> str:
        """Versioned root of the REST API."""
        return self.base_url + PREFIX

    @property
    def gateway_url(self) -> str:
        """Where the gateway is."""
        return f"ws://{self.settings.host}:{self.port}/gateway"

    async def start(self, further: Sequence[web.RouteDef] = ()) -> None:
        """Listen; ``further`` routes are served beside Discord's own."""
        app = web.Application(middlewares=[self._middleware], client_max_size=rules.REQUEST)
        application = ApplicationRoutes(self.api, gateway_url=lambda: self.gateway_url, shards=self.settings.shards)
        interactions = InteractionRoutes(self.api)
        for routes in (ChannelRoutes(self.api), interactions, WebhookRoutes(self.api, interactions), application):
            app.add_routes(routes.routes())
        app.add_routes(further)
        app.add_routes(
            [
                web.get("/gateway", self.gateway.handle),
                web.get("/gateway/", self.gateway.handle),
                web.get("/attachments/{channel_id}/{attachment_id}/{filename}", self._attachment),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.settings.host, self.settings.port).start()
        self.port = int(self._runner.addresses[0][1])
        self.world.base_url = self.base_url
        self.gateway.url = self.gateway_url

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._runner is not None:
            self.gateway.drop()
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def person(self, name: str) -> Person:
        """The person of this name, who gets an account on first use."""
        if name not in self._people:
            user = self.world.add_user(name)
            self._people[name] = Person(self.api, user, self.settings.ack_window, self.settings.token_lifetime)
        return self._people[name]

    def guild(self, name: str, *, installed: bool = True) -> Guild:
        """The guild of this name, founded on first use, with the bot in it if it is ``installed``."""
        for guild in self.world.guilds.values():
            if guild.name == name:
                return guild
        return self.world.add_guild(name, installed=installed)

    def group_chat(self, name: str) -> Channel:
        """A private chat of several people, without the bot: its commands are there for those who installed it."""
        channel = Channel(self.world.new_id(), self.world, GROUP_DM, name)
        self.world.add_channel(channel)
        return channel

    @property
    def channels(self) -> list[Channel]:
        """Every channel, thread and direct conversation."""
        return [c for c in self.world.channels.values() if not c.deleted]

    @property
    def commands(self) -> list[Json]:
        """The global commands that the bot has registered."""
        return self.api.commands.get(0, [])

    @property
    def interactions(self) -> list[Interaction]:
        """Every interaction so far."""
        return self.log.interactions

    async def ready(self, timeout: float = 60.0) -> None:
        """Wait until every shard has a session with a connection."""
        await self.world.wait_until(
            lambda: len(self.gateway.connected_shards()) >= self.settings.shards, timeout, "the bot's connection"
        )

    async def commands_synced(self, timeout: float = 60.0) -> list[Json]:
        """Wait until the bot has registered commands."""
        return await self.world.wait_until(lambda: self.commands, timeout, "the registration of commands")

    async def wait_until(self, look: Callable[[], object], timeout: float = 30.0) -> object:
        """Wait until ``look`` returns something true, looking whenever something changes."""
        return await self.world.wait_until(look, timeout)

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(PREFIX + "/"):
            return await handler(request)
        started = time.monotonic()
        path = request.path.removeprefix(PREFIX)
        resource = request.match_info.route.resource
        route = (resource.canonical if resource is not None else request.path).removeprefix(PREFIX)
        fault = self.faults.strike(request.method, path)
        response = await self._serve(request, handler, route, fault)
        status = 0 if response is None else response.status
        if status in (401, 403, 429):
            self.log.invalid_requests += 1
        detail, code = "", None
        if isinstance(response, web.Response) and status >= 400 and isinstance(response.body, bytes):
            detail = response.body.decode(errors="replace")
            if response.content_type == "application/json":
                code = json.loads(detail).get("code")
        self.log.requests.append(
            Request(
                request.method,
                path,
                route,
                status,
                started,
                time.monotonic() - started,
                code,
                None if fault is None else fault.kind,
                detail[:2000],
            )
        )
        self.world.touch()
        if response is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        return response

    async def _serve(
        self, request: web.Request, handler: Handler, route: str, fault: Fault | None
    ) -> web.StreamResponse | None:
        """The answer; ``None`` when the connection is to be dropped."""
        kind = "" if fault is None else fault.kind
        if not request.content_type.startswith("multipart/"):
            await request.read()
        if fault is not None:
            if kind == "delay_before":
                await asyncio.sleep(fault.seconds)
            elif kind == "drop_before":
                return None
            elif kind == "error_before":
                return _server_error(fault.status)
            elif kind == "rate_limit":
                return _too_many(fault.retry_after, is_global=fault.is_global, headers={"X-RateLimit-Scope": "shared"})
            elif kind == "forbidden":
                return _refusal(ApiError(fault.code))
            elif kind == "expired_token":
                return _refusal(ApiError(50027))
        response = await self._within_rules(request, handler, route)
        if fault is not None:
            if kind == "delay_after":
                await asyncio.sleep(fault.seconds)
            elif kind == "drop_after":
                return None
            elif kind == "error_after":
                return _server_error(fault.status)
            elif kind == "gateway_close":
                await self.gateway.close(4000 if fault.code == 50013 else fault.code)
        return response

    async def _within_rules(self, request: web.Request, handler: Handler, route: str) -> web.StreamResponse:
        by_token = route.startswith("/interactions/") or "{webhook_token}" in route or route == "/gateway"
        if not by_token and request.headers.get("Authorization") != f"Bot {self.token}":
            return answer({"message": "401: Unauthorized", "code": 0}, 401)
        names = ("channel_id", "guild_id", "webhook_id", "webhook_token")
        major = "+".join(request.match_info.get(name, "") for name in names)
        verdict = self._limiter.ask(request.method, route, major)
        if verdict.retry_after is not None:
            return _too_many(verdict.retry_after, is_global=verdict.is_global, headers=verdict.headers)
        try:
            response = await handler(request)
        except ApiError as error:
            response = _refusal(error)
        except web.HTTPNotFound:
            response = _refusal(ApiError(0))
        except web.HTTPMethodNotAllowed:
            response = answer({"message": "405: Method Not Allowed", "code": 0}, 405)
        response.headers.update(verdict.headers)
        return response

    async def _attachment(self, request: web.Request) -> web.Response:
        channel = self.world.channels.get(int(request.match_info["channel_id"]))
        for message in channel.messages.values() if channel else ():
            for attachment in message.attachments:
                if str(attachment.id) == request.match_info["attachment_id"]:
                    return web.Response(body=attachment.data, content_type=attachment.upload.content_type)
        raise web.HTTPNotFound


def _refusal(error: ApiError) -> web.Response:
    return answer(error.body, error.status)


def _server_error(status: int) -> web.Response:
    return web.Response(
        text=f"<html><head><title>{status}</title></head></html>", status=status, content_type="text/html"
    )


def _too_many(retry_after: float, *, is_global: bool, headers: dict[str, str]) -> web.Response:
    body: Json = {"message": "You are being rate limited.", "retry_after": round(retry_after, 3), "global": is_global}
    response = answer(body, 429)
    # The client takes a 429 without Via for a ban by the network in front of Discord.
    response.headers.update({"Via": "1.1 google", "Retry-After": str(max(1, round(retry_after))), **headers})
    if is_global:
        response.headers["X-RateLimit-Global"] = "true"
    return response
