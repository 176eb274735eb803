"""What all REST handlers share: the state, reading requests, writing messages."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from tests.doubles.discord import bodies, components, rules
from tests.doubles.discord.bodies import Body, Upload
from tests.doubles.discord.errors import ApiError, Form
from tests.doubles.discord.interactions import Interaction
from tests.doubles.discord.messages import Attachment, Message
from tests.doubles.discord.places import Channel, User
from tests.doubles.discord.rules import Json
from tests.doubles.discord.state import World


@dataclass
class Api:
    """The state behind the handlers."""

    world: World
    message_content: bool
    nonce_memory: float
    history_nonce: bool
    interactions: dict[str, Interaction] = field(default_factory=dict[str, Interaction])
    """By token."""
    commands: dict[int, list[Json]] = field(default_factory=dict[int, list[Json]])
    """Registered commands by guild; 0: global."""
    nonces: dict[str, tuple[float, Message]] = field(default_factory=dict[str, tuple[float, Message]])

    def visible_commands(self, guild_id: int | None) -> list[Json]:
        """Commands that people see in a guild (``None``: in direct messages)."""
        return [*self.commands.get(0, []), *(self.commands.get(guild_id, []) if guild_id else [])]

    def channel(self, request: web.Request, *permissions: str) -> Channel:
        """The channel of the request, if the bot has these permissions there."""
        channel = self.world.channels.get(snowflake(request, "channel_id"))
        if channel is None or channel.deleted:
            raise ApiError(10003)
        if not channel.bot_may("VIEW_CHANNEL"):
            raise ApiError(50001)
        for permission in permissions:
            if not channel.bot_may(permission):
                raise ApiError(50013)
        return channel

    def message(self, request: web.Request, channel: Channel) -> Message:
        """The message of the request; ephemeral ones are not to be found."""
        message = channel.messages.get(snowflake(request, "message_id"))
        if message is None or message.ephemeral:
            raise ApiError(10008)
        return message

    def show(self, message: Message, *, nonce: bool = False) -> Json:
        """A message as an answer; the nonce is named where it was just given."""
        redacted = not self.message_content and self.world.hides_content(message)
        return message.payload(base_url=self.world.base_url, nonce=nonce or self.history_nonce, redacted=redacted)

    def compose(self, message: Message, body: Body) -> None:
        """Write a body into a message, new or old.

        Raises:
            ApiError: 50006 if nothing would be left of it, 50035 if its parts do not go together.
        """
        flags = message.flags
        if body.flags is not None:
            kept = message.flags & (rules.EPHEMERAL | rules.LOADING | rules.IS_COMPONENTS_V2)
            flags = kept | body.flags
        content = message.content if body.content is None else body.content
        embeds = message.embeds if body.embeds is None else body.embeds
        layout = message.raw_components if body.components is None else body.components
        attachments = self._attachments(message, body)
        if flags & rules.IS_COMPONENTS_V2 and (content or embeds):
            form = Form()
            form.error(
                ("flags",),
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                "The 'content' and 'embeds' fields cannot be used with MessageFlags.IS_COMPONENTS_V2",
            )
            form.finish()
        if not (content or embeds or layout or attachments):
            raise ApiError(50006)
        _check_references(layout, embeds, attachments)
        message.content, message.embeds, message.attachments = content, embeds, attachments
        message.raw_components = layout
        message.flags = flags & ~rules.LOADING
        if body.content is not None or message.raw_components:
            text = message.text
            message.pings, message.pings_everyone = body.pings(text)
            if message.reference is not None and body.pings_replied:
                message.pings.add(message.reference.author.id)

    def _attachments(self, message: Message, body: Body) -> list[Attachment]:
        described: dict[str, Json] = {}
        kept = message.attachments
        if body.attachments is not None:
            described = {str(entry.get("id")): entry for entry in body.attachments}
            kept = [a for a in message.attachments if str(a.id) in described]
        new = [
            Attachment(self.world.new_id(), upload, (described.get(str(index)) or {}).get("description"))
            for index, upload in sorted(body.uploads.items())
        ]
        return [*kept, *new]

    def remember(self, author: User, body: Body, message: Message) -> None:
        """Remember an enforced nonce."""
        if body.enforce_nonce and body.nonce is not None:
            now = time.monotonic()
            self.nonces[f"{author.id}:{body.nonce}"] = (now, message)
            if len(self.nonces) > 20_000:
                self.nonces = {k: (at, m) for k, (at, m) in self.nonces.items() if now - at <= self.nonce_memory}

    def remembered(self, author: User, body: Body) -> Message | None:
        """The author's message that has this enforced nonce, if it is recent."""
        if not body.enforce_nonce or body.nonce is None:
            return None
        at, message = self.nonces.get(f"{author.id}:{body.nonce}", (0.0, None))
        if message is None or time.monotonic() - at > self.nonce_memory:
            return None
        self.world.log.deduplicated += 1
        return message


