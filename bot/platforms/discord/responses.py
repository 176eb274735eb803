"""Responses to interactions: given once, filled in after a deferral, and used to edit what was pressed."""

import logging
import time
from typing import Any, Final

import discord

from bot.actions.packing import pack
from bot.events import Destination
from bot.platforms.base import Delivery
from bot.platforms.discord import api
from bot.platforms.discord.acks import Ack, Acks
from bot.platforms.discord.api import Body, DiscordApi

TOKEN_SECONDS: Final = 15 * 60 - 10
"""An interaction's token is valid for 15 minutes; leave some for the request."""
RESPONSE_SECONDS: Final = 3.0
EPOCH_MS: Final = 1420070400000
"""The beginning of Discord's time."""
_log = logging.getLogger(__name__)


class Responses:
    """The responses of the interactions of this process, and of those from before a restart."""

    def __init__(self, calls: DiscordApi, acks: Acks) -> None:
        """``acks`` says what the listener has done."""
        self._api, self._acks = calls, acks

    def silent(self, destination: Destination) -> bool:
        """Return whether an interaction has no response of its own, so that answers are follow-ups."""
        ack = self._acks.get(handle_of(destination)[0])
        return ack is not None and ack.state == "silent"

    async def show_progress(self, destination: Destination, body: Body) -> None:
        """Show progress in a deferred response."""
        interaction, token, application = handle_of(destination)
        if not interaction or (age := age_of(interaction)) > TOKEN_SECONDS:
            return
        ack = self._acks.get(interaction)
        # What another process took, it has deferred by now; only of a press is it unknown what the token edits.
        foreign = ack is None and age > RESPONSE_SECONDS and not destination.pressed_message
        if foreign or (ack is not None and ack.state == "deferred"):
            await self._api.edit_original(application, token, body)

    async def give(self, row: int, destination: Destination, body: Body, private: bool) -> str:
        """Answer the interaction with a row's message; an empty string if that is not possible (any more)."""
        interaction, token, application = handle_of(destination)
        if not interaction or (age := age_of(interaction)) > TOKEN_SECONDS:
            return ""
        data = {**body, "flags": body.get("flags", 0) | api.EPHEMERAL} if private else body
        ack = self._acks.get(interaction)
        if ack is not None:
            async with ack.lock:
                if ack.state == "open" and ack.quiet:
                    await self._silence(ack, interaction, token)
                elif ack.state == "open":
                    sent = await self._first_response(interaction, token, data)
                    ack.became("answered")
                    ack.row = row
                    if sent is not None:
                        return sent
                elif ack.state == "answered" and ack.row != row:
                    return ""  # the response is another row's message
        try:
            if await self._updates_pressed(destination):
                return ""  # the response would be the pressed message
            sent = await self._api.edit_original(application, token, body)
        except discord.HTTPException as e:
            if e.code == api.INVALID_TOKEN or e.code in api.NO_WAY_IN:
                return ""
            if e.code not in (api.UNKNOWN_WEBHOOK, api.UNKNOWN_MESSAGE):
                raise
            # Not answered yet: the process that took the interaction died in between.
            return (await self._first_response(interaction, token, data) or "") if age < RESPONSE_SECONDS else ""
        if ack is not None:
            ack.became("answered")
            ack.row = row
        return sent

    async def _silence(self, ack: Ack, interaction: str, token: str) -> None:
        """Acknowledge a button press so that its token edits the pressed message; call it under the lock."""
        try:
            await self._api.respond(interaction, token, api.DEFER_SILENTLY)
        except discord.HTTPException as e:
            if e.code not in (api.ALREADY_ACKNOWLEDGED, api.UNKNOWN_INTERACTION):
                raise
        ack.became("silent")

    async def _updates_pressed(self, destination: Destination) -> bool:
        """Return whether the interaction's response is the pressed message; Discord knows it after a restart."""
        interaction, token, application = handle_of(destination)
        ack = self._acks.get(interaction)
        if ack is not None or not destination.pressed_message:
            return ack is not None and ack.state == "silent"
        return (await self._api.original(application, token))["id"] == destination.pressed_message

    async def _first_response(self, interaction: str, token: str, data: Body) -> str | None:
        """Return the message's id; None if a response exists already, or the three seconds have passed."""
        try:
            return await self._api.respond(interaction, token, api.ANSWER, data)
        except discord.HTTPException as e:
            if e.code in (api.ALREADY_ACKNOWLEDGED, api.UNKNOWN_INTERACTION):
                return None
            raise

    async def conclude(self, destination: Destination) -> None:
        """Finish an interaction whose answer is no response to it: a message of its own, or the edit of another one.

        No sign of waiting stays, also if it was taken before a restart. Best effort.
        """
        interaction, token, application = handle_of(destination)
        if not interaction or age_of(interaction) > TOKEN_SECONDS:
            return
        ack = self._acks.get(interaction)
        try:
            if ack is None:
                if _waits(await self._api.original(application, token), destination):
                    await self._api.delete_original(application, token)
                return
            async with ack.lock:
                if ack.state == "open" and destination.pressed_message:
                    await self._silence(ack, interaction, token)
                    return
                if ack.state == "open":
                    await self._api.respond(interaction, token, api.DEFER, {"flags": api.EPHEMERAL})
                if ack.state in ("open", "deferred"):
                    ack.became("answered")
                    await self._api.delete_original(application, token)
        except api.TROUBLE as e:
            _log.info("an interaction could not be concluded: %s", e)

    async def edit_pressed(self, destination: Destination, message_id: str, body: Body) -> bool:
        """Edit the pressed message where the bot cannot edit by itself; False if that is not possible."""
        interaction, token, application = handle_of(destination)
        if not interaction or message_id != destination.pressed_message or age_of(interaction) > TOKEN_SECONDS:
            return False
        ack = self._acks.get(interaction)
        if ack is not None and ack.quiet:
            async with ack.lock:
                if ack.state == "open":
                    await self._silence(ack, interaction, token)
        try:
            if not await self._updates_pressed(destination):
                return False
            await self._api.edit_original(application, token, body)
        except discord.HTTPException as e:
            if e.code not in {api.UNKNOWN_MESSAGE, api.UNKNOWN_WEBHOOK, api.INVALID_TOKEN, *api.NO_WAY_IN}:
                raise
            _log.info("message %s cannot be edited: %s", message_id, e.text)
            return False
        return True


