"""REST: webhooks of channels, and their messages.

Below /webhooks/{id}/{token} an interaction's token stands beside those of webhooks: the id says which it is.
"""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiohttp import web

from tests.doubles.discord import rules
from tests.doubles.discord.api import Api, answer, check_body, read, snowflake
from tests.doubles.discord.errors import ApiError, Form
from tests.doubles.discord.messages import Message
from tests.doubles.discord.places import TEXT, Channel, User
from tests.doubles.discord.rest_interactions import InteractionRoutes
from tests.doubles.discord.webhooks import Webhook

Handler = Callable[[web.Request], Awaitable[web.Response]]
_IMAGES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")


class WebhookRoutes:
    """The handlers below /webhooks, and of the webhooks of a channel."""

    def __init__(self, api: Api, interactions: InteractionRoutes) -> None:
        self.api, self.world, self._interactions = api, api.world, interactions

    def routes(self) -> Sequence[web.RouteDef]:
        """What is served."""
        root, theirs = "/api/v10", self._interactions
        hook = root + "/webhooks/{webhook_id}/{webhook_token}"
        message = hook + "/messages/{message_id}"
        return [
            web.get(root + "/channels/{channel_id}/webhooks", self.list_webhooks),
            web.post(root + "/channels/{channel_id}/webhooks", self.create),
            web.get(root + "/webhooks/{webhook_id}", self.get),
            web.patch(root + "/webhooks/{webhook_id}", self.change),
            web.delete(root + "/webhooks/{webhook_id}", self.delete),
            web.post(hook, self._either(self.execute, theirs.follow_up)),
            web.get(message, self._either(self.get_message, theirs.get_message)),
            web.patch(message, self._either(self.edit_message, theirs.edit_message)),
            web.delete(message, self._either(self.delete_message, theirs.delete_message)),
        ]

    def _either(self, mine: Handler, theirs: Handler) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            return await (theirs if snowflake(request, "webhook_id") == self.world.bot.id else mine)(request)

        return handle

    def _channel(self, request: web.Request) -> Channel:
        channel = self.api.channel(request)
        if channel.guild is None or channel.type != TEXT:
            raise ApiError(50024)
        return self.api.channel(request, "MANAGE_WEBHOOKS")

    def _webhook(self, request: web.Request, *, manage: bool = False) -> Webhook:
        hook = self.world.webhooks.get(snowflake(request, "webhook_id"))
        if hook is None or hook.channel.deleted:
            raise ApiError(10015)
        if manage and not hook.channel.bot_may("MANAGE_WEBHOOKS"):
            raise ApiError(50013)
        if not manage and hook.token != request.match_info["webhook_token"]:
            raise ApiError(50027)
        return hook

    async def list_webhooks(self, request: web.Request) -> web.Response:
        return answer([hook.payload() for hook in self._channel(request).webhooks])

    async def create(self, request: web.Request) -> web.Response:
        raw, _ = await read(request)
        channel = self._channel(request)
        form = Form()
        name = _name(form, "name", raw.get("name"), required=True)
        picture = _picture(form, raw.get("avatar"))
        form.finish()
        if len(channel.webhooks) >= rules.WEBHOOKS:
            raise ApiError(30007)
        hook = Webhook.made(channel, name, ours=True)
        _dress(hook, picture)
        return answer(hook.payload())

    async def get(self, request: web.Request) -> web.Response:
        return answer(self._webhook(request, manage=True).payload())

    async def change(self, request: web.Request) -> web.Response:
        raw, _ = await read(request)
        hook = self._webhook(request, manage=True)
        form = Form()
        name = _name(form, "name", raw["name"], required=True) if "name" in raw else hook.name
        picture = _picture(form, raw.get("avatar"))
        form.finish()
        hook.name = name
        if "avatar" in raw:
            _dress(hook, picture)
        return answer(hook.payload())

    async def delete(self, request: web.Request) -> web.Response:
        self._webhook(request, manage=True).delete()
        return answer()

    def _place(self, request: web.Request, hook: Webhook) -> Channel:
        """The channel or thread that a request names: a thread has to be named, also for what stands in it."""
        wanted = request.query.get("thread_id")
        if wanted is None:
            return hook.channel
        thread = self.world.channels.get(int(wanted))
        if thread is None or thread.deleted or thread.parent is not hook.channel:
            raise ApiError(10003)
        return thread

    async def execute(self, request: web.Request) -> web.Response:
        raw, uploads = await read(request)
        hook = self._webhook(request)
        place = self._place(request, hook)
        if place.locked:
            raise ApiError(160005)
        form = Form()
        name = _name(form, "username", raw.get("username")) or hook.name
        url = form.text(("avatar_url",), raw.get("avatar_url"), 2048)
        if url and not url.startswith(("http://", "https://")):
            form.error(("avatar_url",), "URL_TYPE_INVALID_SCHEME", 'Scheme must be one of ("http", "https").')
        form.finish()
        body = check_body(_with_components(request, raw), uploads)
        avatar = hashlib.md5(url.encode()).hexdigest() if url else hook.avatar
        message = Message(self.world.new_id(), place, User(hook.id, name, bot=True, avatar=avatar), webhook=hook)
        self.api.compose(message, body)
        place.archived = False
        self.world.add_message(message)
        return (
            answer(message.payload(base_url=self.world.base_url)) if request.query.get("wait") == "true" else answer()
        )

    def _message(self, request: web.Request) -> Message:
        hook = self._webhook(request)
        message = self._place(request, hook).messages.get(snowflake(request, "message_id"))
        if message is None or message.webhook is not hook:
            raise ApiError(10008)
        return message

    async def get_message(self, request: web.Request) -> web.Response:
        """Who has the token reads everything, whatever the application's intents are."""
        return answer(self._message(request).payload(base_url=self.world.base_url, nonce=False))

    async def edit_message(self, request: web.Request) -> web.Response:
        raw, uploads = await read(request)
        message = self._message(request)
        body = check_body(_with_components(request, raw), uploads, message)
        self.api.compose(message, body)
        self.world.edited(message)
        return answer(message.payload(base_url=self.world.base_url))

    async def delete_message(self, request: web.Request) -> web.Response:
        self.world.delete_message(self._message(request))
        return answer()


def _with_components(request: web.Request, raw: Any) -> Any:
    """The body as Discord reads it: components only if the query asks for them; there is no nonce."""
    dropped = {"nonce", "enforce_nonce"} if request.query.get("with_components") == "true" else {"nonce", "components"}
    return {key: value for key, value in raw.items() if key not in dropped}


def _name(form: Form, key: str, value: Any, *, required: bool = False) -> str:
    name = form.text((key,), value, rules.WEBHOOK_NAME, minimum=1, required=required)
    for word in rules.REFUSED_NAMES:
        if word in name.casefold():
            form.error((key,), "USERNAME_INVALID_CONTAINS", f'Username cannot contain "{word}"')
    return name


def _picture(form: Form, value: Any) -> bytes:
    """The file of an avatar, from a data URI."""
    if value is None:
        return b""
    head, _, encoded = str(value).partition(",")
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        data = b""
    if not head.startswith("data:image/") or not head.endswith(";base64") or not data.startswith(_IMAGES):
        form.error(("avatar",), "IMAGE_INVALID", "Invalid image data")
    return data


def _dress(hook: Webhook, picture: bytes) -> None:
    hook.picture = picture
    hook.avatar = hashlib.md5(picture).hexdigest() if picture else None
