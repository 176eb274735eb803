"""What waits for a verdict: a prompt of an account is in force when its job has judged it."""

from dataclasses import replace

import pytest

from db import jobs, overrides, personas, prompt_tests
from db.connection import rows
from db.memory import facts, judging, memories, pins
from db.memory.judging import JudgeMemory, MemoryItem
from db.models import OutboxRow
from db.overrides import PromptKind, PromptScope
from db.prompts_in_force import in_force
from db.work import JudgePrompt, JudgeScopedPrompt
from prompts.personas import load_personas
from tests.db.world import somebody
from tests.workers.making import run_by
from tests.workers.steps.test_chat import Strict
from workers.moderation.moderator import Moderator
from workers.runner import Runner
from workers.services import Services

NAME = "text/continue"


async def saved(source: str, kind: PromptKind = "override") -> tuple[int, int, int]:
    """An unchecked prompt: its account, its id, and the job that judges it."""
    who = await somebody()
    account, user = who.account.id, who.user.id
    if kind == "variant":
        saved, _ = await prompt_tests.add_variant(account, NAME, source, 50, user_id=user, verdict="unchecked")
    else:
        scope = PromptScope(job_type="persona_reply" if kind == "task" else None)
        saved = await overrides.put(account, NAME, source, user_id=user, scope=scope, verdict="unchecked")
    job_id = await jobs.add(
        JudgePrompt(prompt=saved) if kind == "override" else JudgeScopedPrompt(prompt=saved, kind=kind),
        account_id=account,
        user_id=user,
        conversation_id=who.conversation.id,
        event_key="console:1",
        destination={"chat_id": "c"},
    )
    return account, saved, job_id


@pytest.mark.parametrize(
    ("source", "key", "verdict"),
    [
        ("Go on, in the voice of a keeper.", "prompt.saved", "checked"),
        ("Go on about Zephyr.", "moderation.refused_rating", "refused"),
    ],
)
async def test_a_prompt_is_in_force_when_it_is_checked(services: Services, source: str, key: str, verdict: str) -> None:
    account, _, job_id = await saved(source)
    assert (await in_force(account, NAME)).own is None
    await run_by(Runner(replace(services, moderator=Moderator((Strict("Zephyr"),))), 4), job_id)
    (told,) = await OutboxRow.all()
    assert told.payload["key"] == key
    assert (await rows("SELECT verdict FROM prompt_overrides"))[0]["verdict"] == verdict
    own = (await in_force(account, NAME)).own
    assert (None if own is None else own.source) == (source if verdict == "checked" else None)
    assert source not in str(await rows("SELECT content FROM artifacts"))


@pytest.mark.parametrize(
    ("kind", "table", "key"),
    [("task", "task_prompts", "prompt.saved_job"), ("variant", "prompt_variants", "prompt.saved_variant")],
)
async def test_so_is_one_for_a_task_or_in_a_test(services: Services, kind: PromptKind, table: str, key: str) -> None:
    _, prompt, job_id = await saved("Go on, in the voice of a keeper.", kind)
    await run_by(Runner(services, 4), job_id)
    assert await rows(f"SELECT verdict FROM {table} WHERE id = $1", prompt) == [{"verdict": "checked"}]
    (told,) = await OutboxRow.all()
    assert told.payload["key"] == key


async def test_a_verdict_is_on_the_text_that_was_judged(services: Services) -> None:
    account, override_id, _ = await saved("one")
    found = await overrides.unchecked("override", override_id)
    assert found is not None
    await overrides.put(account, NAME, "two", user_id=(await somebody()).user.id, verdict="unchecked")
    assert not await overrides.judge("override", override_id, found.version, "checked")
    del services


async def remembered(item: MemoryItem, text: str) -> tuple[int, int]:
    """Something unchecked that a person adds to what a persona remembers, and the job that judges it."""
    who = await somebody()
    await personas.sync_shipped([shipped.card() for shipped in load_personas()])
    memory = await memories.open_chat(who.conversation.id, (await personas.active(who.conversation)).id)
    assert memory is not None
    if item == "fact":
        made = await facts.add_by_hand(memory.id, who.user.id, "Ann", text, "unchecked")
    else:
        made = await pins.pin(memory.id, who.user.id, "unchecked", text=text)
    job_id = await jobs.add(
        JudgeMemory(item=item, id=made),
        account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id,
        event_key=f"console:{made}",
        destination={"chat_id": "c"},
    )
    return made, job_id


@pytest.mark.parametrize("item", ["fact", "pin"])
async def test_what_is_added_to_a_memory_is_judged_and_what_is_refused_is_gone(
    services: Services, item: MemoryItem
) -> None:
    strict = Runner(replace(services, moderator=Moderator((Strict("Zephyr"),))), 4)
    _, good = await remembered(item, "The door is green.")
    _, bad = await remembered(item, "The door is Zephyr's.")
    for job_id in (good, bad):
        await run_by(strict, job_id)
    told = await OutboxRow.all().order_by("id")
    assert [each.payload["key"] for each in told] == [f"memory.judged_{item}", "moderation.refused_rating"]
    left = await rows("SELECT text, verdict FROM facts UNION ALL SELECT text, verdict FROM pins")
    assert [(each["text"], each["verdict"]) for each in left] == [("The door is green.", "checked")]
    assert "Zephyr" not in str(await rows("SELECT content FROM artifacts"))


async def test_what_was_corrected_meanwhile_is_judged_anew(services: Services) -> None:
    made, _ = await remembered("fact", "The door is green.")
    found = await judging.unjudged("fact", made)
    assert found is not None
    who = await somebody()
    await facts.edit(who.account.id, who.user.id, made, "The door is red.", "unchecked")
    assert not await judging.judge("fact", made, found.digest, "checked")
    del services