def _waits(response: dict[str, Any], destination: Destination) -> bool:
    """Return whether a response is not the pressed message, and shows that an answer is being written."""
    if str(response["id"]) == destination.pressed_message:
        return False
    buttons = [each for row in response.get("components", ()) for each in row.get("components", ())]
    return bool(response.get("flags", 0) & api.LOADING) or any(
        str(button.get("custom_id", "")).startswith(pack("cancel")) for button in buttons
    )


def handle_of(destination: Destination) -> tuple[str, str, str]:
    """Return the interaction's id, its token and the application; empty if there is no interaction."""
    handle = destination.handle
    return str(handle.get("interaction", "")), str(handle.get("token", "")), str(handle.get("application", ""))


def age_of(snowflake: str) -> float:
    """Return how many seconds ago an id was created (Discord's documentation, "Snowflakes")."""
    return time.time() - ((int(snowflake) >> 22) + EPOCH_MS) / 1000


def asked_at(delivery: Delivery) -> float:
    """Return when a delivery's event came, as its id says: by Discord's clock, whatever this machine's says.

    By this machine's, and the delivery's age, for what answers no event of Discord.
    """
    digits = delivery.event_key.rpartition(":")[2].lstrip("im")
    if delivery.event_key.startswith("discord:") and digits.isdigit():
        return ((int(digits) >> 22) + EPOCH_MS) / 1000
    return time.time() - delivery.age