def _check_references(layout: list[Json], embeds: list[Json], attachments: list[Attachment]) -> None:
    names = {a.filename for a in attachments}
    holders = [c.get(key) for c in components.walk(layout) for key in ("media", "file")]
    holders += [i.get("media") for c in components.walk(layout) for i in c.get("items") or []]
    holders += [embed.get(key) for embed in embeds for key in ("image", "thumbnail")]
    for holder in holders:
        url = str((holder or {}).get("url") or "")
        if url.startswith("attachment://") and url.removeprefix("attachment://") not in names:
            form = Form()
            form.error(
                ("attachments",),
                "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
                f"The referenced attachment {url} was not found",
            )
            form.finish()


def snowflake(request: web.Request, name: str) -> int:
    """An id in the path.

    Raises:
        ApiError: 50035 if it is none.
    """
    text = request.match_info[name]
    if not text.isdecimal():
        raise ApiError(50035, errors={name: {"_errors": [{"code": "NUMBER_TYPE_COERCE", "message": "no snowflake"}]}})
    return int(text)


async def read(request: web.Request) -> tuple[Any, dict[int, Upload]]:
    """The JSON of a request and its files, by index (``files[n]``).

    Raises:
        ApiError: 50109 for broken JSON, 40005 for a request over 25 MiB.
    """
    try:
        if not request.content_type.startswith("multipart/"):
            text = await request.read()
            return (json.loads(text) if text else {}), {}
        payload: Any = {}
        uploads: dict[int, Upload] = {}
        size = 0
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise ApiError(50109)
            data = bytes(await part.read())
            size += len(data)
            if size > rules.REQUEST:
                raise ApiError(40005)
            name = part.name or ""
            if name == "payload_json":
                payload = json.loads(data)
            elif name.startswith("files[") and name[6:-1].isdecimal():
                uploads[int(name[6:-1])] = Upload(part.filename or "unknown", data)
            else:
                raise ApiError(50035, errors={name: {"_errors": [{"code": "UNKNOWN", "message": "unknown part"}]}})
    except ValueError:
        raise ApiError(50109) from None
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(40005) from None
    return payload, uploads


def answer(data: Any = None, status: int = 200) -> web.Response:
    """A JSON answer; 204 without data. The content type bears no charset, as at Discord."""
    if data is None:
        return web.Response(status=204)
    return web.Response(body=json.dumps(data).encode(), status=status, content_type="application/json")


def check_body(
    raw: Any,
    uploads: dict[int, Upload],
    message: Message | None = None,
    *,
    ephemeral_allowed: bool = False,
    prefix: tuple[str, ...] = (),
    file_bytes: int = rules.FILE,
) -> Body:
    """Check a body for a new message or for an edit of ``message``."""
    return bodies.check(
        raw,
        uploads,
        existing_flags=0 if message is None else message.flags,
        ephemeral_allowed=ephemeral_allowed,
        prefix=prefix,
        file_bytes=file_bytes,
    )
