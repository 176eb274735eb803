"""Limits: used up in the transaction of the work, coming back steadily, for a person and for a place."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from db import jobs, limits, pictures, stories
from db.connection import row, rows, transaction
from db.errors import LimitReached
from db.limits import Subject
from db.people import Who
from db.usage_limits import Quota, UsageLimits
from db.work import BranchingPage, Imagine, Links
from tests.db.world import somebody

DAY = UsageLimits(pages=3, place_factor=2)


def subject(who: Who, *, place: bool = False) -> Subject:
    return Subject(who.account.id, who.user.id, place=place)


async def later(seconds: float) -> None:
    """Let time pass for what was used."""
    await rows("UPDATE quotas SET whole_at = whole_at - make_interval(secs => $1)", seconds)


async def test_what_is_used_up_comes_back_steadily(database: str) -> None:
    ann = await somebody("ann")
    for _ in range(3):
        await limits.admit(DAY, subject(ann), "pages")
    with pytest.raises(LimitReached) as refused:
        await limits.admit(DAY, subject(ann), "pages")
    assert refused.value.key == "limits.pages"
    assert refused.value.values["limit"] == 3
    until = datetime.fromisoformat(refused.value.values["when"]) - datetime.now(UTC)
    # Refusals outside a transaction of their own count; within one they do not, as below.
    assert 7 * 3600 < until.total_seconds() < 17 * 3600


async def test_a_refusal_uses_nothing(database: str) -> None:
    ann = await somebody("ann")
    for _ in range(3):
        await limits.admit(DAY, subject(ann), "pages")
    for _ in range(5):
        with pytest.raises(LimitReached) as refused:
            async with transaction():
                await limits.admit(DAY, subject(ann), "pages")
        until = datetime.fromisoformat(refused.value.values["when"]) - datetime.now(UTC)
        assert 7.9 * 3600 < until.total_seconds() <= 8 * 3600
    await later(8 * 3600)
    async with transaction():
        await limits.admit(DAY, subject(ann), "pages")
    with pytest.raises(LimitReached):
        async with transaction():
            await limits.admit(DAY, subject(ann), "pages")
    await later(86400)
    assert await limits.lookup(DAY, ann.user.id) == []


async def test_persons_do_not_use_each_others_share_but_the_places(database: str) -> None:
    ann, ben, cyd = [await somebody(name) for name in ("ann", "ben", "cyd")]
    here = ann.account.id
    for who in (ann, ben):
        for _ in range(3):
            await limits.admit(DAY, Subject(here, who.user.id, place=True), "pages")
    with pytest.raises(LimitReached) as refused:
        async with transaction():
            await limits.admit(DAY, Subject(here, cyd.user.id, place=True), "pages")
    assert (refused.value.key, refused.value.values["limit"]) == ("limits.pages_place", 6)
    # Elsewhere nobody else's use counts.
    await limits.admit(DAY, subject(cyd), "pages")


async def test_what_is_left_is_known(database: str) -> None:
    ann = await somebody("ann")
    await limits.admit(UsageLimits(work=20, pages=10), subject(ann), "work", "pages")
    left = await limits.lookup(UsageLimits(work=20, pages=10), ann.user.id)
    assert [(each.name, each.left, each.limit) for each in left] == [("work", 19, 20), ("pages", 9, 10)]
    assert await limits.lookup(UsageLimits(), ann.user.id) == []


async def test_no_more_than_allowed_pass_at_once(database: str) -> None:
    ann = await somebody("ann")

    async def once() -> bool:
        try:
            async with transaction():
                await limits.admit(UsageLimits(work=7), subject(ann), "work")
        except LimitReached:
            return False
        return True

    assert sum(await asyncio.gather(*(once() for _ in range(40)))) == 7


async def test_a_clock_that_was_set_back_locks_nobody_out(database: str) -> None:
    ann = await somebody("ann")
    await limits.admit(DAY, subject(ann), "pages")
    await later(-300 * 86400)
    with pytest.raises(LimitReached) as refused:
        async with transaction():
            await limits.admit(DAY, subject(ann), "pages")
    until = datetime.fromisoformat(refused.value.values["when"]) - datetime.now(UTC)
    assert until.total_seconds() <= 8 * 3600


async def test_open_jobs_of_a_person_and_of_a_place(database: str) -> None:
    ann, ben = await somebody("ann"), await somebody("ben")
    few = UsageLimits(open_jobs=2, open_pictures=1, place_factor=2)

    async def asks(who: Who, *, drawn: bool = False) -> int:
        parameters = Imagine(prompt="a door") if drawn else BranchingPage(page=0)
        async with transaction():
            names: tuple[Quota, ...] = ("work", "pictures") if drawn else ("work", "pages")
            await limits.admit(few, Subject(ann.account.id, who.user.id, place=True), *names)
            return await jobs.add(parameters, account_id=ann.account.id, user_id=who.user.id)

    first, _ = await asks(ann), await asks(ann)
    with pytest.raises(LimitReached, match=r"limits\.open "):
        await asks(ann)
    await asks(ben, drawn=True)
    with pytest.raises(LimitReached, match=r"limits\.open_pictures "):
        await asks(ben, drawn=True)
    await jobs.add(BranchingPage(page=0), account_id=ann.account.id)
    with pytest.raises(LimitReached, match=r"limits\.open_place "):
        await asks(ben)
    await jobs.cancel(first)
    await asks(ben)
    # What nobody waits for does not count.
    await rows("UPDATE jobs SET priority = $1", jobs.BACKGROUND)
    await asks(ann)


async def test_what_is_kept_is_limited(database: str) -> None:
    ann = await somebody("ann")
    few = UsageLimits(kept_stories=1, kept_pages=2, kept_pictures=1, kept_mb=1)
    await limits.admit(few, subject(ann), "stories")
    move = await stories.create(
        account_id=ann.account.id, owner_id=ann.user.id, conversation_id=ann.conversation.id, premise="a door", seed=1
    )
    with pytest.raises(LimitReached, match="kept_stories"):
        await limits.admit(few, subject(ann), "stories")
    page = Links(page_id=move.page.id)
    await limits.admit(few, subject(ann), "pages", links=page)
    for number in (2, 3):
        await rows(
            "INSERT INTO pages (story_id, number, variant_index, state) VALUES ($1, $2, $2, 'ready')",
            move.story.id, number,
        )  # fmt: skip
    with pytest.raises(LimitReached, match="kept_pages"):
        await limits.admit(few, subject(ann), "pages", links=page)
    await limits.admit(few, subject(ann), "uploads")
    await pictures.attach(ann.account.id, ann.user.id, ann.conversation.id, bytes(1_000_001))
    with pytest.raises(LimitReached, match="kept_pictures"):
        await limits.admit(few, subject(ann), "pictures")
    with pytest.raises(LimitReached, match="kept_bytes"):
        await limits.admit(replace(few, kept_pictures=0), subject(ann), "uploads")


async def test_a_person_who_is_gone_leaves_no_trace(database: str) -> None:
    ann = await somebody("ann")
    await limits.admit(DAY, subject(ann, place=True), "pages")
    await rows("DELETE FROM users WHERE id = $1", ann.user.id)
    await rows("DELETE FROM accounts WHERE id = $1", ann.account.id)
    found = await row("SELECT count(*) AS n FROM quotas")
    assert found is not None
    assert found["n"] == 0
