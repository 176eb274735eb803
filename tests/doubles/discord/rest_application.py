"""REST: the application itself, its commands, users, guilds and the way to the gateway."""

from collections.abc import Callable, Sequence

from aiohttp import web

from tests.doubles.discord import commands, rules
from tests.doubles.discord.api import Api, answer, read, snowflake
from tests.doubles.discord.errors import ApiError, Form
from tests.doubles.discord.places import Event, Guild
from tests.doubles.discord.rules import Json


class ApplicationRoutes:
    """The handlers below /applications, /oauth2, /users, /guilds and /gateway."""

    def __init__(self, api: Api, *, gateway_url: Callable[[], str], shards: int) -> None:
        self.api = api
        self.world = api.world
        self._gateway_url = gateway_url
        self._shards = shards

    def routes(self) -> Sequence[web.RouteDef]:
        """What is served."""
        root = "/api/v10"
        scopes = (
            root + "/applications/{application_id}/commands",
            root + "/applications/{application_id}/guilds/{guild_id}/commands",
        )
        routes = [
            web.get(root + "/gateway", self.gateway),
            web.get(root + "/gateway/bot", self.gateway_bot),
            web.get(root + "/applications/@me", self.application),
            web.get(root + "/oauth2/applications/@me", self.application),
            web.get(root + "/users/@me", self.me),
            web.get(root + "/users/@me/guilds", self.my_guilds),
            web.delete(root + "/users/@me/guilds/{guild_id}", self.leave_guild),
            web.post(root + "/users/@me/channels", self.open_dm),
            web.get(root + "/users/{user_id}", self.user),
            web.get(root + "/guilds/{guild_id}", self.guild),
            web.get(root + "/guilds/{guild_id}/channels", self.guild_channels),
            web.get(root + "/guilds/{guild_id}/threads/active", self.active_threads),
            web.get(root + "/guilds/{guild_id}/members/{user_id}", self.member),
        ]
        for scope in scopes:
            routes += [
                web.get(scope, self.list_commands),
                web.put(scope, self.replace_commands),
                web.post(scope, self.create_command),
                web.get(scope + "/{command_id}", self.get_command),
                web.delete(scope + "/{command_id}", self.delete_command),
            ]
        return routes

    async def gateway(self, request: web.Request) -> web.Response:
        return answer({"url": self._gateway_url()})

    async def gateway_bot(self, request: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 999, "reset_after": 86_400_000, "max_concurrency": 1}
        return answer({"url": self._gateway_url(), "shards": self._shards, "session_start_limit": limit})

    async def application(self, request: web.Request) -> web.Response:
        bot = self.world.bot
        return answer(
            {
                "id": str(bot.id),
                "name": bot.name,
                "icon": None,
                "description": "",
                "bot_public": True,
                "bot_require_code_grant": False,
                "verify_key": "0" * 64,
                "flags": (1 << 19) if self.api.message_content else 0,
                "owner": {"id": "1", "username": "owner", "discriminator": "0", "avatar": None},
                "team": None,
                "bot": bot.payload(),
                "interactions_endpoint_url": None,
                "integration_types_config": {"0": {}, "1": {}},
            }
        )

    async def me(self, request: web.Request) -> web.Response:
        return answer(self.world.bot.payload() | {"mfa_enabled": True, "verified": True, "flags": 0, "email": None})

    async def my_guilds(self, request: web.Request) -> web.Response:
        bot = self.world.bot
        mine = [guild for guild in self.world.guilds.values() if guild.installed]
        held = {guild.id: str(guild.permissions(bot)) for guild in mine}
        return answer([{"id": str(g.id), "name": g.name, "permissions": held[g.id], "features": []} for g in mine])

    async def leave_guild(self, request: web.Request) -> web.Response:
        guild = self.world.guilds.get(snowflake(request, "guild_id"))
        if guild is None or not guild.installed:
            raise ApiError(10004)
        self.world.publish(Event("GUILD_DELETE", {"id": str(guild.id)}, guild.id, rules.GUILDS))
        guild.installed = False
        return web.Response(status=204)

    async def user(self, request: web.Request) -> web.Response:
        user = self.world.users.get(snowflake(request, "user_id"))
        if user is None:
            raise ApiError(10013)
        return answer(user.payload())

    async def open_dm(self, request: web.Request) -> web.Response:
        raw, _ = await read(request)
        user = self.world.users.get(int(raw.get("recipient_id") or 0))
        if user is None:
            form = Form()
            form.error(("recipient_id",), "USER_UNKNOWN", "Unknown user")
            form.finish()
        elif user.bot:
            raise ApiError(50007)
        else:
            return answer(self.world.dm_channel(user).payload())
        raise ApiError(10013)

    def _guild(self, request: web.Request) -> Guild:
        guild = self.world.guilds.get(snowflake(request, "guild_id"))
        if guild is None:
            raise ApiError(10004)
        return guild

    async def guild(self, request: web.Request) -> web.Response:
        return answer(self._guild(request).payload())

    async def guild_channels(self, request: web.Request) -> web.Response:
        return answer([c.payload() for c in self._guild(request).channels.values() if not c.is_thread])

    async def active_threads(self, request: web.Request) -> web.Response:
        threads = [c.payload() for c in self._guild(request).channels.values() if c.is_thread and not c.archived]
        members = [t["member"] for t in threads if "member" in t]
        return answer({"threads": threads, "members": members, "has_more": False})

    async def member(self, request: web.Request) -> web.Response:
        guild = self._guild(request)
        user_id = snowflake(request, "user_id")
        user = self.world.bot if user_id == self.world.bot.id else guild.members.get(user_id)
        if user is None:
            raise ApiError(10007)
        return answer(guild.member(user))

    def _scope(self, request: web.Request) -> int:
        if snowflake(request, "application_id") != self.world.bot.id:
            raise ApiError(10002)
        return self._guild(request).id if "guild_id" in request.match_info else 0

    def _registered(self, scope: int, command: Json) -> Json:
        kind = int(command.get("type") or commands.CHAT_INPUT)
        known = self.api.commands.get(scope, [])
        old = next((c for c in known if c["name"] == command["name"] and c["type"] == kind), None)
        complete: Json = {
            "name_localizations": None,
            "description_localizations": None,
            "default_member_permissions": None,
            "dm_permission": True,
            "nsfw": False,
            "contexts": None,
            "integration_types": [0],
            "options": [],
            "description": "",
        }
        complete |= command | {
            "id": old["id"] if old else str(self.world.new_id()),
            "application_id": str(self.world.bot.id),
            "version": str(self.world.new_id()),
            "type": kind,
        }
        if scope:
            complete["guild_id"] = str(scope)
        return complete

    async def list_commands(self, request: web.Request) -> web.Response:
        return answer(self.api.commands.get(self._scope(request), []))

    async def replace_commands(self, request: web.Request) -> web.Response:
        scope = self._scope(request)
        raw, _ = await read(request)
        checked = commands.check(raw)
        self.api.commands[scope] = [self._registered(scope, command) for command in checked]
        self.world.touch()
        return answer(self.api.commands[scope])

    async def create_command(self, request: web.Request) -> web.Response:
        scope = self._scope(request)
        raw, _ = await read(request)
        form = Form()
        commands.check_command(form, (), raw if isinstance(raw, dict) else {})
        form.finish()
        new = self._registered(scope, raw)
        others = [c for c in self.api.commands.get(scope, []) if c["id"] != new["id"]]
        created = len(others) == len(self.api.commands.get(scope, []))
        commands.check([*others, new])
        self.api.commands[scope] = [*others, new]
        self.world.touch()
        return answer(new, 201 if created else 200)

    async def get_command(self, request: web.Request) -> web.Response:
        return answer(self._command(request))

    def _command(self, request: web.Request) -> Json:
        command_id = request.match_info["command_id"]
        for command in self.api.commands.get(self._scope(request), []):
            if command["id"] == command_id:
                return command
        raise ApiError(10063)

    async def delete_command(self, request: web.Request) -> web.Response:
        command = self._command(request)
        self.api.commands[self._scope(request)].remove(command)
        self.world.touch()
        return answer()
