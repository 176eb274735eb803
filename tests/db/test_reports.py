"""Reports: what one person may report, however many of their presses come at once."""

import asyncio

from db import reports
from db.connection import rows, transaction
from db.errors import BadInput
from db.models import PictureRow
from db.people import Who
from tests.db.world import somebody


async def report(who: Who, picture: int, together: asyncio.Barrier | None = None) -> int | None:
    async with transaction():
        if together is not None:
            await together.wait()  # no transaction ends before the last has begun
        return await reports.add(
            "picture",
            picture,
            account_id=who.account.id,
            conversation_id=who.conversation.id,
            reporter_id=who.user.id,
            reason="",
        )


async def some_pictures(who: Who, count: int) -> list[int]:
    made = [await PictureRow.create(account_id=who.account.id, kind="imagined", prompt="a door") for _ in range(count)]
    return [picture.id for picture in made]


async def test_presses_at_once_pass_no_daily_limit(database: str):
    ann = await somebody("ann")
    shown = await some_pictures(ann, reports.DAILY + 4)
    together = asyncio.Barrier(5)
    # Both rounds use the same connections, which know the statements by the second one: none is ahead.
    await asyncio.gather(*(report(ann, picture, together) for picture in shown[5:10]))
    for picture in shown[10:]:
        await report(ann, picture)
    tries = await asyncio.gather(*(report(ann, picture, together) for picture in shown[:5]), return_exceptions=True)
    assert sorted(type(each).__name__ for each in tries) == [BadInput.__name__] * 4 + ["int"]
    assert len(await rows("SELECT FROM reports")) == reports.DAILY


async def test_the_same_is_reported_once_by_presses_at_once(database: str):
    ann = await somebody("ann")
    (picture,) = await some_pictures(ann, 1)
    together = asyncio.Barrier(5)
    tries = await asyncio.gather(*(report(ann, picture, together) for _ in range(5)))
    assert sum(each is not None for each in tries) == 1
