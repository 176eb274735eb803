"""The outbox: once per event and part, in order per conversation, by one sender at a time."""

import asyncio

import pytest

from db import outbox
from db.connection import rows, transaction
from db.errors import LeaseLost
from db.outbox import Claimed, SentRow
from db.payloads.notice import Erase
from db.payloads.story import PageReady
from tests.db.world import somebody


async def put(
    event: str, part: str = outbox.REPLY, *, who: str = "ann", ordered: bool = True, delay: float = 0
) -> int | None:
    conversation = (await somebody(who)).conversation.id
    return await outbox.add(
        f"console:{event}", part, platform="console", conversation_id=conversation, payload=Erase(),
        destination={"chat_id": "c"}, ordered=ordered, delay=delay,
    )  # fmt: skip


async def take() -> list[Claimed]:
    return (await outbox.claim("console", 10)).rows


async def expire() -> None:
    await rows("UPDATE outbox SET lease_expires = now() - interval '1 second' WHERE state = 'sending'")


async def test_a_part_of_an_event_exists_once(database: str):
    assert await put("1") is not None
    assert await put("1") is None
    assert await put("1", outbox.NOTICE) is not None


async def test_rows_of_a_conversation_go_one_after_the_other(database: str):
    first, second, other = await put("1"), await put("2"), await put("3", who="ben")
    claimed = await take()
    assert [c.row.id for c in claimed] == [first, other]
    assert await take() == []
    await outbox.sent(claimed[0].row.id, claimed[0].token)
    assert [c.row.id for c in await take()] == [second]


async def test_a_row_that_must_wait_holds_those_behind_it_but_not_private_ones(database: str):
    first = await put("1")
    await put("2")
    private = await put("3", ordered=False)
    claimed = await take()
    assert [c.row.id for c in claimed] == [first, private]
    await outbox.retry(claimed[0].row.id, claimed[0].token, 30, "429")
    nothing = await outbox.claim("console", 10)
    assert nothing.rows == []
    assert nothing.due_s is not None


async def test_a_dead_senders_row_is_taken_again_with_what_it_sent(database: str):
    await put("1")
    (claimed,) = await take()
    await outbox.record_message(claimed.row.id, claimed.token, "m1")
    await expire()
    (again,) = await take()
    assert (again.row.message_ids, again.row.attempts) == (["m1"], 2)
    with pytest.raises(LeaseLost):
        await outbox.record_message(claimed.row.id, claimed.token, "m2")
    await outbox.sent(again.row.id, again.token)


async def test_renewal_keeps_the_row(database: str):
    await put("1")
    (claimed,) = await take()
    await rows("UPDATE outbox SET lease_expires = now() + interval '1 second'")
    await outbox.renew([(claimed.row.id, claimed.token)])
    left = await rows("SELECT lease_expires > now() + interval '5 seconds' AS renewed FROM outbox")
    assert left == [{"renewed": True}]


async def test_the_answer_supersedes_a_placeholder_that_was_not_sent(database: str):
    placeholder = await put("1", outbox.PLACEHOLDER, ordered=False, delay=60)
    reply = await put("1")
    (claimed,) = await take()
    assert (claimed.row.id, claimed.placeholder) == (reply, "")
    states = await rows("SELECT state FROM outbox WHERE id = $1", placeholder)
    assert states == [{"state": "superseded"}]


async def test_the_answer_takes_the_place_of_a_sent_placeholder(database: str):
    await put("1", outbox.PLACEHOLDER, ordered=False)
    (placeholder,) = await take()
    await put("1")
    assert await take() == []  # not while the placeholder is being sent
    await outbox.record_message(placeholder.row.id, placeholder.token, "m7")
    await outbox.sent(placeholder.row.id, placeholder.token)
    (reply,) = await take()
    assert reply.placeholder == "m7"


async def test_a_placeholder_that_failed_is_not_tried_again_once_the_answer_is_there(database: str):
    await put("1", outbox.PLACEHOLDER, ordered=False)
    (placeholder,) = await take()
    reply = await put("1")
    await outbox.retry(placeholder.row.id, placeholder.token, 0, "502")
    assert [c.row.id for c in await take()] == [reply]


async def test_a_placeholder_whose_sender_died_is_finished_before_its_answer(database: str):
    await put("1", outbox.PLACEHOLDER, ordered=False)
    (placeholder,) = await take()
    reply = await put("1")
    await expire()
    (again,) = await take()
    assert again.row.id == placeholder.row.id
    assert await take() == []
    await outbox.record_message(again.row.id, again.token, "m7")
    await outbox.sent(again.row.id, again.token)
    (answer,) = await take()
    assert (answer.row.id, answer.placeholder) == (reply, "m7")


