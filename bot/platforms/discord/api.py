"""Discord's REST API as this bot uses it: raw JSON through discord.py's client, which keeps the rate limits.

The library's own objects hold state in memory (views, response flags) that a restart loses; requests made here depend
on the outbox alone.
"""

import io
import json
from typing import Any, Final

import aiohttp
import discord
from discord.http import Route

from bot.platforms.base import DeliveryError, RetryLater, Undeliverable

# Error codes: Discord's documentation, "JSON error codes".
UNKNOWN_CHANNEL: Final = 10003
UNKNOWN_GUILD: Final = 10004
UNKNOWN_MESSAGE: Final = 10008
UNKNOWN_WEBHOOK: Final = 10015
UNKNOWN_INTERACTION: Final = 10062
ALREADY_ACKNOWLEDGED: Final = 40060
MISSING_ACCESS: Final = 50001
NO_DIRECT_MESSAGES: Final = 50007
MISSING_PERMISSIONS: Final = 50013
INVALID_TOKEN: Final = 50027
INVALID_BODY: Final = 50035
TOO_LARGE: Final = 40005
TOO_MANY_WEBHOOKS: Final = 30007
NOT_OURS: Final = 50005
WRONG_CHANNEL: Final = 50024
THREAD_ARCHIVED: Final = 50083
THREAD_EXISTS: Final = 160004
THREAD_LOCKED: Final = 160005
NO_WAY_IN: Final = frozenset({UNKNOWN_CHANNEL, MISSING_ACCESS, MISSING_PERMISSIONS, THREAD_ARCHIVED, THREAD_LOCKED})
"""The channel or thread is gone, locked or closed to the bot."""
WEBHOOK_GONE: Final = frozenset({UNKNOWN_WEBHOOK, INVALID_TOKEN})
OUT_OF_REACH: Final = frozenset({UNKNOWN_MESSAGE, NOT_OURS, *WEBHOOK_GONE, *NO_WAY_IN})
"""A message cannot be edited or deleted (any more)."""

TROUBLE: Final = (discord.DiscordException, aiohttp.ClientError, OSError)
"""The exceptions of a call: a refusal, or a connection that failed at any point."""
NO_PINGS: Final = {"parse": list[str]()}

ANSWER: Final = 4
DEFER: Final = 5
DEFER_SILENTLY: Final = 6
SUGGEST: Final = 8
DIALOG: Final = 9
SUPPRESS_EMBEDS: Final = 1 << 2
EPHEMERAL: Final = 1 << 6
LOADING: Final = 1 << 7

PATIENCE: Final = 30.0
"""Seconds for a request that nothing repeats."""
FILE_BYTES: Final = 10_000_000
"""https://discord.com/developers/docs/reference#uploading-files: 10 MiB everywhere; some are left for the request."""
REQUEST_BYTES: Final = 10 * 1024 * 1024 - FILE_BYTES
UPLOAD_BYTES_S: Final = 250_000
"""Bytes a second that an upload is expected to take at least."""
FILES: Final = "_files"
"""Key in a body for its files, as (name, bytes, type); they are not part of its JSON."""

Body = dict[str, Any]


