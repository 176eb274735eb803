"""Those who wait are told again and again how long they still have to."""

from contextlib import aclosing

from db.connection import rows
from tests.db.test_turns import adds, end, start
from tests.db.world import somebody
from tests.workers.living import lives
from workers.main import TELL_SECONDS, tell_outlooks
from workers.queue import PROGRESS_CHANNEL, Queue


async def test_the_next_in_line_are_told_their_place_and_their_time(database: str, redis_url: str):
    ann, ben = await somebody("ann"), await somebody("ben")
    await adds(ann)
    ended = await start()
    await end(ended)
    await rows("UPDATE jobs SET claimed_at = finished_at - interval '40 s'")
    await lives("den:1", capacity=1)
    (running,) = await adds(ann)
    assert await start() == running
    waiting = [job for n in range(2) for job in await adds(ann, event_key=f"console:{n}")]
    (child,) = await adds(ann)  # it answers nobody
    (late,) = await adds(ben, event_key="console:late")
    await rows("UPDATE jobs SET created_at = created_at - make_interval(secs => $1) WHERE id <> $2", TELL_SECONDS, late)
    async with Queue(redis_url) as queue, aclosing(queue.listen(PROGRESS_CHANNEL)) as news:
        assert await anext(news) is None
        await tell_outlooks(queue, ["cpu", "gpu"])
        told = [await anext(news) for _ in range(2)]
        await queue.publish(PROGRESS_CHANNEL, {"job": child})
        assert await anext(news) == (PROGRESS_CHANNEL, {"job": child})
    found = [each[1] for each in told if each is not None]
    assert [(each["job"], each["event"], each["phase"]) for each in found] == [
        (waiting[0], "console:0", "queued"),
        (waiting[1], "console:1", "queued"),
    ]
    # Ben, who has just asked, is the next; he need not be told yet.
    assert [each["ahead"] for each in found] == [1, 2]
    assert [round(each["eta"], -1) for each in found] == [120, 160]
