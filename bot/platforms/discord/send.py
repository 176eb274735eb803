"""Sending once: by the interaction's response, by a nonce, or by editing an existing message."""

import logging
import time
from typing import Final

import discord

from bot.events import Destination
from bot.messages import Message, Progress
from bot.platforms.base import Delivery, DeliveryError, Undeliverable
from bot.platforms.discord import api
from bot.platforms.discord.acks import Acks
from bot.platforms.discord.api import FILES, Body, DiscordApi, translated
from bot.platforms.discord.markdown import clean, markdown
from bot.platforms.discord.render import DiscordFile, base_body, bodies, plain_body, progress_body, with_files
from bot.text.markup import Span

TOKEN_SECONDS: Final = 15 * 60 - 10
"""An interaction's token is valid for 15 minutes; leave some for the request."""
RESPONSE_SECONDS: Final = 3.0
NONCE_SECONDS: Final = 120.0
"""Discord remembers nonces for "a few minutes"; a later attempt checks the history first."""
_EPOCH_MS: Final = 1420070400000
_log = logging.getLogger(__name__)


class DiscordSender:
    """Delivers messages, and shows progress in their place until then."""

    def __init__(self, calls: DiscordApi, acks: Acks, me: str = "") -> None:
        """``me`` is the bot's own user id, once it is known."""
        self._api, self._acks, self.me = calls, acks, me

    async def deliver(self, delivery: Delivery, message: Message) -> None:
        """See `bot.platforms.base.Platform.deliver`."""
        try:
            if delivery.edit:
                await self._mark(delivery, message)
            elif delivery.edits:
                await self._rewrite(delivery, message)
            elif message.thread and delivery.destination.handle.get("text_channel"):
                await self._in_thread(delivery, message)
            else:
                await self._parts(delivery, await _bodies(message), private=message.private)
        except DeliveryError:
            raise
        except api.TROUBLE as e:
            raise translated(e) from e

    async def place(self, delivery: Delivery, progress: Progress) -> None:
        """Send a placeholder."""
        try:
            channel = delivery.destination.chat_id
            await delivery.record(await self._api.send(channel, progress_body(progress), f"{delivery.id}-p"))
        except api.TROUBLE as e:
            raise translated(e) from e

    async def show_progress(self, destination: Destination, placeholder: str, progress: Progress) -> None:
        """Show progress in the placeholder, or in the deferred response."""
        body = progress_body(progress)
        if placeholder:
            await self._api.edit(destination.chat_id, placeholder, body)
            return
        interaction, token, application = _handle(destination)
        ack = self._acks.get(interaction)
        if ack is not None and ack.state == "deferred":
            await self._api.edit_original(application, token, body)

    async def retract(self, destination: Destination, message_id: str) -> None:
        """Delete a placeholder."""
        await self._api.delete(destination.chat_id, message_id)

    async def _parts(
        self, delivery: Delivery, parts: list[Body], *, private: bool, channel: str = "", skip: int = 0
    ) -> None:
        """Send the parts that were not sent before; the first ``skip`` recorded messages are not parts."""
        for index, body in enumerate(parts):
            if skip + index < len(delivery.sent):
                continue
            try:
                sent = await self._part(delivery, index, body, private=private, channel=channel)
            except discord.HTTPException as e:
                if e.code == api.TOO_LARGE and FILES in body:
                    _log.warning("the files of message %d are too large for Discord: %s", delivery.id, e.text)
                    raise Undeliverable(f"files too large: {e.text}") from e
                if e.code != api.INVALID_BODY:
                    raise
                _log.error("Discord refuses the form of message %d: %s", delivery.id, e.text)
                sent = await self._part(delivery, index, plain_body(body), private=private, channel=channel)
            await self._recorded(delivery, sent)

    async def _part(self, delivery: Delivery, index: int, body: Body, *, private: bool, channel: str) -> str:
        if index == 0 and not channel:
            if delivery.placeholder:
                try:
                    await self._api.edit(delivery.destination.chat_id, delivery.placeholder, body)
                except discord.NotFound:
                    _log.info("the placeholder of message %d is gone", delivery.id)
                else:
                    return delivery.placeholder
            if delivery.destination.handle and (sent := await self._respond(delivery.destination, body, private)):
                return sent
        nonce = f"{delivery.id}-{index}"
        # Plain text in a channel is answered in the channel: a direct message would be a surprise.
        to_person = private and delivery.destination.kind != "dm" and bool(delivery.destination.handle)
        return await self._to_channel(
            delivery, channel or delivery.destination.chat_id, body, nonce, to_person=to_person
        )

    async def _respond(self, destination: Destination, body: Body, private: bool) -> str:
        """Answer the interaction; an empty string if that is no longer possible."""
        interaction, token, application = _handle(destination)
        age = _age(interaction)
        if age > TOKEN_SECONDS:
            return ""
        data = {**body, "flags": body.get("flags", 0) | api.EPHEMERAL} if private else body
        ack = self._acks.get(interaction)
        if ack is not None:
            async with ack.lock:
                if ack.state == "open":
                    sent = await self._first_response(interaction, token, data)
                    ack.became("answered")
                    if sent is not None:
                        return sent
        try:
            sent = await self._api.edit_original(application, token, body)
        except discord.HTTPException as e:
            if e.code == api.INVALID_TOKEN:
                return ""
            if e.code not in (api.UNKNOWN_WEBHOOK, api.UNKNOWN_MESSAGE):
                raise
            # Not answered yet: the process that took the interaction died in between.
            return (await self._first_response(interaction, token, data) or "") if age < RESPONSE_SECONDS else ""
        if ack is not None:
            ack.became("answered")
        return sent

    async def _first_response(self, interaction: str, token: str, data: Body) -> str | None:
        """Return the message's id; None if a response exists already, or the three seconds have passed."""
        try:
            return await self._api.respond(interaction, token, api.ANSWER, data)
        except discord.HTTPException as e:
            if e.code in (api.ALREADY_ACKNOWLEDGED, api.UNKNOWN_INTERACTION):
                return None
            raise

    async def _to_channel(self, delivery: Delivery, channel: str, body: Body, nonce: str, *, to_person: bool) -> str:
        if not to_person:
            try:
                return await self._send(delivery, channel, body, nonce)
            except discord.HTTPException as e:
                if e.code not in api.NO_WAY_IN:
                    raise
        try:
            direct = await self._api.direct_messages(delivery.destination.user_id)
            # Nonces count per author, not per channel.
            return await self._send(delivery, direct, body, f"{nonce}d")
        except discord.HTTPException as e:
            if e.code == api.NO_DIRECT_MESSAGES:
                raise Undeliverable("no channel, and no direct messages, are open to the bot") from e
            raise

    async def _send(self, delivery: Delivery, channel: str, body: Body, nonce: str) -> str:
        if delivery.attempt > 1 and delivery.age > NONCE_SECONDS:
            oldest = _snowflake(time.time() - delivery.age)
            for message in await self._api.history(channel):
                mine = message["author"]["id"] == self.me and message["content"] == body["content"]
                if mine and int(message["id"]) >= oldest:
                    return str(message["id"])
        return await self._api.send(channel, body, nonce)

    async def _in_thread(self, delivery: Delivery, message: Message) -> None:
        """Open a thread from a short message in the channel, and send the parts there."""
        lead = base_body(markdown([Span("📖 "), Span(clean(message.thread), bold=True)]))
        if not delivery.sent:
            await self._parts(delivery, [lead], private=False)
        thread = await self._thread(delivery, message.thread)
        await self._parts(delivery, await _bodies(message), private=False, channel=thread, skip=1)

    async def _thread(self, delivery: Delivery, name: str) -> str:
        """Return the chat of the story: a thread under the first message, or the channel if none can be had now."""
        channel, lead = delivery.destination.chat_id, delivery.sent[0]
        try:
            if len(delivery.sent) > 1:
                # The page has begun: it goes on where it is. A thread has the id of the message that it starts from.
                return lead if await self._api.exists(lead) else channel
            thread = await self._api.open_thread(channel, lead, name)
        except discord.RateLimited as e:
            _log.info("no thread for a story for %.0f s: it goes on in the channel", e.retry_after)
            return channel
        except discord.HTTPException as e:
            if e.status not in (400, 403, 404, 429):
                raise
            _log.info("no thread for a story: %s", e.text)
            return channel
        await delivery.opened(thread)
        return thread

    async def _rewrite(self, delivery: Delivery, message: Message) -> None:
        """Update the message of an earlier row, part by part."""
        here, place = delivery.destination.chat_id, delivery.destination.chat_id
        skip = 0
        if message.thread and delivery.destination.handle.get("text_channel"):
            # A thread has the id of its starter message, which comes first and stays.
            skip, place = 1, delivery.edits[0]
        if skip and not delivery.sent:
            await self._recorded(delivery, delivery.edits[0])
        parts = await _bodies(message)
        known = delivery.edits[skip:]
        for index, body in enumerate(parts[: len(known)]):
            if skip + index >= len(delivery.sent):
                await self._replace(delivery, list(dict.fromkeys((place, here))), known[index], body)
                await self._recorded(delivery, known[index])
        await self._parts(delivery, parts, private=message.private, channel=place, skip=skip)
        for superfluous in known[len(parts) :]:
            await self._delete(list(dict.fromkeys((place, here))), superfluous)
        await self._settle(delivery.destination)

    async def _settle(self, destination: Destination) -> None:
        """Finish a button press whose answer was the edit of another message."""
        interaction, token, application = _handle(destination)
        ack = self._acks.get(interaction)
        if ack is None or not destination.pressed_message:
            return
        async with ack.lock:
            try:
                if ack.state == "open":
                    await self._api.respond(interaction, token, api.DEFER_SILENTLY)
                elif ack.state == "deferred":
                    await self._api.delete_original(application, token)
            except discord.HTTPException as e:
                _log.info("a press could not be settled: %s", e.text)
            ack.became("answered")

    async def _replace(self, delivery: Delivery, channels: list[str], message_id: str, body: Body) -> None:
        """Edit a message in one of the channels; a deleted one stays deleted."""
        whole = {"attachments": list[Body](), **body}
        for channel in channels:
            try:
                await self._api.edit(channel, message_id, whole)
            except discord.HTTPException as e:
                if e.code == api.INVALID_BODY:
                    _log.error("Discord refuses the form of message %d: %s", delivery.id, e.text)
                    await self._api.edit(channel, message_id, {"attachments": list[Body](), **plain_body(body)})
                    return
                if e.code not in (api.UNKNOWN_MESSAGE, api.UNKNOWN_CHANNEL):
                    raise
            else:
                return
        _log.info("message %s, to be edited by %d, is gone", message_id, delivery.id)

    async def _delete(self, channels: list[str], message_id: str) -> None:
        for channel in channels:
            try:
                await self._api.delete(channel, message_id)
            except discord.HTTPException as e:
                if e.code not in (api.UNKNOWN_MESSAGE, api.UNKNOWN_CHANNEL):
                    raise
            else:
                return

    async def _recorded(self, delivery: Delivery, message_id: str) -> None:
        delivery.sent.append(message_id)
        await delivery.record(message_id)

    async def _mark(self, delivery: Delivery, message: Message) -> None:
        """Change the pressed message, which is the last part of a long page."""
        body = bodies(message)[-1]
        try:
            await self._api.edit(delivery.destination.chat_id, delivery.edit, body)
        except discord.HTTPException as e:
            if e.code != api.UNKNOWN_MESSAGE:
                raise


async def _bodies(message: Message) -> list[Body]:
    """Return the message as bodies, the last with its files."""
    files = [DiscordFile(await p.load("full"), p.alt, p.hidden) for p in message.pictures]
    files += [DiscordFile(await a.load(), a.description, a.hidden) for a in message.attachments]
    return with_files(bodies(message), files)


def _handle(destination: Destination) -> tuple[str, str, str]:
    handle = destination.handle
    return str(handle.get("interaction", "")), str(handle.get("token", "")), str(handle.get("application", ""))


def _age(snowflake: str) -> float:
    """Return how many seconds ago an id was created (Discord's documentation, "Snowflakes")."""
    return time.time() - ((int(snowflake) >> 22) + _EPOCH_MS) / 1000


def _snowflake(moment: float) -> int:
    return int(moment * 1000 - _EPOCH_MS) << 22
