"""`/prompt show`, `set`, `reset`: an account's own prompts; reserved for its managers."""

from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.commands.persona import complete_persona, persona_meant
from bot.commands.story import complete_story, own_story
from bot.context import Context, Enquiry
from bot.moderation import screen
from bot.ratings import allowed_here
from db import overrides, prompt_tests
from db.errors import BadInput, NotFound
from db.moderation import Verdict
from db.overrides import PromptScope, saved_wording
from db.payloads.account import PromptSource
from db.work import JudgePrompt, JudgeScopedPrompt, job_types
from prompts.errors import PromptError
from prompts.registry import changeable, changed_lines, default_registry

SOURCE_LENGTH: Final = 4000
"""Maximum length of a prompt typed into a chat, in characters; platforms limit what a person can send."""
HERE: Final = frozenset({"here", "this"})
"""The story that is open, or the persona that one talks with."""


async def complete_prompt(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest prompts by name."""
    return [(name, name) for name in enquiry.prompts.names() if prefix.lower() in name and changeable(name)]


async def complete_job(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest types of jobs."""
    del enquiry
    return [(name, name) for name in job_types().names if prefix.lower() in name]


NAME: Final = Parameter("name", "Which prompt", required=True, completes=complete_prompt, word=True)
TEXT: Final = Parameter("text", "The new text", required=True, max_length=SOURCE_LENGTH, multiline=True)
PERSONA: Final = Parameter("persona", "Only for this persona", completes=complete_persona)
JOB: Final = Parameter("job", "Only for this type of jobs", completes=complete_job)
STORY: Final = Parameter("story", "Only for this story", completes=complete_story)


async def show(context: Context, values: dict[str, Any]) -> None:
    """Show the prompt in use here."""
    known(values["name"])
    scope = await scope_of(context, values)
    payload = PromptSource(
        account=context.account_id, name=values["name"], persona=scope.persona_id, story=scope.story_id,
        job=scope.job_type,
    )  # fmt: skip
    await context.say(payload, private=True)


async def change(context: Context, values: dict[str, Any]) -> None:
    """Override a prompt."""
    name, source, scope = values["name"], values["text"], await scope_of(context, values)
    verdict = await checked(context, name, source)
    await _no_test(context, name, scope)
    saved = await overrides.put(context.account_id, name, source, user_id=context.user_id, scope=scope, verdict=verdict)
    await context.audit("prompt_set", name)
    if verdict == "checked":
        await context.notice(saved_wording("override", scope.level), name=name)
    else:
        rating = allowed_here(context)
        if scope.level in {"story", "job"}:
            await context.work(JudgeScopedPrompt(prompt=saved, kind="task", allowance=rating))
        else:
            await context.work(JudgePrompt(prompt=saved, allowance=rating))


async def reset(context: Context, values: dict[str, Any]) -> None:
    """Drop an own version of a prompt."""
    name, scope = values["name"], await scope_of(context, values)
    known(name)
    await _no_test(context, name, scope)
    dropped = await overrides.drop(context.account_id, name, scope)
    if dropped:
        await context.audit("prompt_reset", name)
    key = "prompt.reset" if scope.level == "account" else "prompt.reset_scope"
    await context.notice(key if dropped else "prompt.not_changed", name=name)


async def checked(context: Context, name: str, source: str) -> Verdict:
    """Return the verdict with which a person's text for a prompt is stored.

    Raises `NotFound` for a prompt that there is not, `BadInput` for a text that cannot be one, and as `screen`.
    """
    known(name)
    try:
        default_registry().validate(name, source)
    except PromptError as e:
        raise BadInput("prompt.invalid", problem=str(e)) from e
    return await screen(context, override=changed_lines(name, source))


def known(name: str) -> None:
    """Raise `NotFound` for a prompt that there is not, or that nobody may change."""
    names = [each for each in default_registry().names() if changeable(each)]
    if name not in names:
        raise NotFound("prompt.unknown", name=name, names=", ".join(names))


async def scope_of(context: Context, values: dict[str, Any]) -> PromptScope:
    """Return what a person says that a prompt is for.

    Raises `BadInput` for more than one thing, and `NotFound` for one that there is not.
    """
    given = {name: str(values.get(name) or "").strip() for name in ("persona", "story", "job")}
    named = [name for name, value in given.items() if value]
    if len(named) > 1:
        raise BadInput("prompt.one_scope", names=", ".join(f"{name}=" for name in named))
    wanted = {name: "" if value.lower() in HERE else value for name, value in given.items()}
    match named:
        case ["persona"]:
            return PromptScope(persona_id=(await persona_meant(context, wanted["persona"])).id)
        case ["story"]:
            return PromptScope(story_id=await own_story(context, wanted["story"]))
        case ["job"]:
            if given["job"] not in job_types().names:
                raise NotFound("prompt.unknown_job", name=given["job"], names=", ".join(job_types().names))
            return PromptScope(job_type=given["job"])
        case _:
            return PromptScope()


async def _no_test(context: Context, name: str, scope: PromptScope) -> None:
    """Raise `BadInput` while a test compares the text in question with others."""
    test = await prompt_tests.latest(context.account_id, name, scope) if scope.story_id is None else None
    if test is not None and test.ended_at is None:
        raise BadInput("prompt.test_runs", name=name)


COMMANDS: Final = (
    CommandSpec(
        "prompt show",
        "Show a prompt that the writer gets",
        show,
        (NAME, PERSONA, STORY, JOB),
        permission="prompts",
        example="story/write_page",
    ),
    CommandSpec(
        "prompt set",
        "Change a prompt: for everything written here, or one thing",
        change,
        (NAME, TEXT, PERSONA, STORY, JOB),
        permission="prompts",
    ),
    CommandSpec(
        "prompt reset", "Go back to the default of a prompt", reset, (NAME, PERSONA, STORY, JOB), permission="prompts"
    ),
)
