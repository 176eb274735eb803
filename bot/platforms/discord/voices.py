"""Personas speaking under their own name, by the bot's webhook of a channel.

Discord takes no nonce for such messages, so one is sent with a single request, its intent recorded before (see
bot.platforms.attempts). After an unclear one the history of the place is read before another try: a button of the
message bears the outbox row's id; a part without buttons is known by its text. Where the bot may not read the history,
or make webhooks, it speaks itself, under the persona's name.
"""

import asyncio
import copy
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final, Literal

import aiohttp
import discord

from bot.events import Destination
from bot.messages import Face
from bot.platforms.attempts import REFUSED, TRACEABLE, UNCLEAR, note
from bot.platforms.base import Delivery, RetryLater
from bot.platforms.discord import api
from bot.platforms.discord.api import Body, DiscordApi
from bot.platforms.discord.responses import EPOCH_MS, asked_at
from bot.platforms.discord.webhooks import Webhook, Webhooks, username

READY_SECONDS: Final = 15.0
"""For so long after the login a message waits for the list of guilds, which says what the bot may do where."""
UNCLEAR_SECONDS: Final = 2.0
"""Pause after an unclear request: Discord may still be at it."""
MARK: Final = "|"
"""Separates a button's data from the id of its row."""
READ: Final = 1000
"""Messages of a history that are looked through, at most."""
LOOKED: Final = 20
"""Messages of the webhook that are looked at, at most."""
WRITTEN: Final = 2000
"""Messages of which it is remembered by which webhook they were posted."""
_PAGE: Final = 100
_MARGIN_SECONDS: Final = 30.0
_SHORT: Final = 5.0
"""Seconds of a rate limit that are waited for here; the limit is five in two seconds."""
_TRIES: Final = 3
_Fate = Literal["sent", "refused", "gone"]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on Discord: the channel that has the webhook, and the thread in it (empty: the channel itself)."""

    channel: str
    thread: str = ""

    @property
    def chat(self) -> str:
        """The channel or thread in which messages stand."""
        return self.thread or self.channel


@dataclass(frozen=True, slots=True)
class WebhookVoice:
    """Who speaks in a guild's channel. ``spot``: where they can do so by a webhook; None: the bot speaks for them."""

    speaker: str
    face: Face | None
    spot: Spot | None