class DiscordApi:
    """The calls that the sender and the listener need. All raise discord.py's `HTTPException`."""

    def __init__(self, client: discord.Client) -> None:
        """``client`` must be logged in before the first call."""
        self._http = client.http

    async def respond(self, interaction_id: str, token: str, kind: int, data: Body | None = None) -> str:
        """Give an interaction its first response; returns the id of the message it made, or an empty string."""
        route = Route("POST", "/interactions/{interaction_id}/{webhook_token}/callback",
                      interaction_id=interaction_id, webhook_token=token)  # fmt: skip
        body = {"type": kind} if data is None else {"type": kind, "data": data}
        made = await self._request(route, body, params={"with_response": "true"})
        message = ((made or {}).get("resource") or {}).get("message") or {}
        return str(message.get("id", ""))

    async def edit_original(self, application_id: str, token: str, body: Body) -> str:
        """Edit (or, after a deferral, fill in) an interaction's response; returns the message's id."""
        route = Route("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original",
                      webhook_id=application_id, webhook_token=token)  # fmt: skip
        return str((await self._request(route, body))["id"])

    async def original(self, application_id: str, token: str) -> dict[str, Any]:
        """Return an interaction's response: the pressed message if that is to be updated."""
        route = Route("GET", "/webhooks/{webhook_id}/{webhook_token}/messages/@original",
                      webhook_id=application_id, webhook_token=token)  # fmt: skip
        return await self._http.request(route)

    async def follow_up(self, application_id: str, token: str, body: Body) -> str:
        """Send a follow-up with one single request; returns the message's id. Raises what `_once` raises."""
        return str((await self._once(_by_token(application_id, token), body, {"wait": "true"}))["id"])

    async def delete_original(self, application_id: str, token: str) -> None:
        """Delete an interaction's response, or the placeholder of a deferral."""
        route = Route("DELETE", "/webhooks/{webhook_id}/{webhook_token}/messages/@original",
                      webhook_id=application_id, webhook_token=token)  # fmt: skip
        await self._http.request(route)

    async def send(self, channel_id: str, body: Body, nonce: str) -> str:
        """Send a message once per nonce (at most 25 characters; Discord remembers it for some minutes)."""
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=channel_id)
        made = await self._request(route, {**body, "nonce": nonce, "enforce_nonce": True})
        return str(made["id"])

    async def edit(self, channel_id: str, message_id: str, body: Body) -> None:
        """Edit a message of the bot."""
        route = Route("PATCH", "/channels/{channel_id}/messages/{message_id}",
                      channel_id=channel_id, message_id=message_id)  # fmt: skip
        await self._request(route, body)

    async def delete(self, channel_id: str, message_id: str) -> None:
        """Delete a message of the bot."""
        route = Route("DELETE", "/channels/{channel_id}/messages/{message_id}",
                      channel_id=channel_id, message_id=message_id)  # fmt: skip
        await self._http.request(route)

    async def history(self, channel_id: str, limit: int = 50, after: int | None = None) -> list[dict[str, Any]]:
        """Return a channel's newest messages, or the first ones after an id; the newest comes first."""
        route = Route("GET", "/channels/{channel_id}/messages", channel_id=channel_id)
        return await self._http.request(route, params={"limit": limit} | ({} if after is None else {"after": after}))

    async def direct_messages(self, user_id: str) -> str:
        """Return the channel of a user's direct messages."""
        return str(
            (await self._http.request(Route("POST", "/users/@me/channels"), json={"recipient_id": user_id}))["id"]
        )

    async def webhooks(self, channel_id: str) -> list[dict[str, Any]]:
        """Return a channel's webhooks, those of this application with their tokens."""
        route = Route("GET", "/channels/{channel_id}/webhooks", channel_id=channel_id)
        return await self._http.request(route)

    async def make_webhook(self, channel_id: str, name: str) -> dict[str, Any]:
        """Make a webhook in a channel with one single request. Raises what `_once` raises."""
        route = Route("POST", "/channels/{channel_id}/webhooks", channel_id=channel_id)
        return await self._once(route, {"name": name}, {}, {"Authorization": f"Bot {self._http.token}"})

    async def dress_webhook(self, webhook_id: str, name: str, avatar: str | None) -> None:
        """Give a webhook another name of its own and another avatar (a data URI)."""
        route = Route("PATCH", "/webhooks/{webhook_id}", webhook_id=webhook_id)
        await self._http.request(route, json={"name": name, "avatar": avatar})

    async def delete_webhook(self, webhook_id: str) -> None:
        """Delete a webhook."""
        await self._http.request(Route("DELETE", "/webhooks/{webhook_id}", webhook_id=webhook_id))

    async def post_by_webhook(self, webhook_id: str, token: str, body: Body, thread_id: str) -> str:
        """Post a message by a webhook with one single request, in a thread of its channel if one is named.

        Returns the message's id. Raises what `_once` raises.
        """
        query = {"wait": "true", "with_components": "true"} | ({"thread_id": thread_id} if thread_id else {})
        return str((await self._once(_by_token(webhook_id, token), body, query))["id"])

    async def webhook_message(self, webhook_id: str, token: str, message_id: str, thread_id: str) -> dict[str, Any]:
        """Return a message of a webhook, with its content whatever the bot's intents are."""
        route = _by_token(webhook_id, token, "GET", message_id)
        return await self._http.request(route, params={"thread_id": thread_id} if thread_id else {})

    async def edit_by_webhook(self, webhook_id: str, token: str, message_id: str, body: Body, thread_id: str) -> None:
        """Edit a message of a webhook."""
        query = {"with_components": "true"} | ({"thread_id": thread_id} if thread_id else {})
        await self._request(_by_token(webhook_id, token, "PATCH", message_id), body, params=query)

    async def delete_by_webhook(self, webhook_id: str, token: str, message_id: str, thread_id: str) -> None:
        """Delete a message of a webhook."""
        route = _by_token(webhook_id, token, "DELETE", message_id)
        await self._http.request(route, params={"thread_id": thread_id} if thread_id else {})

    async def open_thread(self, channel_id: str, message_id: str, name: str) -> str:
        """Start a thread from a message and return its id; a thread that already exists is returned."""
        route = Route("POST", "/channels/{channel_id}/messages/{message_id}/threads",
                      channel_id=channel_id, message_id=message_id)  # fmt: skip
        try:
            return str((await self._http.request(route, json={"name": name}))["id"])
        except discord.HTTPException as e:
            if e.code == THREAD_EXISTS:
                return message_id  # a thread started from a message has the message's id
            raise

    async def exists(self, channel_id: str) -> bool:
        """Return whether there is a channel or thread of this id that the bot can see."""
        try:
            await self._http.request(Route("GET", "/channels/{channel_id}", channel_id=channel_id))
        except (discord.NotFound, discord.Forbidden):
            return False
        return True

    async def in_guild(self, guild_id: str) -> bool:
        """Return whether the bot is in a guild."""
        try:
            await self._http.request(Route("GET", "/guilds/{guild_id}", guild_id=guild_id))
        except discord.HTTPException as e:
            if e.code in (UNKNOWN_GUILD, MISSING_ACCESS):
                return False
            raise
        return True

    async def download(self, url: str) -> bytes:
        """Download an attachment. Raises `TROUBLE`."""
        return await self._http.get_from_cdn(url)

    async def _once(
        self, route: Route, body: Body, query: dict[str, str], headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Send a body with its files in one single request, which nothing repeats; returns the answer.

        Raises discord.py's `RateLimited` and `HTTPException` (`DiscordServerError` for a 5xx), and aiohttp's errors.
        """
        form = aiohttp.FormData(quote_fields=False)
        bare = {key: value for key, value in body.items() if key != FILES}
        form.add_field("payload_json", json.dumps(bare), content_type="application/json")
        files: list[tuple[str, bytes, str]] = body.get(FILES, [])
        for number, (name, data, mime) in enumerate(files):
            form.add_field(f"files[{number}]", io.BytesIO(data), filename=name, content_type=mime)
        patience = PATIENCE + sum(len(data) for _, data, _ in files) / UPLOAD_BYTES_S
        sent = form if files else aiohttp.JsonPayload(bare)
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience)) as session,
            session.post(
                route.url, params=query, data=sent, proxy=self._http.proxy, proxy_auth=self._http.proxy_auth,
                headers={"User-Agent": self._http.user_agent, **(headers or {})},
            ) as response,
        ):  # fmt: skip
            text = await response.text()
            if response.status >= 500:
                raise discord.DiscordServerError(response, text[:300])
            answer = json.loads(text)
            if response.status == 429:
                raise discord.RateLimited(float(answer["retry_after"]))
            if response.status >= 300:
                raise discord.HTTPException(response, answer)
            return answer

    async def _request(self, route: Route, body: Body, **options: Any) -> Any:
        """Send a body with its files."""
        inner = body.get("data", body)
        files: list[tuple[str, bytes, str]] = inner.get(FILES, [])
        if not files:
            return await self._http.request(route, json=body, **options)
        bare = {key: value for key, value in inner.items() if key != FILES}
        payload = {**body, "data": bare} if inner is not body else bare
        # As the library's own file objects: it rewinds them before a retry.
        opened = [discord.File(io.BytesIO(data), filename=name) for name, data, _ in files]
        form: list[dict[str, Any]] = [{"name": "payload_json", "value": json.dumps(payload)}]
        form += [
            {"name": f"files[{n}]", "value": file.fp, "filename": name, "content_type": mime}
            for n, (file, (name, _, mime)) in enumerate(zip(opened, files, strict=True))
        ]
        return await self._http.request(route, form=form, files=opened, **options)

    async def commands(self, application_id: str) -> list[Body]:
        """Return the registered application commands."""
        return await self._http.request(Route("GET", "/applications/{application_id}/commands",
                                              application_id=application_id))  # fmt: skip

    async def put_commands(self, application_id: str, commands: list[Body]) -> None:
        """Replace the application commands."""
        await self._http.request(
            Route("PUT", "/applications/{application_id}/commands", application_id=application_id), json=commands
        )


def _by_token(webhook_id: str, token: str, method: str = "POST", message_id: str = "") -> Route:
    """Return the route of what needs no more than a webhook's token: itself, or a message of it."""
    path = "/webhooks/{webhook_id}/{webhook_token}"
    if not message_id:
        return Route(method, path, webhook_id=webhook_id, webhook_token=token)
    return Route(
        method, path + "/messages/{message_id}", webhook_id=webhook_id, webhook_token=token, message_id=message_id
    )


def translated(error: Exception) -> DeliveryError:
    """Translate an error of a call into the delivery error of its message."""
    if isinstance(error, DeliveryError):
        return error
    if isinstance(error, discord.RateLimited):
        return RetryLater("rate limited", error.retry_after)
    if isinstance(error, discord.HTTPException):
        reason = f"{error.status} {error.code}: {error.text}"[:300]
        if error.status == 429 or error.status >= 500:
            return RetryLater(reason)
        return (
            RetryLater(reason, 60.0) if error.status == 401 and error.code != INVALID_TOKEN else Undeliverable(reason)
        )
    return RetryLater(f"{type(error).__name__}: {error}"[:300])
