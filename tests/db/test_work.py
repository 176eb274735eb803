"""Job types: their parameters, what a job works on, and that every end before its time undoes the same."""

import json
from typing import Any

import pytest

from db import chats, jobs, personas, pictures, stories, work
from db.connection import row, rows, transaction
from db.errors import NotFound
from db.payloads.base import Payload
from db.payloads.notice import Notice
from db.payloads.story import PageFailed
from db.redrawing import DrawAgain
from db.stories import Move
from db.work import (
    BranchingPage,
    Failure,
    IllustratePage,
    Imagine,
    JobParameters,
    PersonaPortrait,
    PersonaReply,
    PictureTerms,
    read,
)
from prompts.personas import load_personas
from tests.db.job_kinds import Chore
from tests.db.world import somebody

FAILURE = Failure("job.cancelled")


async def begun() -> Move:
    who = await somebody()
    return await stories.create(
        account_id=who.account.id, owner_id=who.user.id, conversation_id=who.conversation.id, premise="a door", seed=1
    )


async def added(parameters: JobParameters, **columns: Any) -> jobs.Job:
    job = await jobs.get(await jobs.add(parameters, **columns))
    assert job is not None
    return job


async def one(sql: str, *values: Any) -> Any:
    found = await row(f"SELECT (SELECT {sql}) AS found", *values)
    assert found is not None
    return found["found"]


async def replied() -> int:
    await personas.sync_shipped([shipped.card() for shipped in load_personas()])
    who = await somebody()
    persona = await personas.active(who.conversation)
    return (await chats.say(who.conversation, persona, who.user.id, "Hello!")).reply.id


async def drawn() -> int:
    who = await somebody()
    return await pictures.attach(who.account.id, who.user.id, who.conversation.id, b"x")


def test_every_type_has_one_name_and_reads_what_it_wrote():
    terms = PictureTerms(allowance="nsfw", random_seed=7)
    for given in (
        BranchingPage(page=3, pictures=terms),
        PersonaReply(reply=4, prompt="Be brief."),
        Imagine(prompt="a door", seed=5, source=6),
        IllustratePage(illustrates=3, automatic=True, **terms.model_dump()),
    ):
        assert read(given.type, json.loads(given.model_dump_json(exclude_none=True))) == given


def test_what_does_not_fit_is_a_defect_and_what_is_newer_is_passed_over():
    assert read("persona_reply", {"reply": 4, "from_the_future": True}) == PersonaReply(reply=4)
    with pytest.raises(ValueError, match="reply"):
        read("persona_reply", {})
    with pytest.raises(work.UnknownJobType, match="known are branching_page"):
        read("chore", {})


async def test_a_job_knows_what_it_works_on(database: str):
    move, reply, picture = await begun(), await replied(), await drawn()
    page = await added(BranchingPage(page=move.page.id))
    assert (page.story_id, page.page_id, page.message_id, page.picture_id) == (move.story.id, move.page.id, None, None)
    assert page.typed() == BranchingPage(page=move.page.id)
    assert (await added(PersonaReply(reply=reply))).message_id == reply
    assert (await added(DrawAgain(picture=picture))).picture_id == picture
    assert (await added(Imagine(prompt="x", source=picture))).picture_id == picture
    assert (await added(Imagine(prompt="x"))).picture_id is None
    persona = (await rows("SELECT persona_id FROM chat_messages"))[0]["persona_id"]
    assert (await added(PersonaPortrait(persona=persona))).persona_id == persona
    assert (await added(DrawAgain(picture=999))).picture_id is None  # deleted in this moment: its steps say so


async def test_a_job_dies_with_its_subject_and_with_it_all_that_it_left(database: str):
    move = await begun()
    job = await jobs.claim(await jobs.add(BranchingPage(page=move.page.id)))
    assert job is not None
    assert job.lease_token is not None
    await jobs.save_artifact(job.id, job.lease_token, "write_page", "step", {"text": "It was dark."})
    await jobs.interact(job.id, {"choice": 1})
    await rows("INSERT INTO ai_tasks (function, job_id) VALUES ('write_page', $1)", job.id)
    other = await added(Chore())
    async with transaction():
        await stories.delete(move.story.account_id, move.story.owner_id or 0, move.story.id)
    assert await jobs.get(job.id) is None
    assert await one("(SELECT count(*) FROM artifacts) + (SELECT count(*) FROM job_interactions)") == 0
    assert await one("count(*) FROM ai_tasks WHERE job_id IS NULL") == 1  # what it cost stays known
    assert not await jobs.renew(job.id, job.lease_token)
    assert await jobs.get(other.id) is not None


async def test_cancelling_a_page_moves_the_story_back_and_says_so(database: str):
    move = await begun()
    job = await added(BranchingPage(page=move.page.id))
    async with transaction():
        abandoned = await jobs.abandon(job.id, FAILURE)
    assert abandoned.notification == PageFailed(key="job.cancelled", values={"story": move.story.id})
    assert await one("state FROM pages WHERE id = $1", move.page.id) == "failed"
    with pytest.raises(NotFound):
        await jobs.abandon(job.id, FAILURE)


