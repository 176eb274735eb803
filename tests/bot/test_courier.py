"""The courier: order, back-off, dead letters, what is overtaken, and what it does when it stops or loses a row."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from bot.courier import BACKOFF_MOST, DEFECT_FAILURES, GIVE_UP_SECONDS, Courier
from bot.events import Destination
from bot.messages import Message, Progress
from bot.platforms.base import ALWAYS_LEADS, Capabilities, Delivery, Inbound, RetryLater, Turns, Undeliverable
from bot.progress import ProgressBoard
from bot.topics import Topic, load_topics
from bot.views.base import ViewContext, ViewSpec
from db import outbox
from db.connection import jsonb, rows
from db.payloads.base import Payload
from tests.bot.world import Bot, running_bot
from tests.db.world import somebody

Deed = Callable[[Delivery], Awaitable[None]]


class RecordingPlatform:
    """Notes what it is asked to show. ``deeds``, by event, are done at its deliveries; the last one is repeated."""

    name = "console"
    capabilities = Capabilities(forms=False, placeholder_delay=None, progress_interval=1.0)
    connected = True

    def __init__(self) -> None:
        self.delivered: list[str] = []
        self.tries: list[Delivery] = []
        self.messages: list[Message] = []
        self.placed: list[str] = []
        self.retracted: list[str] = []
        self.deeds: dict[str, list[Deed]] = {}

    def on(self, event: str, *deeds: Deed) -> None:
        """What happens when an event's rows are delivered, in turn."""
        self.deeds[event] = list(deeds)

    async def deliver(self, delivery: Delivery, message: Message) -> None:
        self.tries.append(delivery)
        self.messages.append(message)
        deeds = self.deeds.get(delivery.event_key, [])
        if deeds:
            await (deeds.pop(0) if len(deeds) > 1 else deeds[0])(delivery)
        self.delivered.append(delivery.event_key)

    async def place(self, delivery: Delivery, progress: Progress) -> None:
        del progress
        self.placed.append(delivery.event_key)
        await delivery.record(f"placeholder of {delivery.event_key}")

    async def retract(self, destination: Destination, message_id: str) -> None:
        del destination
        self.retracted.append(message_id)

    async def show_progress(self, destination: Destination, placeholder: str, progress: Progress) -> None:
        """Progress is not looked at here."""

    async def run(self, inbound: Inbound, turns: Turns = ALWAYS_LEADS) -> None:
        """Nothing comes in."""

    async def check_ready(self) -> str:
        return ""


def fails(error: Exception) -> Deed:
    async def deed(delivery: Delivery) -> None:
        raise error

    return deed


async def succeeds(delivery: Delivery) -> None:
    """It arrives."""


