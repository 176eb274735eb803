"""`/prompt test`, `results`, `end`: several variants of a prompt, of which each conversation gets one."""

from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.commands.prompt import JOB, PERSONA, TEXT, checked, complete_prompt, known, scope_of
from bot.context import Context, Enquiry
from bot.ratings import allowed_here
from db import overrides, prompt_tests
from db.errors import BadInput, NotFound
from db.payloads.account import PromptResults
from db.prompt_tests import LABELS, LARGEST
from db.prompts_in_force import CONTROL
from db.work import JudgeScopedPrompt

TESTABLE: Final = ("persona/answer", "story/suggest_choices", "story/write_page")
"""The prompts whose texts have thumbs."""
SHARE: Final = 50
"""Per cent of the conversations that a variant gets, where nothing else is said."""


async def complete_tested(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest prompts that can be tested."""
    return [each for each in await complete_prompt(enquiry, prefix) if each[1] in TESTABLE]


async def try_variant(context: Context, values: dict[str, Any]) -> None:
    """Test another variant of a prompt."""
    name, source, scope = values["name"], values["text"], await scope_of(context, values)
    _require_testable(name)
    verdict = await checked(context, name, source)
    share = values.get("share") or SHARE
    variant, label = await prompt_tests.add_variant(
        context.account_id, name, source, share, user_id=context.user_id, scope=scope, verdict=verdict
    )
    await context.audit("prompt_test", name, label=label, share=share)
    if verdict == "checked":
        await context.notice("prompt.test_saved", name=name, label=label, share=share)
    else:
        await context.work(JudgeScopedPrompt(prompt=variant, kind="variant", allowance=allowed_here(context)))


async def show_results(context: Context, values: dict[str, Any]) -> None:
    """Show what people think of the variants of a prompt."""
    name, scope = values["name"], await scope_of(context, values)
    known(name)
    test = await prompt_tests.latest(context.account_id, name, scope)
    if test is None:
        raise NotFound("prompt.no_test", name=name)
    payload = PromptResults(account=context.account_id, test=test.id, name=name, runs=test.ended_at is None)
    await context.say(payload, private=True)


async def end(context: Context, values: dict[str, Any]) -> None:
    """End a test, and use one of its variants from now on."""
    name, keep, scope = values["name"], str(values.get("keep") or CONTROL), await scope_of(context, values)
    known(name)
    kept = await prompt_tests.end(context.account_id, name, scope, keep)
    if kept is not None:
        source, author = kept
        await overrides.put(context.account_id, name, source, user_id=author, scope=scope)
    await context.audit("prompt_end", name, label=keep)
    await context.notice("prompt.test_ended", name=name, label=keep)


def _require_testable(name: str) -> None:
    """Raise `BadInput` for a prompt whose texts nobody votes on, and as `known`."""
    known(name)
    if name not in TESTABLE:
        raise BadInput("prompt.not_testable", name=name, names=", ".join(TESTABLE))


_TESTED: Final = Parameter("name", "Which prompt", required=True, completes=complete_tested, word=True)
_KEEP: Final = Parameter(
    "keep",
    "The variant that is used from now on; by default A",
    choices=tuple((each, each) for each in CONTROL + LABELS),
)
_SHARE: Final = Parameter(
    "share", f"Per cent of conversations that get it; {SHARE} by default", int, minimum=1, maximum=LARGEST
)
COMMANDS: Final = (
    CommandSpec(
        "prompt test",
        "Try another variant of a prompt in some conversations",
        try_variant,
        (_TESTED, TEXT, _SHARE, PERSONA, JOB),
        permission="prompts",
    ),
    CommandSpec(
        "prompt results",
        "Show what people think of a prompt's variants",
        show_results,
        (_TESTED, PERSONA, JOB),
        permission="prompts",
        example="story/write_page",
    ),
    CommandSpec(
        "prompt end",
        "End the test of a prompt, and keep one variant",
        end,
        (_TESTED, _KEEP, PERSONA, JOB),
        permission="prompts",
        example="story/write_page keep=B",
    ),
)
