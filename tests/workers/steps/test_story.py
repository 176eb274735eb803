"""Steps of stories: what they write, publish and settle, and what becomes of a page that nobody waits for any more."""

import json
from dataclasses import replace
from typing import Any

import pytest

from db import jobs, stories
from db.connection import rows
from db.errors import LeaseLost
from db.models import ChoiceRow, JobRow, OutboxRow, PageRow
from db.stories import Move
from db.work import BranchingPage, IllustratePage, JobParameters, PictureTerms
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.making import run_by
from workers.engines.text.chain import TextChain
from workers.runner import Runner
from workers.services import Services
from workers.steps.base import Run
from workers.steps.story import PublishPage

DRAFT = {"title": "The door", "text": "It stood open.", "ending": False}
CHOICES = {"choices": [{"text": "Enter", "kind": "bold"}, {"text": "Wait", "kind": "careful"}]}


async def begun() -> Move:
    who = await somebody()
    return await stories.create(
        account_id=who.account.id, owner_id=who.user.id, conversation_id=who.conversation.id, premise="a door", seed=1
    )


async def job_of(move: Move, parameters: JobParameters) -> int:
    return await jobs.add(
        parameters,
        account_id=move.story.account_id,
        user_id=move.story.owner_id,
        conversation_id=move.story.conversation_id,
        event_key="console:1",
        destination={"chat_id": "c"},
    )


async def written(job_id: int, **outputs: Any) -> None:
    """Leave what earlier steps of the job wrote."""
    job = await jobs.claim(job_id)
    assert job is not None
    assert job.lease_token is not None
    for step, content in outputs.items():
        await jobs.save_artifact(job_id, job.lease_token, step, "step", content)
    await jobs.put_back(job_id, job.lease_token)


async def test_a_page_is_written_published_and_waits_for_its_reader(services: Services):
    move = await begun()
    job_id = await job_of(move, BranchingPage(page=move.page.id))
    await run_by(Runner(services, 4), job_id)
    job, page = await JobRow.get(id=job_id), await PageRow.get(id=move.page.id)
    assert (job.state, job.waiting_for) == ("waiting", "choice")
    assert page.state == "ready"
    assert page.text
    assert await ChoiceRow.filter(page_id=page.id).count() >= 2
    (row,) = await OutboxRow.all()
    assert (row.kind, row.payload["page"], row.part) == ("page", page.id, "reply")


async def test_the_choice_settles_what_was_written_ahead_and_never_read(services: Services):
    move = await begun()
    job_id = await job_of(move, BranchingPage(page=move.page.id))
    await written(job_id, write_page=DRAFT, suggest_choices=CHOICES)
    await run_by(Runner(services, 4), job_id)
    first, second = await ChoiceRow.filter(page_id=move.page.id).order_by("id")
    for choice, chosen in ((first, True), (second, False)):
        await PageRow.create(
            story_id=move.story.id, parent_id=move.page.id, choice_id=choice.id, number=2, state="speculative",
            chosen=chosen,
        )  # fmt: skip
    assert await jobs.interact(job_id, {"choice": first.id})
    await run_by(Runner(services, 4), job_id)
    assert (await JobRow.get(id=job_id)).state == "done"
    assert [p.choice_id for p in await PageRow.filter(parent_id=move.page.id)] == [first.id]


async def test_an_ending_waits_for_nobody(services: Services):
    move = await begun()
    job_id = await job_of(move, BranchingPage(page=move.page.id))
    await written(job_id, write_page={**DRAFT, "ending": True})
    await run_by(Runner(services, 4), job_id)
    assert (await JobRow.get(id=job_id)).state == "done"
    assert await ChoiceRow.all().count() == 0


async def test_an_illustrated_page_has_its_picture_drawn_beside_it(services: Services):
    move = await begun()
    terms = PictureTerms(allowance="suggestive", random_seed=7)
    job_id = await job_of(move, BranchingPage(page=move.page.id, pictures=terms))
    await written(job_id, write_page=DRAFT, suggest_choices=CHOICES)
    await run_by(Runner(services, 4), job_id)
    found = await jobs.get(job_id + 1)
    assert found is not None
    assert found.typed() == IllustratePage(illustrates=move.page.id, automatic=True, **terms.model_dump())
    assert (found.parent_id, found.priority, found.event_key) == (job_id, jobs.BACKGROUND, "console:1")
    assert (found.story_id, found.page_id) == (move.story.id, move.page.id)


async def test_a_page_that_nobody_waits_for_any_more_is_not_published(services: Services):
    move = await begun()
    job_id = await job_of(move, BranchingPage(page=move.page.id))
    await written(job_id, write_page=DRAFT, suggest_choices=CHOICES)
    await rows("UPDATE pages SET state = 'failed'")
    job = await jobs.claim(job_id)
    assert job is not None
    assert job.lease_token is not None
    run = Run(job, job.lease_token, services)
    run.outputs.update(write_page=DRAFT, suggest_choices=CHOICES)
    with pytest.raises(LeaseLost):
        await PublishPage().run(run)
    assert await OutboxRow.all().count() == 0


@pytest.mark.parametrize(
    ("story", "place", "word"),
    [
        ("suggestive", "nsfw", "teen"),
        ("suggestive", "sfw", "general"),
        ("sfw", "nsfw", "general"),
        ("nsfw", "nsfw", "teen"),  # nobody could consent to more
    ],
)
async def test_the_lowest_rating_counts(services: Services, story: str, place: Any, word: str) -> None:
    move = await begun()
    await rows("UPDATE stories SET rating = $1", story)
    engine = ScriptedEngine([json.dumps(DRAFT), json.dumps(CHOICES)])
    job_id = await job_of(move, BranchingPage(page=move.page.id, allowance=place))
    await run_by(Runner(replace(services, text=TextChain((engine,))), 4), job_id)
    told = [request.messages[0].content for request in engine.requests]
    assert len(told) == 2
    assert all(f"Content rating: {word}." in each for each in told)
