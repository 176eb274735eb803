"""The part of `tests.db.scopes` that is about prompts, how is sampled, receipts and votes."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from db import overrides, prompt_tests, prompts_in_force, receipts, sampling, votes
from db.agents import SamplingChoice
from db.overrides import OwnPrompt, PromptScope

NAME: Final = "story/write_page"


def theirs(c: Any) -> OwnPrompt:
    """Somebody else's own text."""
    return OwnPrompt("account", "override", c["prompt_overrides"], "Write as zephyr would.", 0, "checked")


def story(c: Any) -> PromptScope:
    return PromptScope(story_id=c["stories"])


async def tested(c: Any) -> tuple[int, str]:
    """A test of the caller's."""
    return await prompt_tests.add_variant(c.account, NAME, "Mine.", 5, user_id=c.user, verdict="checked")


async def ended(c: Any) -> Any:
    await tested(c)
    return await prompt_tests.end(c.account, NAME)


PROMPT_CALLS: Final[Mapping[str, Callable[[Any], Awaitable[Any]]]] = {
    "overrides.of": lambda c: overrides.of(c.account, NAME, PromptScope(c["personas"], c["stories"])),
    "overrides.places": lambda c: overrides.places(c.account, NAME),
    "overrides.get": lambda c: overrides.get(c.account, NAME, story(c)),
    "overrides.note_rendered": lambda c: overrides.note_rendered(c.account, theirs(c)),
    "overrides.note_limit": lambda c: overrides.note_limit(c.account, theirs(c), problem="", conversation_id=c.chat),
    "overrides.put": lambda c: overrides.put(c.account, "x", "y", user_id=c.user, scope=story(c)),
    "overrides.drop": lambda c: overrides.drop(c.account, NAME, story(c)),
    "prompts_in_force.in_force": lambda c: prompts_in_force.in_force(
        c.account, NAME, PromptScope(c["personas"], c["stories"])
    ),
    "prompt_tests.latest": lambda c: prompt_tests.latest(c.account, NAME, PromptScope(persona_id=c["personas"])),
    "prompt_tests.add_variant": tested,
    "prompt_tests.end": ended,
    "prompt_tests.results": lambda c: prompt_tests.results(c.account, c["prompt_tests"]),
    "receipts.of_page": lambda c: receipts.of_page(c.account, c["pages"]),
    "receipts.of_reply": lambda c: receipts.of_reply(c.account, c["chat_messages"]),
    "sampling.chosen": lambda c: sampling.chosen(c.account),
    "sampling.choose": lambda c: sampling.choose(c.account, "writer", SamplingChoice(temperature=0.5)),
    "sampling.reset": lambda c: sampling.reset(c.account, "writer"),
    "votes.vote": lambda c: votes.vote(c.account, c.user, "page", c["pages"], up=True),
}
