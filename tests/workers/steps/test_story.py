"""The steps of a story's page, one by one."""

from typing import Any

import pytest

from db import jobs, stories
from db.connection import rows, transaction
from db.errors import LeaseLost
from db.stories import Move
from db.work import BranchingPage, IllustratePage, PictureTerms
from tests.workers.steps.conftest import Bench
from workers.functions.suggest_choices import ChoiceList
from workers.functions.write_page import PageDraft
from workers.steps.story import PublishPage, SettleSiblings, SuggestChoices, WaitForReader, WritePage

DRAFT: dict[str, Any] = {"title": "The door", "text": "It was there.", "ending": False}
CHOICES: dict[str, Any] = {
    "choices": [
        {"text": "Open the door", "kind": "bold"},
        {"text": "Listen first", "kind": "careful"},
    ]
}


async def begun(bench: Bench) -> Move:
    who = bench.who
    return await stories.create(
        account_id=who.account.id,
        owner_id=who.user.id,
        conversation_id=who.conversation.id,
        premise="a keeper finds a door under the sea",
        seed=7,
        mode="solo",
    )


async def deleted(bench: Bench, move: Move) -> None:
    async with transaction():
        await stories.delete(bench.who.account.id, bench.who.user.id, move.story.id)


@pytest.mark.parametrize("ending", [False, True])
async def test_a_page_is_written_and_ends_the_story_if_it_must(bench: Bench, ending: bool) -> None:
    move = await begun(bench)
    run = await bench.run(BranchingPage(page=move.page.id))
    draft = PageDraft.model_validate(await WritePage(ending=ending).run(run))
    assert draft.text
    assert draft.ending == ending
    (page,) = await rows("SELECT state, text FROM pages WHERE id = $1", move.page.id)
    assert page["state"] == "pending"


@pytest.mark.parametrize("step", [WritePage(), SuggestChoices()])
async def test_nothing_is_written_for_a_page_that_was_deleted(bench: Bench, step: WritePage | SuggestChoices) -> None:
    move = await begun(bench)
    run = await bench.run(BranchingPage(page=move.page.id), write_page=DRAFT)
    await deleted(bench, move)
    with pytest.raises(LeaseLost):
        await step.run(run)


async def test_choices_are_offered_for_the_page_but_none_for_an_ending(bench: Bench) -> None:
    move = await begun(bench)
    run = await bench.run(BranchingPage(page=move.page.id), write_page=DRAFT)
    offered = ChoiceList.model_validate(await SuggestChoices().run(run))
    assert len({choice.text for choice in offered.choices}) == len(offered.choices) >= 2
    run.outputs["write_page"] = DRAFT | {"ending": True}
    assert await SuggestChoices().run(run) == {"choices": []}


async def test_a_published_page_is_ready_has_its_choices_and_is_announced(bench: Bench) -> None:
    move = await begun(bench)
    run = await bench.run(BranchingPage(page=move.page.id), write_page=DRAFT, suggest_choices=CHOICES)
    async with transaction():
        assert await PublishPage().run(run) == {"page": move.page.id, "ending": False}
    (page,) = await rows("SELECT state, title, text FROM pages WHERE id = $1", move.page.id)
    assert (page["state"], page["title"], page["text"]) == ("ready", "The door", "It was there.")
    choices = await rows("SELECT text FROM choices WHERE page_id = $1 ORDER BY position", move.page.id)
    assert [choice["text"] for choice in choices] == ["Open the door", "Listen first"]
    assert await bench.sent() == [("reply", "page")]


async def test_a_page_that_nobody_waits_for_is_not_published(bench: Bench) -> None:
    move = await begun(bench)
    run = await bench.run(BranchingPage(page=move.page.id), write_page=DRAFT, suggest_choices=CHOICES)
    async with transaction():
        await stories.give_up(move.page.id)
    with pytest.raises(LeaseLost):
        await PublishPage().run(run)
    assert await bench.sent() == []


async def test_an_illustrated_page_spawns_its_picture_behind_all_that_people_wait_for(bench: Bench) -> None:
    move = await begun(bench)
    wanted = BranchingPage(page=move.page.id, pictures=PictureTerms(random_seed=5))
    run = await bench.run(wanted, write_page=DRAFT, suggest_choices=CHOICES)
    async with transaction():
        await PublishPage().run(run)
    (child,) = await rows("SELECT * FROM jobs WHERE parent_id = $1", run.job.id)
    assert (child["type"], child["priority"]) == (IllustratePage.type, jobs.BACKGROUND)
    assert child["event_key"] == run.job.event_key


@pytest.mark.parametrize("ending", [False, True])
async def test_only_a_page_with_choices_waits_for_its_reader(bench: Bench, ending: bool) -> None:
    move = await begun(bench)
    published = {"page": move.page.id, "ending": ending}
    run = await bench.run(BranchingPage(page=move.page.id), publish_page=published)
    assert WaitForReader("choice").needed(run) is not ending


async def test_pages_that_were_never_read_are_dropped_once_the_choice_is_made(bench: Bench) -> None:
    move = await begun(bench)
    run = await bench.run(BranchingPage(page=move.page.id), write_page=DRAFT, suggest_choices=CHOICES)
    async with transaction():
        await PublishPage().run(run)
    taken, other = await rows("SELECT id FROM choices WHERE page_id = $1 ORDER BY position", move.page.id)
    for choice, read in ((taken, True), (other, False)):
        await rows(
            "INSERT INTO pages (story_id, parent_id, choice_id, number, state, chosen) "
            "VALUES ($1, $2, $3, 2, CASE WHEN $4 THEN 'ready' ELSE 'speculative' END, $4)",
            move.story.id, move.page.id, choice["id"], read,
        )  # fmt: skip
    async with transaction():
        assert await SettleSiblings().run(run) == {"dropped": 1}
    left = await rows("SELECT choice_id FROM pages WHERE parent_id = $1", move.page.id)
    assert [page["choice_id"] for page in left] == [taken["id"]]
