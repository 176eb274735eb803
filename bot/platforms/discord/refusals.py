"""Saying that a message was not taken, as a reply: that shows which one, also to whoever reads the history later."""

import logging

import discord

from bot.events import Event
from bot.platforms.discord import api
from bot.platforms.discord.api import DiscordApi
from bot.platforms.discord.render import base_body, emphasised

_log = logging.getLogger(__name__)


async def refuse(discord_api: DiscordApi, event: Event, message_id: int, notice: str) -> bool:
    """Reply to a message with a notice; False if that may succeed later."""
    reference = {"message_id": str(message_id), "fail_if_not_exists": False}
    body = {**base_body(emphasised(notice)), "message_reference": reference}
    try:
        await discord_api.send(event.destination.chat_id, body, f"r{message_id}")
    except (discord.Forbidden, discord.NotFound) as e:
        _log.info("event %s is refused, and nobody can be told: %s", event.key, e)
    except api.TROUBLE as e:
        _log.warning("event %s is left to the history: nobody could be told that it is refused: %s", event.key, e)
        return False
    return True
