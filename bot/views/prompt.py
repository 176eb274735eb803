"""Messages of prompts."""

from typing import Final

from bot.messages import Message
from bot.views.base import ViewContext, ViewSpec
from db import overrides, prompt_tests
from db.overrides import OwnPrompt, PromptScope
from db.payloads.account import PromptSource
from prompts.errors import PromptNotFound
from prompts.sizes import SizeClass


async def source(view: ViewContext, payload: PromptSource) -> Message:
    """Compose the prompt that the account uses, and where it comes from."""
    name, prompts = payload.name, view.around.prompts
    try:
        default = prompts.get(name, await _size(view))
    except PromptNotFound:
        return Message(view.words("prompt.unknown", name=name, names=", ".join(prompts.names())), private=True)
    scope = PromptScope(payload.persona, payload.story, payload.job)
    own = await overrides.of(payload.account, name, scope)
    # What was asked for is shown even if it is not in force, with the reason.
    shown = next((each for each in own if each.usable or each.level == scope.level), None)
    test = await prompt_tests.latest(payload.account, name, scope)
    lines = [_state(view, shown, name)]
    if test is not None and test.ended_at is None:
        lines.append(view.words("prompt.being_tested", name=name))
    lines.append(await _places(view, payload))
    title = view.words("prompt.title", name=name if default.size == "large" else f"{name}.{default.size}")
    return Message(default.source if shown is None else shown.source, title=title, footer=" ".join(lines), private=True)


async def _places(view: ViewContext, payload: PromptSource) -> str:
    """Return for what the account has versions, in the order in which they are looked for."""
    found = await overrides.places(payload.account, payload.name)
    told = [view.words(f"prompt.for_{each.level}", count=each.count, job=each.job_type) for each in found]
    return view.words("prompt.places", places=", ".join([*told, view.words("prompt.for_default")]))


def _state(view: ViewContext, shown: OwnPrompt | None, name: str) -> str:
    """Return for what a text is, and whether it is in force."""
    if shown is None:
        return view.words("prompt.state_default")
    if shown.off:
        return view.words("prompt.state_off", name=name)
    of = view.words(f"prompt.state_{shown.level}", name=name)
    return of if shown.verdict == "checked" else f"{of} {view.words(f'prompt.state_{shown.verdict}')}"


async def _size(view: ViewContext) -> SizeClass:
    """Return the class of the models that write here, whose variant of a prompt is in use."""
    writers = (each for each in await view.around.queue.heartbeats() if "cpu" in each["queues"])
    return next((each["size"] for each in writers if each["size"]), "large")


VIEWS: Final = (ViewSpec(PromptSource, source),)
