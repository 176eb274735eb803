"""Progress of a running job, as bots hear it."""

import asyncio
from contextlib import aclosing
from functools import partial

from db import jobs
from tests.db.job_kinds import Chore
from tests.db.world import somebody
from workers.progress import Tracker
from workers.queue import PROGRESS_CHANNEL, Queue


async def test_text_that_was_shown_stays_while_later_phases_have_none(database: str, redis_url: str):
    who = await somebody()
    job = await jobs.get(await jobs.add(Chore(), account_id=who.account.id, event_key="console:1"))
    assert job is not None
    async with Queue(redis_url) as queue, aclosing(queue.listen(PROGRESS_CHANNEL)) as news:
        assert await anext(news) is None
        tracker = Tracker(job, queue)
        await tracker.report("PREP", 10)
        await tracker.report("AI_CALL", 30, partial(asyncio.sleep, 0, "Once upon"))
        await tracker.report("PARSE", 70)
        heard = [(await asyncio.wait_for(anext(news), 5) or ("", {}))[1] for _ in range(3)]
    assert [(h["phase"], h["percent"], h["text"]) for h in heard] == [
        ("PREP", 10, ""),
        ("AI_CALL", 30, "Once upon"),
        ("PARSE", 70, "Once upon"),
    ]
