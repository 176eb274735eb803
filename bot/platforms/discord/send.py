"""Sending once: by the interaction's response, by a nonce, or by editing an existing message."""

import logging
from dataclasses import dataclass, replace
from typing import Final

import discord

from bot import locales
from bot.events import Destination
from bot.messages import Message, Progress
from bot.platforms.attempts import note, parts_of, resume
from bot.platforms.base import Delivery, DeliveryError, FileTooLarge, Undeliverable
from bot.platforms.discord import api
from bot.platforms.discord.acks import Acks
from bot.platforms.discord.api import FILE_BYTES, FILES, Body, DiscordApi, translated
from bot.platforms.discord.followups import FollowUps
from bot.platforms.discord.markdown import clean, markdown, plain
from bot.platforms.discord.render import (
    CONTENT,
    DiscordFile,
    base_body,
    bodies,
    emphasised,
    named_body,
    plain_body,
    progress_body,
    with_files,
)
from bot.platforms.discord.responses import EPOCH_MS, TOKEN_SECONDS, Responses, age_of, asked_at, handle_of
from bot.platforms.discord.voices import Voices, WebhookVoice
from bot.text.markup import Span

NONCE_SECONDS: Final = 120.0
"""Discord remembers nonces for "a few minutes"; a later attempt checks the history first."""
_log = logging.getLogger(__name__)