class Post:
    """A courier at work for a recording platform."""

    def __init__(self, bot: Bot) -> None:
        self.platform = RecordingPlatform()
        self.other = RecordingPlatform()
        platforms = {"console": self.platform, "telegram": self.other}
        self.allowed = True
        self.courier = Courier(
            platforms, bot.composer, ProgressBoard(platforms, lambda _job, _language: ()),
            allowed=lambda _platform: self.allowed,
        )  # fmt: skip

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """The courier runs within the block."""
        running = asyncio.create_task(self.courier.run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def put(
        self, event: str, part: str = outbox.REPLY, *, who: str = "ann", kind: str = "notice", **columns: Any
    ) -> int:
        """Write a row to be sent to somebody; returns its id."""
        payload = columns.pop("payload", {"key": "form.nothing_to_cancel", "values": {}})
        values = {
            "event_key": event, "part": part, "platform": "console", "kind": kind,
            "conversation_id": (await somebody(who)).conversation.id,
        } | columns  # fmt: skip
        names = ", ".join(values)
        slots = ", ".join(f"${n}" for n in range(3, len(values) + 3))
        destination = {"chat_id": f"dm-{who}", "user_id": who, "kind": "dm"}
        found = await rows(
            f"INSERT INTO outbox (payload, destination, {names}) VALUES ($1::jsonb, $2::jsonb, {slots}) RETURNING id",
            jsonb(payload), jsonb(destination), *values.values(),
        )  # fmt: skip
        return int(found[0]["id"])

    async def become(self, row_id: int, *states: str) -> dict[str, Any]:
        """The row once it has one of these states."""
        async with asyncio.timeout(30):
            while True:
                (found,) = await rows(
                    "SELECT *, extract(epoch FROM not_before - now())::float8 AS wait FROM outbox WHERE id = $1", row_id
                )
                if found["state"] in states:
                    return found
                await asyncio.sleep(0.02)

    async def grow_old(self, row_id: int) -> None:
        """Make it a row that was written a day ago."""
        old = "created_at = now() - make_interval(secs => $2)"
        await rows(f"UPDATE outbox SET {old} WHERE id = $1 RETURNING id", row_id, GIVE_UP_SECONDS)

    async def put_off(self, row_id: int) -> dict[str, Any]:
        """The row once it waits for another try."""
        while not (found := await self.become(row_id, "pending"))["error"]:
            await asyncio.sleep(0.02)
        return found

    async def notices(self) -> list[dict[str, Any]]:
        """What says that an answer could not be delivered."""
        return await rows("SELECT * FROM outbox WHERE payload ->> 'key' LIKE 'delivery.%' ORDER BY id")


@pytest.fixture
async def post(database: str, redis_url: str) -> AsyncGenerator[Post]:
    async with running_bot(redis_url) as bot:
        yield Post(bot)


async def test_messages_of_a_conversation_arrive_in_order(post: Post) -> None:
    events = [f"e{n}" for n in range(6)]
    held = asyncio.Event()

    async def waits(delivery: Delivery) -> None:
        await held.wait()

    post.platform.on("e0", waits)
    numbers = [await post.put(event) for event in events]
    other = await post.put("other", who="ben")
    async with post.at_work():
        await post.become(other, "sent")
        assert post.platform.delivered == ["other"]
        held.set()
        await post.become(numbers[-1], "sent")
    assert post.platform.delivered == ["other", *events]


async def test_a_message_that_must_wait_holds_the_next_ones_but_not_what_is_private(post: Post) -> None:
    post.platform.on("first", fails(RetryLater("429", delay=600)))
    first, second = await post.put("first"), await post.put("second")
    private = await post.put("private", outbox.NOTICE, ordered=False)
    async with post.at_work():
        waiting = await post.put_off(first)
        await post.become(private, "sent")
        assert 500 < waiting["wait"] < 601
        assert waiting["error"] == "429"
        assert (await post.become(second, "pending"))["attempts"] == 0


@pytest.mark.parametrize(("before", "pause"), [(5, 32), (6, 64), (10, 1024), (20, BACKOFF_MOST)])
async def test_pauses_double_up_to_a_limit(post: Post, before: int, pause: float) -> None:
    post.platform.on("e", fails(RetryLater("no answer")))
    number = await post.put("e", attempts=before)
    async with post.at_work():
        waiting = await post.put_off(number)
    assert waiting["attempts"] == before + 1
    assert pause / 2 < waiting["wait"] < pause + 1  # a statement may see rows of a later one


async def test_a_message_that_its_platform_refuses_for_a_day_is_a_dead_letter_with_a_notice(post: Post) -> None:
    post.platform.on("e", fails(RetryLater("no answer", delay=0)))
    number = await post.put("e", attempts=1000)
    async with post.at_work():
        while (await post.become(number, "pending", "sending"))["attempts"] < 1003:
            await asyncio.sleep(0.02)
        await post.grow_old(number)
        dead = await post.become(number, "dead")
        assert dead["error"] == "no answer"
        (notice,) = await post.notices()
        assert (notice["event_key"], notice["part"], notice["ordered"]) == ("e", outbox.NOTICE, False)
        assert notice["destination"] == dead["destination"]


@pytest.fixture
async def lost(database: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Post]:
    """A courier with views that never end, or that lack a file."""

    async def hangs(view: ViewContext, payload: Payload) -> Message | None:
        del view, payload
        await asyncio.sleep(60)

    async def lacks_its_file(view: ViewContext, payload: Payload) -> Message | None:
        del view, payload
        raise FileNotFoundError("dice.png")

    monkeypatch.setattr("bot.courier.COMPOSE_SECONDS", 0.01)
    async with running_bot(redis_url, topics=load_topics()) as bot:
        bot.topics.add(Topic("lost", views=(ViewSpec(Hangs, hangs), ViewSpec(Lacks, lacks_its_file))), "lost 1.0")
        yield Post(bot)


class Hangs(Payload):
    """A message that is never composed."""

    kind = "hangs"


class Lacks(Payload):
    """A message whose picture is not there."""

    kind = "lacks"


@pytest.mark.parametrize(("kind", "before"), [("hangs", DEFECT_FAILURES - 1), ("lacks", DEFECT_FAILURES - 1)])
async def test_a_view_that_cannot_compose_holds_nobody_up_for_ever(lost: Post, kind: str, before: int) -> None:
    number = await lost.put("e", kind=kind, payload={}, failures=before)
    following = await lost.put("following")
    async with lost.at_work():
        dead = await lost.become(number, "dead")
        await lost.become(following, "sent")
        assert len(await lost.notices()) == 1
    assert dead["error"] in {"RuntimeError", "FileNotFoundError"}


async def test_what_will_never_arrive_is_dead_at_once_and_holds_nothing_up(post: Post) -> None:
    post.platform.on("blocked", fails(Undeliverable("blocked")))
    number, following = await post.put("blocked"), await post.put("following")
    async with post.at_work():
        await post.become(following, "sent")
        dead = await post.become(number, "dead")
        assert (dead["attempts"], dead["error"]) == (1, "blocked")
        (notice,) = await post.notices()
        # The notice meets the same refusal: it is not announced in its turn.
        await post.become(notice["id"], "dead")
        assert len(await post.notices()) == 1


@pytest.mark.parametrize("part", [outbox.MARK, outbox.NOTICE, outbox.PICTURE])
async def test_only_an_answer_is_missed(post: Post, part: str) -> None:
    post.platform.on("e", fails(Undeliverable("gone")))
    number = await post.put("e", part)
    async with post.at_work():
        await post.become(number, "dead")
    assert await post.notices() == []


async def test_a_defect_is_tried_a_few_times_and_stops_nobody_else(post: Post) -> None:
    post.platform.on("e", fails(ValueError("a defect")))
    number = await post.put("e", failures=DEFECT_FAILURES - 1)
    other = await post.put("other", who="ben")
    async with post.at_work():
        dead = await post.become(number, "dead")
        await post.become(other, "sent")
        assert dead["error"] == "ValueError"
        assert len(await post.notices()) == 1


async def test_a_kind_of_a_newer_release_is_left_to_it(post: Post) -> None:
    number = await post.put("e", kind="hologram")
    other = await post.put("other", who="ben")
    async with post.at_work():
        await post.become(other, "sent")
        assert (await post.become(number, "pending"))["attempts"] == 0


async def test_a_try_after_a_failure_knows_what_was_sent_before(post: Post) -> None:
    async def breaks_off(delivery: Delivery) -> None:
        await delivery.record("m1")
        raise RetryLater("lost connection", delay=0)

    post.platform.on("e", breaks_off, succeeds)
    number = await post.put("e")
    async with post.at_work():
        sent = await post.become(number, "sent")
    assert [(d.attempt, d.sent) for d in post.platform.tries] == [(1, []), (2, ["m1"])]
    assert (sent["message_ids"], sent["error"]) == ('["m1"]', "")


async def test_a_placeholder_that_the_answer_overtook_is_not_sent(post: Post) -> None:
    placeholder = await post.put("e", outbox.PLACEHOLDER, ordered=False, payload={"job": 1})
    answer = await post.put("e")
    async with post.at_work():
        await post.become(answer, "sent")
        await post.become(placeholder, "superseded")
    assert post.platform.placed == []


async def test_an_answer_takes_the_place_of_its_placeholder(post: Post) -> None:
    placeholder = await post.put("e", outbox.PLACEHOLDER, ordered=False, payload={"job": 1})
    async with post.at_work():
        await post.become(placeholder, "sent")
        answer = await post.put("e")
        post.courier.notify("console")
        await post.become(answer, "sent")
    assert post.platform.placed == ["e"]
    assert [d.placeholder for d in post.platform.tries] == ["placeholder of e"]


async def test_an_answer_without_a_subject_is_superseded_and_its_placeholder_removed(post: Post) -> None:
    placeholder = await post.put("e", outbox.PLACEHOLDER, ordered=False, payload={"job": 1})
    async with post.at_work():
        await post.become(placeholder, "sent")
        answer = await post.put("e", kind="chat_reply", payload={"message": 999})
        post.courier.notify("console")
        await post.become(answer, "superseded")
    assert post.platform.delivered == []
    assert post.platform.retracted == ["placeholder of e"]


async def test_a_row_that_another_process_took_over_is_left_to_it(post: Post) -> None:
    async def loses_its_lease(delivery: Delivery) -> None:
        await rows("UPDATE outbox SET lease_token = gen_random_uuid() WHERE id = $1 RETURNING id", delivery.id)

    post.platform.on("e", loses_its_lease)
    number, other = await post.put("e"), await post.put("other", who="ben")
    async with post.at_work():
        await post.become(other, "sent")
        while not post.platform.tries or "e" not in post.platform.delivered:
            await asyncio.sleep(0.02)
    (found,) = await rows("SELECT state, attempts FROM outbox WHERE id = $1", number)
    assert (found["state"], found["attempts"]) == ("sending", 1)


async def test_what_is_under_way_is_finished_before_it_stops(post: Post) -> None:
    begun, held = asyncio.Event(), asyncio.Event()

    async def waits(delivery: Delivery) -> None:
        begun.set()
        await held.wait()

    post.platform.on("e", waits)
    number = await post.put("e")
    running = asyncio.create_task(post.courier.run())
    await begun.wait()
    running.cancel()
    held.set()
    with suppress(asyncio.CancelledError):
        await running
    assert (await post.become(number, "sent"))["state"] == "sent"
