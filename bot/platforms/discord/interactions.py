"""Commands, button presses, dialogs, menu entries and suggestions, each acknowledged within Discord's 3 seconds."""

import asyncio
import logging
from typing import Any, Final

import discord

from bot.commands.base import CommandRegistry
from bot.events import Command, Event, Submit
from bot.files import claimed
from bot.messages import Form, Message
from bot.platforms.base import Inbound
from bot.platforms.discord import api
from bot.platforms.discord.acks import Ack, Acks
from bot.platforms.discord.api import DiscordApi
from bot.platforms.discord.commands import read
from bot.platforms.discord.controls import dialog
from bot.platforms.discord.inbound import attached_file, interaction_event
from bot.platforms.discord.markdown import plain
from bot.platforms.discord.render import bodies

DEFER_AFTER: Final = 1.8
"""Seconds after an interaction came in until it is deferred, if the courier has not answered it; the limit is 3."""
_log = logging.getLogger(__name__)


class Interactions:
    """Handles interactions; the courier answers them through the same `Acks`."""

    def __init__(self, calls: DiscordApi, acks: Acks, registry: CommandRegistry, *, message_content: bool) -> None:
        """``registry`` holds the commands. ``message_content``: Discord shows the bot what members write."""
        self._api, self._acks, self._registry = calls, acks, registry
        self._message_content = message_content

    async def take(self, interaction: discord.Interaction[Any], inbound: Inbound) -> None:
        """Pass on a command, a button press, a menu entry or a dialog, and acknowledge it in time."""
        event = interaction_event(interaction)
        if event is None:
            return
        if interaction.guild_id is not None:
            reads = self._message_content and _sees(interaction)
            event = event.model_copy(update={"reads_all": reads})
        if interaction.type is discord.InteractionType.autocomplete:
            await self._suggest(interaction, event, inbound)
            return
        interaction_id, token = str(interaction.id), interaction.token
        received = asyncio.get_running_loop().time()
        event = self._with_file(interaction, event)
        pressed = bool(event.destination.pressed_message)
        quiet = pressed and (_only_theirs(interaction) or not _edits_here(interaction))
        ack = self._acks.open(interaction_id, quiet=quiet)
        if not isinstance(event.payload, Submit):
            direct = await inbound.form_for(event)
            if direct is not None:
                kind, data = (
                    (api.DIALOG, dialog(direct)) if isinstance(direct, Form) else (api.ANSWER, _private(direct))
                )
                await self._acknowledge(ack, interaction_id, token, kind, data)
                return
        outcome = await inbound.dispatch(event)
        if outcome.status == "refused":
            await self._acknowledge(ack, interaction_id, token, api.ANSWER, _private(Message(outcome.notice)))
        elif outcome.status not in ("duplicate", "ignored") and (quiet or (outcome.status == "silent" and pressed)):
            await self._acknowledge(ack, interaction_id, token, api.DEFER_SILENTLY)
        elif outcome.status in ("working", "silent", "unknown"):
            await self._acknowledge(ack, interaction_id, token, api.DEFER)
        elif outcome.status == "answered":
            left = DEFER_AFTER - (asyncio.get_running_loop().time() - received)
            try:
                async with asyncio.timeout(max(left, 0.1)):
                    await ack.done.wait()
            except TimeoutError:
                flags = {"flags": api.EPHEMERAL} if outcome.private else None
                await self._acknowledge(ack, interaction_id, token, api.DEFER, flags)

    def _with_file(self, interaction: discord.Interaction[Any], event: Event) -> Event:
        """Return the event with the command's attachment, which is fetched after the commit."""
        command = event.payload
        spec = self._registry.get(command.name) if isinstance(command, Command) else None
        if not isinstance(command, Command) or spec is None or spec.file is None:
            return event
        attached = attached_file(interaction, command, spec)
        if attached is None:
            return event
        file = claimed(spec.file.accepts, attached.name, attached.mime, attached.size, attached.url)
        return event.model_copy(update={"payload": command.model_copy(update={"file": file})})

    async def _acknowledge(
        self, ack: Ack, interaction: str, token: str, kind: int, data: api.Body | None = None
    ) -> None:
        async with ack.lock:
            if ack.state != "open":
                return
            try:
                await self._api.respond(interaction, token, kind, data)
            except discord.HTTPException as e:
                if e.code not in (api.ALREADY_ACKNOWLEDGED, api.UNKNOWN_INTERACTION):
                    raise
                _log.info("an interaction could not be acknowledged: %s", e.text)
            ack.became("deferred" if kind == api.DEFER else "silent" if kind == api.DEFER_SILENTLY else "answered")

    async def _suggest(self, interaction: discord.Interaction[Any], event: Event, inbound: Inbound) -> None:
        _, values, focused = read(dict(interaction.data or {}))  # type: ignore[arg-type]
        found = await inbound.complete(event, focused, values.get(focused, ""))
        choices = [{"name": plain(label)[:100], "value": value} for label, value in found[:25]]
        await self._api.respond(str(interaction.id), interaction.token, api.SUGGEST, {"choices": choices})


def _only_theirs(interaction: discord.Interaction[Any]) -> bool:
    """Return whether the pressed message is seen by the person alone: then only the interaction's token edits it."""
    return interaction.message is not None and interaction.message.flags.ephemeral


def _edits_here(interaction: discord.Interaction[Any]) -> bool:
    """Return whether the bot may edit messages here by itself: it is a member and sees the channel."""
    if interaction.context.dm_channel:
        return True
    return _sees(interaction)


def _sees(interaction: discord.Interaction[Any]) -> bool:
    """Return whether the bot is a member of the server and sees the channel."""
    return interaction.is_guild_integration() and interaction.app_permissions.view_channel


def _private(message: Message) -> api.Body:
    made = bodies(message)
    first, last = made[0], made[-1]
    return {**first, "components": last["components"], "flags": first["flags"] | api.EPHEMERAL}
