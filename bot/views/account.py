"""Messages of an account's settings."""

from typing import Final

from bot.messages import Message
from bot.views import status_lines
from bot.views.base import ViewContext, ViewSpec
from db import accounts, channels, heartbeats
from db.payloads.account import ModelChoice


async def model(view: ViewContext, payload: ModelChoice) -> Message:
    """Compose the current text model and those available."""
    here = "" if payload.conversation is None else (await channels.of(payload.conversation)).model
    chosen = here or await accounts.chosen_model(payload.account)
    lines = status_lines.models(view.words, chosen, await heartbeats.models())
    return Message("\n\n".join(lines), private=True)


VIEWS: Final = (ViewSpec(ModelChoice, model),)