class DiscordSender:
    """Delivers messages, and shows progress in their place until then."""

    def __init__(self, calls: DiscordApi, acks: Acks, voices: Voices, me: str = "") -> None:
        """``voices`` are those of personas. ``me`` is the bot's own user id, once it is known."""
        self._api, self._voices, self.me = calls, voices, me
        self._responses = Responses(calls, acks)
        self._follow_ups = FollowUps(calls, self._found)

    async def deliver(self, delivery: Delivery, message: Message) -> None:
        """See `bot.platforms.base.Platform.deliver`."""
        try:
            await resume(delivery)
            voice = None if message.private else self._voices.of(delivery.destination, message.speaker, message.face)
            if voice is not None:
                message = replace(message, speaker="")
            if delivery.edit:
                await self._mark(delivery, message, voice)
            elif delivery.edits:
                await self._rewrite(delivery, message, voice)
            elif message.thread and delivery.destination.handle.get("text_channel"):
                await self._in_thread(delivery, message)
            else:
                await self._parts(delivery, await _bodies(message), private=message.private, voice=voice)
                if voice is not None and voice.spot is not None:
                    await self._responses.conclude(delivery.destination)
        except DeliveryError:
            raise
        except api.TROUBLE as e:
            raise translated(e) from e

    async def place(self, delivery: Delivery, progress: Progress) -> None:
        """Send a placeholder."""
        channel, body = delivery.destination.chat_id, progress_body(progress)
        try:
            voice = self._voices.of(delivery.destination, progress.speaker, progress.face)
            sent = "" if voice is None else await self._voices.place(delivery, voice, body)
            await delivery.record(sent or await self._api.send(channel, body, f"{delivery.id}-p"))
        except api.TROUBLE as e:
            raise translated(e) from e

    async def show_progress(self, destination: Destination, placeholder: str, progress: Progress) -> None:
        """Show progress in the placeholder, or in the deferred response."""
        body = progress_body(progress)
        if placeholder:
            await self._edit(destination, destination.chat_id, placeholder, body)
            return
        await self._responses.show_progress(destination, body)

    async def retract(self, destination: Destination, message_id: str) -> None:
        """Delete a placeholder. Raises what the calls raise."""
        if self._voices.wrote(message_id) and await self._by_webhook(destination, message_id):
            return
        try:
            await self._api.delete(destination.chat_id, message_id)
        except discord.HTTPException as e:
            if e.code != api.MISSING_PERMISSIONS or not await self._by_webhook(destination, message_id):
                raise

    async def _by_webhook(self, destination: Destination, message_id: str) -> bool:
        """Delete a message of a webhook; False if that is not possible."""
        try:
            return await self._voices.delete(destination, message_id)
        except discord.HTTPException as e:
            if e.code not in api.OUT_OF_REACH:
                raise
            return False

    async def _parts(
        self,
        delivery: Delivery,
        parts: list[Body],
        *,
        private: bool,
        channel: str = "",
        skip: int = 0,
        voice: WebhookVoice | None = None,
    ) -> None:
        """Send the parts that were not sent before; the first ``skip`` recorded messages are not parts."""
        places = list(dict.fromkeys(p for p in (channel, delivery.destination.chat_id, _parent(delivery)) if p))
        how = _How(private, places, not channel, voice)
        for index, body in enumerate(parts):
            done = parts_of(delivery.sent)
            if len(done) == skip + index + 1 and not done[-1]:
                await self._voices.recover(delivery, voice, _after(done[:-1], body, voice), str(index))
                done = parts_of(delivery.sent)
            if skip + index >= len(done):
                await self._once(delivery, index, _after(done, body, voice), how)
        done = parts_of(delivery.sent)
        if len(done) == skip + len(parts) and not done[-1]:
            said = _after(done, {**base_body(""), "components": parts[-1]["components"]}, voice)
            await self._once(delivery, len(parts), said, how)

    async def _once(self, delivery: Delivery, index: int, body: Body, how: "_How") -> None:
        """Send a part; if Discord refuses its form, once more without buttons."""
        try:
            await self._part(delivery, index, body, how)
        except discord.HTTPException as e:
            if e.code == api.TOO_LARGE and FILES in body:
                _log.warning("the files of message %d are too large for Discord: %s", delivery.id, e.text)
                raise FileTooLarge(f"files too large: {e.text}") from e
            if e.code != api.INVALID_BODY:
                raise
            _log.error("Discord refuses the form of message %d: %s", delivery.id, e.text)
            await self._part(delivery, index, plain_body(body), how)

    async def _part(self, delivery: Delivery, index: int, body: Body, how: "_How") -> None:
        """Send a part and record it; the places lose the channels that turn out to be closed."""
        private, places, voice = how.private, how.places, how.voice
        opens = index == 0 and how.first
        if opens and delivery.placeholder and await self._fill(delivery, body, voice):
            await note(delivery, delivery.placeholder)
            return
        if voice is not None:
            if await self._voices.send(delivery, voice, body, str(index)):
                return
            body = named_body(body, voice.speaker) if index == 0 else body
        if opens and (sent := await self._responses.give(delivery.id, delivery.destination, body, private)):
            await note(delivery, sent)
            return
        # Plain text in a channel is answered in the channel: a direct message would be a surprise.
        interaction = bool(handle_of(delivery.destination)[0])
        if not (private and interaction and delivery.destination.kind != "dm"):
            while places:
                try:
                    sent = await self._send(delivery, places[0], body, f"{delivery.id}-{index}")
                except discord.HTTPException as e:
                    if e.code not in api.NO_WAY_IN:
                        raise
                    _log.info("channel %s is closed to message %d: %s", places.pop(0), delivery.id, e.text)
                else:
                    await note(delivery, sent)
                    return
        # A direct message takes no large file, an answer by the token may.
        large = max((len(data) for _, data, _ in body.get(FILES, ())), default=0) > FILE_BYTES
        followed = await self._follow(delivery, body, private=private, closed=not places or large)
        if large and not (followed and parts_of(delivery.sent)[-1]):
            raise FileTooLarge("too large for a direct message, and it has arrived in no other way that is known")
        if not followed:
            await note(delivery, await self._direct(delivery, body, f"{delivery.id}-{index}d"))

    async def _fill(self, delivery: Delivery, body: Body, voice: WebhookVoice | None) -> bool:
        """Turn the placeholder into the answer; False if it is gone or out of reach."""
        destination = delivery.destination
        if await self._edit(destination, destination.chat_id, delivery.placeholder, body, voice):
            return True
        try:
            await self.retract(destination, delivery.placeholder)
        except api.TROUBLE as e:
            _log.info("the placeholder of message %d is gone, or stays: %s", delivery.id, e)
        return False

    async def _edit(
        self, destination: Destination, channel: str, message_id: str, body: Body, voice: WebhookVoice | None = None
    ) -> bool:
        """Edit a message, whether the bot or its webhook wrote it; False if it is gone or out of reach.

        ``voice``: if the bot wrote it, it begins with that persona's name.
        """
        try:
            if not self._voices.wrote(message_id):
                try:
                    await self._api.edit(
                        channel, message_id, body if voice is None else named_body(body, voice.speaker)
                    )
                except discord.HTTPException as e:
                    if e.code != api.NOT_OURS:
                        raise
                else:
                    return True
            return await self._voices.edit(destination, message_id, body)
        except discord.HTTPException as e:
            if e.code not in api.OUT_OF_REACH:
                raise
            _log.info("message %s cannot be edited: %s", message_id, e.text)
            return False

    async def _follow(self, delivery: Delivery, body: Body, *, private: bool, closed: bool) -> bool:
        """Send a follow-up where nothing else reaches the place; False if the token does not reach it either."""
        interaction, token, application = handle_of(delivery.destination)
        if not interaction or age_of(interaction) > TOKEN_SECONDS:
            return False
        if not closed and not self._responses.silent(delivery.destination):
            return False
        data = {**body, "flags": body.get("flags", 0) | api.EPHEMERAL} if private else body
        return await self._follow_ups.send(delivery, application, token, data)

    async def _direct(self, delivery: Delivery, body: Body, nonce: str) -> str:
        """Send a direct message. Nonces count per author, not per channel."""
        try:
            direct = await self._api.direct_messages(delivery.destination.user_id)
            return await self._send(delivery, direct, body, nonce)
        except discord.HTTPException as e:
            if e.code == api.NO_DIRECT_MESSAGES:
                raise Undeliverable("no channel, and no direct messages, are open to the bot") from e
            raise

    async def _send(self, delivery: Delivery, channel: str, body: Body, nonce: str) -> str:
        if delivery.attempt > 1 and delivery.age > NONCE_SECONDS:
            found = await self._found(channel, body, asked_at(delivery))
            if found:
                return found
        return await self._api.send(channel, body, nonce)

    async def _found(self, channel: str, body: Body, since: float) -> str:
        """Return the id of the bot's message with this text in a channel, sent since then; empty if there is none."""
        for message in await self._api.history(channel):
            mine = message["author"]["id"] == self.me and message["content"] == body["content"]
            if mine and int(message["id"]) >= _snowflake(since):
                return str(message["id"])
        return ""

    async def _in_thread(self, delivery: Delivery, message: Message) -> None:
        """Open a thread from a short message in the channel, and send the parts there."""
        lead = base_body(markdown([Span("📖 "), Span(clean(message.thread), bold=True)]))
        if not delivery.sent:
            await self._parts(delivery, [lead], private=False)
        thread = await self._thread(delivery, message.thread)
        await self._parts(delivery, await _bodies(message), private=False, channel=thread, skip=1)

    async def _thread(self, delivery: Delivery, name: str) -> str:
        """Return the chat of the story: a thread under the first message, or the channel if none can be had now."""
        sent = parts_of(delivery.sent)
        channel, lead = delivery.destination.chat_id, sent[0]
        if not lead:
            return channel
        try:
            if len(sent) > 1:
                # The page has begun: it goes on where it is. A thread has the id of the message that it starts from.
                return lead if await self._api.exists(lead) else channel
            thread = await self._api.open_thread(channel, lead, plain(name))
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

    async def _rewrite(self, delivery: Delivery, message: Message, voice: WebhookVoice | None) -> None:
        """Update the message of an earlier row, part by part."""
        here, place = delivery.destination.chat_id, delivery.destination.chat_id
        skip = 0
        if message.thread and delivery.destination.handle.get("text_channel"):
            # A thread has the id of its starter message, which comes first and stays.
            skip, place = 1, parts_of(delivery.edits)[0]
        if skip and not delivery.sent:
            await note(delivery, place)
        parts = await _bodies(message)
        known = [known for known in parts_of(delivery.edits)[skip:] if known]
        for index, body in enumerate(parts[: len(known)]):
            if skip + index >= len(parts_of(delivery.sent)):
                spoken = voice if index == 0 else None
                await self._replace(delivery, list(dict.fromkeys((place, here))), known[index], body, spoken)
                await note(delivery, known[index])
        await self._parts(delivery, parts, private=message.private, channel=place, skip=skip, voice=voice)
        for superfluous in known[len(parts) :]:
            await self._delete(delivery.destination, list(dict.fromkeys((place, here))), superfluous)
        await self._responses.conclude(delivery.destination)

    async def _replace(
        self, delivery: Delivery, channels: list[str], message_id: str, body: Body, voice: WebhookVoice | None
    ) -> None:
        """Edit a message in one of the channels; a deleted one stays deleted."""
        whole = {"attachments": list[Body](), **body}
        for channel in channels:
            try:
                edited = await self._edit(delivery.destination, channel, message_id, whole, voice)
            except discord.HTTPException as e:
                if e.code != api.INVALID_BODY:
                    raise
                _log.error("Discord refuses the form of message %d: %s", delivery.id, e.text)
                plainer = {"attachments": list[Body](), **plain_body(body)}
                edited = await self._edit(delivery.destination, channel, message_id, plainer, voice)
            if edited:
                return
        if not await self._responses.edit_pressed(delivery.destination, message_id, whole):
            _log.info("message %s, to be edited by %d, is gone", message_id, delivery.id)

    async def _delete(self, destination: Destination, channels: list[str], message_id: str) -> None:
        """Delete a message in one of the channels, whether the bot or its webhook wrote it."""
        for channel in () if self._voices.wrote(message_id) else channels:
            try:
                await self._api.delete(channel, message_id)
            except discord.HTTPException as e:
                if e.code not in api.OUT_OF_REACH:
                    raise
            else:
                return
        await self._by_webhook(destination, message_id)

    async def _mark(self, delivery: Delivery, message: Message, voice: WebhookVoice | None) -> None:
        """Change the pressed message, which is the last part of a long page."""
        *before, body = bodies(message)
        destination = delivery.destination
        # To Discord a message for one person alone is unknown, too.
        if not await self._edit(destination, destination.chat_id, delivery.edit, body, None if before else voice):
            await self._responses.edit_pressed(destination, delivery.edit, body)


@dataclass(frozen=True, slots=True)
class _How:
    """How the parts of a message are sent. ``first``: the first one may be the placeholder or the response."""

    private: bool
    places: list[str]
    first: bool
    voice: WebhookVoice | None


async def _bodies(message: Message) -> list[Body]:
    """Return the message as bodies, the last with its files."""
    files = [DiscordFile(await p.load("full"), p.alt, p.hidden) for p in message.pictures]
    files += [DiscordFile(await a.load(), a.description, a.hidden) for a in message.attachments]
    return with_files(bodies(message), files)


def _after(done: list[str], body: Body, voice: WebhookVoice | None) -> Body:
    """Return a part that says so if it is not known whether the one before it arrived."""
    if not done or done[-1]:
        return body
    said = emphasised(locales.text("delivery.part_unclear" if voice is None else "delivery.reply_unclear"))
    return {**body, "content": f"-# {said}\n\n{body['content']}".strip()[:CONTENT]}


def _parent(delivery: Delivery) -> str:
    """Return the channel of the thread that the event came from."""
    return str(delivery.destination.handle.get("parent", ""))


def _snowflake(moment: float) -> int:
    return int(moment * 1000 - EPOCH_MS) << 22
