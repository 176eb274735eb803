"""Messages of prompts."""

from typing import Final

from bot.messages import Message
from bot.views.base import ViewContext, ViewSpec
from db import overrides
from db.payloads.account import PromptSource
from prompts.errors import PromptNotFound
from prompts.sizes import SizeClass


async def source(view: ViewContext, payload: PromptSource) -> Message:
    """Compose the prompt that the account uses."""
    name, prompts = payload.name, view.around.prompts
    try:
        default = prompts.get(name, await _size(view))
    except PromptNotFound:
        return Message(view.words("prompt.unknown", name=name, names=", ".join(prompts.names())), private=True)
    own = await overrides.get(payload.account, name)
    if own is None:
        footer = view.words("prompt.state_default")
    else:
        off = await overrides.is_off(payload.account, name)
        footer = view.words("prompt.state_off" if off else "prompt.state_changed", name=name)
    title = view.words("prompt.title", name=name if default.size == "large" else f"{name}.{default.size}")
    return Message(own if own is not None else default.source, title=title, footer=footer, private=True)


async def _size(view: ViewContext) -> SizeClass:
    """Return the class of the models that write here, whose variant of a prompt is in use."""
    writers = (each for each in await view.around.queue.heartbeats() if "cpu" in each["queues"])
    return next((each["size"] for each in writers if each["size"]), "large")


VIEWS: Final = (ViewSpec(PromptSource, source),)
