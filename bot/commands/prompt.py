"""`/prompt …`: an account's overrides of the prompts; reserved for its managers."""

from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.context import Context, Enquiry
from bot.moderation import screen
from bot.ratings import allowed_here
from db import overrides
from db.errors import BadInput, NotFound
from db.payloads.account import PromptSource
from db.work import JudgePrompt
from prompts.errors import PromptError
from prompts.registry import changeable, changed_lines, default_registry

SOURCE_LENGTH: Final = 4000
"""Maximum length of a prompt typed into a chat, in characters; platforms limit what a person can send."""


async def complete_prompt(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest prompts by name."""
    return [(name, name) for name in enquiry.prompts.names() if prefix.lower() in name and changeable(name)]


_NAME: Final = Parameter("name", "Which prompt", required=True, completes=complete_prompt, word=True)


async def show(context: Context, values: dict[str, Any]) -> None:
    """Show the prompt in use here."""
    _known(values["name"])
    await context.say(PromptSource(account=context.account_id, name=values["name"]), private=True)


async def change(context: Context, values: dict[str, Any]) -> None:
    """Override a prompt."""
    name, source = values["name"], values["text"]
    _known(name)
    try:
        default_registry().validate(name, source)
    except PromptError as e:
        raise BadInput("prompt.invalid", problem=str(e)) from e
    verdict = await screen(context, override=changed_lines(name, source))
    saved = await overrides.put(context.account_id, name, source, user_id=context.user_id, verdict=verdict)
    await context.audit("prompt_set", name)
    if verdict == "checked":
        await context.notice("prompt.saved", name=name)
    else:
        await context.work(JudgePrompt(prompt=saved, allowance=allowed_here(context)))


async def reset(context: Context, values: dict[str, Any]) -> None:
    """Go back to the default of a prompt."""
    _known(values["name"])
    dropped = await overrides.drop(context.account_id, values["name"])
    if dropped:
        await context.audit("prompt_reset", values["name"])
    await context.notice("prompt.reset" if dropped else "prompt.not_changed", name=values["name"])


def _known(name: str) -> None:
    names = [each for each in default_registry().names() if changeable(each)]
    if name not in names:
        raise NotFound("prompt.unknown", name=name, names=", ".join(names))


COMMANDS: Final = (
    CommandSpec(
        "prompt show",
        "Show a prompt that the writer gets",
        show,
        (_NAME,),
        permission="prompts",
        example="story/write_page",
    ),
    CommandSpec(
        "prompt set",
        "Change a prompt for everything written here",
        change,
        (_NAME, Parameter("text", "The new text", required=True, max_length=SOURCE_LENGTH, multiline=True)),
        permission="prompts",
    ),
    CommandSpec("prompt reset", "Go back to the default of a prompt", reset, (_NAME,), permission="prompts"),
)
