"""What waits for a verdict: a prompt of an account is in force when its job has judged it."""

from dataclasses import replace

import pytest

from db import jobs, overrides
from db.connection import rows
from db.models import OutboxRow
from db.work import JudgePrompt
from tests.db.world import somebody
from tests.workers.making import run_by
from tests.workers.steps.test_chat import Strict
from workers.moderation.moderator import Moderator
from workers.runner import Runner
from workers.services import Services

NAME = "text/continue"


async def saved(source: str) -> tuple[int, int, int]:
    """An unchecked prompt: its account, its id, and the job that judges it."""
    who = await somebody()
    saved = await overrides.put(who.account.id, NAME, source, user_id=who.user.id, verdict="unchecked")
    job_id = await jobs.add(
        JudgePrompt(prompt=saved),
        account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id,
        event_key="console:1",
        destination={"chat_id": "c"},
    )
    return who.account.id, saved, job_id


@pytest.mark.parametrize(
    ("source", "key", "verdict"),
    [
        ("Go on, in the voice of a keeper.", "prompt.saved", "checked"),
        ("Go on about Zephyr.", "moderation.refused_rating", "refused"),
    ],
)
async def test_a_prompt_is_in_force_when_it_is_checked(services: Services, source: str, key: str, verdict: str) -> None:
    account, _, job_id = await saved(source)
    assert (await overrides.in_force(account, NAME, None)).account is None
    await run_by(Runner(replace(services, moderator=Moderator((Strict("Zephyr"),))), 4), job_id)
    (told,) = await OutboxRow.all()
    assert told.payload["key"] == key
    assert (await rows("SELECT verdict FROM prompt_overrides"))[0]["verdict"] == verdict
    assert (await overrides.in_force(account, NAME, None)).account == (source if verdict == "checked" else None)
    assert source not in str(await rows("SELECT content FROM artifacts"))


async def test_a_verdict_is_on_the_text_that_was_judged(services: Services) -> None:
    account, override_id, _ = await saved("one")
    found = await overrides.unchecked(override_id)
    assert found is not None
    await overrides.put(account, NAME, "two", user_id=(await somebody()).user.id, verdict="unchecked")
    assert not await overrides.judge(override_id, found[2], "checked")
    del services