async def test_a_placeholder_that_fails_while_its_answer_is_written_is_not_sent_after_it(database: str):
    await put("1", outbox.PLACEHOLDER, ordered=False)
    (placeholder,) = await take()
    written, failed = asyncio.Event(), asyncio.Event()

    async def answer() -> int | None:
        async with transaction():
            reply = await put("1")
            written.set()
            await failed.wait()
        return reply

    answering = asyncio.create_task(answer())
    await written.wait()
    await outbox.retry(placeholder.row.id, placeholder.token, 0, "502")
    failed.set()
    reply = await answering
    assert [c.row.id for c in await take()] == [reply]
    states = await rows("SELECT state FROM outbox WHERE id = $1", placeholder.row.id)
    assert states == [{"state": "superseded"}]


async def test_a_dead_letter_lets_the_next_go_on(database: str):
    await put("1")
    second = await put("2")
    (claimed,) = await take()
    await outbox.bury(claimed.row.id, claimed.token, "blocked")
    assert [c.row.id for c in await take()] == [second]
    assert await outbox.counts() == {"dead": 1, "sending": 1}


async def test_the_row_of_a_message_is_found(database: str):
    who = await somebody()
    await outbox.add(
        "console:1", outbox.REPLY, platform="console", conversation_id=who.conversation.id,
        payload=PageReady(page=42), destination={},
    )  # fmt: skip
    (claimed,) = await take()
    await outbox.record_message(claimed.row.id, claimed.token, "m1")
    assert await outbox.row_of_message(who.account.id, who.conversation.chat_id, "m1") == SentRow(
        claimed.row.id, "page", {"page": 42}
    )
    assert await outbox.row_of_message(who.account.id, who.conversation.chat_id, "m2") is None


async def rewrite(number: str, edits_row: int | None) -> Claimed:
    """A row that rewrites another one's message, taken."""
    who = await somebody()
    await outbox.add(
        f"console:{number}", outbox.REPLY, platform="console", conversation_id=who.conversation.id,
        payload=PageReady(page=42), destination={"chat_id": "c"}, edits_row=edits_row,
    )  # fmt: skip
    (claimed,) = await take()
    return claimed


async def show(claimed: Claimed, *message_ids: str) -> None:
    """Record what a row sent, and that it was sent."""
    for message_id in message_ids:
        await outbox.record_message(claimed.row.id, claimed.token, message_id)
    await outbox.sent(claimed.row.id, claimed.token)


async def test_a_row_rewrites_the_message_of_an_earlier_one(database: str):
    first = await put("1")
    (claimed,) = await take()
    await show(claimed, "m1", "m2")
    longer = await rewrite("2", first)
    assert longer.edits == ("m1", "m2")
    await show(longer, "m1", "m2", "m3")
    # The parts that stand there now are those of the last edit, whichever of the rows is named.
    again = await rewrite("3", first)
    assert again.edits == ("m1", "m2", "m3")
    await show(again, "m1")
    last = await rewrite("4", longer.row.id)
    assert last.edits == ("m1",)
    await outbox.bury(last.row.id, last.token, "blocked")
    assert (await rewrite("5", again.row.id)).edits == ("m1",)


async def test_a_kind_that_this_release_does_not_know_waits_for_a_newer_one(database: str):
    unknown, known, part = await put("1"), await put("2", who="ben"), await put("3", who="cleo")
    await rows("UPDATE outbox SET kind = 'hologram' WHERE id = $1 RETURNING 1", unknown)
    # A package may call the parts of its answers as it likes.
    await rows("UPDATE outbox SET part = 'kept' WHERE id = $1 RETURNING 1", part)
    claims = await outbox.claim("console", 10, ["erase"])
    assert {c.row.id for c in claims.rows} == {known, part}
    # Not for ever: a package may be gone for good.
    await rows("UPDATE outbox SET created_at = now() - interval '2 days' RETURNING 1")
    assert {c.row.id for c in (await outbox.claim("console", 10, ["erase"])).rows} == {unknown}


async def test_only_failures_of_ours_are_counted_against_a_row(database: str):
    await put("1")
    (claimed,) = await take()
    await outbox.retry(claimed.row.id, claimed.token, 0, "429")
    (again,) = await take()
    assert (again.row.attempts, again.row.failures) == (2, 0)
    await outbox.retry(again.row.id, again.token, 0, "a defect", failed=True)
    (third,) = await take()
    assert (third.row.attempts, third.row.failures) == (3, 1)