class Voices:
    """Sends, finds and changes what personas say by webhooks."""

    def __init__(self, client: discord.Client, calls: DiscordApi, *, enabled: bool) -> None:
        """``client`` knows the guilds; ``enabled``: the operator lets personas have webhooks."""
        self._client, self._api, self._enabled = client, calls, enabled
        self.webhooks = Webhooks(calls)
        self._began, self._me = time.monotonic(), 0
        self._written: OrderedDict[str, Webhook] = OrderedDict()

    def log_in(self) -> None:
        """Note who the bot is, and that its guilds are being listed from now on."""
        self.webhooks.application = str(self._client.application_id)
        if self._client.user is not None:
            self._me, self.webhooks.picture = self._client.user.id, self._client.user.display_avatar.url
        self._began = time.monotonic()

    def of(self, destination: Destination, speaker: str, face: Face | None) -> WebhookVoice | None:
        """Return the voice in which a persona's message is spoken; None if personas have none there.

        Raises `RetryLater` while it is not known what the bot may do.
        """
        if not (self._enabled and speaker) or destination.kind == "dm":
            return None
        spot = self._spot(destination)
        waits = not self._client.is_ready() and time.monotonic() - self._began < READY_SECONDS
        if waits and (spot is None or self._client.get_channel(int(spot.channel)) is None):
            raise RetryLater("the guilds are not known yet", 0.5)
        return WebhookVoice(speaker, face, spot if spot is not None and self._may_speak(spot) else None)

    async def send(self, delivery: Delivery, voice: WebhookVoice, body: Body, part: str) -> bool:
        """Send a part and record it; False if it cannot be sent by a webhook.

        ``part`` is its mark among the row's. Raises `RetryLater`.
        """
        return voice.spot is not None and bool(
            await self._speak(voice, voice.spot, marked(body, delivery, part), delivery)
        )

    async def place(self, delivery: Delivery, voice: WebhookVoice, body: Body) -> str:
        """Send a placeholder, and return its id; empty if that is not possible by a webhook. Raises `RetryLater`."""
        if voice.spot is None:
            return ""
        said = marked(body, delivery, "p")
        if delivery.attempt > 1 and (found := await self._look_up(delivery, voice.spot, said, "p")):
            return found
        return await self._speak(voice, voice.spot, said, None)

    async def recover(self, delivery: Delivery, voice: WebhookVoice | None, body: Body, part: str) -> None:
        """Record what became of a part whose sending was not recorded to its end, if there is one."""
        if not delivery.sent or delivery.sent[-1] != TRACEABLE:
            return
        spot = None if voice is None else voice.spot
        found = None if spot is None else await self._look_up(delivery, spot, marked(body, delivery, part), part)
        await note(delivery, UNCLEAR if found is None else found or REFUSED)

    def wrote(self, message_id: str) -> bool:
        """Return whether a message is known to be a webhook's."""
        return message_id in self._written

    async def edit(self, destination: Destination, message_id: str, body: Body) -> bool:
        """Edit a message of a webhook; False if the bot has none there. Raises what the call raises."""
        found = await self._author(destination, message_id)
        if found is None:
            return False
        hook, thread = found
        await self._api.edit_by_webhook(hook.id, hook.token, message_id, body, thread)
        self._remember(message_id, hook)
        return True

    async def delete(self, destination: Destination, message_id: str) -> bool:
        """Delete a message of a webhook; False if the bot has none there. Raises what the call raises."""
        found = await self._author(destination, message_id)
        if found is None:
            return False
        hook, thread = found
        await self._api.delete_by_webhook(hook.id, hook.token, message_id, thread)
        return True

    async def _author(self, destination: Destination, message_id: str) -> tuple[Webhook, str] | None:
        """Return the webhook of a message, and the thread where it stands."""
        spot = self._spot(destination)
        if spot is None:
            return None
        hook = self._written.get(message_id) or await self.webhooks.get(spot.channel, make=False)
        return None if hook is None else (hook, spot.thread)

    def _spot(self, destination: Destination) -> Spot | None:
        """Return a destination's channel and thread; None outside of guilds, and where they are not known."""
        if destination.kind == "dm" or not destination.chat_id.isdecimal():
            return None
        here, parent = self._client.get_channel(int(destination.chat_id)), str(destination.handle.get("parent", ""))
        if isinstance(here, discord.Thread):
            return Spot(str(here.parent_id), str(here.id))
        if here is None and parent:
            return Spot(parent, destination.chat_id)
        return Spot(str(here.id)) if isinstance(here, discord.abc.GuildChannel) else None

    def _may_speak(self, spot: Spot) -> bool:
        """Return whether the bot may let personas speak, and look for what they said."""
        channel = self._client.get_channel(int(spot.channel))
        if not isinstance(channel, discord.abc.GuildChannel):
            return False
        me = channel.guild.get_member(self._me)
        if me is None:
            return False
        held = channel.permissions_for(me)
        sends = held.send_messages_in_threads if spot.thread else held.send_messages
        return sends and held.view_channel and held.manage_webhooks and held.read_message_history

    async def _speak(self, voice: WebhookVoice, spot: Spot, body: Body, delivery: Delivery | None) -> str:
        """Send a message by the channel's webhook, made anew if it is gone; return its id, empty if that is refused.

        ``delivery``: the row for which the intent and what becomes of it are recorded; None: for none.
        """
        for _ in range(2):
            hook = await self.webhooks.get(spot.channel)
            if hook is None:
                return ""
            async with hook.lock:
                try:
                    look = await self.webhooks.dress(hook, voice.face)
                except discord.HTTPException:
                    self.webhooks.forget(spot.channel, hook)
                    continue
                said = {**body, **look, "username": username(voice.speaker)}
                fate, sent = await self._post(hook, spot, said, delivery)
            if fate == "sent":
                self._remember(sent, hook)
                return sent
            if fate == "refused":
                return ""
            self.webhooks.forget(spot.channel, hook)
        return ""

    async def _post(self, hook: Webhook, spot: Spot, body: Body, delivery: Delivery | None) -> tuple[_Fate, str]:
        await _note(delivery, TRACEABLE)
        try:
            sent = await self._request(hook, spot, body)
        except (discord.RateLimited, aiohttp.ClientConnectorError) as e:
            await _note(delivery, REFUSED)
            raise api.translated(e) from e
        except discord.HTTPException as e:
            if isinstance(e, discord.DiscordServerError):
                raise RetryLater(f"unclear: {e.status}", UNCLEAR_SECONDS) from e
            await _note(delivery, REFUSED)
            if e.code in api.WEBHOOK_GONE:
                return "gone", ""
            if e.code in {api.INVALID_BODY, api.TOO_LARGE, *api.NO_WAY_IN}:
                return "refused", ""
            raise
        except (aiohttp.ClientError, OSError) as e:
            raise RetryLater(f"unclear: {type(e).__name__}", UNCLEAR_SECONDS) from e
        await _note(delivery, sent)
        return "sent", sent

    async def _request(self, hook: Webhook, spot: Spot, body: Body) -> str:
        """Post a message; short rate limits are waited for."""
        for last in (*[False] * (_TRIES - 1), True):
            try:
                return await self._api.post_by_webhook(hook.id, hook.token, body, spot.thread)
            except discord.RateLimited as e:
                if last or e.retry_after > _SHORT:
                    raise
                await asyncio.sleep(e.retry_after)
        raise AssertionError

    async def _look_up(self, delivery: Delivery, spot: Spot, body: Body, part: str) -> str | None:
        """Return the id of a row's message that may have been sent; empty if it was not, None if that is not known."""
        hook = await self.webhooks.get(spot.channel, make=False)
        after = int((asked_at(delivery) - _MARGIN_SECONDS) * 1000 - EPOCH_MS) << 22
        looked, unknown = 0, False
        for _ in range(READ // _PAGE):
            page = await self._api.history(spot.chat, _PAGE, after)
            for message in page:
                number = str(message["id"])
                if number in delivery.sent or not self._may_be_ours(message, hook):
                    continue
                if (looked := looked + 1) > LOOKED:
                    return None
                whole = await self._whole(message, hook, spot)
                if whole is None:
                    unknown = True
                elif _is_same(whole, body, _mark(delivery, part)):
                    return number
            if len(page) < _PAGE:
                return None if unknown else ""
            after = max(int(message["id"]) for message in page)
        return None

    def _may_be_ours(self, message: dict[str, Any], hook: Webhook | None) -> bool:
        by_webhook = str(message.get("webhook_id") or "")
        if by_webhook == self.webhooks.application:
            return False  # The answer to an interaction.
        ours = str(message.get("application_id") or "") == self.webhooks.application
        return bool(by_webhook) and (ours or (hook is not None and by_webhook == hook.id))

    async def _whole(self, message: dict[str, Any], hook: Webhook | None, spot: Spot) -> dict[str, Any] | None:
        """Return a message with its content: Discord keeps that from a bot without the intent, not from its webhook."""
        if message.get("content") or message.get("components"):
            return message
        if hook is None or str(message.get("webhook_id")) != hook.id:
            return None
        try:
            return await self._api.webhook_message(hook.id, hook.token, str(message["id"]), spot.thread)
        except discord.HTTPException as e:
            if e.code not in api.OUT_OF_REACH:
                raise
            return None

    def _remember(self, message_id: str, hook: Webhook) -> None:
        self._written[message_id] = hook
        self._written.move_to_end(message_id)
        if len(self._written) > WRITTEN:
            self._written.popitem(last=False)


def marked(body: Body, delivery: Delivery, part: str) -> Body:
    """Return a body whose first button also bears the row's id, by which the message is found again."""
    made = copy.copy(body)
    made["components"] = copy.deepcopy(body.get("components", []))
    for button in _controls(made):
        if "custom_id" in button:
            button["custom_id"] = f"{button['custom_id']}{MARK}{_mark(delivery, part)}"
            break
    return made


def unmarked(custom_id: str) -> str:
    """Return a button's data without the id of its row."""
    return custom_id.partition(MARK)[0]


def _controls(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for row in message.get("components") or () for each in row.get("components") or ()]


def _mark(delivery: Delivery, part: str) -> str:
    return f"{delivery.id}.{part}"


def _marks(message: dict[str, Any]) -> set[str]:
    ids = [str(each.get("custom_id", "")).partition(MARK)[2] for each in _controls(message)]
    return {each for each in ids if each}


def _is_same(message: dict[str, Any], body: Body, mark: str) -> bool:
    """Return whether a message is what a body became: by the mark of its row, by its text if it has no button.

    The mark alone counts: a press on the message that arrived may have changed the buttons that it would have now.
    """
    if marks := _marks(message):
        return mark in marks
    return not _marks(body) and str(message.get("content", "")).strip() == str(body["content"]).strip()


async def _note(delivery: Delivery | None, entry: str) -> None:
    if delivery is not None:
        await note(delivery, entry)