async def test_cancelling_a_reply_marks_it_as_failed(database: str):
    reply = await replied()
    job = await added(PersonaReply(reply=reply))
    assert (await jobs.abandon(job.id, FAILURE)).notification == Notice(key="job.cancelled")
    assert await one("state FROM chat_messages WHERE id = $1", reply) == "failed"
    assert work.stoppable(job)


async def test_a_picture_that_nobody_asked_for_fails_silently(database: str):
    move = await begun()
    for automatic in (True, False):
        job = await added(IllustratePage(illustrates=move.page.id, automatic=automatic))
        told = (await jobs.abandon(job.id, FAILURE)).notification
        assert (told is None) == automatic
        assert not work.stoppable(job)


async def test_cancelling_giving_up_and_deleting_undo_the_same(database: str, monkeypatch: pytest.MonkeyPatch):
    undone: list[tuple[int, str]] = []

    async def abandon(job: jobs.Job, parameters: Chore, failure: Failure) -> Payload | None:
        undone.append((job.id, failure.key))
        return await work.notice(job, parameters, failure)

    monkeypatch.setitem(work.job_types()._specs, "chore", work.JobType(Chore, abandon))
    move, picture = await begun(), await drawn()
    account, user = move.story.account_id, move.story.owner_id or 0
    cancelled, given_up = await added(Chore()), await added(Chore())
    of_story, of_page = (
        await added(Chore(about={"story_id": move.story.id})),
        await added(Chore(about={"page_id": move.page.id})),
    )
    of_picture = await added(Chore(about={"picture_id": picture}))
    await jobs.abandon(cancelled.id, FAILURE)
    await work.abandon(given_up, Failure("job.crashed"))  # as the runner does, before it buries the job
    async with transaction():
        of_deleted = (await stories.delete(account, user, move.story.id))[1]
    async with transaction():
        of_deleted += await pictures.delete(account, user, picture)
    assert undone == [
        (cancelled.id, "job.cancelled"),
        (given_up.id, "job.crashed"),
        (of_page.id, "job.cancelled"),
        (of_story.id, "job.cancelled"),
        (of_picture.id, "picture.unknown"),
    ]
    assert [a.job.id for a in of_deleted] == [of_story.id, of_page.id, of_picture.id]


async def test_child_jobs_that_end_with_their_parent_break_no_promise_either(
    database: str, monkeypatch: pytest.MonkeyPatch
):
    undone: list[int] = []

    async def abandon(job: jobs.Job, parameters: Chore, failure: Failure) -> Payload | None:
        undone.append(job.id)
        if job.parameters.get("note") == "done meanwhile":
            await rows("INSERT INTO inbox (event_key) VALUES ('undone')")
            await rows("UPDATE jobs SET state = 'done' WHERE id = $1", job.id)
        return await work.notice(job, parameters, failure)

    monkeypatch.setitem(work.job_types()._specs, "chore", work.JobType(Chore, abandon))
    move = await begun()
    for parameters in (Chore(), Chore(about={"story_id": move.story.id})):
        undone.clear()
        parent = await added(parameters)
        child = await added(Chore(), parent_id=parent.id)
        grandchild = await added(Chore(note="done meanwhile"), parent_id=child.id)
        over = await added(Chore(), parent_id=parent.id)
        await rows("UPDATE jobs SET state = 'done' WHERE id = $1", over.id)
        async with transaction():
            if parameters.about:
                await jobs.abandon_about("story_id", move.story.id, FAILURE)
            else:
                await jobs.abandon(parent.id, FAILURE)
        assert sorted(undone) == [parent.id, child.id, grandchild.id]
        assert await one("state FROM jobs WHERE id = $1", child.id) == "cancelled"
        assert await one("count(*) FROM inbox") == 0


async def test_a_job_that_cannot_be_read_is_abandoned_with_a_notice(database: str):
    job = await added(PersonaReply(reply=7))
    await rows("""UPDATE jobs SET parameters = '{"reply": "what?"}'""")
    unreadable = await jobs.get(job.id)
    assert unreadable is not None
    told = Notice(key="job.cancelled")
    assert await work.abandon(unreadable, FAILURE) == told
    assert await work.abandon(await added(Chore()), FAILURE) == told


async def test_deleting_a_picture_deletes_the_job_that_drew_it(database: str):
    picture = await drawn()
    job = await added(Imagine(prompt="a secret door"))
    await rows("UPDATE jobs SET state = 'done' WHERE id = $1", job.id)
    await rows("UPDATE pictures SET job_id = $1", job.id)
    who = await somebody()
    async with transaction():
        assert await pictures.delete(who.account.id, who.user.id, picture) == []
    assert await jobs.get(job.id) is None
