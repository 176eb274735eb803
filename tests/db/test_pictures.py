"""Pictures in the record: kept under a lease, deleted by who may, gone with their owner."""

import pytest

from db import jobs, pictures, stories
from db.connection import rows
from db.errors import LeaseLost, NotAllowed, NotFound
from db.models import PictureRow
from db.pictures import NewPicture, StoredFile
from db.work import Imagine
from tests.db.world import somebody

PNG = b"\x89PNG\x00\xff" * 1000


def drawn(**fields: object) -> NewPicture:
    values: dict[str, object] = {
        "kind": "imagined", "prompt": "a door", "negative": "", "alt": "a door", "style": "", "size": "", "quality": "",
        "strength": 1.0, "seed": 7, "rating": "sfw", "hidden": False, "width": 64, "height": 48, "engine": "e",
        "model": "m",
    }  # fmt: skip
    return NewPicture(**values | fields)  # type: ignore[arg-type]


async def running_job(name: str = "ann") -> jobs.Job:
    who = await somebody(name)
    job_id = await jobs.add(Imagine(prompt="x"), account_id=who.account.id, user_id=who.user.id)
    job = await jobs.claim(job_id)
    assert job is not None
    return job


async def saved(job: jobs.Job, **fields: object) -> int:
    assert job.lease_token is not None
    files = [StoredFile("full", "image/png", PNG), StoredFile("photo", "image/jpeg", b"jpeg")]
    return await pictures.save(job.id, job.lease_token, drawn(**fields), files)


async def test_a_picture_is_kept_once_per_job(database: str):
    job = await running_job()
    first = await saved(job)
    assert await saved(job, seed=8) == first
    assert job.account_id is not None
    kept = await pictures.get(job.account_id, first)
    assert (kept.seed, kept.width, kept.height, kept.alt) == (8, 64, 48, "a door")
    full = await pictures.file(job.account_id, first, "full")
    photo = await pictures.file(job.account_id, first, "photo")
    assert full == StoredFile("full", "image/png", PNG)
    assert photo == StoredFile("photo", "image/jpeg", b"jpeg")


async def test_only_who_holds_the_lease_keeps_a_picture(database: str):
    job = await running_job()
    assert await jobs.cancel(job.id)
    with pytest.raises(LeaseLost):
        await saved(job)
    assert await PictureRow.all().count() == 0
    assert await rows("SELECT 1 FROM picture_files") == []


async def test_a_picture_of_a_deleted_page_is_not_kept(database: str):
    job = await running_job()
    with pytest.raises(NotFound):
        await saved(job, page_id=99)


async def test_an_attached_picture_is_replaced_by_its_clean_version(database: str):
    who = await somebody()
    picture = await pictures.attach(who.account.id, who.user.id, who.conversation.id, b"whatever came")
    await pictures.put_clean(picture, PNG, 10, 20)
    assert await pictures.file(who.account.id, picture, "photo") == StoredFile("full", "image/png", PNG)
    assert (await PictureRow.get(id=picture)).width == 10
    assert len(await rows("SELECT 1 FROM picture_files")) == 1


async def test_only_its_owner_and_admins_delete_a_picture(database: str):
    job = await running_job()
    assert job.account_id is not None
    assert job.user_id is not None
    ben = await somebody("ben")
    picture = await saved(job)
    with pytest.raises(NotFound):
        await pictures.get(ben.account.id, picture)
    with pytest.raises(NotAllowed):
        await pictures.delete(job.account_id, ben.user.id, picture)
    await pictures.delete(job.account_id, ben.user.id, picture, moderate=True)
    assert await rows("SELECT 1 FROM picture_files") == []


async def test_pictures_go_with_their_owner_and_with_their_page(database: str):
    who = await somebody()
    move = await stories.create(
        account_id=who.account.id, owner_id=who.user.id, conversation_id=who.conversation.id, premise="a door", seed=1
    )
    job = await running_job()
    await saved(job, page_id=move.page.id)
    other = await saved(await running_job("ben"))
    await stories.delete(who.account.id, who.user.id, move.story.id)
    assert [p.id for p in await PictureRow.all()] == [other]
    await rows("DELETE FROM users WHERE name = 'ben'")
    assert await PictureRow.all().count() == 0
